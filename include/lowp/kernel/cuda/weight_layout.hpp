// The CUDA kernels' own layout: weights as the A operand of mma.m16n8k16, each lane's share of 16 rows in 16 bytes.
//
// A unit is 16 rows by 256 / w columns, w the width of the widest plane of the codes: 4 bits 16 x 64, 8 bits 16 x 32, 2 bits
// 16 x 128. It lies in 512 bytes, 16 to a lane. Four units below each other, 64 rows, lie together; such blocks follow each
// other along the columns, and panels of 64 rows along the rows:
//
//   [rows / 64][columns / unit][4 units][lane][16 bytes]       rows padded to 64 and columns to units, with codes 0
//
// A lane's 16 bytes are the words of 16 columns after one another (4 bits one word each, 8 bits two). Lane 4 g + t holds of
// each 16 columns those from 4 t, of the rows g and g + 8:
//
//   4 bits     bit       28      24      20      16      12      8       4       0
//              row      g + 8   g + 8    g       g      g + 8   g + 8    g       g
//              column  4t + 3  4t + 1  4t + 3  4t + 1  4t + 2   4t     4t + 2   4t
//
//   8 bits     bit       24      16      8       0        second word: columns 4t + 2 and 4t + 3
//              row      g + 8   g + 8    g       g
//              column  4t + 1   4t     4t + 1   4t
//
// So a register of the fragment is two codes 16 bits apart, or two neighbouring ones for a table of pairs (then of every other column),
// and the four columns are the k of a lane's two b registers next to each other: a lane reads both of b in 8 bytes. Codes of other widths
// are made of these: of up to 4 bits in the places of 4-bit codes, wider ones in those of 8 bits. A plane of width w keeps the bits of 4 /
// w (8 / w) such words in one, shifted by w each. 3 bits are planes of 2 and 1, 5 of 4 and 1, 6 of 4 and 2, 7 of 4, 2 and 1; the planes of
// a unit follow each other.
//
//   auto packed = lowp::pack<lowp::layout::mma_a16>(q);
//
// The parameters of a panel lie in the order in which lanes read them: rows g, g + 8, .. g + 56 together, for g = 0 .. 7.
#pragma once

#include <lowp/kernel/cuda/fragment.hpp>
#include <lowp/kernel/cuda/mma.hpp>
#include <lowp/layout/layout.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI::layout {

struct mma_a16 {
  using shape = mma_m16n8k16<f16>;
  static constexpr std::size_t panel_rows = 64;
  static constexpr std::size_t unit_rows = 16;

  template <int Bits>
  static constexpr auto planes() noexcept {
    static_assert(Bits >= 1 && Bits <= 8, "the CUDA kernels take codes of 1 to 8 bits");
    return power_of_two_planes<Bits>();
  }

  // The width of the places that codes are put in, and the order of eight of them in a fragment.
  template <int Bits>
  static constexpr int place_bits = Bits <= 4 ? 4 : 8;
  template <int Bits>
  using order = std::conditional_t<place_bits<Bits> == 4, interleaved_order, natural_order>;

  // The planes as constants, which device code can name.
  template <int Bits>
  static constexpr int plane_count = static_cast<int>(planes<Bits>().size());
  template <int Bits, int Plane>
  static constexpr bit_plane plane = planes<Bits>()[Plane];

  template <int Bits>
  static constexpr int widest = plane<Bits, 0>.width;
  template <int Bits>
  static constexpr std::size_t unit_cols = 256 / widest<Bits>;
  template <int Bits>
  static constexpr std::size_t unit_bytes = 512 / widest<Bits>* Bits;
  template <int Bits>
  static constexpr std::size_t block_bytes = 4 * unit_bytes<Bits>;

  // Words of a lane in the plane, and the byte in the unit where the plane begins.
  template <int Bits>
  LOWP_HD static constexpr std::size_t plane_words(bit_plane plane) noexcept {
    return unit_cols<Bits> * static_cast<std::size_t>(plane.width) / 64;
  }
  template <int Bits>
  LOWP_HD static constexpr std::size_t plane_offset(bit_plane plane) noexcept {
    return 512 / widest<Bits> * static_cast<std::size_t>(plane.first);
  }

  // Which of 16 columns is index k of the operand: k = 2t, 2t + 1, 2t + 8, 2t + 9 are the columns from 4t.
  LOWP_HD static constexpr int column_of(int k) noexcept { return k % 8 / 2 * 4 + k % 2 + k / 8 * 2; }

  // The place among 16 x 16 weights {row, column} of number e of a lane's fragment.
  LOWP_HD static constexpr mma_position weight_at(int lane, int e) noexcept {
    const mma_position p = shape::a_at(lane, e / 2, e % 2);
    return {p.row, column_of(p.col)};
  }

  // Which place of a word, or of two, number e of a lane's fragment has; the other way around it is the same.
  template <int Bits>
  LOWP_HD static constexpr int place_of(int e) noexcept {
    return place_bits<Bits> == 8 ? e : e % 2 * 4 + e / 2 % 2 * 2 + e / 4;
  }

  // Where a row's parameters lie among those of its panel.
  LOWP_HD static constexpr std::size_t parameter_place(std::size_t row) noexcept { return row % 8 * 8 + row / 8; }

  template <int Bits>
  LOWP_HD static constexpr std::size_t units(std::size_t cols) noexcept {
    return ceil_div(cols, unit_cols<Bits>);
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return ceil_div(rows, panel_rows) * units<Bits>(cols) * block_bytes<Bits>;
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t bit(std::size_t row, std::size_t col, int plane_index, std::size_t, std::size_t cols) noexcept {
    constexpr std::size_t place = place_bits<Bits>;
    const bit_plane p = plane_index == 0   ? plane<Bits, 0>
                        : plane_index == 1 ? plane<Bits, (plane_count<Bits> > 1 ? 1 : 0)>
                                           : plane<Bits, plane_count<Bits> - 1>;
    const auto width = static_cast<std::size_t>(p.width);
    // The inverse of weight_at.
    const std::size_t lane = row % 8 * 4 + col % 16 / 4;
    const std::size_t e = (row % 16 / 8 + col % 4 / 2 * 2) * 2 + col % 2;
    const auto at = static_cast<std::size_t>(place_of<Bits>(static_cast<int>(e)));
    const std::size_t word = col % unit_cols<Bits> / 16 * (place / 4) + at / (32 / place);
    const std::size_t unit = (row / panel_rows * units<Bits>(cols) + col / unit_cols<Bits>)*4 + row % panel_rows / unit_rows;
    const std::size_t byte = unit * unit_bytes<Bits> + plane_offset<Bits>(p) + (lane * plane_words<Bits>(p) + word / (place / width)) * 4;
    return byte * 8 + at % (32 / place) * place + word % (place / width) * width;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, 16};
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
