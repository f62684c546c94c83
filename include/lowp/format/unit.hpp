// The format of no bits, whose only value is one: the scale of a scheme that has none.
//
//   using unscaled_fp8 = lowp::scheme<lowp::e4m3, lowp::per_tensor, lowp::symmetric, lowp::unit>;
#pragma once

#include <lowp/format/number_format.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

struct unit {
  static constexpr int bits = 0;

  LOWP_HD static constexpr float decode(std::uint32_t) noexcept { return 1.0f; }
  template <rounding_policy R>
  LOWP_HD static constexpr std::uint32_t encode(float, R, overflow) noexcept {
    return 0;
  }
};

}  // namespace lowp::inline LOWP_ABI
