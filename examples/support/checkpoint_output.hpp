// A model file being written in one of the dialects: layers and tensors are declared in order, then written in the same order.
//
//   checkpoint_output out(dialect::gptq, "models/mine", config_json);
//   out.declare("model.layers.0.mlp.up_proj", scheme, rows, cols);
//   out.write("model.layers.0.mlp.up_proj", weights);
//   out.commit();
#pragma once

#include "layer_targets.hpp"

#include <lowp/io/gguf_writer.hpp>
#include <lowp/io/safetensors_writer.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

class checkpoint_output {
 public:
  // `path` is a folder, which is made if it is not there; of GGUF the file. `config` is the model's config.json.
  checkpoint_output(dialect kind, const std::string& path, nlohmann::ordered_json config)
      : kind_(kind), path_(path), config_(std::move(config)) {
    if (kind == dialect::gguf) {
      gguf_ = std::make_unique<lowp::gguf_writer>(path);
      return;
    }
    std::filesystem::create_directories(path);
    if (kind == dialect::safetensors) plain_ = std::make_unique<lowp::safetensors_writer>(path + "/model.safetensors");
    else layers_ = std::make_unique<lowp::checkpoint_writer>(path, dialect_of(kind));
  }

  // For metadata before the first tensor; null for other dialects.
  lowp::gguf_writer* gguf() noexcept { return gguf_.get(); }

  void declare(const std::string& layer, const lowp::scheme_description& scheme, std::size_t rows, std::size_t cols) {
    if (gguf_) gguf_->declare(layer + ".weight", *ggml_type_of(scheme, cols), {rows, cols});
    else if (plain_) plain_->declare(layer + ".weight", lowp::dtype::f32, {rows, cols});
    else layers_->declare(layer, scheme, rows, cols);
  }
  // A tensor that is not quantized. GGUF has its types by other names.
  void declare(const std::string& tensor, const std::string& type, const std::vector<std::uint64_t>& shape) {
    if (gguf_) {
      for (const lowp::ggml_type_entry& entry : lowp::ggml_type_table) {
        if (entry.name == type) return gguf_->declare(tensor, entry.type, shape);
      }
      LOWP_THROW("tensor ", tensor, ": GGUF has no type ", type);
    }
    const auto found = lowp::find_dtype(type);
    if (!found) LOWP_THROW("tensor ", tensor, ": safetensors have no type ", type);
    if (plain_) plain_->declare(tensor, *found, shape);
    else layers_->declare(tensor, *found, shape);
  }

  void write(const std::string& layer, const lowp::plain_weights& weights) {
    if (layers_) return layers_->write(layer, weights);
    if (plain_) {
      std::vector<float> row(weights.cols());
      for (std::size_t r = 0; r < weights.rows(); ++r) {
        weights.dequantize(r, 1, row);
        std::string bytes;
        for (const float x : row) lowp::append_little_endian(bytes, lowp::bit_cast<std::uint32_t>(x));
        plain_->write(layer + ".weight", std::as_bytes(std::span(bytes)));
      }
      return;
    }
    const auto blocks = lowp::to_ggml_blocks(*ggml_type_of(weights.scheme(), weights.cols()), weights);
    gguf_->write(layer + ".weight", std::as_bytes(std::span(blocks)));
  }
  void write(const std::string& tensor, std::span<const std::byte> bytes) {
    if (gguf_) gguf_->write(tensor, bytes);
    else if (plain_) plain_->write(tensor, bytes);
    else layers_->write(tensor, bytes);
  }

  void commit() {
    if (gguf_) return gguf_->commit();
    if (layers_) return layers_->commit(config_.dump());
    const std::string text = config_.dump(2) + "\n";
    lowp::atomic_file config(path_ + "/config.json");
    config.write(std::as_bytes(std::span(text)));
    plain_->commit();
    config.commit();
  }

 private:
  static lowp::checkpoint_dialect dialect_of(dialect kind) {
    switch (kind) {
      case dialect::gptq:
        return lowp::checkpoint_dialect::gptq;
      case dialect::awq:
        return lowp::checkpoint_dialect::awq;
      case dialect::bitsandbytes:
        return lowp::checkpoint_dialect::bitsandbytes;
      case dialect::mlx:
        return lowp::checkpoint_dialect::mlx;
      default:
        return lowp::checkpoint_dialect::compressed_tensors;
    }
  }

  dialect kind_;
  std::string path_;
  nlohmann::ordered_json config_;
  std::unique_ptr<lowp::checkpoint_writer> layers_;
  std::unique_ptr<lowp::safetensors_writer> plain_;
  std::unique_ptr<lowp::gguf_writer> gguf_;
};
