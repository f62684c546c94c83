// The layouts of AutoAWQ checkpoints: 4-bit codes in 32-bit words along the outputs.
//
//   GEMM   qweight [cols, rows / 8], qzeros [groups, rows / 8]; one word holds eight rows of one column:
//
//          bit       28      24      20      16      12       8       4       0
//                  row 7   row 5   row 3   row 1   row 6   row 4   row 2   row 0
//
//   GEMV   qweight [rows, cols / 8], columns in order
//
// Rows are outputs and columns inputs, as in every matrix of the library.
//
//   lowp::unpack_codes<lowp::layout::awq, 4>(qweight, codes);            // codes [rows, cols]
//   lowp::unpack_codes<lowp::layout::awq_zeros, 4>(qzeros, zeros);       // zeros [rows, groups]
//
// Source: AutoAWQ, utils/packing_utils.py and modules/linear.
#pragma once

#include <lowp/layout/layout.hpp>
#include <lowp/layout/words.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

struct awq {
  static constexpr const char* fits_rule = "rows in multiples of 8";

  template <int Bits>
  static constexpr std::array<bit_plane, 1> planes() noexcept {
    static_assert(Bits == 4, "AWQ holds 4-bit codes");
    return {bit_plane{0, Bits}};
  }

  template <int Bits>
  static constexpr bool fits(std::size_t rows, std::size_t) noexcept {
    return rows % 8 == 0;
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return cols * ceil_div(rows, std::size_t{8}) * 4;
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t rows, std::size_t) noexcept {
    const std::size_t i = row % 8;
    return (col * ceil_div(rows, std::size_t{8}) + row / 8) * 32 + (i % 2 * 4 + i / 2) * Bits;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {8, 8};
  }
};

// Zero points [rows, groups] lie as weights do.
using awq_zeros = awq;

struct awq_gemv : word_rows {
  static constexpr const char* fits_rule = "columns in multiples of 8";

  template <int Bits>
  static constexpr bool fits(std::size_t, std::size_t cols) noexcept {
    static_assert(Bits == 4, "AWQ holds 4-bit codes");
    return cols % 8 == 0;
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
