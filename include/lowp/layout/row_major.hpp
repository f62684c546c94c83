// Rows one after another, each a stream of bits, least significant first, padded to a whole byte. Any width up to 32.
//
//   byte            0         1         2
//   3-bit codes   a a a b b b c c | c d d d e e e f | f f g g g h h h       (bit 0 of each byte on the left)
//
// It equals what MLX, compressed-tensors (dense) and plain 4-bit and 8-bit rows use where a row fills whole words.
#pragma once

#include <lowp/layout/layout.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

struct row_major {
  template <int Bits>
  static constexpr std::array<bit_plane, 1> planes() noexcept {
    return {bit_plane{0, Bits}};
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t row_bytes(std::size_t cols) noexcept {
    return ceil_div(cols * Bits, std::size_t{8});
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return rows * row_bytes<Bits>(cols);
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t, std::size_t cols) noexcept {
    return row * row_bytes<Bits>(cols) * 8 + col * Bits;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, Bits <= 8 ? 8 : 1};
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
