// A linear layer with correlated inputs, and the error of its output.
#pragma once

#include <lowp/algorithm/hessian.hpp>
#include <lowp/quantize/quantize.hpp>

#include <random_matrix.hpp>

#include <cstddef>
#include <vector>

struct layer {
  std::size_t rows;
  std::size_t cols;
  std::vector<float> w;  // [rows, cols]
  std::vector<float> h;  // [cols, cols]

  lowp::matrix_view<const float> weights() const { return {w.data(), rows, cols}; }
  lowp::matrix_view<const float> hessian() const { return {h.data(), cols, cols}; }
};

// Inputs follow one another along the features (correlation 0.9), and every 17th feature is ten times as large.
inline layer correlated_layer(std::size_t rows, std::size_t cols, std::size_t tokens, std::uint64_t seed, double deviation = 0.05) {
  std::vector<float> x(tokens * cols);
  for (std::size_t t = 0; t < tokens; ++t) {
    double state = 0;
    for (std::size_t c = 0; c < cols; ++c) {
      state = 0.9 * state + 0.43589 * random_normal(seed + 1, t * cols + c);
      x[t * cols + c] = static_cast<float>(c % 17 == 3 ? 10 * state : state);
    }
  }
  lowp::hessian h(cols);
  h.add({x.data(), tokens, cols});
  const auto view = h.view();
  return {rows, cols, normal_numbers(rows * cols, seed, deviation), std::vector<float>(view.data(), view.data() + cols * cols)};
}

// The mean squared error of the layer's output, up to a factor: sum over rows of (w - q) H (w - q)^T.
template <lowp::scheme_type S>
double output_error(const layer& l, const lowp::quantized<S>& q) {
  double sum = 0;
  std::vector<double> d(l.cols);
  for (std::size_t r = 0; r < l.rows; ++r) {
    for (std::size_t c = 0; c < l.cols; ++c) d[c] = static_cast<double>(l.w[r * l.cols + c]) - static_cast<double>(q.value(r, c));
    for (std::size_t i = 0; i < l.cols; ++i) {
      double row = 0;
      for (std::size_t j = 0; j < l.cols; ++j) row += static_cast<double>(l.h[i * l.cols + j]) * d[j];
      sum += d[i] * row;
    }
  }
  return sum;
}
