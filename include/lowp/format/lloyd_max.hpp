// The numbers that stand for a normal distribution of variance one with the least mean squared error, for 1 to 4 bits.
//
//   lowp::decode<lowp::lloyd_max<2>>(3) == 1.51041761f
//
//   bits                  1         2          3           4
//   mean squared error    0.363380  0.1174818  0.03454776  0.009501008
//
// Source: Max, "Quantizing for minimum distortion", 1960, table I; Lloyd 1957. Codes ascend with the numbers, and thresholds lie halfway.
#pragma once

#include <lowp/format/number_format.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

template <int Bits>
struct lloyd_max {
  static_assert(Bits >= 1 && Bits <= 4, "there are tables for 1 to 4 bits");
  static constexpr int bits = Bits;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    constexpr std::uint32_t half = 1u << (Bits - 1);
    code &= 2 * half - 1;
    return code < half ? -positive(half - 1 - code) : positive(code - half);
  }

 private:
  LOWP_HD static constexpr float positive(std::uint32_t i) noexcept {
    constexpr float v[15] = {0.797884561f,                                          // 1 bit
                             0.452780035f, 1.51041761f,                             // 2
                             0.245094179f, 0.756005281f, 1.34390928f,  2.1519457f,  // 3
                             0.12839503f,  0.388048299f, 0.656759119f, 0.942340456f, 1.2562312f, 1.61804639f, 2.06901723f, 2.73258957f};
    return v[(1u << (Bits - 1)) - 1 + i];
  }
};

}  // namespace lowp::inline LOWP_ABI
