// The CPU kernels' own layout: panels of 16 rows, cut along K into lines of 64 bytes.
//
// A line of a plane of width w holds 16 rows by 32 / w columns. Byte (n, i) = 4 n + i belongs to row n, i = 0..3; for
// w <= 8 it holds the columns i, 4 + i, 8 + i, ... at bits 0, w, 2 w, ...; wider codes lie one after another. One form thus
// feeds 8-bit dot products (bytes), the bf16 dot (16-bit lanes) and the f32 look-up (32-bit lanes); kernels permute the
// activations, never the weights.
//
//   4 bits, line 0:    byte        4n        4n+1      4n+2      4n+3
//                      low nibble  col 0     col 1     col 2     col 3
//                      high nibble col 4     col 5     col 6     col 7      of row n
//
// Widths that are no power of two are split into planes of powers of two, low bits first: 3 = 2 + 1, 5 = 4 + 1, 6 = 4 + 2,
// 7 = 4 + 2 + 1. Planes are interleaved by units of as many columns as a line of the narrowest plane holds, so that a panel
// is one stream. Rows are padded to 16 and columns to whole units, with codes 0.
#pragma once

#include <lowp/layout/layout.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

struct tile16 {
  static constexpr std::size_t panel_rows = 16;
  static constexpr std::size_t line_bytes = 64;

  template <int Bits>
  static constexpr auto planes() noexcept {
    static_assert(Bits >= 1 && (Bits <= 8 || Bits == 16 || Bits == 32), "tile16 holds codes of 1 to 8, 16 or 32 bits");
    return power_of_two_planes<Bits>();
  }

  // Columns of one unit: 8 for 4-bit codes, 4 for 8-bit, 16 for 2 and 6, 32 for 1, 3, 5 and 7, 2 for 16, 1 for 32.
  template <int Bits>
  static constexpr std::size_t unit_cols = 32 / static_cast<std::size_t>(planes<Bits>().back().width);
  template <int Bits>
  static constexpr std::size_t unit_bytes = panel_rows* unit_cols<Bits>* static_cast<std::size_t>(Bits) / 8;

  template <int Bits>
  static constexpr std::size_t panel_bytes(std::size_t cols) noexcept {
    return ceil_div(cols, unit_cols<Bits>) * unit_bytes<Bits>;
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return ceil_div(rows, panel_rows) * panel_bytes<Bits>(cols);
  }

  template <int Bits>
  static constexpr std::size_t bit(std::size_t row, std::size_t col, int plane, std::size_t, std::size_t cols) noexcept {
    constexpr auto split = planes<Bits>();
    const auto width = static_cast<std::size_t>(split[static_cast<std::size_t>(plane)].width);
    // Bytes of the unit's earlier planes: each bit of a code takes panel_rows * unit_cols / 8 bytes.
    const std::size_t before = unit_bytes<Bits> / Bits * static_cast<std::size_t>(split[static_cast<std::size_t>(plane)].first);
    const std::size_t in_unit = col % unit_cols<Bits>;
    const std::size_t line_cols = 32 / width;
    const std::size_t in_line = in_unit % line_cols;
    const std::size_t byte = row / panel_rows * panel_bytes<Bits>(cols) + col / unit_cols<Bits> * unit_bytes<Bits> + before +
                             in_unit / line_cols * line_bytes + row % panel_rows * 4;
    if (width >= 8) return (byte + in_line * (width / 8)) * 8;
    return (byte + in_line % 4) * 8 + in_line / 4 * width;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, unit_cols<Bits>};
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
