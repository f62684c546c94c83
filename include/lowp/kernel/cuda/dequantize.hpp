// Whole matrices of quantized weights as f16, bf16 or f32, for the device (dequantize.cuh) and for the host alike: what a product with
// many tokens, or of a scheme that the GEMM does not take, goes through.
//
//   lowp::dequantize_rows(block, w, to, block_index, blocks);      // w: device_weights or mma_weights; to[rows * cols]
//
// Values are those of the host's dequantize, rounded to nearest even. Weights in act order become those that they were made from: their
// columns go where the activations' are.
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/device_weights.hpp>
#include <lowp/kernel/cuda/gemm_tile.hpp>
#include <lowp/kernel/cuda/mma_weights.hpp>
#include <lowp/kernel/cuda/repack.hpp>
#include <lowp/layout/row_major.hpp>
#include <lowp/quantize/affine.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// The weight at (row, col).
template <scheme_type S>
LOWP_HD float weight_value(const device_weights<S>& w, std::size_t row, std::size_t col) noexcept {
  using G = typename S::granularity;
  constexpr int bits = S::format::bits;
  const std::size_t stride = w.row_stride == 0 ? layout::row_major::row_bytes<bits>(w.cols) : w.row_stride;
  const auto* const codes = static_cast<const std::uint8_t*>(w.codes) + row * stride;
  const grid_position at = G::group_of(row, col, w.rows, w.cols);
  const grid_shape grid = G::grid(w.rows, w.cols);
  affine<S> group;
  group.scale = w.scales.value(w.scales.load(at.row, at.col, grid));
  if constexpr (S::has_zero) group.zero = w.zeros.value(w.zeros.load(at.row, at.col, grid));
  return group.value(ptx::widen<typename S::format>(device_code<layout::row_major, bits>(codes, 0, col, 1, w.cols)));
}

template <scheme_type S>
LOWP_HD float weight_value(const mma_weights<S>& w, std::size_t row, std::size_t col) noexcept {
  using weights = mma_weights<S>;
  constexpr std::size_t panel = layout::mma_a16::panel_rows;
  constexpr bool whole_rows = gemm_scheme<S>::group == 0;
  constexpr auto size = static_cast<std::size_t>(gemm_scheme<S>::divisor);
  const std::size_t groups = whole_rows ? 1 : ceil_div(w.cols, size);
  const std::size_t group_index = whole_rows ? 0 : col / size;
  const std::size_t at = (row / panel * groups + group_index) * panel + layout::mma_a16::parameter_place(row % panel);
  affine<S> group;
  if constexpr (weights::scale_format::bits != 0) group.scale = ptx::widen<typename weights::scale_format>(w.scales[at]);
  if constexpr (detail::panel_codes<typename S::scale>::has_multiplier) group.scale *= w.scale_multiplier;
  if constexpr (S::has_zero) group.zero = ptx::widen<typename weights::zero_format>(w.zeros[at]);
  return group.value(ptx::widen<typename S::format>(device_code<layout::mma_a16, S::format::bits>(w.codes, row, col, w.rows, w.cols)));
}

// Which column of the activations a column of the weights belongs to.
template <scheme_type S>
LOWP_HD std::size_t activation_column(const device_weights<S>&, std::size_t col) noexcept {
  return col;
}
template <scheme_type S>
LOWP_HD std::size_t activation_column(const mma_weights<S>& w, std::size_t col) noexcept {
  return w.columns == nullptr ? col : w.columns[col];
}

// Every weight to to[row * w.cols + column of the activations], four to a thread and turn.
template <class Block, class Weights, class Out>
LOWP_HD void dequantize_rows(const Block& block, const Weights& w, Out* to, std::uint32_t block_index, std::uint32_t blocks) {
  static_assert(ptx::packed_type<Out> || std::same_as<Out, float>, "weights become f16, bf16 or float");
  constexpr std::size_t together = 4;
  const std::size_t row_quads = ceil_div(w.cols, together);
  block.each_thread([&](int thread) {
    for (std::size_t i = std::size_t{block_index} * Block::threads + static_cast<std::size_t>(thread); i < w.rows * row_quads;
         i += std::size_t{blocks} * Block::threads) {
      const std::size_t row = i / row_quads;
      const std::size_t col = i % row_quads * together;
      LOWP_DEVICE_UNROLL
      for (std::size_t c = col; c < col + together; ++c) {
        if (c >= w.cols) break;
        const float value = weight_value(w, row, c);
        Out& place = to[row * w.cols + activation_column(w, c)];
        if constexpr (std::same_as<Out, float>) place = value;
        else place = Out::from_code(static_cast<std::uint16_t>(ptx::narrow<Out>(value)));
      }
    }
  });
}

}  // namespace lowp::inline LOWP_ABI
