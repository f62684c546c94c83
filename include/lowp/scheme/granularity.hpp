// Granularity: which weights share a scale.
//
// A matrix [rows, cols] is divided into groups that form a grid; the grid is what a matrix of scales looks like. The
// last group of a row or column may be ragged (smaller).
//
//   per_tensor         one group             grid [1, 1]
//   per_channel        a row of [out, in]    grid [rows, 1]
//   per_token          a row of activations  grid [rows, 1]
//   per_group<N>       N along a row         grid [rows, ceil(cols / N)]
//   per_block<R, C>    R x C                 grid [ceil(rows / R), ceil(cols / C)]
//   per_flat_group<N>  N in row-major order, across the ends of rows (bitsandbytes)    grid [1, ceil(rows * cols / N)]
#pragma once

#include <lowp/core/bits.hpp>

#include <concepts>
#include <cstddef>

namespace lowp::inline LOWP_ABI {

struct grid_shape {
  std::size_t rows;
  std::size_t cols;
  friend constexpr bool operator==(const grid_shape&, const grid_shape&) = default;
};

struct grid_position {
  std::size_t row;
  std::size_t col;
  friend constexpr bool operator==(const grid_position&, const grid_position&) = default;
};

namespace detail {

// A named type, since nvcc finds a lambda in a requires-expression never satisfied.
struct any_visitor {
  constexpr void operator()(std::size_t, std::size_t, std::size_t) const noexcept {}
};

}  // namespace detail

// grid(rows, cols)                    the shape of the matrix of groups
// group_of(row, col, rows, cols)      the group of one weight
// visit(group, rows, cols, f)         calls f(row, first column, count) for each stretch of adjacent weights in the group
// weights_per_group                   the size of a full group, or 0 where it depends on the matrix
template <class G>
concept granularity_policy = requires(std::size_t n, grid_position g) {
  { G::grid(n, n) } -> std::same_as<grid_shape>;
  { G::group_of(n, n, n, n) } -> std::same_as<grid_position>;
  G::visit(g, n, n, detail::any_visitor{});
  { G::weights_per_group } -> std::convertible_to<std::size_t>;
};

namespace detail {

// Rectangles of Rows x Cols weights; 0 stands for all of them.
template <std::size_t Rows, std::size_t Cols>
struct rectangles {
  static constexpr std::size_t rows_per_group = Rows;
  static constexpr std::size_t cols_per_group = Cols;
  static constexpr std::size_t weights_per_group = Rows * Cols;

  LOWP_HD static constexpr grid_shape grid(std::size_t rows, std::size_t cols) noexcept { return {count(rows, Rows), count(cols, Cols)}; }

  LOWP_HD static constexpr grid_position group_of(std::size_t row, std::size_t col, std::size_t, std::size_t) noexcept {
    return {Rows == 0 ? 0 : row / Rows, Cols == 0 ? 0 : col / Cols};
  }

  template <class F>
  static constexpr void visit(grid_position g, std::size_t rows, std::size_t cols, F&& f) {
    const std::size_t first_row = g.row * Rows;
    const std::size_t first_col = g.col * Cols;
    const std::size_t end_row = Rows == 0 || rows - first_row < Rows ? rows : first_row + Rows;
    const std::size_t end_col = Cols == 0 || cols - first_col < Cols ? cols : first_col + Cols;
    for (std::size_t r = first_row; r < end_row; ++r) f(r, first_col, end_col - first_col);
  }

 private:
  LOWP_HD static constexpr std::size_t count(std::size_t n, std::size_t size) noexcept {
    return size == 0 ? (n != 0 ? 1u : 0u) : n / size + (n % size != 0 ? 1u : 0u);
  }
};

}  // namespace detail

struct per_tensor : detail::rectangles<0, 0> {};
struct per_channel : detail::rectangles<1, 0> {};
struct per_token : detail::rectangles<1, 0> {};

template <std::size_t N>
struct per_group : detail::rectangles<1, N> {
  static_assert(N > 0, "a group holds at least one weight");
};

template <std::size_t R, std::size_t C>
struct per_block : detail::rectangles<R, C> {
  static_assert(R > 0 && C > 0, "a block holds at least one weight");
};

template <std::size_t N>
struct per_flat_group {
  static_assert(N > 0, "a group holds at least one weight");
  static constexpr std::size_t weights_per_group = N;

  LOWP_HD static constexpr grid_shape grid(std::size_t rows, std::size_t cols) noexcept {
    return {rows * cols != 0 ? 1u : 0u, ceil_div(rows * cols, N)};
  }

  LOWP_HD static constexpr grid_position group_of(std::size_t row, std::size_t col, std::size_t, std::size_t cols) noexcept {
    return {0, (row * cols + col) / N};
  }

  template <class F>
  static constexpr void visit(grid_position g, std::size_t rows, std::size_t cols, F&& f) {
    const std::size_t end = rows * cols - g.col * N < N ? rows * cols : (g.col + 1) * N;
    for (std::size_t i = g.col * N; i < end;) {
      const std::size_t col = i % cols;
      const std::size_t count = cols - col < end - i ? cols - col : end - i;
      f(i / cols, col, count);
      i += count;
    }
  }
};

// Granularities whose groups are rectangles of rows_per_group x cols_per_group weights (0: all), which kernels rely on.
template <class G>
concept rectangular_granularity = granularity_policy<G> && requires {
  { G::rows_per_group } -> std::convertible_to<std::size_t>;
  { G::cols_per_group } -> std::convertible_to<std::size_t>;
};

}  // namespace lowp::inline LOWP_ABI
