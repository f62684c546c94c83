// A product of random packed weights as a Google Benchmark, with its rates and what they are of the machine's ceilings.
#pragma once

#include "ceilings.hpp"

#include <lowp/kernel/cpu/gemm.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace kernel_bench {

template <lowp::scheme_type S>
using weights = lowp::packed<S, lowp::layout::tile16>;

inline std::uint32_t next_random(std::uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<std::uint32_t>(state >> 32);
}

// Numbers near one in any parameter grid.
template <lowp::number_format F>
void fill_ones(lowp::number_grid<F>& grid) {
  for (std::size_t r = 0; r < grid.codes().rows(); ++r) {
    for (std::size_t c = 0; c < grid.codes().cols(); ++c) grid.codes()(r, c) = lowp::encode<F>(1.0f);
  }
}
template <lowp::scheme_type S>
void fill_ones(lowp::quantized<S>& grid) {
  for (std::size_t r = 0; r < grid.rows(); ++r) {
    for (std::size_t c = 0; c < grid.cols(); ++c) grid.codes()(r, c) = lowp::encode<typename S::format>(1.0f);
  }
  fill_ones(grid.scales());
}

// Random codes; made once for each scheme and size.
template <lowp::scheme_type S>
const weights<S>& random_weights(std::size_t rows, std::size_t cols) {
  static std::map<std::pair<std::size_t, std::size_t>, std::unique_ptr<weights<S>>> made;
  auto& w = made[{rows, cols}];
  if (!w) {
    using F = typename S::format;
    lowp::quantized<S> q(rows, cols);
    std::uint64_t state = 1;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) {
        const std::uint32_t draw = next_random(state);
        if constexpr (F::bits > 8) q.codes()(r, c) = lowp::encode<F>(static_cast<float>(draw % 1000) / 500 - 1);
        else q.codes()(r, c) = static_cast<std::uint8_t>(draw & lowp::low_mask(F::bits) & ~1u);  // which leaves NaN out
      }
    }
    fill_ones(q.scales());
    if constexpr (S::has_zero) fill_ones(q.zeros());
    w = std::make_unique<weights<S>>(q);
  }
  return *w;
}

// Weights a nanosecond, operations and bytes a second, each also of the ceiling.
template <lowp::scheme_type S>
void run(benchmark::State& state, std::size_t rows, std::size_t cols, std::size_t tokens, lowp::isa isa) {
  const weights<S>& w = random_weights<S>(rows, cols);
  std::vector<float> x(tokens * cols, 0.5f);
  std::vector<float> y(tokens * rows);
  const double start = ceilings::seconds_of_work();
  for (auto _ : state) {
    lowp::gemm({x.data(), tokens, cols}, w, {y.data(), tokens, rows}, {.limit = isa});
    benchmark::DoNotOptimize(y.data());
    benchmark::ClobberMemory();
  }
  const double seconds = (ceilings::seconds_of_work() - start) / static_cast<double>(state.iterations());
  const auto count = static_cast<double>(rows * cols);
  const double bytes = static_cast<double>(lowp::storage_bits<S>(rows, cols)) / 8;
  const double operations = 2 * count * static_cast<double>(tokens);
  state.counters["weights/ns"] = count / seconds / 1e9;
  state.counters["GB/s"] = bytes / seconds / 1e9;
  state.counters["%read"] = 100 * bytes / seconds / ceilings::read_bytes(isa, static_cast<std::size_t>(bytes));
  state.counters["GFLOP/s"] = operations / seconds / 1e9;
  state.counters["%fma"] = 100 * operations / seconds / ceilings::flops(isa);
}

template <lowp::scheme_type S>
void add(const std::string& name, std::size_t rows, std::size_t cols, std::size_t tokens, lowp::isa isa) {
  const std::string title = name + "/" + std::to_string(rows) + "x" + std::to_string(cols) + "/tokens:" + std::to_string(tokens) + "/" +
                            std::string(lowp::name(isa));
  benchmark::RegisterBenchmark(title.c_str(), [=](benchmark::State& state) {
    run<S>(state, rows, cols, tokens, isa);
  })->Unit(benchmark::kMicrosecond);
}

}  // namespace kernel_bench
