// The layout of Marlin's weights, 4 and 8 bits (IST-DASLab's Marlin and the GPTQ-Marlin of vLLM): int32 [cols / 16, rows * Bits / 2].
//
// A tile of 16 columns (inputs) by 64 rows (outputs) lies together, 32 threads one after another; a thread loads 16 bytes (32 for 8 bits).
// They hold its share of four 16 x 16 sub-tiles, row n of the sub-tile at thread 4 (n % 8) + (k % 8) / 2, as mma.m16n8k16 wants its second
// operand: k, k + 1, k + 8, k + 9 for the row n and then for n + 8.
//
//   thread t, word of sub-tile s, 4 bits     n = 16 s + t / 4, k = 2 (t % 4)
//
//   bit           28          24         20          16          12          8          4          0
//              n+8,k+9     n+8,k+1     n,k+9       n,k+1      n+8,k+8     n+8,k       n,k+8       n,k
//
//   8 bits, words of n and of n + 8          k + 9   k + 1   k + 8   k        (bits 24, 16, 8, 0)
//
//   lowp::pack_codes<lowp::layout::marlin, 4>(codes, std::span(bytes));       // codes are offset binary
//
// Source: Frantar et al., MARLIN, 2024 (arXiv 2408.11743); vLLM, gptq_marlin_repack.
#pragma once

#include <lowp/layout/layout.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

struct marlin {
  static constexpr const char* fits_rule = "rows in multiples of 64 and columns in multiples of 16";

  template <int Bits>
  static constexpr std::array<bit_plane, 1> planes() noexcept {
    static_assert(Bits == 4 || Bits == 8, "Marlin holds codes of 4 or 8 bits");
    return {bit_plane{0, Bits}};
  }

  template <int Bits>
  static constexpr bool fits(std::size_t rows, std::size_t cols) noexcept {
    return rows % 64 == 0 && cols % 16 == 0;
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return ceil_div(rows, std::size_t{64}) * ceil_div(cols, std::size_t{16}) * 128 * static_cast<std::size_t>(Bits);
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t rows, std::size_t) noexcept {
    const std::size_t tile = col / 16 * ceil_div(rows, std::size_t{64}) + row / 64;
    const std::size_t thread = row % 8 * 4 + col % 8 / 2;
    const std::size_t sub_tile = row % 64 / 16;
    const std::size_t second_row = row % 16 / 8;
    const std::size_t second_cols = col % 16 / 8;
    // Even columns in the low half of a word, odd ones in the high half.
    if constexpr (Bits == 4) {
      const std::size_t word = (tile * 32 + thread) * 4 + sub_tile;
      return word * 32 + col % 2 * 16 + second_row * 8 + second_cols * 4;
    } else {
      const std::size_t word = ((tile * 32 + thread) * 4 + sub_tile) * 2 + second_row;
      return word * 32 + col % 2 * 16 + second_cols * 8;
    }
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, 16};
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
