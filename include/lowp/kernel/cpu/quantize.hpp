// Quantizing fast on one core: the numbers of lowp::quantize, bit for bit, at the speed of vector instructions.
//
//   lowp::quantized<lowp::nf4_g64> q = lowp::cpu::quantize<lowp::nf4_g64>(w);    // w of float, f16 or bf16
//   lowp::cpu::quantize(x, q8);                                                  // into a quantized matrix that is there already
//   lowp::cpu::quantize(w, q, {.first = 0, .last = 1024});                       // only those rows: threads are the caller's
//
// Rows can be divided wherever no scale is shared across the division. Where scales are shared by all rows, or are
// quantized in turn, there are three steps, of which the first and the last can be divided anywhere:
//
//   std::vector<lowp::value_range> ranges(q.grid().rows * q.grid().cols);
//   lowp::cpu::measure<S>(w, ranges, rows);      // groups that reach beyond the rows: join the ranges with lowp::cpu::joined
//   lowp::cpu::fit(q, ranges);
//   lowp::cpu::encode(w, q, rows);
//
// What follows from the ranges of groups and from rounding to nearest is done here: the default recipe, absmax, any
// scale rule. Other recipes go to lowp::quantize.
#pragma once

#include <lowp/kernel/cpu/isa.hpp>
#include <lowp/kernel/cpu/quantize_portable.hpp>
#include <lowp/kernel/cpu/quantize_v3.hpp>
#include <lowp/kernel/cpu/quantize_v4.hpp>
#include <lowp/kernel/cpu/quantizing.hpp>
#include <lowp/kernel/cpu/quick_parameters.hpp>
#include <lowp/quantize/quantize.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI::cpu {

// A recipe that kernels know.
template <class Recipe>
concept fast_recipe = detail::is_fast_recipe<Recipe>;

// The range of two stretches of numbers, NaN where either is.
using detail::joined;

}  // namespace lowp::inline LOWP_ABI::cpu

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

// Throws where rows outside [first, last) share scales with those within.
template <scheme_type S>
void require_own_scales(const cpu::rows_options& o, std::size_t rows) {
  if (o.first == 0 && o.last == rows) return;
  if constexpr (groups_stand_alone<S>) {
    constexpr std::size_t size = S::granularity::rows_per_group;
    if (size != 0 && o.first % size == 0 && (o.last % size == 0 || o.last == rows)) return;
  }
  LOWP_THROW("rows ", o.first, " to ", o.last, " share scales with others, so they are measured, fitted and encoded in steps");
}

template <scheme_type S, class T>
void measure_on(matrix_view<T> w, value_range* ranges, const cpu::rows_options& o) {
  const isa best = best_isa(o.limit);
#if LOWP_X86_64
  if (best >= isa::x86_v4) return quantize_v4::measure_rows<S>(w, ranges, o.first, o.last);
  if (best >= isa::x86_v3) return quantize_v3::measure_rows<S>(w, ranges, o.first, o.last);
#endif
  static_cast<void>(best);
  quantize_portable::measure_rows<S>(w, ranges, o.first, o.last);
}

template <scheme_type S, class T>
void encode_on(matrix_view<T> w, quantized<S>& q, const cpu::rows_options& o) {
  const isa best = best_isa(o.limit);
#if LOWP_X86_64
  if (best >= isa::x86_v4) return quantize_v4::encode_rows(q, w, o.first, o.last);
  if (best >= isa::x86_v3) return quantize_v3::encode_rows(q, w, o.first, o.last);
#endif
  static_cast<void>(best);
  quantize_portable::encode_rows(q, w, o.first, o.last);
}

template <class Recipe, scheme_type S, class T>
void quantize_groups_on(matrix_view<T> w, quantized<S>& q, const cpu::rows_options& o) {
  const isa best = best_isa(o.limit);
#if LOWP_X86_64
  if (best >= isa::x86_v4) return quantize_v4::quantize_groups<S, Recipe>(q, w, o.first, o.last);
  if (best >= isa::x86_v3) return quantize_v3::quantize_groups<S, Recipe>(q, w, o.first, o.last);
#endif
  static_cast<void>(best);
  quantize_portable::quantize_groups<S, Recipe>(q, w, o.first, o.last);
}

// Whether the scales are quantized by a scheme whose codes kernels can make: store_groups in three strides over all groups.
template <scheme_type S, class Rule>
inline constexpr bool scales_are_weights = scheme_type<typename S::scale> && !S::has_zero && std::is_same_v<Rule, range_scale>;

template <scheme_type S>
void fit_scales(quantized<S>& q, std::span<const value_range> ranges, isa limit) {
  using P = typename S::scale;
  using rule = range_scale;
  constexpr double divisor = scale_divisor<S, rule>();
  const grid_shape grid = q.grid();
  std::vector<float> numbers(ranges.size());
  const matrix_view<const float> view{numbers.data(), grid.rows, grid.cols};
  for (std::size_t i = 0; i < ranges.size(); ++i) numbers[i] = is_nan(ranges[i].high) ? 0.0f : ranges[i].reach();
  const grid_shape above = q.scales().grid();
  std::vector<value_range> above_ranges(above.rows * above.cols);
  measure_on<P>(view, above_ranges.data(), {0, grid.rows, limit});
  for (value_range& r : above_ranges) r = fitting_range<P>(r);
  store_groups<parameter_rule<P>>(q.scales(), above_ranges, divisor);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    numbers[i] = is_nan(ranges[i].high) ? quiet_nan() : rule::quotient(scale_numerator<S, rule>(ranges[i]), divisor);
  }
  encode_on(view, q.scales(), {0, grid.rows, limit});
  const quantized_view<P> scales = q.scales().view();
  for (std::size_t row = 0; row < grid.rows; ++row) {
    for (std::size_t col = 0; col < grid.cols; ++col) {
      const float number = view(row, col);
      const bool vanished = ordered(number) > 0 && ordered(quick_value(scales, row, col)) <= 0;
      if (is_nan(number) || vanished) store(q.scales(), {row, col}, number, rule::rounding{}, true);
    }
  }
}

template <class Recipe, scheme_type S>
void fit_ranges(quantized<S>& q, std::span<value_range> ranges, isa limit) {
  using rule = scale_rule_for<typename Recipe::scale_rule, S>;
  for (value_range& r : ranges) r = calibrated<S, Recipe>(r);
  if constexpr (scales_are_weights<S, rule>) fit_scales(q, ranges, limit);
  else store_groups<rule>(q, ranges, 1);
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD

namespace lowp::inline LOWP_ABI::cpu::inline LOWP_BUILD {

// The ranges of the groups that the rows touch, as far as those rows go; the others are left alone. ranges has one for each group
// of the matrix, row by row of the grid.
template <scheme_type S, class T>
void measure(matrix_view<T> w, std::span<value_range> ranges, rows_options options = {}) {
  const grid_shape grid = S::granularity::grid(w.rows(), w.cols());
  if (ranges.size() != grid.rows * grid.cols) LOWP_THROW(ranges.size(), " ranges do not fit a grid of ", grid.rows, " x ", grid.cols);
  detail::resolve(options, w.rows());
  detail::measure_on<S>(w, ranges.data(), options);
}

// Scales and zero points from the ranges of all groups. Throws lowp::error as lowp::quantize does.
template <scheme_type S, fast_recipe Recipe = recipe<>>
void fit(quantized<S>& q, std::span<const value_range> ranges, const Recipe& = {}) {
  const grid_shape grid = q.grid();
  if (ranges.size() != grid.rows * grid.cols) LOWP_THROW(ranges.size(), " ranges do not fit a grid of ", grid.rows, " x ", grid.cols);
  std::vector<value_range> own(ranges.begin(), ranges.end());
  detail::fit_ranges<Recipe>(q, std::span<value_range>(own), newest_isa);
}

// Codes for the scales and zero points that q holds, rounded to nearest.
template <scheme_type S, class T>
void encode(matrix_view<T> w, quantized<S>& q, rows_options options = {}) {
  detail::require_same_shape(w, q);
  detail::resolve(options, w.rows());
  detail::encode_on(w, q, options);
}

// Codes, scales and zero points of the rows. Throws lowp::error where lowp::quantize does, where shapes differ, and where the rows
// share scales with others.
template <scheme_type S, class T, fast_recipe Recipe = recipe<>>
void quantize(matrix_view<T> w, quantized<S>& q, rows_options options = {}, const Recipe& = {}) {
  detail::require_same_shape(w, q);
  detail::resolve(options, w.rows());
  detail::require_own_scales<S>(options, w.rows());
  if (w.rows() == 0 || w.cols() == 0) return;
  if constexpr (detail::groups_stand_alone<S>) {
    detail::quantize_groups_on<Recipe>(w, q, options);
  } else {
    const grid_shape grid = q.grid();
    std::vector<value_range> ranges(grid.rows * grid.cols);
    detail::measure_on<S>(w, ranges.data(), options);
    detail::fit_ranges<Recipe>(q, std::span<value_range>(ranges), options.limit);
    detail::encode_on(w, q, options);
  }
}

// The matrix w [rows, cols] in the scheme S, as lowp::quantize<S>(w, recipe) makes it; with a fast recipe only the rows asked for,
// the others all bits zero.
template <scheme_type S, class T, class Recipe>
quantized<S> quantize(matrix_view<T> w, const Recipe& r, [[maybe_unused]] const rows_options& options = {}) {
  if constexpr (fast_recipe<Recipe>) {
    quantized<S> q(w.rows(), w.cols());
    quantize(w, q, options, r);
    return q;
  } else {
    return lowp::quantize<S>(w, r);
  }
}
template <scheme_type S, class T>
quantized<S> quantize(matrix_view<T> w, const rows_options& options = {}) {
  return quantize<S>(w, recipe{}, options);
}

}  // namespace lowp::inline LOWP_ABI::cpu::inline LOWP_BUILD
