// Where a block scale lies in the swizzle of 128 rows by 4 scales (scale_swizzle.hpp), for device code too.
//
//   swizzled_offset(32, 1, 8) == 5
#pragma once

#include <lowp/core/bits.hpp>

#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

// The byte of (row, col) of a matrix of scales with `cols` columns.
LOWP_HD constexpr std::size_t swizzled_offset(std::size_t row, std::size_t col, std::size_t cols) noexcept {
  const std::size_t tile = row / 128 * ceil_div(cols, std::size_t{4}) + col / 4;
  return tile * 512 + row % 32 * 16 + row % 128 / 32 * 4 + col % 4;
}

// Bytes of the whole, padded to 128 rows and 4 columns.
LOWP_HD constexpr std::size_t swizzled_size(std::size_t rows, std::size_t cols) noexcept {
  return round_up(rows, std::size_t{128}) * round_up(cols, std::size_t{4});
}

}  // namespace lowp::inline LOWP_ABI::layout
