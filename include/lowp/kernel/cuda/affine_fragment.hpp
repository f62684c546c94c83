// Dequantizing 4-bit codes that are evenly spaced numbers (i4, u4, any fixed point of 4 bits): a code is planted into the
// mantissa of 1024, and one multiply-add takes the 1024 away again. Five integer and four half instructions a word.
//
//   1024 + q        0 11001 000000qqqq      q in the low nibble of a half
//   1024 + 16 q     0 11001 00qqqq0000      q in the next one, so that no shift is needed; the multiply-add divides by 16
//
// Two's complement is made an offset by inverting its sign bit in the same LOP3. Method: Kim et al., "Who Says Elephants
// Can't Run", 2022 (arXiv 2211.10017), section 3; Marlin (arXiv 2408.11743), section 3.
#pragma once

#include <lowp/kernel/cuda/fragment.hpp>

#include <concepts>
#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

// value(code) == first + step * (code ^ flip)
struct even_spacing {
  float first;
  float step;
  std::uint32_t flip;
};

// Guessed from two codes; affine_fragment::works has the proof. Nothing here overflows, whatever the format.
template <table_format F>
constexpr even_spacing spacing_of() noexcept {
  for (std::uint32_t c = 0; c < 16; ++c) {
    if (is_nan(decode<F>(c)) || magnitude(decode<F>(c)) > f16::largest) return {0, 0, 0};
  }
  const std::uint32_t flip = decode<F>(8) < decode<F>(0) ? 8u : 0u;
  return {decode<F>(flip), decode<F>(1u ^ flip) - decode<F>(flip), flip};
}

template <class F, class Order>
struct affine_fragment {
  static constexpr even_spacing spacing = spacing_of<F>();
  static constexpr std::uint32_t flips = spacing.flip * 0x00110011u;

  // value == fma(raw, scale, offset), half by half.
  struct terms {
    std::uint32_t scale;
    std::uint32_t offset;
  };

  // Whether a half of register r holds its code times 16.
  LOWP_HD static constexpr bool upper(int r, int half) noexcept { return std::same_as<Order, natural_order> ? half == 1 : r % 2 == 1; }

  LOWP_HD static constexpr terms affine(int r) noexcept {
    const bool low = upper(r, 0);
    const bool high = upper(r, 1);
    const std::uint32_t plain = scale(false);
    const std::uint32_t sixteenth = scale(true);
    return {ptx::pair(low ? sixteenth : plain, high ? sixteenth : plain), ptx::pair(offset(low), offset(high))};
  }

  LOWP_HD static constexpr fragment<f16> raw(std::uint32_t word) noexcept {
    constexpr std::uint8_t lut = (ptx::lut_a & ptx::lut_b) ^ ptx::lut_c;
    if constexpr (std::same_as<Order, natural_order>) {
      // Byte r in both halves: its low nibble stays in the low half, its high nibble in the high half.
      constexpr std::uint32_t mask = 0x00f0000fu;
      constexpr std::uint32_t magic = 0x64006400u ^ (flips & mask);
      return {ptx::lop3<lut>(ptx::prmt(word, word, 0x0000), mask, magic), ptx::lop3<lut>(ptx::prmt(word, word, 0x1111), mask, magic),
              ptx::lop3<lut>(ptx::prmt(word, word, 0x2222), mask, magic), ptx::lop3<lut>(ptx::prmt(word, word, 0x3333), mask, magic)};
    } else {
      constexpr std::uint32_t low = 0x000f000fu;
      constexpr std::uint32_t high = 0x00f000f0u;
      constexpr std::uint32_t magic_low = 0x64006400u ^ (flips & low);
      constexpr std::uint32_t magic_high = 0x64006400u ^ (flips & high);
      const std::uint32_t next = word >> 8;
      return {ptx::lop3<lut>(word, low, magic_low), ptx::lop3<lut>(word, high, magic_high), ptx::lop3<lut>(next, low, magic_low),
              ptx::lop3<lut>(next, high, magic_high)};
    }
  }

  LOWP_HD static constexpr fragment<f16> value(std::uint32_t word) noexcept {
    constexpr terms t[4] = {affine(0), affine(1), affine(2), affine(3)};
    const fragment<f16> f = raw(word);
    return {ptx::fma2<f16>(f.reg[0], t[0].scale, t[0].offset), ptx::fma2<f16>(f.reg[1], t[1].scale, t[1].offset),
            ptx::fma2<f16>(f.reg[2], t[2].scale, t[2].offset), ptx::fma2<f16>(f.reg[3], t[3].scale, t[3].offset)};
  }

  // Whether this method gives just the values of the format: asked of every code in every position.
  static constexpr bool works() noexcept {
    for (std::uint32_t c = 0; c < 16; ++c) {
      const fragment<f16> f = value(c * 0x11111111u);
      for (int e = 0; e < 8; ++e) {
        if (f.code(e) != rounded_code<F, f16>(c)) return false;
      }
    }
    return true;
  }

 private:
  LOWP_HD static constexpr std::uint32_t scale(bool upper_nibble) noexcept {
    return f16(upper_nibble ? spacing.step / 16 : spacing.step).code;
  }
  LOWP_HD static constexpr std::uint32_t offset(bool upper_nibble) noexcept {
    return f16(spacing.first - spacing.step * (upper_nibble ? 64.0f : 1024.0f)).code;
  }
};

}  // namespace lowp::inline LOWP_ABI::detail
