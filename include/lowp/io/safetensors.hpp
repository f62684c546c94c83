// Reading and writing safetensors files.
//
//   lowp::safetensors_file in("model.safetensors");          // see safetensors_file.hpp
//   lowp::safetensors_checkpoint model("models/llama");      // see safetensors_checkpoint.hpp
//   lowp::safetensors_writer out("copy.safetensors");        // see safetensors_writer.hpp
#pragma once

#include <lowp/io/safetensors_checkpoint.hpp>
#include <lowp/io/safetensors_file.hpp>
#include <lowp/io/safetensors_header.hpp>
#include <lowp/io/safetensors_writer.hpp>
