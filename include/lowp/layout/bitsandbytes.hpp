// The layout of bitsandbytes' 4-bit weights: two codes a byte over the flattened matrix, the first in the high half. Rows do not begin
// at bytes where the number of columns is odd.
//
//   byte            0         1         2
//   high nibble   code 0    code 2    code 4
//   low nibble    code 1    code 3    code 5       of the flattened matrix
//
//   lowp::unpack_codes<lowp::layout::bitsandbytes, 4>(weight, codes);        // weight [ceil(rows * cols / 2), 1]
//
// Source: bitsandbytes, functional.quantize_4bit.
#pragma once

#include <lowp/layout/layout.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

struct bitsandbytes {
  template <int Bits>
  static constexpr std::array<bit_plane, 1> planes() noexcept {
    static_assert(Bits == 4, "bitsandbytes packs 4-bit codes");
    return {bit_plane{0, Bits}};
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return ceil_div(rows * cols, std::size_t{2});
  }

  template <int Bits>
  static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t, std::size_t cols) noexcept {
    const std::size_t i = row * cols + col;
    return (i / 2 * 2 + (1 - i % 2)) * Bits;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, 8};
  }
  template <int Bits>
  static constexpr bool tiles(std::size_t, std::size_t cols) noexcept {
    return cols % 2 == 0;
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
