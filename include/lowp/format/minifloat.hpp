// Floating-point numbers of 3 to 8 bits: sign, exponent, mantissa, and one of four conventions for special values.
//
//   lowp::decode<lowp::e4m3>(0x7e) == 448.0f
//   using e3m4 = lowp::minifloat<3, 4, lowp::special_values::ieee>;      // a format of one's own
//
// Sources: OCP 8-bit Floating Point Specification 1.0 (e4m3, e5m2); Noune et al. 2022 (fnuz); OCP Microscaling Formats
// (MX) Specification 1.0, section 5.3 (e2m1, e2m3, e3m2).
#pragma once

#include <lowp/core/narrow_float.hpp>
#include <lowp/format/number_format.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

// The exponent bias that a convention implies: one more for fnuz, whose highest exponent is an ordinary one.
constexpr int default_bias(int exponent_bits, special_values specials) noexcept {
  return (1 << (exponent_bits - 1)) - (specials == special_values::fnuz ? 0 : 1);
}

template <int Exponent, int Mantissa, special_values Specials, int Bias = default_bias(Exponent, Specials)>
struct minifloat {
  static_assert(1 + Exponent + Mantissa <= 8, "a minifloat has at most 8 bits; f16 and bf16 are formats of their own");

  static constexpr int bits = 1 + Exponent + Mantissa;
  static constexpr int exponent_bits = Exponent;
  static constexpr int mantissa_bits = Mantissa;
  static constexpr int bias = Bias;
  static constexpr special_values specials = Specials;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept { return codec::decode(code); }

  // Subnormal results are exact, minus zero is kept where the format has it, and NaN keeps its sign where it has one.
  template <rounding_policy R>
  LOWP_HD static constexpr std::uint32_t encode(const float& x, R rounding, overflow mode) noexcept {
    return codec::encode(x, rounding, mode);
  }

 private:
  using codec = detail::narrow_float<Exponent, Mantissa, Specials, Bias>;
};

using e4m3 = minifloat<4, 3, special_values::fn>;
using e5m2 = minifloat<5, 2, special_values::ieee>;
using e4m3fnuz = minifloat<4, 3, special_values::fnuz>;
using e5m2fnuz = minifloat<5, 2, special_values::fnuz>;
using e3m2 = minifloat<3, 2, special_values::none>;
using e2m3 = minifloat<2, 3, special_values::none>;
using e2m1 = minifloat<2, 1, special_values::none>;

}  // namespace lowp::inline LOWP_ABI
