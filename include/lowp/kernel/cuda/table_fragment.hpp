// Dequantizing codes of up to 4 bits by table, in integer instructions alone: PRMT looks up four codes at once in eight bytes.
//
// Any 16 numbers (nf4): the bytes of the numbers are tables of 16 bytes each, two for f16 and bf16, four for f32; two PRMTs look up
// both halves of a table, a third takes from each the bytes whose code has its high bit there. 21 instructions for eight codes.
//
// Numbers with a sign bit (e2m1, bnb_fp4): eight magnitudes are enough, and the signs are set by LOP3. 17 instructions, or 13 where
// the low bytes are all zero, as in e2m1: 0 .5 1 1.5 2 3 4 6 are 00 38 3c 3e 40 42 44 46 in f16.
//
// Fewer bits than four: the codes are spread to nibbles first.
#pragma once

#include <lowp/kernel/cuda/fragment.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

// Eight codes of Bits bits each, from a run to nibbles.
template <int Bits>
LOWP_HD constexpr std::uint32_t spread_to_nibbles(std::uint32_t run) noexcept {
  static_assert(Bits >= 1 && Bits <= 4, "a nibble holds a code of 1 to 4 bits");
  std::uint32_t x = run;
  if constexpr (Bits == 1) {
    x = (x & 0x0fu) | (x << 12 & 0x000f0000u);
    x = (x | x << 6) & 0x03030303u;
    x = (x | x << 3) & 0x11111111u;
  } else if constexpr (Bits == 2) {
    x = ptx::prmt(x, 0, 0x4140);
    x = (x | x << 4) & 0x0f0f0f0fu;
    x = (x | x << 2) & 0x33333333u;
  } else if constexpr (Bits == 3) {
    x = (x & 0x0fffu) | (x << 4 & 0x0fff0000u);
    x = (x & 0x003f003fu) | (x << 2 & 0x3f003f00u);
    x = (x & 0x07070707u) | (x << 1 & 0x70707070u);
  }
  return x;
}

// Sixteen bytes as the four words that PRMT reads.
struct byte_table {
  std::uint32_t word[4];
};

template <table_format F, class Out>
constexpr byte_table byte_plane(int shift) noexcept {
  byte_table t{};
  for (std::uint32_t c = 0; c < 16; ++c) {
    t.word[c / 4] |= (rounded_code<F, Out>(c & low_mask(F::bits)) >> shift & 0xffu) << (8 * (c % 4));
  }
  return t;
}

template <class F, class Out>
struct table_fragment {
  static constexpr byte_table low = byte_plane<F, Out>(0);
  static constexpr byte_table high = byte_plane<F, Out>(8);
  static constexpr byte_table third = byte_plane<F, Out>(Out::bits == 32 ? 16 : 0);
  static constexpr byte_table fourth = byte_plane<F, Out>(Out::bits == 32 ? 24 : 0);

  static constexpr bool few = F::bits < 4;  // codes 8..15 do not occur
  static constexpr bool low_bytes_are_zero = (low.word[0] | low.word[1] | low.word[2] | low.word[3]) == 0;
  static constexpr bool high_bit_is_sign = Out::bits == 16 && !few && low.word[0] == low.word[2] && low.word[1] == low.word[3] &&
                                           (high.word[0] & 0x80808080u) == 0 && (high.word[1] & 0x80808080u) == 0 &&
                                           (high.word[0] ^ 0x80808080u) == high.word[2] && (high.word[1] ^ 0x80808080u) == high.word[3];

  using order = std::conditional_t<high_bit_is_sign, interleaved_order, natural_order>;

  LOWP_HD static constexpr fragment<Out> value(std::uint64_t run) noexcept {
    const std::uint32_t word = in_nibbles(run);
    if constexpr (high_bit_is_sign) return with_signs(word);
    else return from_planes(word);
  }

 private:
  LOWP_HD static constexpr std::uint32_t in_nibbles(std::uint64_t run) noexcept {
    constexpr std::uint32_t codes = low_mask(F::bits) * 0x11111111u;
    if constexpr (code_stride<F> == 4) return static_cast<std::uint32_t>(run) & codes;
    if constexpr (code_stride<F> == F::bits) return spread_to_nibbles<F::bits>(static_cast<std::uint32_t>(run));
    std::uint32_t word = 0;
    for (int i = 0; i < 8; ++i) word |= (static_cast<std::uint32_t>(run >> (code_stride<F> * i)) & low_mask(F::bits)) << (4 * i);
    return word;
  }

  // The bytes of four codes. `index` holds their low three bits, `side` picks byte i from the lower or the upper table.
  template <std::uint32_t T0, std::uint32_t T1, std::uint32_t T2, std::uint32_t T3>
  LOWP_HD static constexpr std::uint32_t look_up(std::uint32_t index, std::uint32_t side) noexcept {
    if constexpr ((T0 | T1 | T2 | T3) == 0) return 0;
    if constexpr (few) return ptx::prmt(T0, T1, index);
    else return ptx::prmt(ptx::prmt(T0, T1, index), ptx::prmt(T2, T3, index), side);
  }
  LOWP_HD static constexpr std::uint32_t low_bytes(std::uint32_t index, std::uint32_t side) noexcept {
    return look_up<low.word[0], low.word[1], low.word[2], low.word[3]>(index, side);
  }
  LOWP_HD static constexpr std::uint32_t high_bytes(std::uint32_t index, std::uint32_t side) noexcept {
    return look_up<high.word[0], high.word[1], high.word[2], high.word[3]>(index, side);
  }
  LOWP_HD static constexpr std::uint32_t third_bytes(std::uint32_t index, std::uint32_t side) noexcept {
    return look_up<third.word[0], third.word[1], third.word[2], third.word[3]>(index, side);
  }
  LOWP_HD static constexpr std::uint32_t fourth_bytes(std::uint32_t index, std::uint32_t side) noexcept {
    return look_up<fourth.word[0], fourth.word[1], fourth.word[2], fourth.word[3]>(index, side);
  }

  LOWP_HD static constexpr fragment<Out> from_planes(std::uint32_t word) noexcept {
    constexpr std::uint8_t lut = (ptx::lut_a & ptx::lut_b) | ptx::lut_c;
    const std::uint32_t index = few ? word : word & 0x77777777u;
    const std::uint32_t side = few ? 0u : ptx::lop3<lut>(word >> 1, 0x44444444u, 0x32103210u);
    const std::uint32_t low0 = low_bytes(index, side);
    const std::uint32_t low1 = low_bytes(index >> 16, side >> 16);
    const std::uint32_t high0 = high_bytes(index, side);
    const std::uint32_t high1 = high_bytes(index >> 16, side >> 16);
    // Pairs of halves, codes 0 and 1, 2 and 3, and so on.
    const std::uint32_t half[4] = {ptx::prmt(low0, high0, 0x5140), ptx::prmt(low0, high0, 0x7362), ptx::prmt(low1, high1, 0x5140),
                                   ptx::prmt(low1, high1, 0x7362)};
    if constexpr (Out::bits == 16) {
      return {half[0], half[1], half[2], half[3]};
    } else {
      const std::uint32_t third0 = third_bytes(index, side);
      const std::uint32_t third1 = third_bytes(index >> 16, side >> 16);
      const std::uint32_t fourth0 = fourth_bytes(index, side);
      const std::uint32_t fourth1 = fourth_bytes(index >> 16, side >> 16);
      const std::uint32_t upper[4] = {ptx::prmt(third0, fourth0, 0x5140), ptx::prmt(third0, fourth0, 0x7362),
                                      ptx::prmt(third1, fourth1, 0x5140), ptx::prmt(third1, fourth1, 0x7362)};
      return {ptx::prmt(half[0], upper[0], 0x5410), ptx::prmt(half[0], upper[0], 0x7632), ptx::prmt(half[1], upper[1], 0x5410),
              ptx::prmt(half[1], upper[1], 0x7632), ptx::prmt(half[2], upper[2], 0x5410), ptx::prmt(half[2], upper[2], 0x7632),
              ptx::prmt(half[3], upper[3], 0x5410), ptx::prmt(half[3], upper[3], 0x7632)};
    }
  }

  // The magnitudes of the even and of the odd codes go to bytes of their own, since there the sign bits of the word lie
  // where they are wanted: of the odd codes at once, of the even ones after one shift.
  LOWP_HD static constexpr fragment<Out> with_signs(std::uint32_t word) noexcept {
    constexpr std::uint8_t lut = (ptx::lut_a & ptx::lut_b) | ptx::lut_c;
    constexpr std::uint32_t even = 0x6420;
    constexpr std::uint32_t odd = 0x7531;
    constexpr byte_table h = high;
    constexpr byte_table l = low;
    const std::uint32_t index = word & 0x77777777u;
    const std::uint32_t high0 = ptx::prmt(h.word[0], h.word[1], index);
    const std::uint32_t high1 = ptx::prmt(h.word[0], h.word[1], index >> 16);
    const std::uint32_t high_even = ptx::lop3<lut>(word << 4, 0x80808080u, ptx::prmt(high0, high1, even));
    const std::uint32_t high_odd = ptx::lop3<lut>(word, 0x80808080u, ptx::prmt(high0, high1, odd));
    std::uint32_t low_even = 0;
    std::uint32_t low_odd = 0;
    if constexpr (!low_bytes_are_zero) {
      const std::uint32_t low0 = ptx::prmt(l.word[0], l.word[1], index);
      const std::uint32_t low1 = ptx::prmt(l.word[0], l.word[1], index >> 16);
      low_even = ptx::prmt(low0, low1, even);
      low_odd = ptx::prmt(low0, low1, odd);
    }
    return {ptx::prmt(low_even, high_even, 0x6240), ptx::prmt(low_odd, high_odd, 0x6240), ptx::prmt(low_even, high_even, 0x7351),
            ptx::prmt(low_odd, high_odd, 0x7351)};
  }
};

}  // namespace lowp::inline LOWP_ABI::detail
