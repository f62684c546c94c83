// One value under a scheme: from float to code and back, given its group's scale and zero point. The single place where
// value = scale * (code - zero), or scale * code + bias, is written; quantize, the algorithms and the portable kernels all go
// through it.
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
  float zero = 0.0f;  // in units of the code's value; or the bias or the minimum, in units of the weights. 0 for symmetric schemes

  // Exact up to the one rounding of the product (with a zero point between codes: and that of the difference; with a bias or a
  // minimum: and that of the sum, which comes last).
  LOWP_HD constexpr float decode(std::uint32_t code) const noexcept { return value(lowp::decode<format>(code)); }

  // What a number of the format stands for.
  LOWP_HD constexpr float value(float number) const noexcept {
    if constexpr (S::has_bias) return rounded(scale * number) + own_zero();
    else if constexpr (S::has_minimum) return rounded(scale * number) - own_zero();
    else if constexpr (S::has_zero) return scale * (number - own_zero());
    else return scale * number;
  }

  // The code nearest to x / scale + zero, or to (x - bias) / scale. An integer zero point is added after rounding, as the field
  // does, so that ties fall alike whatever the zero point is. A scale of zero stands for a group of numbers that are all alike.
  template <rounding_policy R = nearest_even>
  LOWP_HD constexpr code_t<format> encode(float x, R rounding = {}) const noexcept {
    if constexpr (S::has_added_term) {
      const float bias = S::has_bias ? own_zero() : -own_zero();
      const float above = x - bias;
      // Half of both, where their difference is beyond the largest float.
      const float ratio = scale == 0.0f ? 0.0f : is_finite(above) ? above / scale : (0.5f * x - 0.5f * bias) / scale * 2.0f;
      return lowp::encode<format>(ratio, rounding);
    }
    const float ratio = scale == 0.0f ? 0.0f : x / scale;
    if constexpr (std::is_same_v<typename S::symmetry, asymmetric>) {
      const int shifted = detail::round_to_integer(ratio, rounding) + static_cast<int>(zero);
      return lowp::encode<format>(static_cast<float>(shifted));
    } else if constexpr (S::has_zero) {
      return lowp::encode<format>(ratio + own_zero(), rounding);
    } else {
      return lowp::encode<format>(ratio, rounding);
    }
  }

 private:
  // Where zeros are quantized in turn, this one is a product, which is rounded before it is added to.
  LOWP_HD constexpr float own_zero() const noexcept {
    if constexpr (scheme_type<typename S::zero>) return rounded(zero);
    else return zero;
  }
};

}  // namespace lowp::inline LOWP_ABI
