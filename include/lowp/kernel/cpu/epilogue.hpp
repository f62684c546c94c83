// What happens to outputs on their way to memory: bias, activation functions, residual connections, or a caller's own.
//
//   lowp::gemm(x, w, y, {}, lowp::chain(lowp::add_bias{bias}, lowp::silu{}, lowp::add_residual{residual}));
//
//   const auto clamp = [](std::size_t token, std::size_t row, std::span<float> values) {   // values of a token, outputs from `row` on
//     for (float& v : values) v = v < 6 ? v : 6;
//   };
//   lowp::gemm(x, w, y, {}, clamp);
#pragma once

#include <lowp/core/matrix_view.hpp>
#include <lowp/kernel/cpu/build.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <tuple>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

// epilogue(token, row, values): changes the outputs row, row + 1, ... of a token. Each output passes exactly once, from any thread.
template <class E>
concept epilogue_type = requires(const E& e, std::size_t n, std::span<float> values) { e(n, n, values); };

struct no_epilogue {
  constexpr void operator()(std::size_t, std::size_t, std::span<float>) const noexcept {}
};

// Adds bias[row], one for each output.
struct add_bias {
  std::span<const float> bias;

  constexpr void operator()(std::size_t, std::size_t row, std::span<float> values) const noexcept {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += bias[row + i];
  }
};

// Adds residual(token, row).
template <class T>
struct add_residual {
  matrix_view<const T> residual;

  constexpr void operator()(std::size_t token, std::size_t row, std::span<float> values) const noexcept {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += static_cast<float>(residual(token, row + i));
  }
};
template <class T>
add_residual(matrix_view<T>) -> add_residual<std::remove_const_t<T>>;

// x / (1 + e^-x). Elfwing, Uchibe and Doya 2018, "Sigmoid-weighted linear units".
struct silu {
  void operator()(std::size_t, std::size_t, std::span<float> values) const noexcept {
    for (float& v : values) v = v / (1.0f + std::exp(-v));
  }
};

// x * Phi(x), by the error function. Hendrycks and Gimpel 2016, "Gaussian error linear units".
struct gelu {
  void operator()(std::size_t, std::size_t, std::span<float> values) const noexcept {
    for (float& v : values) v = 0.5f * v * (1.0f + std::erf(v * 0.70710678f));
  }
};

// Its approximation by the hyperbolic tangent, of the same paper.
struct gelu_tanh {
  void operator()(std::size_t, std::size_t, std::span<float> values) const noexcept {
    for (float& v : values) v = 0.5f * v * (1.0f + std::tanh(0.79788456f * (v + 0.044715f * v * v * v)));
  }
};

// One epilogue after another.
template <epilogue_type... E>
constexpr auto chain(E... epilogues) {
  return [all = std::tuple(epilogues...)](std::size_t token, std::size_t row, std::span<float> values) {
    std::apply([&](const auto&... each) { (each(token, row, values), ...); }, all);
  };
}

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
