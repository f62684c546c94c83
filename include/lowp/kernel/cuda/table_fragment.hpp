// Dequantizing 4-bit codes by table, in integer instructions alone: PRMT looks up four codes at once in eight bytes.
//
// Any 16 numbers (nf4): the low and the high bytes of the numbers are tables of 16 bytes each; two PRMTs look up both
// halves of a table, a third takes from each the bytes whose code has its high bit there. 21 instructions a word.
//
// Numbers with a sign bit (e2m1, bnb_fp4): eight magnitudes are enough, and the signs are set by LOP3. 17 instructions a
// word, or 13 where the low bytes are all zero, as in e2m1: 0 .5 1 1.5 2 3 4 6 are 00 38 3c 3e 40 42 44 46 in f16.
//
// Fewer bits than four: the codes are spread to nibbles first.
#pragma once

#include <lowp/kernel/cuda/fragment.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

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

  static constexpr bool few = F::bits < 4;  // codes 8..15 do not occur
  static constexpr bool low_bytes_are_zero = (low.word[0] | low.word[1] | low.word[2] | low.word[3]) == 0;
  static constexpr bool high_bit_is_sign = !few && low.word[0] == low.word[2] && low.word[1] == low.word[3] &&
                                           (high.word[0] & 0x80808080u) == 0 && (high.word[1] & 0x80808080u) == 0 &&
                                           (high.word[0] ^ 0x80808080u) == high.word[2] && (high.word[1] ^ 0x80808080u) == high.word[3];

  using order = std::conditional_t<high_bit_is_sign, interleaved_order, natural_order>;

  LOWP_HD static constexpr fragment<Out> value(std::uint32_t run) noexcept {
    if constexpr (high_bit_is_sign) return with_signs(run);
    else return from_planes(spread(run));
  }

 private:
  // Eight codes of F::bits bits in nibbles.
  LOWP_HD static constexpr std::uint32_t spread(std::uint32_t run) noexcept {
    if constexpr (F::bits == 4) return run;
    std::uint32_t word = 0;
    for (int i = 0; i < 8; ++i) word |= (run >> (F::bits * i) & low_mask(F::bits)) << (4 * i);
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

  LOWP_HD static constexpr fragment<Out> from_planes(std::uint32_t word) noexcept {
    constexpr std::uint8_t lut = (ptx::lut_a & ptx::lut_b) | ptx::lut_c;
    const std::uint32_t index = few ? word : word & 0x77777777u;
    const std::uint32_t side = few ? 0u : ptx::lop3<lut>(word >> 1, 0x44444444u, 0x32103210u);
    const std::uint32_t low0 = low_bytes(index, side);
    const std::uint32_t low1 = low_bytes(index >> 16, side >> 16);
    const std::uint32_t high0 = high_bytes(index, side);
    const std::uint32_t high1 = high_bytes(index >> 16, side >> 16);
    return {ptx::prmt(low0, high0, 0x5140), ptx::prmt(low0, high0, 0x7362), ptx::prmt(low1, high1, 0x5140), ptx::prmt(low1, high1, 0x7362)};
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
