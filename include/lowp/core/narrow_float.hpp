// Conversion between float and any smaller binary floating-point number, in integer arithmetic alone: exact under
// -ffast-math, with denormals flushed or not, on the host, on the device and in constant expressions.
//
// Sources: IEEE 754-2019; OCP 8-bit Floating Point Specification 1.0 (E4M3, E5M2); Noune et al., "8-bit numerical
// formats for deep neural networks", 2022 (FNUZ); OCP Microscaling Formats 1.0 (FP6, FP4).
//
//   using half = lowp::detail::narrow_float<5, 10, lowp::special_values::ieee, 15>;
//   half::encode(65504.0f, lowp::nearest_even{}, lowp::overflow::propagate) == 0x7bff
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/core/rounding.hpp>

#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// Which codes stand for something other than a finite number.
enum class special_values {
  ieee,  // the highest exponent holds infinity (mantissa 0) and NaN (the rest), as in e5m2
  fn,    // only all exponent and mantissa bits set is NaN; no infinity, as in e4m3
  fnuz,  // only the code of minus zero is NaN; no infinity, no minus zero
  none   // every code is a finite number, as in e2m1, e2m3 and e3m2
};

namespace detail {

template <int Exponent, int Mantissa, special_values Specials, int Bias>
struct narrow_float {
  static_assert(Exponent >= 1 && Exponent <= 8, "a narrow float has 1 to 8 exponent bits");
  static_assert(Mantissa >= 0 && Mantissa <= 22, "a narrow float has 0 to 22 mantissa bits");
  static_assert(Mantissa >= 1 || Specials != special_values::ieee, "IEEE special values need a mantissa bit to tell NaN from infinity");
  static_assert(Bias >= 0 && Bias <= 127 && (1 << Exponent) - (Specials == special_values::ieee ? 2 : 1) - Bias <= 127,
                "every value of a narrow float must be a float");

  static constexpr std::uint32_t sign = std::uint32_t{1} << (Exponent + Mantissa);
  static constexpr std::uint32_t all_ones = sign - 1u;
  static constexpr std::uint32_t infinity_code = all_ones & ~low_mask(Mantissa);
  static constexpr std::uint32_t max = Specials == special_values::ieee ? infinity_code - 1u
                                       : Specials == special_values::fn ? all_ones - 1u
                                                                        : all_ones;
  static constexpr bool has_infinity = Specials == special_values::ieee;
  static constexpr bool has_nan = Specials != special_values::none;
  // What NaN becomes: the quiet NaN with the sign kept; where there is none, the largest number, as in PTX cvt.satfinite.
  static constexpr std::uint32_t nan = Specials == special_values::ieee   ? (infinity_code | infinity_code >> 1) & all_ones
                                       : Specials == special_values::fnuz ? sign
                                                                          : all_ones;

  // One bit_cast at the very end: a compiler told that NaN does not exist may drop a branch that returns one as a float.
  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept { return bit_cast<float>(decode_bits(code)); }

  template <rounding_policy R>
  LOWP_HD static constexpr std::uint32_t encode(const float& x, R rounding, overflow mode) noexcept {
    const auto u = bit_cast<std::uint32_t>(x);
    const std::uint32_t a = u & 0x7fffffffu;
    const std::uint32_t negative = (u >> 31) != 0 ? sign : 0u;
    if (a >= 0x7f800000u) {
      if (a > 0x7f800000u) return Specials == special_values::fnuz || !has_nan ? nan : negative | nan;
      return beyond(negative, mode);
    }
    const int raw = static_cast<int>(a >> 23);
    const std::uint32_t significand = (a & 0x007fffffu) | (raw != 0 ? 0x00800000u : 0u);
    const int exponent = (raw != 0 ? raw : 1) - 127;             // |x| = significand * 2^(exponent - 23)
    const int grid = exponent > 1 - Bias ? exponent : 1 - Bias;  // the exponent whose spacing applies here
    const auto [kept, fraction, sticky] = split(significand, 23 - Mantissa + grid - exponent);
    // A carry out of the mantissa moves into the exponent by itself.
    std::uint32_t code = (static_cast<std::uint32_t>(grid + Bias - 1) << Mantissa) + kept;
    if (rounding.away(code, fraction, sticky)) ++code;
    // Rounding toward zero never leaves the finite range.
    if (code > max) return beyond(negative, std::is_same_v<R, toward_zero> ? overflow::saturate : mode);
    if constexpr (Specials == special_values::fnuz) {
      if (code == 0) return 0;
    }
    return negative | code;
  }

 private:
  // The bits of the float that a code stands for.
  LOWP_HD static constexpr std::uint32_t decode_bits(std::uint32_t code) noexcept {
    const std::uint32_t negative = (code & sign) != 0 ? 0x80000000u : 0u;
    const std::uint32_t a = code & all_ones;
    if constexpr (Specials == special_values::ieee) {
      if (a >= infinity_code) return negative | (a == infinity_code ? 0x7f800000u : 0x7fc00000u);
    }
    if constexpr (Specials == special_values::fn) {
      if (a == all_ones) return negative | 0x7fc00000u;
    }
    if constexpr (Specials == special_values::fnuz) {
      if (a == 0) return negative != 0 ? 0x7fc00000u : 0u;
    }
    std::uint32_t significand = a & low_mask(Mantissa);
    int exponent = static_cast<int>(a >> Mantissa);
    if (exponent == 0) {
      if (significand == 0) return negative;
      const int shift = Mantissa + 1 - bit_width(significand);
      exponent = 1 - shift;
      significand <<= shift;
    } else {
      significand |= std::uint32_t{1} << Mantissa;
    }
    // significand has its leading one at bit Mantissa; the value is significand * 2^(exponent - Bias - Mantissa).
    const std::uint32_t aligned = significand << (23 - Mantissa);
    const int float_exponent = exponent - Bias + 127;
    if (float_exponent >= 1) return negative | (static_cast<std::uint32_t>(float_exponent) << 23) | (aligned & 0x007fffffu);
    return negative | (aligned >> (1 - float_exponent));
  }

  LOWP_HD static constexpr std::uint32_t beyond(std::uint32_t negative, overflow mode) noexcept {
    if (mode == overflow::saturate) return negative | max;
    if constexpr (has_infinity) return negative | infinity_code;
    if constexpr (Specials == special_values::fnuz) return nan;
    if constexpr (has_nan) return negative | nan;
    return negative | max;
  }
};

}  // namespace detail
}  // namespace lowp::inline LOWP_ABI
