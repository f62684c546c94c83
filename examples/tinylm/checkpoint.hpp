// A Llama-architecture checkpoint in memory: its configuration and its weights as floats.
//
//   checkpoint weights = load_checkpoint("examples/data");     // config.json and tinylm.safetensors
//   checkpoint other = load_llama("models/llama", 512);        // config.json and model.safetensors, or its parts and their index
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/core/matrix_view.hpp>
#include <lowp/io.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace tinylm {

struct config {
  std::size_t width, mlp_width, layers, heads, kv_heads, head_width, vocabulary, context;
  float epsilon, rope_base;
};

class matrix {
 public:
  matrix() = default;
  matrix(std::size_t rows, std::size_t cols) : matrix(std::vector<float>(rows * cols), rows, cols) {}
  matrix(std::vector<float> elements, std::size_t rows, std::size_t cols) : elements_(std::move(elements)), rows_(rows), cols_(cols) {}

  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }
  lowp::matrix_view<float> view() noexcept { return {elements_.data(), rows_, cols_}; }
  lowp::matrix_view<const float> view() const noexcept { return {elements_.data(), rows_, cols_}; }

 private:
  std::vector<float> elements_;
  std::size_t rows_ = 0, cols_ = 0;
};

// The seven linear layers of a block.
enum projection : std::size_t { query, key, value, output, gate, up, down, projections };

struct block_weights {
  std::vector<float> attention_norm, mlp_norm;
  std::array<matrix, projections> linear;  // [out, in]
};

struct checkpoint {
  tinylm::config config;
  matrix embedding;  // [vocabulary, width]
  std::vector<block_weights> blocks;
  std::vector<float> final_norm;
  matrix head;  // [vocabulary, width]
};

// Throws lowp::error for what this model's code does not run.
inline void require_bytes(const config& c, const std::string& path) {
  if (c.vocabulary != 256) LOWP_THROW(path, ": a byte-level model has a vocabulary of 256, not ", c.vocabulary);
}
inline void require_supported(const config& c, const std::string& path) {
  if (c.head_width % 32 != 0) LOWP_THROW(path, ": heads of ", c.head_width, " are no multiple of 32");
  if (c.heads % c.kv_heads != 0) LOWP_THROW(path, ": ", c.heads, " heads cannot share ", c.kv_heads);
}

inline config load_config(const std::string& path) {
  std::ifstream file(path);
  const nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
  if (json.is_discarded()) LOWP_THROW(path, " is missing, or no JSON");
  if (!json.is_object()) LOWP_THROW(path, " is no JSON object");
  const auto size = [&](const char* name, std::size_t otherwise = 0) {
    constexpr std::size_t most = std::size_t{1} << 20;
    const auto value = json.find(name);
    if (otherwise != 0 && (value == json.end() || value->is_null())) return otherwise;
    if (value == json.end() || !value->is_number_unsigned() || *value == 0u || *value > most) {
      LOWP_THROW(path, ": ", name, " is not a number from 1 to ", most);
    }
    return value->get<std::size_t>();
  };
  const auto real = [&](const char* name, float otherwise = 0) {
    const auto value = json.find(name);
    if (otherwise != 0 && value == json.end()) return otherwise;
    if (value == json.end() || !value->is_number()) LOWP_THROW(path, ": there is no number ", name);
    return value->get<float>();
  };
  // What changes the arithmetic, and is not done here.
  for (const char* name : {"rope_scaling", "attention_bias", "mlp_bias"}) {
    const auto value = json.find(name);
    if (value != json.end() && !value->is_null() && *value != false) LOWP_THROW(path, ": ", name, " is not supported");
  }
  if (const auto value = json.find("model_type"); value != json.end() && *value != "llama") LOWP_THROW(path, ": model_type is not llama");
  if (const auto value = json.find("hidden_act"); value != json.end() && *value != "silu") LOWP_THROW(path, ": hidden_act is not silu");
  const std::size_t width = size("hidden_size"), heads = size("num_attention_heads");
  const config c{.width = width,
                 .mlp_width = size("intermediate_size"),
                 .layers = size("num_hidden_layers"),
                 .heads = heads,
                 .kv_heads = size("num_key_value_heads", heads),
                 .head_width = size("head_dim", width / heads),
                 .vocabulary = size("vocab_size"),
                 .context = size("max_position_embeddings"),
                 .epsilon = real("rms_norm_eps"),
                 .rope_base = real("rope_theta", 10000.0f)};
  require_supported(c, path);
  return c;
}

// The weights of a model of this configuration. A head that is missing is the embedding.
inline checkpoint load_weights(const config& c, const lowp::safetensors_checkpoint& file) {
  const auto read = [&](const std::string& name, const std::vector<std::uint64_t>& shape) {
    if (file.at(name).tensor().shape != shape) LOWP_THROW(file.path(), ": ", name, " is not of the shape that config.json gives it");
    return file.read_f32(name);
  };
  if (file.find("model.layers.0.self_attn.q_proj.bias") != nullptr) LOWP_THROW(file.path(), ": layers with biases are not supported");
  const auto vector = [&](const std::string& name, std::size_t size) { return read(name, {size}); };
  const auto weight = [&](const std::string& name, std::size_t rows, std::size_t cols) {
    return matrix(read(name, {rows, cols}), rows, cols);
  };
  const std::string head = file.find("lm_head.weight") != nullptr ? "lm_head.weight" : "model.embed_tokens.weight";
  checkpoint model{c,
                   weight("model.embed_tokens.weight", c.vocabulary, c.width),
                   {},
                   vector("model.norm.weight", c.width),
                   weight(head, c.vocabulary, c.width)};
  const std::size_t q_width = c.heads * c.head_width;
  const std::size_t kv_width = c.kv_heads * c.head_width;
  for (std::size_t i = 0; i < c.layers; ++i) {
    const std::string block = "model.layers." + std::to_string(i) + ".";
    model.blocks.push_back(
        {vector(block + "input_layernorm.weight", c.width),
         vector(block + "post_attention_layernorm.weight", c.width),
         {weight(block + "self_attn.q_proj.weight", q_width, c.width), weight(block + "self_attn.k_proj.weight", kv_width, c.width),
          weight(block + "self_attn.v_proj.weight", kv_width, c.width), weight(block + "self_attn.o_proj.weight", c.width, q_width),
          weight(block + "mlp.gate_proj.weight", c.mlp_width, c.width), weight(block + "mlp.up_proj.weight", c.mlp_width, c.width),
          weight(block + "mlp.down_proj.weight", c.width, c.mlp_width)}});
  }
  return model;
}

inline checkpoint load_checkpoint(const std::string& directory) {
  const config c = load_config(directory + "/config.json");
  require_bytes(c, directory + "/config.json");
  return load_weights(c, lowp::safetensors_checkpoint(directory + "/tinylm.safetensors"));
}

// Texts may be as long as `context`, however much more the model would take.
inline checkpoint load_llama(const std::string& directory, std::size_t context) {
  config c = load_config(directory + "/config.json");
  c.context = std::min(c.context, context);
  return load_weights(c, lowp::safetensors_checkpoint(directory));
}

}  // namespace tinylm
