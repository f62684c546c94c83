// Scale rules: how the range of a group becomes its scale.
//
// A rule states the number that the range is divided by and how the quotient is rounded into the scale's format:
//   range_scale   amax / largest code value, rounded to nearest: integers, FP8, NF4, NVFP4
//   half_width_scale    amax / half of what all codes span: integers of 4 bits by 7.5 (GPTQ, compressed-tensors); the largest saturates
//   lowest_code_scale   amax / the magnitude of the lowest code: integers of 4 bits by 8
//   mx_floor      2^(floor(log2 amax) - emax): OCP MX specification 1.0, section 6.3; the default for E8M0 scales
//   mx_ceil       2^(ceil(log2 amax) - emax)
//   mx_rceil      2^ceil(log2(amax / largest code value)): never saturates (PTX cvt.rp.ue8m0x2)
//   mx_even       mx_floor of amax rounded to the element's mantissa width
// where emax is the exponent of the element's largest value. Names and formulas of the four MX rules as in torchao's
// ScaleCalculationMode. The power-of-two rules are exact for every float, subnormal ones too; mx_rceil takes the
// quotient as a float, as the instruction does.
//
//   lowp::quantize<lowp::mxfp4>(w, lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, lowp::mx_rceil{}});
#pragma once

#include <lowp/format/e8m0.hpp>
#include <lowp/format/encode.hpp>
#include <lowp/scheme/scheme.hpp>

#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

namespace detail {

// Rounded to nearest, but never from a positive number to zero.
LOWP_HD constexpr float float_quotient(double numerator, double divisor) noexcept {
  const double q = numerator / divisor;
  if (q > 0x1.fffffefp127) return infinity();
  const auto nearest = static_cast<float>(q);
  return q > 0 && nearest == 0.0f ? from_ordered(1) : nearest;
}

// The divisor and the prepared amax are doubles: of two floats that gives the float quotient, rounded once.
template <class Rounding>
struct reach_rule {
  using rounding = Rounding;
  template <number_format F>
  static constexpr double divisor = limits<F>.reach;
  template <number_format F>
  LOWP_HD static constexpr double prepare(float amax) noexcept {
    return static_cast<double>(amax);
  }
  LOWP_HD static constexpr float quotient(double numerator, double divisor) noexcept { return float_quotient(numerator, divisor); }
};

template <class Rounding>
struct power_rule : reach_rule<Rounding> {
  template <number_format F>
  static constexpr double divisor = power_of_two(floor_log2(limits<F>.reach));

  // A quotient that is too small for all its bits must not be rounded past the power of two that it lies beside.
  LOWP_HD static constexpr float quotient(double numerator, double divisor) noexcept {
    const float nearest = float_quotient(numerator, divisor);
    const auto error = static_cast<double>(nearest) - numerator / divisor;
    if (!is_finite(nearest) || error == 0) return nearest;
    const bool down = std::is_same_v<Rounding, toward_zero>;
    if (error > 0) return down ? from_ordered(ordered(nearest) - 1) : nearest;
    return down ? nearest : from_ordered(ordered(nearest) + 1);
  }
};

// Mantissa bits of the largest value of a format: a minifloat's field, or all digits of an integer but the first.
template <number_format F>
LOWP_HD constexpr int mantissa_width() {
  if constexpr (requires { F::mantissa_bits; }) return F::mantissa_bits;
  else return F::bits - 2;
}

}  // namespace detail

struct range_scale : detail::reach_rule<nearest_even> {};
struct half_width_scale : range_scale {
  template <number_format F>
  static constexpr double divisor = (static_cast<double>(limits<F>.largest) - static_cast<double>(limits<F>.lowest)) / 2;
};
struct lowest_code_scale : range_scale {
  template <number_format F>
    requires(limits<F>.lowest < 0)
  static constexpr double divisor = -static_cast<double>(limits<F>.lowest);
};
struct mx_floor : detail::power_rule<toward_zero> {};
struct mx_ceil : detail::power_rule<away_from_zero> {};
struct mx_rceil : detail::reach_rule<away_from_zero> {};

struct mx_even : detail::power_rule<toward_zero> {
  template <number_format F>
  LOWP_HD static constexpr double prepare(float amax) noexcept {
    if (amax == 0.0f || !is_finite(amax)) return static_cast<double>(amax);
    const std::uint32_t rounded = bit_cast<std::uint32_t>(amax) + (std::uint32_t{1} << (22 - detail::mantissa_width<F>()));
    return rounded < 0x7f800000u ? static_cast<double>(bit_cast<float>(rounded)) : 0x1p128;
  }
};

// The rule that a scheme's definition asks for. Where scales are powers of two: OCP MX's, if the element reaches at least
// as far beyond its last power of two as MX's elements do (half as far again), so that what saturates is little; else, and
// where there are zero points, which leave no room to saturate, the power above. The range everywhere else.
struct default_scale {};

namespace detail {

template <class P>
inline constexpr bool is_power_scale = std::is_same_v<P, e8m0>;
template <class G, class Y, class P>
inline constexpr bool is_power_scale<scheme<e8m0, G, Y, P>> = true;

template <number_format F>
constexpr bool reaches_beyond_power() {
  return limits<F>.reach >= 1.5f * power_of_two(floor_log2(limits<F>.reach));
}

template <class Rule, class S>
struct resolve_rule {
  using type = Rule;
};
template <class S>
struct resolve_rule<default_scale, S> {
  using power = std::conditional_t<S::has_zero || !reaches_beyond_power<typename S::format>(), mx_rceil, mx_floor>;
  using type = std::conditional_t<is_power_scale<typename S::scale>, power, range_scale>;
};

}  // namespace detail

template <class Rule, scheme_type S>
using scale_rule_for = typename detail::resolve_rule<Rule, S>::type;

}  // namespace lowp::inline LOWP_ABI
