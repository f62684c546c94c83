// Codes into layouts and back, 4096 x 4096, one byte a code, beside a copy of the packed bytes. "bytes_per_second" counts packed bytes.
//
//   convert_bench --benchmark_filter=gptq

#include <lowp/layout/convert.hpp>
#include <lowp/layout/layouts.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <vector>

namespace {

constexpr std::size_t rows = 4096;
constexpr std::size_t cols = 4096;

template <int Bits>
std::vector<std::uint8_t> some_codes() {
  std::minstd_rand random(7);
  std::vector<std::uint8_t> codes(rows * cols);
  for (auto& c : codes) c = static_cast<std::uint8_t>(random() >> 8 & lowp::low_mask(Bits));
  return codes;
}

void count(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * static_cast<std::int64_t>(state.iterations()));
}

template <class L, int Bits>
void pack(benchmark::State& state) {
  const auto codes = some_codes<Bits>();
  std::vector<std::uint8_t> bytes(L::template size<Bits>(rows, cols));
  for (auto _ : state) {
    lowp::pack_codes<L, Bits>(lowp::matrix_view<const std::uint8_t>{codes.data(), rows, cols}, std::span(bytes));
    benchmark::ClobberMemory();
  }
  count(state, bytes.size());
}

template <class L, int Bits>
void unpack(benchmark::State& state) {
  auto codes = some_codes<Bits>();
  std::vector<std::uint8_t> bytes(L::template size<Bits>(rows, cols));
  lowp::pack_codes<L, Bits>(lowp::matrix_view<const std::uint8_t>{codes.data(), rows, cols}, std::span(bytes));
  for (auto _ : state) {
    lowp::unpack_codes<L, Bits>(std::span<const std::uint8_t>(bytes), lowp::matrix_view<std::uint8_t>{codes.data(), rows, cols});
    benchmark::ClobberMemory();
  }
  count(state, bytes.size());
}

void copy(benchmark::State& state) {
  const std::vector<std::uint8_t> from(rows * cols / 2, 1);
  std::vector<std::uint8_t> to(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count(state, from.size());
}

}  // namespace

#define LOWP_BENCH(name, bits)                                                             \
  BENCHMARK(pack<lowp::layout::name, bits>)->Name("pack/" #name "/" #bits)->UseRealTime(); \
  BENCHMARK(unpack<lowp::layout::name, bits>)->Name("unpack/" #name "/" #bits)->UseRealTime();

BENCHMARK(copy)->Name("memcpy")->UseRealTime();
LOWP_BENCH(row_major, 4)
LOWP_BENCH(tile16, 4)
LOWP_BENCH(gptq, 4)
LOWP_BENCH(awq, 4)
LOWP_BENCH(compressed_tensors, 4)
LOWP_BENCH(bitsandbytes, 4)
LOWP_BENCH(row_major, 3)
LOWP_BENCH(tile16, 3)
LOWP_BENCH(gptq, 3)
LOWP_BENCH(gptq_planes, 3)
LOWP_BENCH(row_major, 8)
LOWP_BENCH(tile16, 8)
LOWP_BENCH(gptq, 8)
LOWP_BENCH(row_major, 2)
LOWP_BENCH(gptq, 2)
