// Formats as users write them, each odd in its own way.
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/format/number_format.hpp>

#include <cstdint>

namespace user {

// The example of docs/formats.md.
struct log3 {
  static constexpr int bits = 3;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[8] = {0, .125f, .5f, 1, -1, -.5f, -.125f, 0};
    return v[code & 7];
  }
};

// Zero has two codes, neither of them the first.
struct duplicate_zero {
  static constexpr int bits = 2;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[4] = {2, 0, -1, -0.0f};
    return v[code & 3];
  }
};

struct with_infinities {
  static constexpr int bits = 3;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    // By their bits, which -ffast-math leaves alone.
    constexpr float v[8] = {0, 1, 4, lowp::bit_cast<float>(0x7f800000u), lowp::bit_cast<float>(0xff800000u), -4, -1, lowp::quiet_nan()};
    return v[code & 7];
  }
};

struct with_nan {
  static constexpr int bits = 2;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[4] = {-1, 0, 1, lowp::quiet_nan()};
    return v[code & 3];
  }
};

struct without_zero {
  static constexpr int bits = 2;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[4] = {-3, -1, 1, 3};
    return v[code & 3];
  }
};

struct sign_bit {
  static constexpr int bits = 1;
  LOWP_HD static constexpr float decode(std::uint32_t code) { return (code & 1) != 0 ? -1.0f : 1.0f; }
};

// The extremes of float side by side: the neighbours of 1 are thirty decades away.
struct wide {
  static constexpr int bits = 3;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[8] = {-0x1.fffffep127f, -1, -0x1p-149f, 0x1p-149f, 0x1.8p-140f, 0x1p-60f, 1, 0x1.fffffep127f};
    return v[code & 7];
  }
};

struct only_negative {
  static constexpr int bits = 2;
  LOWP_HD static constexpr float decode(std::uint32_t code) { return -1.0f - static_cast<float>(code & 3); }
};

// 0, 1, 2, 3 with codes 0, 2, 1, 3: neighbours whose codes have one parity.
struct stride_two {
  static constexpr int bits = 2;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[4] = {0, 2, 1, 3};
    return v[code & 3];
  }
};

// 256 values without a closed form: sign and the square of a 7-bit number.
struct squares {
  static constexpr int bits = 8;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    const auto m = static_cast<float>(code & 127);
    return (code & 128) != 0 ? -m * m : m * m;
  }
};

// Ties are part of a format: the same values, and another rule each.
template <lowp::tie Rule>
struct thirds {
  static constexpr int bits = 2;
  static constexpr lowp::tie ties = Rule;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[4] = {-2, -1, 1, 2};
    return v[code & 3];
  }
};

// A published rule that is not the midpoint: everything up to 0.9 of a step stays.
struct lazy {
  static constexpr int bits = 2;
  LOWP_HD static constexpr float decode(std::uint32_t code) { return static_cast<float>(code & 3); }
  LOWP_HD static constexpr float threshold(int i) { return static_cast<float>(i) + 0.9f; }
};

// A closed form that is wrong in one place, for the laws to find.
struct wrong_at_one_tie {
  static constexpr int bits = 2;
  LOWP_HD static constexpr float decode(std::uint32_t code) { return static_cast<float>(code & 3); }
  template <class R>
  LOWP_HD static constexpr std::uint32_t encode(float x, R, lowp::overflow) {
    return x > 2.5f ? 3u : x > 1.5f ? 2u : x > 0.5f ? 1u : 0u;  // 1.5 is a tie and belongs to 2
  }
};

}  // namespace user
