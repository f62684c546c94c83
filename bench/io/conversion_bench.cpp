// Converting a model of 64 layers of 4096 x 4096 in 4 bits (0.56 GB) from GPTQ to each dialect that holds its numbers, as
// convert_checkpoint does it, beside a plain copy of the file. "bytes_per_second" counts the file that is read.
//
// The files lie in LOWP_BENCH_DIRECTORY, or else in the system's folder for temporary files.
#include "bench_folder.hpp"
#include "support/conversion.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::size_t layers = 64, size = 4096;
using stored = lowp::scheme<lowp::u4, lowp::per_group<128>, lowp::asymmetric, lowp::f16>;

// The model, written once.
const bench_folder& files() {
  static const bench_folder f;
  static const bool written = [] {
    std::vector<float> w(size * size);
    std::minstd_rand random(7);
    std::normal_distribution<float> normal(0, 0.02f);
    for (float& x : w) x = normal(random);
    const auto plain = lowp::to_plain(lowp::quantize<stored>(lowp::matrix_view<const float>(w.data(), size, size)));
    fs::create_directories(f / "in");
    lowp::checkpoint_writer out(f / "in", lowp::checkpoint_dialect::gptq);
    const auto name = [](std::size_t i) { return "model.layers." + std::to_string(i) + ".mlp.up_proj"; };
    for (std::size_t i = 0; i < layers; ++i) out.declare(name(i), lowp::describe<stored>(), size, size);
    for (std::size_t i = 0; i < layers; ++i) out.write(name(i), plain);
    out.commit(R"({"model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32})");
    return true;
  }();
  benchmark::DoNotOptimize(written);
  return f;
}

void report(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<std::int64_t>(fs::file_size(files() / "in/model.safetensors")) * state.iterations());
}

void convert(benchmark::State& state, dialect to, const char* out) {
  const lowp::checkpoint model = lowp::open_checkpoint(files() / "in");
  for (auto _ : state) conversion(model, to, nullptr, false).write(files() / out);
  report(state);
}

// Waits for the disk, as the writers do.
void copy_plainly(benchmark::State& state) {
  const std::string in = files() / "in/model.safetensors";
  std::vector<char> block(std::size_t{1} << 20);
  for (auto _ : state) {
    std::ifstream from(in, std::ios::binary);
    lowp::atomic_file to(files() / "copy");
    while (from.read(block.data(), static_cast<std::streamsize>(block.size())) || from.gcount() != 0)
      to.write(std::as_bytes(std::span(block.data(), static_cast<std::size_t>(from.gcount()))));
    to.commit();
  }
  report(state);
}

BENCHMARK(copy_plainly)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(convert, gptq, dialect::gptq, "gptq")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(convert, awq, dialect::awq, "awq")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(convert, compressed_tensors, dialect::compressed_tensors, "ct")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(convert, mlx, dialect::mlx, "mlx")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
