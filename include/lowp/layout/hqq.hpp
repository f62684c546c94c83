// The layout of HQQ: the flattened matrix is cut into as many parts as codes fit a byte, and a byte holds one code of each part, that of
// the first part in the high bits. Codes of 3 bits lie ten to a 32-bit word.
//
//   4 bits, codes c0 to c2n-1      byte       0         1        ...      n - 1
//                                  high       c0        c1                c(n-1)
//                                  low        cn        c(n+1)            c(2n-1)
//
//   3 bits                         bits 27 to 29 of the words: the first tenth; ... bits 0 to 2: the last tenth
//
// HQQ packs the matrix [rows * cols / Group, Group] of its groups (Axis = 1) or [Group, rows * cols / Group] (Axis = 0), cut along its
// rows; Group = 0 means no groups. Both are the same flattened matrix, so Group and Axis matter only where rows are padded to tenths.
//
//   lowp::unpack_codes<lowp::layout::hqq<64>, 3>(bytes, codes);
//
// Source: HQQ, core/bitpack.py and core/quantize.py.
#pragma once

#include <lowp/layout/layout.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

template <std::size_t Group = 0, int Axis = 1>
struct hqq {
  static_assert(Axis == 0 || Axis == 1, "HQQ groups along axis 0 or 1");
  static constexpr const char* fits_rule = "whole groups, and rows of groups that can be cut into 8 / bits equal parts";

  template <int Bits>
  static constexpr single_plane planes() noexcept {
    static_assert(Bits == 1 || Bits == 2 || Bits == 3 || Bits == 4 || Bits == 8, "HQQ packs codes of 1, 2, 3, 4 and 8 bits");
    return {bit_plane{0, Bits}};
  }

  template <int Bits>
  static constexpr std::size_t parts = Bits == 3 ? 10 : 8 / static_cast<std::size_t>(Bits);
  template <int Bits>
  static constexpr std::size_t unit_bytes = Bits == 3 ? 4 : 1;

  template <int Bits>
  static constexpr bool fits(std::size_t rows, std::size_t cols) noexcept {
    if (Group != 0 && rows * cols % (Group != 0 ? Group : 1) != 0) return false;
    return Bits == 3 || packed_rows(rows, cols) % parts<Bits> == 0;
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return part_size<Bits>(rows, cols) * unit_bytes<Bits>;
  }

  template <int Bits>
  static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t rows, std::size_t cols) noexcept {
    const std::size_t part = part_size<Bits>(rows, cols);
    const std::size_t i = row * cols + col;
    return i % part * unit_bytes<Bits> * 8 + (parts<Bits> - 1 - i / part) * Bits;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, Bits == 3 ? 2 : 8};
  }
  template <int Bits>
  static constexpr bool tiles(std::size_t rows, std::size_t cols) noexcept {
    return cols % tile<Bits>().cols == 0 && part_size<Bits>(rows, cols) % tile<Bits>().cols == 0;
  }

 private:
  // The shape of the matrix that is cut.
  static constexpr std::size_t packed_rows(std::size_t rows, std::size_t cols) noexcept {
    if constexpr (Group == 0) return rows;
    else return Axis == 0 ? Group : ceil_div(rows * cols, Group);
  }
  static constexpr std::size_t packed_cols(std::size_t rows, std::size_t cols) noexcept {
    if constexpr (Group == 0) return cols;
    else return Axis == 1 ? Group : ceil_div(rows * cols, Group);
  }

  template <int Bits>
  static constexpr std::size_t part_size(std::size_t rows, std::size_t cols) noexcept {
    return ceil_div(packed_rows(rows, cols), parts<Bits>) * packed_cols(rows, cols);
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
