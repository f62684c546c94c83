// Integers of 1 to 8 bits, two's complement or unsigned, with an optional binary point.
//
//   lowp::decode<lowp::i4>(0b1111) == -1.0f
//   using q1_6 = lowp::integer<8, true, 6>;      // MXINT8's element: an 8-bit integer times 2^-6 (OCP MX 1.0, 5.3.4)
//
// Named i4, u4 and so on, not int4: CUDA declares a global int4 of its own.
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/format/number_format.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

namespace detail {

// x * 2^fraction_bits rounded to an integer, clamped to -2^24..2^24; NaN becomes 2^24.
template <rounding_policy R>
LOWP_HD constexpr int round_to_integer(const float& x, R rounding, int fraction_bits = 0) noexcept {
  const auto u = bit_cast<std::uint32_t>(x);
  const std::uint32_t a = u & 0x7fffffffu;
  const int raw = static_cast<int>(a >> 23);
  const int shift = 150 - (raw != 0 ? raw : 1) - fraction_bits;  // |x| = significand * 2^-shift, in units of the result
  int rounded = 1 << 24;
  if (shift >= 0) {
    const auto [kept, fraction, sticky] = split((a & 0x007fffffu) | (raw != 0 ? 0x00800000u : 0u), shift);
    rounded = static_cast<int>(kept) + (rounding.away(kept, fraction, sticky) ? 1 : 0);
  }
  return a <= 0x7f800000u && (u >> 31) != 0 ? -rounded : rounded;
}

}  // namespace detail

template <int Bits, bool Signed, int Fraction = 0>
struct integer {
  static_assert(Bits >= (Signed ? 2 : 1) && Bits <= 8, "an integer format has 1 (signed: 2) to 8 bits");
  static_assert(Fraction >= 0 && Fraction <= 64, "the binary point lies 0 to 64 places from the right");

  static constexpr int bits = Bits;
  static constexpr int max = Signed ? (1 << (Bits - 1)) - 1 : (1 << Bits) - 1;
  static constexpr int min = Signed ? -max - 1 : 0;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    const auto shifted = static_cast<std::int32_t>(code << (32 - Bits));
    const int value = Signed ? shifted >> (32 - Bits) : static_cast<int>(code & low_mask(Bits));
    if constexpr (Fraction == 0) return static_cast<float>(value);
    else return static_cast<float>(value) * power_of_two(-Fraction);
  }

  // Infinity and everything beyond the range become the nearest end of it; NaN becomes the largest value.
  template <rounding_policy R>
  LOWP_HD static constexpr std::uint32_t encode(const float& x, R rounding, overflow) noexcept {
    if (is_nan(x)) return static_cast<std::uint32_t>(max);
    const int rounded = detail::round_to_integer(x, rounding, Fraction);
    return static_cast<std::uint32_t>(rounded < min ? min : rounded > max ? max : rounded) & low_mask(Bits);
  }
};

using i2 = integer<2, true>;
using i3 = integer<3, true>;
using i4 = integer<4, true>;
using i8 = integer<8, true>;
using u2 = integer<2, false>;
using u3 = integer<3, false>;
using u4 = integer<4, false>;
using u8 = integer<8, false>;

}  // namespace lowp::inline LOWP_ABI
