// What the quantizing kernels of all instruction sets share: which rows to work on, the ranges of groups, and which weights along a
// row share one.
//
//   joined(a, b)                       the range of two stretches of numbers
//   run_length<per_group<32>>(0, 40, 1, 4096) == 24
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/kernel/cpu/build.hpp>
#include <lowp/kernel/cpu/isa.hpp>
#include <lowp/quantize/fit.hpp>

#include <cstddef>
#include <type_traits>

namespace lowp::inline LOWP_ABI::cpu {

// Which rows to work on, and on what.
struct rows_options {
  std::size_t first = 0;                            // rows [first, last)
  std::size_t last = static_cast<std::size_t>(-1);  // or all that follow
  isa limit = newest_isa;                           // the best instruction set to use, if the machine has it
};

}  // namespace lowp::inline LOWP_ABI::cpu

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

// Checks the rows asked for and gives the last of them a value.
inline void resolve(cpu::rows_options& o, std::size_t rows) {
  if (o.last == static_cast<std::size_t>(-1)) o.last = rows;
  if (o.first > o.last || o.last > rows) LOWP_THROW("rows ", o.first, " to ", o.last, " leave a matrix of ", rows, " rows");
}

// Types that kernels read and write in place.
template <class T>
inline constexpr bool kernels_read = std::is_same_v<std::remove_const_t<T>, float> || std::is_same_v<std::remove_const_t<T>, f16> ||
                                     std::is_same_v<std::remove_const_t<T>, bf16>;

// What is of another type or not adjacent passes through a buffer of this many floats.
inline constexpr std::size_t piece_columns = 512;

inline constexpr value_range empty_range{infinity(), -infinity()};

constexpr value_range joined(value_range a, value_range b) noexcept {
  if (is_nan(a.high)) return a;
  if (is_nan(b.high)) return b;
  return {b.low < a.low ? b.low : a.low, b.high > a.high ? b.high : a.high};
}

template <class Recipe>
inline constexpr bool is_fast_recipe = false;
template <class ScaleRule>
inline constexpr bool is_fast_recipe<recipe<min_max, nearest_even, ScaleRule>> = true;
template <class ScaleRule>
inline constexpr bool is_fast_recipe<recipe<absmax, nearest_even, ScaleRule>> = true;

// What calibrate gives for a group of that range.
template <scheme_type S, class Recipe>
constexpr value_range calibrated(value_range r) noexcept {
  if (is_nan(r.high)) return r;
  if constexpr (std::is_same_v<decltype(Recipe::calibrator), absmax>) r = {-r.reach(), r.reach()};
  return fitting_range<S>(r);
}

template <class G>
inline constexpr std::size_t flat_group = 0;
template <std::size_t N>
inline constexpr std::size_t flat_group<per_flat_group<N>> = N;

// How many weights from (row, col) on along the row are in one group.
template <granularity_policy G>
constexpr std::size_t run_length(std::size_t row, std::size_t col, std::size_t rows, std::size_t cols) noexcept {
  const std::size_t rest = cols - col;
  if constexpr (rectangular_granularity<G>) {
    constexpr std::size_t width = G::cols_per_group;
    if constexpr (width == 0) return rest;
    else return width - col % width < rest ? width - col % width : rest;
  } else if constexpr (flat_group<G> != 0) {
    const std::size_t in_group = flat_group<G> - (row * cols + col) % flat_group<G>;
    return in_group < rest ? in_group : rest;
  } else {
    const grid_position g = G::group_of(row, col, rows, cols);
    std::size_t count = 1;
    while (count < rest && G::group_of(row, col + count, rows, cols) == g) ++count;
    return count;
  }
}

template <class G>
inline constexpr bool groups_lie_in_rows = [] {
  if constexpr (rectangular_granularity<G>) return G::rows_per_group == 1;
  else return false;
}();

// Whether groups can be quantized one after another, each as it is read.
template <scheme_type S>
inline constexpr bool groups_stand_alone = number_format<typename S::scale> && (!S::has_zero || !scheme_type<typename S::zero>) &&
                                           bool(rectangular_granularity<typename S::granularity>);

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
