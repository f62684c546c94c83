// Every preset from floats to codes and back, on every instruction set of this machine and one core, beside the scalar
// lowp::quantize and lowp::dequantize.
//
//   quantize_bench --benchmark_filter='^quantize/.*/x86_v4'
//   quantize_bench --benchmark_filter='bf16|tile16'
//
// GB/s counts the numbers and the codes once each; %read is what that is of the bytes that one core reads a second.

#include "ceilings.hpp"

#include <lowp/kernel/cpu/dequantize.hpp>
#include <lowp/kernel/cpu/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

constexpr std::size_t rows = 4096;
constexpr std::size_t cols = 4096;
constexpr std::size_t few_rows = 64;  // for what is slow

// About normal: a sum of uniform numbers.
template <class T>
const std::vector<T>& weights() {
  static const std::vector<T> made = [] {
    std::vector<T> w(rows * cols);
    std::uint64_t state = 1;
    for (T& x : w) {
      float sum = -2.0f;
      for (int i = 0; i < 4; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        sum += static_cast<float>(state >> 40) * 0x1p-24f;
      }
      x = T(sum);
    }
    return w;
  }();
  return made;
}

template <class S, class T, class Work>
void measure(benchmark::State& state, std::size_t height, lowp::isa isa, Work&& work) {
  work();
  const double start = ceilings::seconds_of_thread();
  for (auto _ : state) {
    work();
    benchmark::ClobberMemory();
  }
  const double seconds = (ceilings::seconds_of_thread() - start) / static_cast<double>(state.iterations());
  const auto count = static_cast<double>(height * cols);
  const double bytes = count * (sizeof(T) + sizeof(lowp::code_t<typename S::format>));
  state.counters["Gweight/s"] = count / seconds / 1e9;
  state.counters["GB/s"] = bytes / seconds / 1e9;
  state.counters["%read"] = 100 * bytes / seconds / ceilings::read_bytes(isa, static_cast<std::size_t>(bytes));
}

template <class Work>
void add(const std::string& title, Work&& work) {
  benchmark::RegisterBenchmark(title.c_str(), work)->Unit(benchmark::kMillisecond);
}

template <class S, class T>
void add_type(const std::string& title, lowp::isa isa) {
  add("quantize/" + title, [=](benchmark::State& state) {
    lowp::quantized<S> q(rows, cols);
    const lowp::matrix_view<const T> w{weights<T>().data(), rows, cols};
    measure<S, T>(state, rows, isa, [&] { lowp::cpu::quantize(w, q, {.limit = isa}); });
  });
  add("dequantize/" + title, [=](benchmark::State& state) {
    const auto q = lowp::cpu::quantize<S>(lowp::matrix_view<const T>{weights<T>().data(), rows, cols});
    std::vector<T> out(rows * cols);
    measure<S, T>(state, rows, isa, [&] { lowp::cpu::dequantize(q, lowp::matrix_view<T>{out.data(), rows, cols}, {.limit = isa}); });
  });
}

template <class S>
void add_preset(const std::string& name) {
  lowp::for_each_isa([&](lowp::isa isa) {
    if (isa == lowp::isa::portable) return;
    add_type<S, float>(name + "/f32/" + std::string(lowp::name(isa)), isa);
  });
  const lowp::isa best = lowp::best_isa();
  add_type<S, lowp::bf16>(name + "/bf16/" + std::string(lowp::name(best)), best);
  add("dequantize/" + name + "/tile16/" + std::string(lowp::name(best)), [=](benchmark::State& state) {
    const auto w = lowp::pack<lowp::layout::tile16>(
        lowp::cpu::quantize<S>(lowp::matrix_view<const float>{weights<float>().data(), 16 * few_rows, cols}));
    std::vector<float> out(16 * few_rows * cols);
    measure<S, float>(state, 16 * few_rows, best, [&] {
      lowp::cpu::dequantize(w, lowp::matrix_view<float>{out.data(), 16 * few_rows, cols});
    });
  });
  add("quantize/" + name + "/scalar", [=](benchmark::State& state) {
    const lowp::matrix_view<const float> w{weights<float>().data(), few_rows, cols};
    measure<S, float>(state, few_rows, best, [&] { benchmark::DoNotOptimize(lowp::quantize<S>(w)); });
  });
  add("dequantize/" + name + "/scalar", [=](benchmark::State& state) {
    const auto q = lowp::cpu::quantize<S>(lowp::matrix_view<const float>{weights<float>().data(), few_rows, cols});
    std::vector<float> out(few_rows * cols);
    measure<S, float>(state, few_rows, best, [&] { lowp::dequantize(q, lowp::matrix_view<float>{out.data(), few_rows, cols}); });
  });
}

// Activations on their way into integer products: into what is there already, from one token on.
template <class S>
void add_activations(const std::string& name) {
  for (const std::size_t tokens : {1u, 8u, 64u, 512u}) {
    lowp::for_each_isa([&](lowp::isa isa) {
      if (isa == lowp::isa::portable) return;
      add("activations/" + name + "/tokens:" + std::to_string(tokens) + "/" + std::string(lowp::name(isa)), [=](benchmark::State& state) {
        lowp::quantized<S> q(tokens, cols);
        const lowp::matrix_view<const float> x{weights<float>().data(), tokens, cols};
        measure<S, float>(state, tokens, isa, [&] { lowp::cpu::quantize(x, q, {.limit = isa}); });
      });
    });
  }
}

const bool added = [] {
  lowp::for_each_preset([]<class S>(std::string_view name) { add_preset<S>(std::string(name)); });
  add_activations<lowp::scheme<lowp::i8, lowp::per_token, lowp::symmetric, lowp::f32>>("i8_per_token");
  add_activations<lowp::scheme<lowp::i8, lowp::per_group<32>, lowp::symmetric, lowp::f32>>("i8_g32");
  return true;
}();

}  // namespace
