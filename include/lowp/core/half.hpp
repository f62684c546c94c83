// The 16-bit and 32-bit storage types: f16 (IEEE 754 binary16), bf16 (the upper half of a float) and f32.
//
// Each holds a bit pattern, converts to and from float exactly (nearest, ties to even; overflow to infinity, as IEEE 754
// says), and is a number format too, so that weights, activations and scales can be stored in it.
//
//   lowp::f16 h(0.1f);          // h.code == 0x2e66
//   float x = h;                // 0.0999755859375f
#pragma once

#include <lowp/core/narrow_float.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class Self, int Exponent, int Mantissa>
struct half_float {
  using codec = narrow_float<Exponent, Mantissa, special_values::ieee, (1 << (Exponent - 1)) - 1>;
  static constexpr int bits = 16;
  static constexpr float largest = codec::decode(codec::max);

  std::uint16_t code = 0;

  constexpr half_float() = default;
  LOWP_HD constexpr explicit half_float(const float& x) noexcept : code(static_cast<std::uint16_t>(encode(x))) {}
  LOWP_HD constexpr operator float() const noexcept { return decode(code); }

  LOWP_HD static constexpr Self from_code(std::uint16_t code) noexcept {
    Self h;
    h.code = code;
    return h;
  }
  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    if constexpr (Exponent == 8) return bit_cast<float>((code & 0xffffu) << 16);
    else return codec::decode(code);
  }
  template <rounding_policy R = nearest_even>
  LOWP_HD static constexpr std::uint32_t encode(const float& x, R rounding = {}, overflow mode = overflow::propagate) noexcept {
    return codec::encode(x, rounding, mode);
  }
};

}  // namespace detail

struct f16 : detail::half_float<f16, 5, 10> {
  using half_float::half_float;
};

struct bf16 : detail::half_float<bf16, 8, 7> {
  using half_float::half_float;
};

// A float as a number format: its code is its bit pattern.
struct f32 {
  static constexpr int bits = 32;
  static constexpr float largest = bit_cast<float>(0x7f7fffffu);

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept { return bit_cast<float>(code); }
  template <rounding_policy R = nearest_even>
  LOWP_HD static constexpr std::uint32_t encode(const float& x, R = {}, overflow mode = overflow::propagate) noexcept {
    const bool clamp = mode == overflow::saturate && !is_finite(x) && !is_nan(x);
    return bit_cast<std::uint32_t>(x) - (clamp ? 1u : 0u);
  }
};

}  // namespace lowp::inline LOWP_ABI
