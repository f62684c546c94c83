// E8M0: a power of two, 2^(code - 127), as the OCP MX specification 1.0 (section 5.4.1) stores scales; 0xff is NaN.
// It has no zero, no sign and no infinity.
//
// Which power a number becomes is a matter of policy, and implementations differ; here it is named:
//   lowp::encode<lowp::e8m0>(x, lowp::e8m0::floor{})     the power at or below x (what OCP MX scales use)
//   lowp::encode<lowp::e8m0>(x, lowp::e8m0::nearest{})   the nearer one, halfway (1.5 * 2^k) upward; the default
//   lowp::encode<lowp::e8m0>(x, lowp::e8m0::ceiling{})   the power at or above x (PTX cvt.rp.ue8m0x2)
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/format/number_format.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

struct e8m0 {
  using floor = toward_zero;
  using nearest = half_away;
  using ceiling = away_from_zero;

  static constexpr int bits = 8;
  static constexpr tie ties = tie::upper;
  static constexpr std::uint32_t nan = 0xff;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    code &= 0xffu;
    return bit_cast<float>(code == 0 ? 0x00400000u : code == nan ? 0x7fc00000u : code << 23);
  }

  // Zero and negative numbers have no code: they saturate to 2^-127, or propagate as NaN. NaN is NaN.
  template <rounding_policy R>
  LOWP_HD static constexpr std::uint32_t encode(const float& x, R rounding, overflow mode) noexcept {
    const auto u = bit_cast<std::uint32_t>(x);
    const std::uint32_t a = u & 0x7fffffffu;
    const bool propagate = mode == overflow::propagate;
    if (a > 0x7f800000u) return nan;
    if ((u >> 31) != 0 || a == 0) return propagate ? nan : 0u;
    if (a < 0x00400000u) return 0;
    const bool subnormal = a < 0x00800000u;
    const std::uint32_t kept = a >> 23;
    const std::uint32_t fraction = subnormal ? (a - 0x00400000u) << 10 : a << 9;
    const std::uint32_t code = a >= 0x7f800000u ? nan : kept + (rounding.away(1u, fraction, false) ? 1u : 0u);
    return code == nan && !propagate ? nan - 1u : code;
  }
};

}  // namespace lowp::inline LOWP_ABI
