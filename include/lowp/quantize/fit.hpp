// Choosing scales and zero points: the stations between a group's range and the numbers that its codes are made for.
//
// A scale is stored first, by its own format or scheme, and read back; zero points and codes are then made for the
// scale that will be used. A scale scheme's own scale is found from the ranges of all groups before any division is
// rounded, so that NVFP4's tensor scale is amax / (6 * 448), exactly as its definition says.
//
//   lowp::quantized<S> q(rows, cols);
//   lowp::detail::fit(q, w, 1.0f, recipe{});       // fills scales and zero points; codes are left to the caller
#pragma once

#include <lowp/quantize/group_rule.hpp>
#include <lowp/quantize/quantized.hpp>
#include <lowp/quantize/recipe.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

// Stores one scale or zero point. A scale above the range is an error.
template <number_format F, rounding_policy R>
void store(number_grid<F>& grid, grid_position g, float x, R rounding, bool is_scale) {
  if (is_nan(x) && !limits<F>.has_nan) LOWP_THROW("group (", g.row, ", ", g.col, ") holds NaN or infinity, which its scale cannot carry");
  if constexpr (F::bits != 0) {
    if (is_scale && !is_nan(x) && overflows<F>(x, rounding)) {
      LOWP_THROW("the scale ", x, " of group (", g.row, ", ", g.col, ") is beyond the largest number of its format, ", limits<F>.largest);
    }
    grid.codes()(g.row, g.col) = is_scale ? encode_scale<F>(x, rounding) : encode<F>(x, rounding);
  }
}

template <scheme_type P, rounding_policy R>
void store(quantized<P>& grid, grid_position g, float x, R rounding, bool is_scale) {
  using format = typename P::format;
  if (is_nan(x) && !limits<format>.has_nan)
    LOWP_THROW("group (", g.row, ", ", g.col, ") holds NaN or infinity, which its scale cannot carry");
  const affine<P> group = grid.group_of(g.row, g.col);
  code_t<format> code = is_nan(x) ? encode<format>(x) : group.encode(x, rounding);
  if (is_scale && !is_nan(x) && ordered(x) > 0 && ordered(group.decode(code)) <= 0) {
    code = encode<format>(round_to<format>(group.zero) + decode<format>(smallest_positive_code<format>()));
  }
  grid.codes()(g.row, g.col) = code;
}

// Trial quantization under a range, for calibrators that search. A scale scheme's rounding is not known yet, so it is left out.
template <scheme_type S, class Rule>
affine<S> trial_group(value_range r) noexcept {
  r = fitting_range<S>(r);
  affine<S> group;
  group.scale = Rule::quotient(scale_numerator<S, Rule>(r), scale_divisor<S, Rule>());
  if constexpr (number_format<typename S::scale>) {
    group.scale = decode<typename S::scale>(encode_scale<typename S::scale>(group.scale, typename Rule::rounding{}));
  }
  if constexpr (S::has_zero) {
    group.zero = zero_point<S>(r, group.scale);
    if constexpr (number_format<typename S::zero>) group.zero = round_to<typename S::zero>(group.zero);
  }
  return group;
}

// The range of a group by the recipe's calibrator; NaN where the values hold NaN or infinity.
template <scheme_type S, class Recipe>
value_range calibrate(std::span<const float> values, std::span<const float> importance, const Recipe& recipe) {
  for (const float v : values) {
    if (!is_finite(v)) return {quiet_nan(), quiet_nan()};
  }
  using rule = scale_rule_for<typename Recipe::scale_rule, S>;
  const auto trial = [](value_range r) { return [group = trial_group<S, rule>(r)](float x) { return group.decode(group.encode(x)); }; };
  return fitting_range<S>(recipe.calibrator(values, importance, trial));
}

template <number_format F>
void fit_parameters(number_grid<F>&, matrix_view<const float>, double) noexcept {}
template <scheme_type P>
void fit_parameters(quantized<P>& grid, matrix_view<const float> numbers, double divisor);

constexpr value_range divided(value_range r, double divisor) noexcept {
  return {static_cast<float>(static_cast<double>(r.low) / divisor), static_cast<float>(static_cast<double>(r.high) / divisor)};
}

// Stores the scale and then the zero point of one group, both read back, under the parameters' own scales as they stand.
template <class Rule, scheme_type S>
void store_group(quantized<S>& q, grid_position g, value_range r, double divisor = 1) {
  // Asked of the bits: arithmetic with NaN means nothing under -ffast-math.
  const float scale = is_nan(r.high) ? quiet_nan() : Rule::quotient(scale_numerator<S, Rule>(r), divisor * scale_divisor<S, Rule>());
  store(q.scales(), g, scale, typename Rule::rounding{}, true);
  if constexpr (S::has_zero) {
    const float zero = zero_point<S>(divided(r, divisor), q.scales().value(g.row, g.col));
    if constexpr (S::has_added_term && number_format<typename S::zero>) {
      if (overflows<typename S::zero>(magnitude(zero), nearest_even{})) {
        LOWP_THROW("the bias ", zero, " of group (", g.row, ", ", g.col, ") is beyond the largest number of its format, ",
                   limits<typename S::zero>.largest);
      }
    }
    store(q.zeros(), g, zero, nearest_even{}, false);
  }
}

// Scales and zero points of the matrix w / divisor, from the ranges of its groups ([grid.rows, grid.cols]). Groups that hold NaN
// do not take part in the scales of scales.
template <class Rule, scheme_type S>
void store_groups(quantized<S>& q, std::span<const value_range> ranges, double divisor) {
  const grid_shape grid = q.grid();
  std::vector<float> numbers(ranges.size());
  const matrix_view<const float> view{numbers.data(), grid.rows, grid.cols};
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const float number = is_nan(ranges[i].high) ? 0.0f : float_quotient(scale_numerator<S, Rule>(ranges[i]), 1);
    numbers[i] = is_finite(number) ? number : limits<f32>.largest;
  }
  fit_parameters(q.scales(), view, divisor * scale_divisor<S, Rule>());
  for (std::size_t pass = 0; pass < (scheme_type<typename S::zero> ? 2u : 1u); ++pass) {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      store_group<Rule>(q, {i / grid.cols, i % grid.cols}, ranges[i], divisor);
    }
    if constexpr (scheme_type<typename S::zero>) {
      // Zero points need the stored scales, and their own scheme needs all zero points: hence a second pass.
      if (pass != 0) break;
      for (std::size_t i = 0; i < ranges.size(); ++i) {
        numbers[i] = zero_point<S>(divided(ranges[i], divisor), q.scales().value(i / grid.cols, i % grid.cols));
      }
      fit_parameters(q.zeros(), view, 1);
    }
  }
}

// Gathers a group's values (and, where the calibrator has them, the importance of their columns).
template <scheme_type S, class T, class Recipe>
void gather(matrix_view<T> w, grid_position g, const Recipe& recipe, std::vector<float>& values, std::vector<float>& importance) {
  values.clear();
  importance.clear();
  S::granularity::visit(g, w.rows(), w.cols(), [&](std::size_t row, std::size_t col, std::size_t count) {
    for (std::size_t c = col; c < col + count; ++c) values.push_back(static_cast<float>(w(row, c)));
    if constexpr (requires { recipe.calibrator.importance; }) {
      if (!recipe.calibrator.importance.empty()) {
        for (std::size_t c = col; c < col + count; ++c) importance.push_back(recipe.calibrator.importance[c]);
      }
    }
  });
}

// Fills the scales and zero points of q for the matrix w / divisor.
template <scheme_type S, class T, class Recipe>
void fit(quantized<S>& q, matrix_view<T> w, double divisor, const Recipe& recipe) {
  if constexpr (requires { recipe.calibrator.importance; }) {
    const std::size_t given = recipe.calibrator.importance.size();
    if (given != 0 && given != w.cols()) LOWP_THROW("there are ", given, " importance weights for ", w.cols(), " columns");
  }
  const grid_shape grid = q.grid();
  std::vector<value_range> ranges(grid.rows * grid.cols);
  std::vector<float> values;
  std::vector<float> importance;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    gather<S>(w, {i / grid.cols, i % grid.cols}, recipe, values, importance);
    ranges[i] = calibrate<S>(values, importance, recipe);
  }
  store_groups<scale_rule_for<typename Recipe::scale_rule, S>>(q, ranges, divisor);
}

// A grid of scales is fitted as a matrix of weights would be.
template <scheme_type P>
void fit_parameters(quantized<P>& grid, matrix_view<const float> numbers, double divisor) {
  fit(grid, numbers, divisor, recipe{min_max{}, nearest_even{}, parameter_rule<P>{}});
}

}  // namespace lowp::inline LOWP_ABI::detail
