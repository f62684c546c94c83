// The layouts of GPTQ checkpoints (AutoGPTQ, GPTQModel): down each output's inputs a stream of bits in 32-bit words, where the words of
// all outputs lie together.
//
//   qweight [cols * Bits / 32, rows], 4 bits      word 0 of row 0, word 0 of row 1, ...       (columns 0 to 7, column 0 in the low bits)
//                                                 word 1 of row 0, word 1 of row 1, ...       (columns 8 to 15)
//
// Rows are outputs and columns inputs here, as in every matrix of the library. gptq is for 2, 3, 4 and 8 bits, of which 3 cross from word
// to word. gptq_planes (checkpoint format gptq_p) splits 3 = 2 + 1, 5 = 4 + 1, 6 = 4 + 2 and 7 = 4 + 2 + 1 bits: for each 32 columns come
// the words of the lowest plane, then those of the next.
//
//   lowp::unpack_codes<lowp::layout::gptq, 4>(qweight, codes);           // codes [rows, cols]
//   lowp::unpack_codes<lowp::layout::gptq_zeros, 4>(qzeros, zeros);      // zeros [rows, groups]; v1 files hold each minus 1
//
// Source: AutoGPTQ 0.7.1 and GPTQModel, qlinear pack.
#pragma once

#include <lowp/layout/layout.hpp>
#include <lowp/layout/transposed.hpp>
#include <lowp/layout/words.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

struct gptq : word_columns {
  static constexpr const char* fits_rule = "columns in whole 32-bit words";

  template <int Bits>
  static constexpr bool fits(std::size_t, std::size_t cols) noexcept {
    return cols * Bits % 32 == 0;
  }
};

// SqueezeLLM keeps its codes as GPTQ does.
using squeezellm = gptq;

// Zero points [rows, groups], stored as qzeros [groups, rows * Bits / 32].
struct gptq_zeros : transposed<word_rows> {
  static constexpr const char* fits_rule = "rows in whole 32-bit words";

  template <int Bits>
  static constexpr bool fits(std::size_t rows, std::size_t) noexcept {
    return rows * Bits % 32 == 0;
  }
};

struct gptq_planes {
  static constexpr const char* fits_rule = "columns in whole 32-bit words of each plane";

  template <int Bits>
  static constexpr auto planes() noexcept {
    return power_of_two_planes<Bits>();
  }

  // Columns that fill a word of the narrowest plane.
  template <int Bits>
  static constexpr std::size_t unit_cols = 32 / static_cast<std::size_t>(planes<Bits>().back().width);

  template <int Bits>
  static constexpr bool fits(std::size_t, std::size_t cols) noexcept {
    return cols % (planes<Bits>().size() == 1 ? unit_cols<Bits> : 32) == 0;
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return words<Bits>(cols) * rows * 4;
  }

  template <int Bits>
  static constexpr std::size_t bit(std::size_t row, std::size_t col, int plane, std::size_t rows, std::size_t) noexcept {
    const bit_plane p = planes<Bits>()[static_cast<std::size_t>(plane)];
    // A plane that begins at bit b of the codes comes after b words of each 32 columns.
    const std::size_t at = col % 32 * static_cast<std::size_t>(p.width);
    const std::size_t word = col / 32 * Bits + static_cast<std::size_t>(p.first) + at / 32;
    return (word * rows + row) * 32 + at % 32;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, Bits == 8 ? 8 : planes<Bits>().size() == 1 ? unit_cols<Bits> : 32};
  }

 private:
  friend struct gptq_planes_zeros;

  template <int Bits>
  static constexpr std::size_t words(std::size_t cols) noexcept {
    if constexpr (planes<Bits>().size() == 1) return ceil_div(cols, unit_cols<Bits>);
    else return ceil_div(cols, std::size_t{32}) * Bits;
  }
};

// Zero points [rows, groups], stored as qzeros [groups, rows * Bits / 32]: for each 32 rows the words of the lowest plane, then the next.
struct gptq_planes_zeros {
  static constexpr const char* fits_rule = "rows in whole 32-bit words of each plane";

  template <int Bits>
  static constexpr auto planes() noexcept {
    return gptq_planes::planes<Bits>();
  }

  template <int Bits>
  static constexpr bool fits(std::size_t rows, std::size_t cols) noexcept {
    return gptq_planes::fits<Bits>(cols, rows);
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return gptq_planes::size<Bits>(cols, rows);
  }

  template <int Bits>
  static constexpr std::size_t bit(std::size_t row, std::size_t col, int plane, std::size_t rows, std::size_t) noexcept {
    // Those of one group alone, which lie together here.
    return col * gptq_planes::words<Bits>(rows) * 32 + gptq_planes::bit<Bits>(0, row, plane, 1, rows);
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
