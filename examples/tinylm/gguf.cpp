// Names and metadata of GGUF's Llama architecture: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#include "gguf.hpp"

#include "../support/llama_names.hpp"
#include "../support/model_config.hpp"

#include <lowp/io/gguf.hpp>
#include <lowp/layout/blocks.hpp>
#include <lowp/layout/ggml_blocks.hpp>
#include <lowp/quantize/ggml_quantize.hpp>
#include <lowp/quantize/ggml_reference.hpp>
#include <lowp/quantize/quantize.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tinylm {
namespace {

constexpr const char* names[projections] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

std::string tensor_name(std::size_t block, std::string_view name) {
  return "blk." + std::to_string(block) + "." + std::string(name) + ".weight";
}

// The rows of query and key in the other order.
matrix with_rows_of(const matrix& from, std::size_t head_width, bool to_gguf) {
  matrix result(from.rows(), from.cols());
  for (std::size_t r = 0; r < from.rows(); ++r) {
    const auto row = from.view().row(rotated_row(r, head_width, to_gguf));
    std::copy(row.begin(), row.end(), result.view().row(r).begin());
  }
  return result;
}

lowp::ggml_type find_type(std::string_view name) {
  for (const lowp::ggml_type_entry& entry : lowp::ggml_type_table) {
    if (entry.name == name) return entry.type;
  }
  LOWP_THROW("GGUF has no type '", name, "'; Q4_K is one");
}

template <class F>
std::vector<std::uint8_t> plain_elements(lowp::matrix_view<const float> w) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t r = 0; r < w.rows(); ++r) {
    for (const float x : w.row(r)) {
      const std::uint32_t code = lowp::encode<F>(x);
      for (int b = 0; b < F::bits; b += 8) bytes.push_back(static_cast<std::uint8_t>(code >> b));
    }
  }
  return bytes;
}

std::vector<std::uint8_t> elements(lowp::matrix_view<const float> w, lowp::ggml_type type, bool as_ggml) {
  switch (type) {
    case lowp::ggml_type::f32:
      return plain_elements<lowp::f32>(w);
    case lowp::ggml_type::f16:
      return plain_elements<lowp::f16>(w);
    case lowp::ggml_type::bf16:
      return plain_elements<lowp::bf16>(w);
    default: {
      std::vector<std::uint8_t> bytes;
      lowp::layout::ggml::for_each([&]<class L>() {
        using S = typename L::scheme;
        if (L::type_id == static_cast<std::uint32_t>(type))
          bytes = lowp::to_blocks<L>(as_ggml ? lowp::ggml::quantize_reference<S>(w) : lowp::ggml::quantize<S>(w));
      });
      if (bytes.empty()) LOWP_THROW("no encoder for ", lowp::ggml_type_name(type));
      return bytes;
    }
  }
}

std::vector<float> values(const lowp::gguf_file& file, const std::string& name, std::size_t rows, std::size_t cols) {
  const lowp::gguf_tensor& tensor = file.at(name);
  const std::vector<std::uint64_t> shape = rows == 1 ? std::vector<std::uint64_t>{cols} : std::vector<std::uint64_t>{rows, cols};
  if (tensor.shape() != shape) LOWP_THROW(file.path(), ": ", name, " is not of ", rows, " x ", cols);
  if (lowp::plain_dtype(tensor.type)) return file.read_f32(tensor);
  std::vector<float> found;
  lowp::layout::ggml::for_each([&]<class L>() {
    if (L::type_id != static_cast<std::uint32_t>(tensor.type)) return;
    const auto bytes = file.bytes(tensor);
    found.resize(rows * cols);
    const auto q = lowp::from_blocks<L>({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, rows, cols);
    lowp::dequantize(q, lowp::matrix_view<float>{found.data(), rows, cols});
  });
  if (found.empty()) LOWP_THROW(file.path(), ": ", name, " is ", lowp::ggml_type_name(tensor.type), ", which is not read");
  return found;
}

}  // namespace

void write_gguf(const checkpoint& weights, std::string_view type_name, const std::string& path, bool as_ggml) {
  const lowp::ggml_type type = find_type(type_name);
  const config& c = weights.config;
  lowp::gguf_writer file(path);
  file.metadata("general.name", "tinylm");
  write_llama_metadata(file, {{"model_type", "llama"},
                              {"max_position_embeddings", c.context},
                              {"hidden_size", c.width},
                              {"num_hidden_layers", c.layers},
                              {"intermediate_size", c.mlp_width},
                              {"num_attention_heads", c.heads},
                              {"num_key_value_heads", c.kv_heads},
                              {"head_dim", c.head_width},
                              {"vocab_size", c.vocabulary},
                              {"rms_norm_eps", c.epsilon},
                              {"rope_theta", c.rope_base}});

  file.declare("token_embd.weight", lowp::ggml_type::bf16, {c.vocabulary, c.width});
  for (std::size_t i = 0; i < c.layers; ++i) {
    for (const char* norm : {"attn_norm", "ffn_norm"}) file.declare(tensor_name(i, norm), lowp::ggml_type::f32, {c.width});
    for (std::size_t p = 0; p < projections; ++p) {
      const matrix& w = weights.blocks[i].linear[p];
      file.declare(tensor_name(i, names[p]), type, {w.rows(), w.cols()});
    }
  }
  file.declare("output_norm.weight", lowp::ggml_type::f32, {c.width});
  file.declare("output.weight", lowp::ggml_type::bf16, {c.vocabulary, c.width});

  const auto write = [&](const std::string& name, const std::vector<std::uint8_t>& bytes) {
    file.write(name, std::as_bytes(std::span(bytes)));
  };
  const auto write_norm = [&](const std::string& name, const std::vector<float>& norm) {
    write(name, plain_elements<lowp::f32>({norm.data(), 1, norm.size()}));
  };
  write("token_embd.weight", plain_elements<lowp::bf16>(weights.embedding.view()));
  for (std::size_t i = 0; i < c.layers; ++i) {
    const block_weights& block = weights.blocks[i];
    write_norm(tensor_name(i, "attn_norm"), block.attention_norm);
    write_norm(tensor_name(i, "ffn_norm"), block.mlp_norm);
    for (std::size_t p = 0; p < projections; ++p) {
      const bool turned = p == query || p == key;
      const matrix w = turned ? with_rows_of(block.linear[p], c.head_width, true) : block.linear[p];
      write(tensor_name(i, names[p]), elements(w.view(), type, as_ggml));
    }
  }
  write_norm("output_norm.weight", weights.final_norm);
  write("output.weight", plain_elements<lowp::bf16>(weights.head.view()));
  file.commit();
}

checkpoint read_gguf(const std::string& path) {
  const lowp::gguf_file file(path);
  if (file.metadata_at("general.architecture").string() != "llama") LOWP_THROW(path, " holds no Llama model");
  const auto number = [&](const char* key) {
    const std::uint64_t value = file.metadata_at(key).unsigned_integer();
    if (value == 0 || value > (1u << 20)) LOWP_THROW(path, ": ", key, " is not a number from 1 to ", 1u << 20);
    return static_cast<std::size_t>(value);
  };
  const config c{.width = number("llama.embedding_length"),
                 .mlp_width = number("llama.feed_forward_length"),
                 .layers = number("llama.block_count"),
                 .heads = number("llama.attention.head_count"),
                 .kv_heads = number("llama.attention.head_count_kv"),
                 .head_width = number("llama.rope.dimension_count"),
                 .vocabulary = number("llama.vocab_size"),
                 .context = number("llama.context_length"),
                 .epsilon = static_cast<float>(file.metadata_at("llama.attention.layer_norm_rms_epsilon").number()),
                 .rope_base = static_cast<float>(file.metadata_at("llama.rope.freq_base").number())};
  require_supported(c, path);
  require_bytes(c, path);
  const auto weight = [&](const std::string& name, std::size_t rows, std::size_t cols) {
    return matrix(values(file, name, rows, cols), rows, cols);
  };
  checkpoint model{c,
                   weight("token_embd.weight", c.vocabulary, c.width),
                   {},
                   values(file, "output_norm.weight", 1, c.width),
                   weight("output.weight", c.vocabulary, c.width)};
  const std::size_t q_width = c.heads * c.head_width;
  const std::size_t kv_width = c.kv_heads * c.head_width;
  const std::size_t shapes[projections][2] = {{q_width, c.width},     {kv_width, c.width},    {kv_width, c.width},   {c.width, q_width},
                                              {c.mlp_width, c.width}, {c.mlp_width, c.width}, {c.width, c.mlp_width}};
  for (std::size_t i = 0; i < c.layers; ++i) {
    block_weights block{values(file, tensor_name(i, "attn_norm"), 1, c.width), values(file, tensor_name(i, "ffn_norm"), 1, c.width), {}};
    for (std::size_t p = 0; p < projections; ++p) {
      block.linear[p] = weight(tensor_name(i, names[p]), shapes[p][0], shapes[p][1]);
      if (p == query || p == key) block.linear[p] = with_rows_of(block.linear[p], c.head_width, false);
    }
    model.blocks.push_back(std::move(block));
  }
  return model;
}

}  // namespace tinylm
