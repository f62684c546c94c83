// The checkpoint of a model that is being quantized. Each block that is done is kept in a small checkpoint of its own, so that an
// interrupted run goes on where it was; in the end they become one.
//
//   model_output out("models/mine", "gptq", "examples/data", method);
//   if (!out.restore(pipeline, block)) { ...; out.keep(pipeline, block, results); }
//   out.commit(pipeline);
#pragma once

#include "pipeline.hpp"
#include "support/checkpoint_output.hpp"
#include "support/model_config.hpp"

#include <lowp/io/checkpoint.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

class model_output {
 public:
  // Throws lowp::error for an unknown dialect, and for GGUF, into which convert_checkpoint turns any of the others.
  model_output(std::string folder, const std::string& dialect_name, const std::string& source, const method& m)
      : folder_(std::move(folder)), method_(m.text) {
    bool known = false;
    for (const auto& [name, kind] : dialects()) {
      if (name != dialect_name || kind == dialect::gguf) continue;
      known = true;
      kind_ = kind;
    }
    if (!known) LOWP_THROW("'", dialect_name, "' is no dialect that is written here");
    std::ifstream file(source + "/config.json");
    config_ = nlohmann::ordered_json::parse(file, nullptr, false);
    if (!config_.is_object()) LOWP_THROW(source, "/config.json is missing, or no JSON object");
    if (config_.contains("tie_word_embeddings")) config_["tie_word_embeddings"] = false;  // the head is written
  }

  // Takes a block from an earlier run. False if it was not done; throws lowp::error if it was done by another method.
  bool restore(pipeline& p, std::size_t block) const {
    if (!std::filesystem::exists(part(block) + "/config.json")) return false;
    std::ifstream file(part(block) + "/config.json");
    const nlohmann::json config = nlohmann::json::parse(file, nullptr, false);
    const std::string before = config.is_object() ? config.value("quantize_model", "") : "";
    if (before != method_)
      LOWP_THROW(part(block), " was made by '", before, "', not by '", method_, "'; remove it, or choose another folder");
    const lowp::checkpoint done = lowp::open_checkpoint(part(block));
    std::vector<std::vector<float>> values;
    for (std::size_t i = 0; i < tinylm::projections; ++i) {
      const std::string name = pipeline::layer_name(block, i);
      values.push_back(kind_ == dialect::safetensors ? done.read_f32(name + ".weight") : done.read(name).dequantize());
    }
    p.restore_block(block, values, done.read_f32(norm(block, true)), done.read_f32(norm(block, false)),
                    config.at("storage_bits").get<std::size_t>());
    return true;
  }

  // Throws lowp::error where the dialect does not hold the scheme.
  void keep(const pipeline& p, std::size_t block, const std::vector<layer_result>& results) const {
    nlohmann::ordered_json config = config_;
    config["quantize_model"] = method_;
    std::size_t bits = 0;
    for (const layer_result& r : results) bits += r.storage_bits;
    config["storage_bits"] = bits;
    std::vector<lowp::plain_weights> layers;
    for (std::size_t i = 0; i < results.size(); ++i) {
      const std::string name = pipeline::layer_name(block, i);
      auto same = carried(results[i].weights, kind_, name);
      if (!same) LOWP_THROW(refusal(kind_, name, results[i].weights.scheme(), results[i].weights.rows(), results[i].weights.cols()));
      layers.push_back(std::move(*same));
    }
    checkpoint_output out(kind_, part(block), config);
    for (std::size_t i = 0; i < layers.size(); ++i)
      out.declare(pipeline::layer_name(block, i), layers[i].scheme(), layers[i].rows(), layers[i].cols());
    const tinylm::block_weights& own = p.weights().blocks[block];
    for (const bool attention : {true, false}) declare(out, norm(block, attention), attention ? own.attention_norm : own.mlp_norm, {});
    for (std::size_t i = 0; i < layers.size(); ++i) out.write(pipeline::layer_name(block, i), layers[i]);
    for (const bool attention : {true, false}) write(out, norm(block, attention), attention ? own.attention_norm : own.mlp_norm);
    out.commit();
  }

  // All blocks and what is not quantized as one checkpoint.
  void commit(const pipeline& p) const {
    const tinylm::checkpoint& own = p.weights();
    checkpoint_output out(kind_, folder_, config_);
    std::vector<lowp::checkpoint> parts;
    for (std::size_t b = 0; b < p.blocks(); ++b) parts.push_back(lowp::open_checkpoint(part(b)));
    const auto elements = [](const tinylm::matrix& m) {
      return std::vector<float>(m.view().data(), m.view().data() + m.rows() * m.cols());
    };
    struct tensor {
      std::string name;
      std::vector<float> values;
      std::vector<std::uint64_t> shape;
    };
    const tensor others[] = {{"model.embed_tokens.weight", elements(own.embedding), {own.embedding.rows(), own.embedding.cols()}},
                             {"model.norm.weight", own.final_norm, {}},
                             {"lm_head.weight", elements(own.head), {own.head.rows(), own.head.cols()}}};
    for (const tensor& t : others) declare(out, t.name, t.values, t.shape);
    for (const lowp::checkpoint& done : parts) {
      for (const lowp::weight_info& w : done.weights()) out.declare(w.name, w.scheme, w.rows, w.cols);
      for (const lowp::plain_tensor& t : done.tensors()) out.declare(t.name, t.type, t.shape);
    }
    for (const tensor& t : others) write(out, t.name, t.values);
    for (const lowp::checkpoint& done : parts) {
      for (const lowp::weight_info& w : done.weights()) out.write(w.name, done.read(w));
      for (const lowp::plain_tensor& t : done.tensors()) out.write(t.name, done.bytes(t.name));
    }
    out.commit();
    parts.clear();
    std::filesystem::remove_all(folder_ + "/unfinished");
  }

 private:
  std::string part(std::size_t block) const { return folder_ + "/unfinished/block-" + std::to_string(block); }
  static std::string norm(std::size_t block, bool attention) {
    return "model.layers." + std::to_string(block) + (attention ? ".input_layernorm.weight" : ".post_attention_layernorm.weight");
  }

  // In bf16 as the model had it, unless what was folded into it needs more.
  static bool fits_bf16(const std::vector<float>& values) {
    for (const float v : values) {
      if (static_cast<float>(lowp::bf16(v)) != v) return false;
    }
    return true;
  }
  static void declare(checkpoint_output& out, const std::string& name, const std::vector<float>& values, std::vector<std::uint64_t> shape) {
    if (shape.empty()) shape = {values.size()};
    out.declare(name, fits_bf16(values) ? "BF16" : "F32", shape);
  }
  static void write(checkpoint_output& out, const std::string& name, const std::vector<float>& values) {
    if (!fits_bf16(values)) return out.write(name, std::as_bytes(std::span(values)));
    std::vector<lowp::bf16> narrow;
    for (const float v : values) narrow.push_back(lowp::bf16(v));
    out.write(name, std::as_bytes(std::span(narrow)));
  }

  std::string folder_, method_;
  dialect kind_ = dialect::safetensors;
  nlohmann::ordered_json config_;
};
