// GEMV problems with random contents, an independent answer to them, and the CUDA GEMV run on the host: the same phases, over
// a block whose threads take turns.
#pragma once

#include <lowp/kernel/cuda/gemv_body.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/quantize/quantized.hpp>

#include "gemm_problem.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace lowp_test {

template <lowp::scheme_type S, class X>
struct gemv_problem {
  lowp::quantized<S> weights;
  lowp::packed<S, lowp::layout::row_major> packed;
  std::vector<X> x;
  std::size_t tokens;

  gemv_problem(std::size_t rows, std::size_t cols, std::size_t token_count, unsigned seed = 1)
      : weights(rows, cols), x(token_count * cols), tokens(token_count) {
    std::mt19937 random(seed);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) weights.codes()(r, c) = static_cast<std::uint8_t>(random() & 15u);
    }
    fill_parameters(weights.scales(), random, 0.015f);
    for (X& v : x) v = X(static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 300.0f);
    packed = lowp::pack<lowp::layout::row_major>(weights);
  }

  // How far y [tokens, rows] is from the sums in double, as a share of the sums of magnitudes. Weights are rounded to f16
  // first, as the kernel says it does.
  double worst_error(const std::vector<float>& y) const {
    using format = typename S::format;
    double worst = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t r = 0; r < weights.rows(); ++r) {
        double sum = 0;
        double magnitude = 0;
        for (std::size_t c = 0; c < weights.cols(); ++c) {
          const auto g = S::granularity::group_of(r, c, weights.rows(), weights.cols());
          const double weight = lowp::round_to<lowp::f16>(format::decode(weights.codes()(r, c)));
          const double product = weight * weights.scales().value(g.row, g.col) * x[t * weights.cols() + c];
          sum += product;
          magnitude += std::abs(product);
        }
        const double error = std::abs(y[t * weights.rows() + r] - sum);
        const double share = magnitude > 0 ? error / magnitude : error;
        if (std::isnan(share)) return share;
        worst = std::fmax(worst, share);
      }
    }
    return worst;
  }
};

template <class Y = float, lowp::scheme_type S, class X>
lowp::gemv_arguments<S, X, Y> arguments_of(const gemv_problem<S, X>& p, std::vector<Y>& y) {
  const std::size_t rows = p.weights.rows();
  const std::size_t cols = p.weights.cols();
  y.assign(p.tokens * rows, Y(-77.0f));
  const lowp::device_weights<S> w{.codes = p.packed.bytes().data(), .rows = rows, .cols = cols, .scales = parameters_of(p.packed.scales())};
  return lowp::gemv_arguments_of(w, lowp::matrix_view<const X>{p.x.data(), p.tokens, cols}, lowp::matrix_view<Y>{y.data(), p.tokens, rows});
}

// Every byte of shared memory starts as part of a NaN, so that what is read before it is written shows.
template <int Tokens, lowp::gemv_tile Tile, lowp::scheme_type S, class X, class Y>
void gemv_on_host(lowp::gemv_arguments<S, X, Y> a, std::uint32_t blocks) {
  const lowp::gemv_plan plan = lowp::plan_gemv(a.rows, a.cols, Tokens, Tile);
  a.panel = static_cast<std::uint32_t>(plan.panel);
  const lowp::vector_of_words unwritten{{~0u, ~0u, ~0u, ~0u}};
  const lowp::host_block<Tile.threads()> block;
  for (std::uint32_t b = 0; b < blocks; ++b) {
    std::vector<lowp::vector_of_words> shared(plan.shared_bytes / sizeof(lowp::vector_of_words), unwritten);
    lowp::gemv_body<S, X, Y, Tokens, Tile>::run(block, a, shared.data(), b, blocks);
  }
}

// As the launch does it: the smallest kernel that holds the tokens, in the default tile.
template <lowp::scheme_type S, class X, class Y>
void gemv_on_host(const lowp::gemv_arguments<S, X, Y>& a, std::uint32_t blocks) {
  constexpr lowp::gemv_tuning tuning;
  if (a.tokens == 1) gemv_on_host<1, tuning(90, 1)>(a, blocks);
  else if (a.tokens == 2) gemv_on_host<2, tuning(90, 2)>(a, blocks);
  else if (a.tokens <= 4) gemv_on_host<4, tuning(90, 4)>(a, blocks);
  else gemv_on_host<8, tuning(90, 8)>(a, blocks);
}

}  // namespace lowp_test
