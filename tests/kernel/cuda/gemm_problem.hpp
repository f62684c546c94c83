// Products with random contents and an independent answer to them, for the CUDA GEMM on the host and on the device.
#pragma once

#include <lowp/kernel/cuda/device_weights.hpp>
#include <lowp/quantize/quantized.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace lowp_test {

// Fills scales (zero points, biases) with numbers around `middle`, whatever they are stored in.
template <lowp::number_format F>
void fill_parameters(lowp::number_grid<F>& grid, std::mt19937& random, float middle) {
  if constexpr (F::bits != 0) {
    const auto codes = grid.codes();
    for (std::size_t r = 0; r < codes.rows(); ++r) {
      for (std::size_t c = 0; c < codes.cols(); ++c) {
        codes(r, c) = lowp::encode<F>(middle * (0.7f + static_cast<float>(random() % 1000) / 1000.0f));
      }
    }
  }
}
template <lowp::scheme_type S>
void fill_parameters(lowp::quantized<S>& grid, std::mt19937& random, float middle) {
  const float inner = lowp::limits<typename S::format>.largest / 4;
  const auto codes = grid.codes();
  for (std::size_t r = 0; r < codes.rows(); ++r) {
    for (std::size_t c = 0; c < codes.cols(); ++c) {
      codes(r, c) = lowp::encode<typename S::format>(inner * (0.7f + static_cast<float>(random() % 1000) / 1000.0f));
    }
  }
  fill_parameters(grid.scales(), random, middle / inner);
  if constexpr (S::has_zero) fill_parameters(grid.zeros(), random, inner / 5);
}

// Weights of any finite code, scales about 0.01, zero points about a fifth of the largest number, biases like the scales.
template <lowp::scheme_type S>
lowp::quantized<S> random_weights(std::size_t rows, std::size_t cols, unsigned seed = 1) {
  using format = typename S::format;
  std::mt19937 random(seed);
  lowp::quantized<S> q(rows, cols);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      std::uint32_t code = random() & lowp::low_mask(format::bits);
      while (!lowp::is_finite(lowp::decode<format>(code))) code = random() & lowp::low_mask(format::bits);
      q.codes()(r, c) = static_cast<std::uint8_t>(code);
    }
  }
  fill_parameters(q.scales(), random, 0.015f);
  if constexpr (S::has_zero) fill_parameters(q.zeros(), random, S::has_added_term ? 0.02f : lowp::limits<format>.largest / 5);
  return q;
}

// The pointers of scales that lie in host memory.
template <lowp::number_format F>
lowp::device_parameters<F> parameters_of(const lowp::number_grid<F>& grid) {
  return {grid.codes().data()};
}
template <lowp::scheme_type S>
lowp::device_parameters<S> parameters_of(const lowp::quantized<S>& grid) {
  return {grid.codes().data(), parameters_of(grid.scales())};
}

}  // namespace lowp_test
