// Everything that reads and writes model files. Needs nlohmann-json and a POSIX system; the rest of the library does not.
//
//   lowp::safetensors_file model("model.safetensors");
//   lowp::gguf_file other("model.gguf");
//   lowp::checkpoint any = lowp::open_checkpoint("models/llama-gptq");
#pragma once

#include <lowp/io/atomic_file.hpp>
#include <lowp/io/checked.hpp>
#include <lowp/io/checkpoint.hpp>
#include <lowp/io/checkpoint_writer.hpp>
#include <lowp/io/dtype.hpp>
#include <lowp/io/ggml_type.hpp>
#include <lowp/io/gguf.hpp>
#include <lowp/io/mapped_file.hpp>
#include <lowp/io/read_floats.hpp>
#include <lowp/io/recast.hpp>
#include <lowp/io/safetensors.hpp>
#include <lowp/io/statistics_file.hpp>
#include <lowp/io/tensor_info.hpp>
