// A product of random packed weights as a Google Benchmark, with its rates and what they are of the machine's ceilings.
//
//   kernel_bench::add_modes<lowp::int4_g32>("int4_g32", 4096, 4096, 16, lowp::best_isa());   // exact, bf16, int8, split
//
// What is timed has the activations in f32 and makes of them what the mode wants; packing the weights is not part of it.
#pragma once

#include "ceilings.hpp"

#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/scheme/presets.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kernel_bench {

template <lowp::scheme_type S>
using weights = lowp::packed<S, lowp::layout::tile16>;

// Weights that are not quantized, for comparison.
template <lowp::number_format F>
using plain = lowp::scheme<F, lowp::per_tensor, lowp::symmetric, lowp::unit>;

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

template <lowp::scheme_type S>
std::shared_ptr<const weights<S>> make_weights(std::size_t rows, std::size_t cols) {
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
  return std::make_shared<const weights<S>>(q);
}

// Random codes. Those of the last scheme and size are kept, for benchmarks that follow each other; all would not fit in memory.
inline std::shared_ptr<const void> kept_weights;
template <lowp::scheme_type S>
std::shared_ptr<const weights<S>> random_weights(std::size_t rows, std::size_t cols) {
  static std::weak_ptr<const weights<S>> made;
  std::shared_ptr<const weights<S>> w = made.lock();
  if (!w || w->rows() != rows || w->cols() != cols) {
    w.reset();
    kept_weights.reset();
    w = make_weights<S>(rows, cols);
    made = w;
    kept_weights = w;
  }
  return w;
}

// A mode's name, its multiplications for one weight and one token, and how many operations a second the machine has for it.
template <class Compute>
struct mode;
template <>
struct mode<lowp::compute::exact> {
  static constexpr const char* name = "exact";
  static constexpr int products = 1;
  static double ceiling(lowp::isa isa) { return ceilings::f32_operations(isa); }
};
template <>
struct mode<lowp::compute::bf16> {
  static constexpr const char* name = "bf16";
  static constexpr int products = 1;
  static double ceiling(lowp::isa isa) { return ceilings::bf16_operations(isa); }
};
template <>
struct mode<lowp::compute::int8<>> {
  static constexpr const char* name = "int8";
  static constexpr int products = 1;
  static double ceiling(lowp::isa isa) { return ceilings::int8_operations(isa); }
};
template <>
struct mode<lowp::compute::split> {
  static constexpr const char* name = "split";
  static constexpr int products = 2;
  static double ceiling(lowp::isa isa) { return ceilings::int8_operations(isa); }
};

// Weights a nanosecond, operations and bytes a second, and what these are of the ceilings.
template <class Compute, lowp::scheme_type S>
void run(benchmark::State& state, std::size_t rows, std::size_t cols, std::size_t tokens, lowp::isa isa) {
  const std::shared_ptr<const weights<S>> w = random_weights<S>(rows, cols);
  std::vector<float> x(tokens * cols);
  std::uint64_t draws = 2;
  for (float& v : x) v = static_cast<float>(next_random(draws) % 1000) / 500 - 1;
  std::vector<float> y(tokens * rows);
  const double start = ceilings::seconds_of_thread();
  for (auto _ : state) {
    lowp::gemm<Compute>({x.data(), tokens, cols}, *w, {y.data(), tokens, rows}, {.limit = isa});
    benchmark::DoNotOptimize(y.data());
    benchmark::ClobberMemory();
  }
  const double seconds = (ceilings::seconds_of_thread() - start) / static_cast<double>(state.iterations());
  const auto count = static_cast<double>(rows * cols);
  const double bytes = static_cast<double>(lowp::storage_bits<S>(rows, cols)) / 8;
  const double operations = 2 * count * static_cast<double>(tokens);
  state.counters["weights/ns"] = count / seconds / 1e9;
  state.counters["GB/s"] = bytes / seconds / 1e9;
  state.counters["%read"] = 100 * bytes / seconds / ceilings::read_bytes(isa, static_cast<std::size_t>(bytes));
  state.counters["GOP/s"] = operations / seconds / 1e9;
  if (const double ceiling = mode<Compute>::ceiling(isa); ceiling != 0) {
    state.counters["%ceiling"] = 100 * mode<Compute>::products * operations / seconds / ceiling;
  }
}

template <class Compute, lowp::scheme_type S>
void add(const std::string& name, std::size_t rows, std::size_t cols, std::size_t tokens, lowp::isa isa) {
  const std::string title = name + "/" + mode<Compute>::name + "/" + std::to_string(rows) + "x" + std::to_string(cols) +
                            "/tokens:" + std::to_string(tokens) + "/" + std::string(lowp::name(isa));
  benchmark::RegisterBenchmark(title.c_str(), [=](benchmark::State& state) {
    run<Compute, S>(state, rows, cols, tokens, isa);
  })->Unit(benchmark::kMicrosecond);
}

// In each mode that the scheme has.
template <lowp::scheme_type S>
void add_modes(const std::string& name, std::size_t rows, std::size_t cols, std::size_t tokens, lowp::isa isa) {
  add<lowp::compute::exact, S>(name, rows, cols, tokens, isa);
  add<lowp::compute::bf16, S>(name, rows, cols, tokens, isa);
  if constexpr (lowp::integer_product_exists<lowp::int8_channel, S>) {
    add<lowp::compute::int8<>, S>(name, rows, cols, tokens, isa);
    add<lowp::compute::split, S>(name, rows, cols, tokens, isa);
  }
}

}  // namespace kernel_bench
