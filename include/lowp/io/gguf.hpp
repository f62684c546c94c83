// GGUF files, read and written.
//
//   lowp::gguf_file model("model.gguf");
#pragma once

#include <lowp/io/gguf_checkpoint.hpp>
#include <lowp/io/gguf_file.hpp>
#include <lowp/io/gguf_header.hpp>
#include <lowp/io/gguf_value.hpp>
#include <lowp/io/gguf_writer.hpp>
