// Matrix products with packed low-precision weights on the CPU: y = x * w^T, computed in f32 as exactly as f32 allows.
//
//   auto w = lowp::pack<lowp::layout::tile16>(lowp::quantize<lowp::nf4_g64>(weights));   // weights [out, in]
//   lowp::gemm(x, w, y);                                            // y[tokens, out] = x[tokens, in] * w^T
//   lowp::gemv(std::span<const float>(x), w, std::span<float>(y));  // one token
//   lowp::gemm(x, w, y, {.first = 0, .last = 1024});                // only those outputs: threads are the caller's
//
// Codes are looked up, multiplied by the activations and summed in f32; a group's scale is applied to its sum where few
// tokens share the work and to its weights where many do. An output therefore does not depend on which range it was
// computed in, nor on the other tokens, but its last bits may depend on the number of tokens and on the instruction set.
// Against exact arithmetic, |error| <= gemm_roundings(...) * 2^-24 * sum |x| |w|, and in practice about the square root of that
// count; with zero points, |w| counts as scale * (|code - c| + |zero - c|), c the middle of the codes.
#pragma once

#include <lowp/kernel/cpu/isa.hpp>
#include <lowp/kernel/cpu/portable.hpp>
#include <lowp/kernel/cpu/x86_v3.hpp>
#include <lowp/kernel/cpu/x86_v4.hpp>
#include <lowp/layout/packed.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// How many roundings an output can meet, at worst, on its way through a product of `cols` columns in groups of group_cols.
constexpr std::size_t gemm_roundings(std::size_t group_cols, std::size_t cols) noexcept {
  const std::size_t group = group_cols < detail::dot_columns ? group_cols : detail::dot_columns;
  const std::size_t by_groups = group + (cols / (group + (group == 0)) + cols / (group_cols + (group_cols == 0)) + 2);
  const std::size_t by_blocks = detail::decode_columns + cols / detail::decode_columns + 2;
  return (by_groups > by_blocks ? by_groups : by_blocks) + 4;  // and those of a weight, its scale and its zero point
}

// Which outputs to compute, and on what.
struct gemm_options {
  std::size_t first = 0;                            // rows of w: [first, last)
  std::size_t last = static_cast<std::size_t>(-1);  // or all that follow
  isa limit = isa::x86_v4;                          // the best instruction set to use, if the machine has it
};

namespace detail::inline LOWP_BUILD {

template <scheme_type S>
product describe(matrix_view<const float> x, const packed<S, layout::tile16>& w, matrix_view<float> y) {
  product a;
  a.x = x;
  a.y = y;
  a.codes = w.bytes().data();
  a.panel_bytes = layout::tile16::panel_bytes<S::format::bits>(w.cols());
  a.cols = w.cols();
  a.group_cols = group_columns<typename S::granularity>(w.cols());
  a.groups = ceil_div(a.cols, a.group_cols);
  a.scales.codes = w.panel_scales().codes();
  a.scales.multiplier = w.panel_scales().multiplier();
  if constexpr (S::has_zero) {
    a.zeros.codes = w.panel_zeros().codes();
    a.zeros.multiplier = w.panel_zeros().multiplier();
  }
  return a;
}

template <class P>
struct parameter_format {
  using type = typename panel_parameters<P>::format;
};
template <>
struct parameter_format<void> {
  using type = void;
};

template <scheme_type S>
void dispatch(const product& a, isa limit) {
  using F = typename S::format;
  using scale = typename parameter_format<typename S::scale>::type;
  using zero = typename parameter_format<typename S::zero>::type;
  const isa best = best_isa(limit);
#if LOWP_X86_64
  if (best == isa::x86_v4) return x86_v4::multiply_scheme<F, scale, zero>(a);
  if (best == isa::x86_v3) return x86_v3::multiply_scheme<F, scale, zero>(a);
#endif
  static_cast<void>(best);
  portable::multiply_scheme<F, scale, zero>(a);
}

}  // namespace detail::inline LOWP_BUILD

inline namespace LOWP_BUILD {

// y[tokens, rows of w] = x[tokens, cols of w] * w^T, for the rows of w that the options name; the rest of y is left alone.
// Throws lowp::error where shapes do not fit, before anything is written. x and y may have any strides, and must not overlap.
template <scheme_type S>
void gemm(matrix_view<const float> x, const packed<S, layout::tile16>& w, matrix_view<float> y, const gemm_options& options = {}) {
  const std::size_t last = options.last == static_cast<std::size_t>(-1) ? w.rows() : options.last;
  if (x.cols() != w.cols()) LOWP_THROW("x of ", x.rows(), " x ", x.cols(), " does not fit weights of ", w.rows(), " x ", w.cols());
  if (y.rows() != x.rows() || y.cols() != w.rows()) {
    LOWP_THROW("y of ", y.rows(), " x ", y.cols(), " is not the ", x.rows(), " x ", w.rows(), " of the product");
  }
  if (options.first > last || last > w.rows()) LOWP_THROW("rows ", options.first, " to ", last, " leave weights of ", w.rows(), " rows");
  if (x.rows() == 0 || options.first == last) return;
  if (x.cols() == 0) {
    for (std::size_t m = 0; m < y.rows(); ++m) {
      for (std::size_t n = options.first; n < last; ++n) y(m, n) = 0.0f;
    }
    return;
  }
  aligned_vector<float> adjacent;
  if (!x.contiguous_rows()) {
    adjacent.resize(x.rows() * x.cols());
    for (std::size_t m = 0; m < x.rows(); ++m) {
      for (std::size_t k = 0; k < x.cols(); ++k) adjacent[m * x.cols() + k] = x(m, k);
    }
    x = {adjacent.data(), x.rows(), x.cols()};
  }
  detail::product a = detail::describe(x, w, y);
  a.first_row = options.first;
  a.last_row = last;
  detail::dispatch<S>(a, options.limit);
}

// The product with one token: y[rows of w] = w * x.
template <scheme_type S>
void gemv(std::span<const float> x, const packed<S, layout::tile16>& w, std::span<float> y, const gemm_options& options = {}) {
  gemm(matrix_view<const float>(x.data(), 1, x.size()), w, matrix_view<float>(y.data(), 1, y.size()), options);
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
