// One value under a scheme: from float to code and back, given its group's scale and zero point. The single place where
// value = scale * (code - zero) is written; quantize, the algorithms and the portable kernels all go through it.
//
//   affine<int4_g128> group{.scale = 0.1f};
//   group.decode(group.encode(0.23f)) == 0.2f
#pragma once

#include <lowp/format/encode.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/scheme/scheme.hpp>

#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

template <scheme_type S>
struct affine {
  using format = typename S::format;

  float scale = 1.0f;
  float zero = 0.0f;  // in units of the code's value; 0 for symmetric schemes

  // Exact up to the one rounding of the product (with a zero point between codes: and that of the difference).
  LOWP_HD constexpr float decode(std::uint32_t code) const noexcept {
    if constexpr (S::has_zero) return scale * (lowp::decode<format>(code) - zero);
    else return scale * lowp::decode<format>(code);
  }

  // The code nearest to x / scale + zero. An integer zero point is added after rounding, as the field does, so that
  // ties fall alike whatever the zero point is. A scale of zero stands for a group of zeros.
  template <rounding_policy R = nearest_even>
  LOWP_HD constexpr code_t<format> encode(float x, R rounding = {}) const noexcept {
    const float ratio = scale == 0.0f ? 0.0f : x / scale;
    if constexpr (std::is_same_v<typename S::symmetry, asymmetric>) {
      const int shifted = detail::round_to_integer(ratio, rounding) + static_cast<int>(zero);
      return lowp::encode<format>(static_cast<float>(shifted));
    } else if constexpr (S::has_zero) {
      return lowp::encode<format>(ratio + zero, rounding);
    } else {
      return lowp::encode<format>(ratio, rounding);
    }
  }
};

}  // namespace lowp::inline LOWP_ABI
