// From a matrix of floats to a quantized one and back.
//
//   lowp::quantized<lowp::int4_g128> q = lowp::quantize<lowp::int4_g128>(lowp::matrix_view<const float>{w, rows, cols});
//   lowp::dequantize(q, lowp::matrix_view<float>{back, rows, cols});
//
// A group that holds NaN or infinity gets the scale NaN and codes of zero, so that all of it reads back as NaN; a scale that
// cannot be NaN (an integer's, unit) makes it an lowp::error. A group of zeros reads back as zeros.
#pragma once

#include <lowp/quantize/fit.hpp>

#include <cstddef>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

namespace detail {

// Codes of the matrix w for the scales and zero points that q holds.
template <scheme_type S, class T, class Rounding>
void encode_groups(quantized<S>& q, matrix_view<T> w, Rounding rounding) {
  const grid_shape grid = q.grid();
  const auto codes = q.codes();
  for (std::size_t i = 0; i < grid.rows * grid.cols; ++i) {
    const grid_position g{i / grid.cols, i % grid.cols};
    const affine<S> group = q.group(g);
    const bool numbers = !is_nan(group.scale);
    S::granularity::visit(g, w.rows(), w.cols(), [&](std::size_t row, std::size_t col, std::size_t count) {
      for (std::size_t c = col; c < col + count; ++c) {
        codes(row, c) = numbers ? group.encode(static_cast<float>(w(row, c)), rounding_at(rounding, row * w.cols() + c))
                                : encode<typename S::format>(0.0f);
      }
    });
  }
}

template <class A, class B>
void require_same_shape(const A& a, const B& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) {
    LOWP_THROW("a matrix of ", a.rows(), " x ", a.cols(), " does not fit one of ", b.rows(), " x ", b.cols());
  }
}

}  // namespace detail

// The matrix w [rows, cols] (float, f16, bf16 or anything that converts to float) in the scheme S.
// Throws lowp::error where a scale overflows its format, or cannot be NaN where the group is.
template <scheme_type S, class T, class Recipe = recipe<>>
quantized<S> quantize(matrix_view<T> w, const Recipe& r = {}) {
  quantized<S> q(w.rows(), w.cols());
  detail::fit(q, w, 1, r);
  detail::encode_groups(q, w, r.rounding);
  return q;
}

// The numbers that the codes stand for, into out [rows, cols] (float, f16 or bf16). Throws lowp::error on another shape, and
// where a view's scales or zero points do not have the shape that its codes ask for.
template <scheme_type S, class T>
void dequantize(const quantized_view<S>& q, matrix_view<T> out) {
  detail::require_same_shape(q, out);
  detail::require_fit(q, q.rows(), q.cols());
  const grid_shape grid = q.grid();
  for (std::size_t i = 0; i < grid.rows * grid.cols; ++i) {
    const grid_position g{i / grid.cols, i % grid.cols};
    const affine<S> group = q.group(g);
    S::granularity::visit(g, q.rows(), q.cols(), [&](std::size_t row, std::size_t col, std::size_t count) {
      for (std::size_t c = col; c < col + count; ++c) out(row, c) = T(group.decode(q.codes(row, c)));
    });
  }
}

template <scheme_type S, class T>
void dequantize(const quantized<S>& q, matrix_view<T> out) {
  dequantize(q.view(), out);
}

// What becomes of w in the scheme S: quantize and dequantize at once, out [rows, cols]; out may be w itself.
template <scheme_type S, class T, class U, class Recipe = recipe<>>
void fake_quantize(matrix_view<T> w, matrix_view<U> out, const Recipe& r = {}) {
  detail::require_same_shape(w, out);
  dequantize(quantize<S>(w, r), out);
}

}  // namespace lowp::inline LOWP_ABI
