// The quantized tensors of a GGUF file as plain weights: those whose blocks layout/ggml_blocks.hpp knows. A tensor of more dimensions is
// read as the matrix of all its rows. NVFP4 blocks have the scale of their tensor in a tensor of its own ("x.scale" beside "x.weight"),
// which then lies above the scales of the blocks.
//
//   std::optional<lowp::scheme_description> d = lowp::ggml_scheme(lowp::ggml_type::q4_k);
//   lowp::plain_weights w = lowp::read_ggml_blocks(lowp::ggml_type::q4_k, bytes, rows, cols);
#pragma once

#include <lowp/io/ggml_type.hpp>
#include <lowp/io/plain_weights.hpp>
#include <lowp/layout/blocks.hpp>
#include <lowp/layout/ggml_blocks.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

// The scheme of a type of blocks; nothing for plain elements, and for blocks that nothing here decodes.
inline std::optional<scheme_description> ggml_scheme(ggml_type type) {
  std::optional<scheme_description> found;
  layout::ggml::for_each([&]<class L>() {
    if (static_cast<ggml_type>(L::type_id) == type) found = describe<typename L::scheme>();
  });
  return found;
}

// The matrix [rows, cols] whose blocks these are. Throws lowp::error for a type without a scheme, and for another number of bytes.
inline plain_weights read_ggml_blocks(ggml_type type, std::span<const std::byte> bytes, std::size_t rows, std::size_t cols) {
  const std::span<const std::uint8_t> blocks(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  std::optional<plain_weights> weights;
  layout::ggml::for_each([&]<class L>() {
    if (static_cast<ggml_type>(L::type_id) == type) weights = to_plain(from_blocks<L>(blocks, rows, cols));
  });
  if (!weights) LOWP_THROW("blocks of ", ggml_type_name(type), " are not decoded");
  return *std::move(weights);
}

// The same under the scale of the whole tensor, an F32; and their scheme.
inline scheme_description under_tensor_scale(scheme_description scheme) {
  scheme.scale[0].granularity = {granularity_kind::per_tensor};
  scheme.scale[0].scale.push_back(plain_format("f32"));
  return scheme;
}
inline plain_weights under_tensor_scale(const plain_weights& weights, float scale) {
  const plain_grid& before = weights.grid();
  plain_grid grid(under_tensor_scale(weights.scheme()), weights.rows(), weights.cols());
  std::copy(before.bytes().begin(), before.bytes().end(), grid.bytes().begin());
  plain_grid blocks(grid.scheme().scale[0], before.scale().rows(), before.scale().cols());
  std::copy(before.scale().bytes().begin(), before.scale().bytes().end(), blocks.bytes().begin());
  plain_grid whole(plain_format("f32"), 1, 1);
  whole.set_code(0, bit_cast<std::uint32_t>(scale));
  blocks.set_scale(std::move(whole));
  grid.set_scale(std::move(blocks));
  return plain_weights(std::move(grid));
}

// The blocks of weights, as a GGUF file holds them. Throws lowp::error unless the weights are in the scheme of the type.
inline std::vector<std::uint8_t> to_ggml_blocks(ggml_type type, const plain_weights& weights) {
  std::optional<std::vector<std::uint8_t>> blocks;
  layout::ggml::for_each([&]<class L>() {
    if (static_cast<ggml_type>(L::type_id) == type) blocks = to_blocks<L>(to_quantized<typename L::scheme>(weights));
  });
  if (!blocks) LOWP_THROW("blocks of ", ggml_type_name(type), " are not written");
  return *std::move(blocks);
}

}  // namespace lowp::inline LOWP_ABI
