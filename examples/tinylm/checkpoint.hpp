// A Llama-architecture checkpoint in memory: its configuration and its weights as floats.
//
//   checkpoint weights = load_checkpoint("examples/data");     // config.json and tinylm.safetensors
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/core/matrix_view.hpp>
#include <lowp/io.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <cstddef>
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
inline void require_supported(const config& c, const std::string& path) {
  if (c.vocabulary != 256) LOWP_THROW(path, ": a byte-level model has a vocabulary of 256, not ", c.vocabulary);
  if (c.head_width % 32 != 0) LOWP_THROW(path, ": heads of ", c.head_width, " are no multiple of 32");
  if (c.heads % c.kv_heads != 0) LOWP_THROW(path, ": ", c.heads, " heads cannot share ", c.kv_heads);
}

inline config load_config(const std::string& path) {
  std::ifstream file(path);
  const nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
  if (json.is_discarded()) LOWP_THROW(path, " is missing, or no JSON");
  const auto size = [&](const char* name) {
    constexpr std::size_t most = std::size_t{1} << 20;
    const auto value = json.find(name);
    if (value == json.end() || !value->is_number_unsigned() || *value == 0u || *value > most) {
      LOWP_THROW(path, ": ", name, " is not a number from 1 to ", most);
    }
    return value->get<std::size_t>();
  };
  const auto real = [&](const char* name) {
    const auto value = json.find(name);
    if (value == json.end() || !value->is_number()) LOWP_THROW(path, ": there is no number ", name);
    return value->get<float>();
  };
  const config c{.width = size("hidden_size"),
                 .mlp_width = size("intermediate_size"),
                 .layers = size("num_hidden_layers"),
                 .heads = size("num_attention_heads"),
                 .kv_heads = size("num_key_value_heads"),
                 .head_width = size("head_dim"),
                 .vocabulary = size("vocab_size"),
                 .context = size("max_position_embeddings"),
                 .epsilon = real("rms_norm_eps"),
                 .rope_base = real("rope_theta")};
  require_supported(c, path);
  return c;
}

inline checkpoint load_checkpoint(const std::string& directory) {
  const config c = load_config(directory + "/config.json");
  const lowp::safetensors_file file(directory + "/tinylm.safetensors");
  const auto vector = [&](const std::string& name, std::size_t size) {
    const lowp::tensor_info& tensor = file.at(name);
    if (tensor.shape != std::vector<std::uint64_t>{size}) LOWP_THROW(file.path(), ": ", name, " is not of shape [", size, "]");
    return file.read_f32(tensor);
  };
  const auto weight = [&](const std::string& name, std::size_t rows, std::size_t cols) {
    const lowp::tensor_info& tensor = file.at(name);
    if (tensor.shape != std::vector<std::uint64_t>{rows, cols})
      LOWP_THROW(file.path(), ": ", name, " is not of shape [", rows, ", ", cols, "]");
    return matrix(file.read_f32(tensor), rows, cols);
  };
  checkpoint model{c,
                   weight("model.embed_tokens.weight", c.vocabulary, c.width),
                   {},
                   vector("model.norm.weight", c.width),
                   weight("lm_head.weight", c.vocabulary, c.width)};
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

}  // namespace tinylm
