// The layouts of compressed-tensors (pack-quantized): 32-bit words along each row of weights, and along each column of zero points.
//
//   4 bits, one word        bit   28        ...        4    0
//                                col 7  ...        col 1  col 0
//
// Widths that do not divide 32 come in two forms: codes that run on into the next word (dense, since 2026) and words of floor(32 / Bits)
// codes with zero bits on top (padded, until then). The number of words tells them apart. Codes are offset binary there: what means q is
// stored as q + 2^(Bits - 1).
//
//   lowp::unpack_codes<lowp::layout::compressed_tensors, 4>(bytes, codes);          // weight_packed, [rows, ceil(cols * 4 / 32)]
//   lowp::unpack_codes<lowp::layout::compressed_tensors_zeros, 4>(bytes, zeros);    // weight_zero_point, [ceil(rows * 4 / 32), groups]
//
// Source: compressed-tensors, compressors/pack_quantized.
#pragma once

#include <lowp/layout/layout.hpp>
#include <lowp/layout/transposed.hpp>
#include <lowp/layout/words.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

// Rows of whole 32-bit words, each row a stream of bits.
struct compressed_tensors : word_rows {};

// Zero points [rows, groups]: a stream of bits down each column, word r of column g at r * groups + g.
struct compressed_tensors_zeros : transposed<word_columns> {};

// Rows of 32-bit words that each hold floor(32 / Bits) codes.
struct compressed_tensors_padded {
  template <int Bits>
  static constexpr std::size_t word_codes = 32 / static_cast<std::size_t>(Bits);

  template <int Bits>
  static constexpr std::array<bit_plane, 1> planes() noexcept {
    return {bit_plane{0, Bits}};
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return rows * ceil_div(cols, word_codes<Bits>) * 4;
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t, std::size_t cols) noexcept {
    const std::size_t word = row * ceil_div(cols, word_codes<Bits>) + col / word_codes<Bits>;
    return word * 32 + col % word_codes<Bits> * Bits;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, word_codes<Bits>};
  }
};

// Zero points [rows, groups] of the padded form: words down each column, word r of column g at r * groups + g.
struct compressed_tensors_padded_zeros {
  template <int Bits>
  static constexpr std::size_t word_codes = compressed_tensors_padded::word_codes<Bits>;

  template <int Bits>
  static constexpr std::array<bit_plane, 1> planes() noexcept {
    return {bit_plane{0, Bits}};
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return ceil_div(rows, word_codes<Bits>) * cols * 4;
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t, std::size_t cols) noexcept {
    return (row / word_codes<Bits> * cols + col) * 32 + row % word_codes<Bits> * Bits;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {word_codes<Bits>, 1};
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
