// The laws of a granularity, executable at compile time: users run the same suite on their own.
//
//   static_assert(lowp::laws::granularity<lowp::per_group<24>>(5, 100));
#pragma once

#include <lowp/scheme/granularity.hpp>

#include <cstddef>

namespace lowp::inline LOWP_ABI::laws {

// Every weight of a rows x cols matrix belongs to exactly one group of the grid (total), every group has at least one
// weight (onto), and visiting a group reaches just the weights that group_of assigns to it.
template <granularity_policy G>
constexpr bool granularity(std::size_t rows, std::size_t cols) {
  const grid_shape grid = G::grid(rows, cols);
  std::size_t seen = 0;
  for (std::size_t gr = 0; gr < grid.rows; ++gr) {
    for (std::size_t gc = 0; gc < grid.cols; ++gc) {
      std::size_t in_group = 0;
      bool right = true;
      G::visit({gr, gc}, rows, cols, [&](std::size_t row, std::size_t col, std::size_t count) {
        for (std::size_t c = col; c < col + count; ++c) {
          right = right && row < rows && c < cols && G::group_of(row, c, rows, cols) == grid_position{gr, gc};
        }
        in_group += count;
      });
      if (!right || in_group == 0) return false;
      seen += in_group;
    }
  }
  return seen == rows * cols;
}

}  // namespace lowp::inline LOWP_ABI::laws
