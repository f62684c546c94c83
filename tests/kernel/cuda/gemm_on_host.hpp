// The CUDA GEMM run on the host: the same phases, over a block whose threads take turns.
#pragma once

#include <lowp/kernel/cuda/gather_activations.hpp>
#include <lowp/kernel/cuda/gemm_body.hpp>
#include <lowp/layout/packed.hpp>

#include "gemm_problem.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace lowp_test {

// All blocks of a launch, in an order that `seed` decides, with shared memory that starts as NaN.
template <int Tokens, int ComputeCapability, lowp::scheme_type S, class X, class Y, class E>
void gemm_on_host(lowp::gemm_arguments<S, X, Y, E> a, std::uint32_t blocks, unsigned seed = 1) {
  constexpr lowp::gemm_tile tile = lowp::gemm_tuning<S>::template tile<Tokens>(ComputeCapability);
  using body = lowp::gemm_body<S, X, Y, E, tile>;
  const auto schedule =
      lowp::gemm_schedule::make(static_cast<std::uint32_t>((a.weights.rows + 255) / 256), body::steps(a.weights.cols), blocks);
  const lowp::gemm_workspace_size size = lowp::gemm_workspace_for(a.weights.rows, a.weights.cols, schedule.blocks);
  std::vector<float> sums(size.sums / sizeof(float), lowp::quiet_nan());
  std::vector<std::uint32_t> arrivals(size.arrivals / sizeof(std::uint32_t), 0);
  std::vector<lowp::vector_of_words> activations(size.activations / sizeof(lowp::vector_of_words), {{~0u, ~0u, ~0u, ~0u}});
  a.workspace = {sums.data(), arrivals.data(), activations.data()};
  if (a.gathers()) {
    for (std::uint32_t b = 0; b < 3; ++b) lowp::gather_activations(lowp::host_block<128>{}, a, b, 3);
    a = lowp::gathered(a);
  }
  std::vector<std::uint32_t> order(schedule.blocks);
  std::iota(order.begin(), order.end(), 0u);
  if (seed != 1) std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  const lowp::host_block<tile.threads()> block;
  for (const std::uint32_t b : order) {
    std::vector<lowp::vector_of_words> shared(body::memory::bytes / sizeof(lowp::vector_of_words), {{~0u, ~0u, ~0u, ~0u}});
    body::prepare(block, shared.data());
    body::run(block, a, schedule, shared.data(), b);
  }
  for (const std::uint32_t count : arrivals) {
    if (count != 0) LOWP_THROW("a counter of arrivals was left at ", count);
  }
}

// In the tile that a launch on this architecture chooses.
template <int ComputeCapability = 90, lowp::scheme_type S, class X, class Y, class E>
void gemm_on_host_as_launched(const lowp::gemm_arguments<S, X, Y, E>& a, std::uint32_t blocks, unsigned seed = 1) {
  switch (lowp::gemm_tuning<S>::token_tile(ComputeCapability, a.tokens)) {
    case 8:
      return gemm_on_host<8, ComputeCapability>(a, blocks, seed);
    case 16:
      return gemm_on_host<16, ComputeCapability>(a, blocks, seed);
    case 32:
      return gemm_on_host<32, ComputeCapability>(a, blocks, seed);
    default:
      return gemm_on_host<64, ComputeCapability>(a, blocks, seed);
  }
}

template <lowp::scheme_type S, class X = lowp::f16>
struct gemm_problem {
  lowp::quantized<S> weights;
  lowp::packed<S, lowp::layout::mma_a16> packed;
  std::vector<X> x;
  std::size_t tokens;

  gemm_problem(std::size_t rows, std::size_t cols, std::size_t token_count, unsigned seed = 1)
      : weights(random_weights<S>(rows, cols, seed)),
        packed(lowp::pack<lowp::layout::mma_a16>(weights)),
        x(token_count * cols),
        tokens(token_count) {
    std::mt19937 random(seed + 100);
    for (X& v : x) v = X(static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 300.0f);
  }

  lowp::mma_weights<S> pointers() const {
    if constexpr (S::has_zero) {
      return lowp::mma_weights_of(packed, packed.bytes().data(), packed.panel_scales().codes(), packed.panel_zeros().codes());
    } else {
      return lowp::mma_weights_of(packed, packed.bytes().data(), packed.panel_scales().codes());
    }
  }

  template <class Y = float, class E = lowp::identity_epilogue>
  lowp::gemm_arguments<S, X, Y, E> arguments(std::vector<Y>& y, E epilogue = {}) const {
    y.assign(tokens * weights.rows(), Y(-77.0f));
    return lowp::gemm_arguments_of(pointers(), lowp::matrix_view<const X>{x.data(), tokens, weights.cols()},
                                   lowp::matrix_view<Y>{y.data(), tokens, weights.rows()}, epilogue);
  }

  std::vector<float> result(std::uint32_t blocks, unsigned seed = 1) const {
    std::vector<float> y;
    gemm_on_host_as_launched(arguments(y), blocks, seed);
    return y;
  }

  // How far y [tokens, rows] is from sums in double, as a share of the sums of magnitudes. Numbers that X does not hold are rounded to
  // it first, as the kernel says it does.
  double worst_error(const std::vector<float>& y) const {
    double worst = 0;
    std::vector<double> row(weights.cols());
    std::vector<double> size(weights.cols());
    for (std::size_t r = 0; r < weights.rows(); ++r) {
      for (std::size_t c = 0; c < weights.cols(); ++c) {
        const auto group = weights.group_of(r, c);
        const double number = lowp::round_to<X>(S::format::decode(weights.codes()(r, c)));
        const double scale = group.scale;
        const double zero = group.zero;
        row[c] = S::has_bias ? scale * number + zero : S::has_minimum ? scale * number - zero : scale * (number - zero);
        size[c] = std::abs(scale * number) + std::abs(S::has_added_term ? zero : scale * zero);
      }
      for (std::size_t t = 0; t < tokens; ++t) {
        double sum = 0;
        double magnitude = 0;
        for (std::size_t c = 0; c < weights.cols(); ++c) {
          sum += row[c] * x[t * weights.cols() + c];
          magnitude += size[c] * std::abs(static_cast<double>(x[t * weights.cols() + c]));
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

}  // namespace lowp_test
