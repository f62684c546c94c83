// 32-bit words that hold streams of bits, the two ways in which checkpoints lay them: word_rows keeps the words of a row together,
// word_columns keeps word 0 of all rows together, then word 1 of all rows, and so on.
//
//   rows a, b, c of 16 columns, 4 bits      word_rows      a0 a1 b0 b1 c0 c1
//                                           word_columns   a0 b0 c0 a1 b1 c1
#pragma once

#include <lowp/layout/layout.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

struct word_rows {
  template <int Bits>
  static constexpr std::array<bit_plane, 1> planes() noexcept {
    return {bit_plane{0, Bits}};
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t row_words(std::size_t cols) noexcept {
    return ceil_div(cols * Bits, std::size_t{32});
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return rows * row_words<Bits>(cols) * 4;
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t, std::size_t cols) noexcept {
    return row * row_words<Bits>(cols) * 32 + col * Bits;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, Bits <= 8 ? 8 : 1};
  }
};

// Where the width does not divide 32, a code may begin in one word and end in the next, which lies elsewhere; so it is taken bit by bit.
struct word_columns {
  template <int Bits>
  static constexpr auto planes() noexcept {
    if constexpr (32 % Bits == 0) {
      return std::array{bit_plane{0, Bits}};
    } else {
      std::array<bit_plane, static_cast<std::size_t>(Bits)> bits{};
      for (int i = 0; i < Bits; ++i) bits[static_cast<std::size_t>(i)] = {i, 1};
      return bits;
    }
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return ceil_div(cols * Bits, std::size_t{32}) * rows * 4;
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t bit(std::size_t row, std::size_t col, int plane, std::size_t rows, std::size_t) noexcept {
    // Plane p is the code, or its bit p.
    const std::size_t at = col * Bits + static_cast<std::size_t>(plane);
    return (at / 32 * rows + row) * 32 + at % 32;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, Bits == 8 ? 8 : 32 % Bits == 0 ? 32 / static_cast<std::size_t>(Bits) : 32};
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
