// From the range of a group to its scale and zero point, as numbers: the rules that the host and the device share. Storing them, and
// what follows from a scheme's scales having scales, is in fit.hpp.
//
//   const double n = lowp::detail::scale_numerator<S, range_scale>(range);
//   float scale = range_scale::quotient(n, lowp::detail::scale_divisor<S, range_scale>());
//   code_t<f16> code = lowp::detail::encode_scale<f16>(scale, nearest_even{});
#pragma once

#include <lowp/quantize/affine.hpp>
#include <lowp/quantize/scale_rule.hpp>
#include <lowp/quantize/value_range.hpp>

#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI::detail {

// The number whose division by scale_divisor gives the scale of a group.
template <scheme_type S, class Rule>
LOWP_HD constexpr double scale_numerator(value_range r) noexcept {
  if constexpr (S::has_zero) {
    const float width = r.high - r.low;
    return is_finite(width) ? static_cast<double>(width) : static_cast<double>(r.high) - static_cast<double>(r.low);
  } else {
    return Rule::template prepare<typename S::format>(r.reach());
  }
}

template <scheme_type S, class Rule>
LOWP_HD constexpr double scale_divisor() noexcept {
  using F = typename S::format;
  if constexpr (S::has_zero) return static_cast<double>(limits<F>.largest) - static_cast<double>(limits<F>.lowest);
  else return Rule::template divisor<F>;
}

// Whether a zero point for the range r can be stored in the format Z, whatever becomes of the scale.
template <scheme_type S, number_format Z>
LOWP_HD constexpr bool zero_point_fits(value_range r) noexcept {
  const double width = static_cast<double>(r.high) - static_cast<double>(r.low);
  const double codes = static_cast<double>(limits<typename S::format>.largest) - static_cast<double>(limits<typename S::format>.lowest);
  if (!(width > 0)) return false;
  const double zero = static_cast<double>(limits<typename S::format>.lowest) - static_cast<double>(r.low) * codes / width;
  // A scale too small for its format is off by less than a factor of two.
  if constexpr (table_format<Z>) return zero >= static_cast<double>(limits<Z>.lowest) && zero <= static_cast<double>(limits<Z>.largest);
  else return 2 * (zero < 0 ? -zero : zero) <= static_cast<double>(limits<Z>.largest);
}

// The range that a zero point can express. An integer zero point has to lie among the codes, so the range includes zero;
// so it does for zero points quantized beside others, lest one far away spoil them all, and where a group lies too far
// from zero for its width (all weights alike, for one). A float zero point follows the weights, and so do a bias and a minimum;
// but a minimum without a sign is zero or below.
template <scheme_type S>
LOWP_HD constexpr value_range fitting_range(value_range r) noexcept {
  const value_range with_zero{r.low < 0 ? r.low : 0.0f, r.high > 0 ? r.high : 0.0f};
  if constexpr (!S::has_zero || S::has_bias) return r;
  else if constexpr (S::has_minimum) return has_negative_numbers<typename S::zero>() || r.low < 0 ? r : value_range{0.0f, with_zero.high};
  else if constexpr (std::is_same_v<typename S::symmetry, asymmetric> || scheme_type<typename S::zero>) return with_zero;
  else return zero_point_fits<S, typename S::zero>(r) ? r : with_zero;
}

// The zero point, bias or minimum with which the lowest code stands for the low end of the range.
template <scheme_type S>
LOWP_HD constexpr float zero_point(value_range r, float scale) noexcept {
  constexpr float lowest = limits<typename S::format>.lowest;
  if (is_nan(scale)) return 0.0f;
  if constexpr (S::has_bias) return (r.low + 0.0f) - rounded(scale * lowest);  // the least of zeros of both signs is plus zero
  else if constexpr (S::has_minimum) return rounded(scale * lowest) - r.low;
  else return scale == 0.0f ? 0.0f : lowest - r.low / scale;
}

// The code of the smallest positive number.
template <number_format F>
LOWP_HD constexpr code_t<F> smallest_positive_code() {
  if constexpr (table_format<F>) {
    LOWP_CONSTANT(table, levels<F>);
    int i = 0;
    while (i + 1 < table.count && table.value[i] <= 0) ++i;
    return table.code[i];
  } else {
    return 1;
  }
}

// Whether x rounds to something beyond the format's largest number. Powers of two are exempt: they reach half of the
// largest float, and the codes that they scale reach the rest.
template <number_format F, rounding_policy R>
LOWP_HD constexpr bool overflows(float x, R rounding) noexcept {
  if constexpr (std::is_same_v<F, e8m0>) {
    return false;
  } else if constexpr (table_format<F>) {
    constexpr std::int32_t last = levels<F>.last[0];
    return ordered(x) > last && !std::is_same_v<R, toward_zero>;
  } else {
    return !is_finite(x) || !is_finite(round_to<F>(x, rounding, overflow::propagate));
  }
}

// A positive scale never becomes zero. (Compared as integers, to which NaN is no zero under -ffast-math either.)
template <number_format F, rounding_policy R>
LOWP_HD constexpr code_t<F> encode_scale(float x, R rounding) noexcept {
  constexpr code_t<F> smallest = smallest_positive_code<F>();
  const code_t<F> code = encode<F>(x, rounding);
  return ordered(x) > 0 && ordered(decode<F>(code)) == 0 ? smallest : code;
}

// The least power of two from which on a format has all of its precision: below, numbers are subnormal.
template <number_format F>
LOWP_HD constexpr float smallest_normal() {
  const auto holds = [](float x) { return round_to<F>(x) == x; };
  int digits = 0;
  while (digits < 23 && holds(1.0f + power_of_two(-digits - 1))) ++digits;
  int exponent = 0;
  while (exponent > -126 && holds(power_of_two(exponent - 1) + (digits != 0 ? power_of_two(exponent - 1 - digits) : 0.0f))) --exponent;
  return power_of_two(exponent);
}

// How many powers of two the largest numbers of a format can do without: half of its range, if small numbers are as precise
// as large ones.
template <number_format F>
LOWP_HD constexpr int spare_powers() {
  const float smallest = table_format<F> ? decode<F>(smallest_positive_code<F>()) : smallest_normal<F>();
  const int range = floor_log2(limits<F>.reach) - floor_log2(smallest);
  return range >= F::bits ? range / 2 : 0;
}

// How a grid of scales P is scaled in turn: by its own rule, but, where its format has range to spare, by as many powers of
// two more as a normal number takes. (Scales in e5m2 under an f16 would otherwise leave the f16 a bit or two.)
template <scheme_type P>
struct parameter_rule : scale_rule_for<default_scale, P> {
  using base = scale_rule_for<default_scale, P>;
  LOWP_HD static constexpr float quotient(double numerator, double divisor) noexcept {
    if constexpr (number_format<typename P::scale>) {
      constexpr float normal = smallest_normal<typename P::scale>();
      constexpr int most = spare_powers<typename P::format>();
      for (int spare = most; spare > 0; --spare) {
        if (!(numerator > 0 && base::quotient(numerator, divisor) < normal)) break;
        numerator *= 2;
      }
    }
    return base::quotient(numerator, divisor);
  }
};

}  // namespace lowp::inline LOWP_ABI::detail
