// Matrix products with activations rounded to bf16: compute::bf16 of gemm.hpp. With AVX-512 BF16 pairs of columns are multiplied at once;
// elsewhere the rounded activations are multiplied in f32.
#pragma once

#include <lowp/kernel/cpu/gemm_call.hpp>
#include <lowp/kernel/cpu/x86_v4_bf16.hpp>

#include <cstddef>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

// Whether this machine multiplies weights in S by pairs, because it can and that is faster.
template <scheme_type S>
bool has_pair_kernels([[maybe_unused]] isa limit) noexcept {
#if LOWP_X86_64
  if constexpr (decodes_to_pairs<typename S::format>()) return best_isa(limit) >= isa::x86_v4_bf16 && this_cpu().quick_bf16_dots;
#endif
  return false;
}

// Activations in the kernels' order, and the sums of each piece's.
struct pair_activations {
  piece_list list;
  scratch<std::uint8_t> pairs;
  scratch<std::uint8_t> tiles;
  scratch<float> sums;
};

#if LOWP_X86_64
// x has floats in adjacent columns.
template <scheme_type S>
void multiply_pairs(matrix_view<const float> x, const packed_view<S, layout::tile16>& w, row_range range, const output_sink& out,
                    const auto& executor) {
  using F = typename S::format;
  using scale = typename parameter_format<typename S::scale>::type;
  using zero = typename parameter_format<typename S::zero>::type;
  const std::size_t cols = x.cols();
  const std::size_t group_cols = group_columns<typename S::granularity>(cols);
  pair_activations store;
  store.list = piece_list::make(cols, group_cols, cols, pair_piece);
  narrow_product a;
  describe_weights(w, a);
  a.tokens = x.rows();
  a.pieces = store.list.pieces.data();
  a.piece_count = store.list.pieces.size();
  a.x_bytes = 2 * store.list.x_columns;
  a.x_stride = round_up(a.x_bytes, cache_line);
  store.pairs.resize(a.tokens * a.x_stride);
  if constexpr (S::has_zero) store.sums.resize(a.tokens * a.piece_count);
  for (std::size_t m = 0; m < a.tokens; ++m) {
    const float* from = &x(m, 0);
    std::uint8_t* to = store.pairs.data() + m * a.x_stride;
    if (store.list.aligned) x86_v4::pairs::round_to_pairs(from, cols, to);
    std::size_t k = 0;
    for (std::size_t i = 0; i < a.piece_count && (!store.list.aligned || S::has_zero); ++i) {
      const std::size_t end = piece_list::end_of(k, cols, group_cols, cols, pair_piece);
      const std::size_t lead = k - a.pieces[i].first_step * step_columns;
      if (!store.list.aligned) {
        float step[pair_piece + step_columns] = {};
        for (std::size_t j = k; j < end; ++j) step[lead + j - k] = from[j];
        x86_v4::pairs::round_to_pairs(step, lead + end - k, to);
        to += 2 * a.pieces[i].steps * step_columns;
      }
      if constexpr (S::has_zero) {
        float sum = 0;
        for (std::size_t j = k; j < end; ++j) sum += bf16(from[j]);
        store.sums[i * a.tokens + m] = sum;
      }
      k = end;
    }
  }
  a.x = store.pairs.data();
  a.sums = store.sums.data();
  (S::has_zero ? a.unit : a.x_unit) = code_rule_of<F, term_of<S> == term::zero>.unit;
  a.steps = ceil_div(cols, step_columns);
  a.out = out;
  x86_v4::pairs::choose_pair_kernels<F, scale, zero, term_of<S>>(a);
  tile_activations(a, store.tiles);
  multiply_parts(a, range, executor);
}
#endif

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
