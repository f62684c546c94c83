// Number formats that only ggml's blocks use (GGUF files).
//
//   lowp::ggml::iq4_values   the 4-bit codebook of IQ4_NL and IQ4_XS
//   lowp::ggml::ternary      -1, 0, 1 as codes 0, 1, 2, of TQ1_0 and TQ2_0 (where a code 3 reads as 2)
//   lowp::ggml::ue4m3        E4M3 without its sign bit, the scales of NVFP4: the code that is NaN in E4M3 reads as zero
//
//   lowp::decode<lowp::ggml::iq4_values>(0) == -127.0f
#pragma once

#include <lowp/format/minifloat.hpp>
#include <lowp/format/number_format.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI::ggml {

struct iq4_values {
  static constexpr int bits = 4;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    constexpr float v[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    return v[code & 15u];
  }
};

struct ternary {
  static constexpr int bits = 2;
  static constexpr tie ties = tie::toward_zero;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept { return static_cast<float>(static_cast<int>(code & 3u) - 1); }
};

struct ue4m3 {
  static constexpr int bits = 7;
  static constexpr int exponent_bits = 4;
  static constexpr int mantissa_bits = 3;
  static constexpr int bias = 7;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    code &= 0x7fu;
    return code == 0x7fu ? 0.0f : e4m3::decode(code);
  }
};

}  // namespace lowp::inline LOWP_ABI::ggml
