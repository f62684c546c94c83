// tinylm as a GGUF file, which llama.cpp runs, and back.
//
//   write_gguf(weights, "Q4_K", "tinylm.gguf");
//   checkpoint same = read_gguf("tinylm.gguf");       // weights as the file's codes give them
#pragma once

#include "checkpoint.hpp"

#include <string>
#include <string_view>

namespace tinylm {

// The linear layers in one of ggml's types (F32, F16, BF16, Q4_0, Q4_K, MXFP4, ...), by lowp's encoder or, if asked, by the same steps as
// ggml's. The embedding and the head stay in BF16, the norms in F32. Throws lowp::error for a type that cannot be written.
void write_gguf(const checkpoint& weights, std::string_view type, const std::string& path, bool as_ggml = false);

// Throws lowp::error where the file is no model of this kind.
checkpoint read_gguf(const std::string& path);

}  // namespace tinylm
