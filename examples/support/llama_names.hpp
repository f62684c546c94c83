// A Llama model's tensors by the names of Hugging Face's checkpoints and of GGUF files, and the rows of query and key, whose order differs:
// GGUF turns neighbouring elements of a head, Hugging Face's an element and the one half a head further.
#pragma once

#include <lowp/io/plain_weights.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// {Hugging Face, GGUF}; of a block's tensors what follows "model.layers.N." and "blk.N.". Without ".weight".
inline constexpr std::pair<std::string_view, std::string_view> llama_tensors[] = {
    {"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"}};
inline constexpr std::pair<std::string_view, std::string_view> llama_block_tensors[] = {
    {"input_layernorm", "attn_norm"},    {"post_attention_layernorm", "ffn_norm"}, {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},           {"self_attn.o_proj", "attn_output"},
    {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},                {"mlp.down_proj", "ffn_down"}};

// The other name of a tensor, with ".weight" at its end or without as given; empty for one that is not of a Llama model.
inline std::string llama_name(std::string_view name, bool to_gguf) {
  const std::string_view from_block = to_gguf ? "model.layers." : "blk.", to_block = to_gguf ? "blk." : "model.layers.";
  const bool weight = name.ends_with(".weight");
  if (weight) name.remove_suffix(7);
  const auto renamed = [&](const auto& list, std::string_view part) -> std::string_view {
    for (const auto& [ours, gguf] : list) {
      if (part == (to_gguf ? ours : gguf)) return to_gguf ? gguf : ours;
    }
    return {};
  };
  std::string found(renamed(llama_tensors, name));
  if (found.empty() && name.starts_with(from_block)) {
    name.remove_prefix(from_block.size());
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return {};
    const std::string_view part = renamed(llama_block_tensors, name.substr(dot + 1));
    if (!part.empty()) found = std::string(to_block) + std::string(name.substr(0, dot)) + "." + std::string(part);
  }
  return found.empty() || !weight ? found : found + ".weight";
}

// Whether this tensor's rows are turned in pairs.
inline bool is_rotated(std::string_view name) {
  for (const std::string_view part : {"self_attn.q_proj", "self_attn.k_proj", "attn_q", "attn_k"}) {
    if (name.ends_with(part) || name.ends_with(std::string(part) + ".weight")) return true;
  }
  return false;
}

// Which row of one order is row `row` of the other.
inline std::size_t rotated_row(std::size_t row, std::size_t head_width, bool to_gguf) {
  const std::size_t i = row % head_width, half = head_width / 2;
  return row - i + (to_gguf ? i / 2 + i % 2 * half : i % half * 2 + i / half);
}

// The grid with its rows in the other order. Throws lowp::error where groups are no part of one row.
inline lowp::plain_grid with_rotated_rows(const lowp::plain_grid& from, std::size_t rows, std::size_t head_width, bool to_gguf) {
  if (from.rows() != rows && from.rows() != 1) LOWP_THROW("rows in groups of several cannot change their order");
  if (from.scheme().granularity.kind == lowp::granularity_kind::per_flat_group) LOWP_THROW("groups that cross rows keep rows in their order");
  lowp::plain_grid to(from.scheme(), from.rows(), from.cols());
  for (std::size_t r = 0; r < from.rows(); ++r) {
    const std::size_t source = from.rows() == rows ? rotated_row(r, head_width, to_gguf) : r;
    for (std::size_t c = 0; c < from.cols(); ++c) to.set_code(r * from.cols() + c, from.code(source * from.cols() + c));
  }
  if (!from.scheme().scale.empty()) to.set_scale(with_rotated_rows(from.scale(), rows, head_width, to_gguf));
  if (!from.scheme().zero.empty()) to.set_zero(with_rotated_rows(from.zero(), rows, head_width, to_gguf));
  return to;
}
inline lowp::plain_weights with_rotated_rows(const lowp::plain_weights& from, std::size_t head_width, bool to_gguf) {
  return lowp::plain_weights(with_rotated_rows(from.grid(), from.rows(), head_width, to_gguf), from.columns());
}
inline std::vector<std::byte> with_rotated_rows(std::span<const std::byte> from, std::size_t rows, std::size_t head_width, bool to_gguf) {
  std::vector<std::byte> to;
  const std::size_t bytes = rows == 0 ? 0 : from.size() / rows;
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = from.subspan(rotated_row(r, head_width, to_gguf) * bytes, bytes);
    to.insert(to.end(), row.begin(), row.end());
  }
  return to;
}
