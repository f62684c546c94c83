// Views of quantized matrices in somebody else's memory, in plain order: one code an element, the grid of scales, the
// grid of zero points. Everything that reads quantized weights reads them through a view.
//
//   lowp::quantized_view<lowp::int8_channel> v{codes, {scales}};      // matrix_views of bytes and of float bit patterns
//   v.value(r, c);
#pragma once

#include <lowp/core/matrix_view.hpp>
#include <lowp/quantize/affine.hpp>

#include <cstddef>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// A matrix of numbers in a plain format: what scales and zero points are when no scheme quantizes them in turn.
template <number_format F>
struct number_view {
  matrix_view<const code_t<F>> codes;  // empty for a format of no bits

  constexpr float value(std::size_t row, std::size_t col) const noexcept {
    if constexpr (F::bits == 0) return decode<F>(0);
    else return decode<F>(codes(row, col));
  }
};

template <scheme_type S>
struct quantized_view;

struct no_parameters {
  friend bool operator==(const no_parameters&, const no_parameters&) = default;
};

namespace detail {

template <class P>
struct parameter_view_of {
  using type = quantized_view<P>;
};
template <number_format P>
struct parameter_view_of<P> {
  using type = number_view<P>;
};
template <>
struct parameter_view_of<void> {
  using type = no_parameters;
};

}  // namespace detail

// The view of a parameter: of a format's numbers, of a quantized grid, of nothing for void.
template <class P>
using parameter_view = typename detail::parameter_view_of<P>::type;

template <scheme_type S>
struct quantized_view {
  using scheme = S;
  using format = typename S::format;
  using granularity = typename S::granularity;
  using code_type = code_t<format>;

  matrix_view<const code_type> codes;                            // [rows, cols], a code in the low bits of each element
  parameter_view<typename S::scale> scales;                      // grid() shaped
  [[no_unique_address]] parameter_view<typename S::zero> zeros;  // grid() shaped

  constexpr std::size_t rows() const noexcept { return codes.rows(); }
  constexpr std::size_t cols() const noexcept { return codes.cols(); }
  constexpr grid_shape grid() const noexcept { return granularity::grid(rows(), cols()); }

  // Scale and zero point of a group, and of the group of a weight.
  constexpr affine<S> group(grid_position g) const noexcept {
    affine<S> a;
    a.scale = scales.value(g.row, g.col);
    if constexpr (S::has_zero) a.zero = zeros.value(g.row, g.col);
    return a;
  }
  constexpr affine<S> group_of(std::size_t row, std::size_t col) const noexcept {
    return group(granularity::group_of(row, col, rows(), cols()));
  }

  constexpr float value(std::size_t row, std::size_t col) const noexcept { return group_of(row, col).decode(codes(row, col)); }
};

namespace detail {

inline void require_fit(no_parameters, std::size_t, std::size_t) noexcept {}

template <number_format F>
void require_fit(const number_view<F>& numbers, std::size_t rows, std::size_t cols) {
  if (F::bits != 0 && (numbers.codes.rows() != rows || numbers.codes.cols() != cols)) {
    LOWP_THROW("parameters of ", numbers.codes.rows(), " x ", numbers.codes.cols(), " do not fit a grid of ", rows, " x ", cols);
  }
}

// Throws lowp::error where the matrix that a view shows, or its scales and zero points in turn, have another shape.
template <scheme_type S>
void require_fit(const quantized_view<S>& q, std::size_t rows, std::size_t cols) {
  if (q.rows() != rows || q.cols() != cols) LOWP_THROW("codes of ", q.rows(), " x ", q.cols(), " do not fit a grid of ", rows, " x ", cols);
  const grid_shape grid = q.grid();
  require_fit(q.scales, grid.rows, grid.cols);
  if constexpr (S::has_zero) require_fit(q.zeros, grid.rows, grid.cols);
}

}  // namespace detail
}  // namespace lowp::inline LOWP_ABI
