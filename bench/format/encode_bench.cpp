// Nanoseconds a value of encode and decode, one format a row: a plain loop over values in cache, as the compiler makes it.
#include <lowp/format/formats.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t count = 4096;

void report(benchmark::State& state) {
  const auto values = static_cast<double>(state.iterations()) * static_cast<double>(count);
  state.counters["values"] = benchmark::Counter(values, benchmark::Counter::kIsRate);
  state.counters["time/value"] = benchmark::Counter(values, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// Values spread over the whole range, a few beyond it.
template <class F>
std::vector<float> normal_values() {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal(0.0f, lowp::limits<F>.reach / 3);
  std::vector<float> values(count);
  for (float& v : values) v = normal(generator);
  return values;
}

// A format that states nothing but its values, so that its encoder is derived.
template <class F>
struct derived {
  static constexpr int bits = F::bits;
  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept { return F::decode(code); }
};

template <class F, class R>
void encode(benchmark::State& state) {
  const std::vector<float> x = normal_values<F>();
  std::vector<lowp::code_t<F>> codes(count);
  for (auto _ : state) {
    for (std::size_t i = 0; i < count; ++i) codes[i] = lowp::encode<F>(x[i], lowp::detail::rounding_at(R{}, i));
    benchmark::DoNotOptimize(codes.data());
    benchmark::ClobberMemory();
  }
  report(state);
}

template <class F>
void decode(benchmark::State& state) {
  std::mt19937 generator(1);
  std::vector<lowp::code_t<F>> codes(count);
  for (auto& c : codes) c = static_cast<lowp::code_t<F>>(generator() & lowp::low_mask(F::bits));
  std::vector<float> x(count);
  for (auto _ : state) {
    for (std::size_t i = 0; i < count; ++i) x[i] = lowp::decode<F>(codes[i]);
    benchmark::DoNotOptimize(x.data());
    benchmark::ClobberMemory();
  }
  report(state);
}

template <class F>
void add(std::string_view name) {
  const std::string n(name);
  benchmark::RegisterBenchmark(("encode/" + n).c_str(), encode<F, lowp::nearest_even>);
  benchmark::RegisterBenchmark(("encode_stochastic/" + n).c_str(), encode<F, lowp::stochastic>);
  benchmark::RegisterBenchmark(("decode/" + n).c_str(), decode<F>);
}

const bool registered = [] {
  lowp::for_each_format([]<class F>(std::string_view name) { add<F>(name); });
  add<derived<lowp::e2m1>>("derived_e2m1");
  add<derived<lowp::e4m3>>("derived_e4m3");
  add<lowp::f16>("f16");
  add<lowp::bf16>("bf16");
  return true;
}();

}  // namespace
