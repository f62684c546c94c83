// Opening model files of 1 GB, and writing and copying them, beside what the system itself copies.
//
// The files lie in LOWP_BENCH_DIRECTORY, or else in the system's folder for temporary files; what is measured is then the memory
// of the page cache, and for writing the disk below it, for a file counts as written when it is durable.
#include "bench_folder.hpp"

#include <lowp/io.hpp>

#include <benchmark/benchmark.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace {

constexpr std::size_t layers = 256;
constexpr std::uint64_t rows = 1024, cols = 2048;  // of bf16: 4 MiB a layer, 1 GiB in all
constexpr std::size_t layer_bytes = 2 * rows * cols;

const bench_folder& files() {
  static const bench_folder f;
  return f;
}

std::string layer(std::size_t i) { return "model.layers." + std::to_string(i) + ".weight"; }

const std::vector<std::byte>& weights() {
  static const std::vector<std::byte> w(layer_bytes, std::byte{0x3c});
  return w;
}

void write_safetensors(const std::string& path) {
  lowp::safetensors_writer writer(path);
  for (std::size_t i = 0; i != layers; ++i) writer.declare(layer(i), lowp::dtype::bf16, {rows, cols});
  for (std::size_t i = 0; i != layers; ++i) writer.write(layer(i), weights());
  writer.commit();
}

// With a vocabulary of 150,000 words, as models have.
void write_gguf(const std::string& path) {
  std::vector<std::string> words(150'000);
  for (std::size_t i = 0; i != words.size(); ++i) words[i] = "word" + std::to_string(i);
  lowp::gguf_writer writer(path);
  writer.metadata("tokenizer.ggml.tokens", words);
  writer.metadata("tokenizer.ggml.scores", std::vector<float>(words.size()));
  for (std::size_t i = 0; i != layers; ++i) writer.declare(layer(i), lowp::ggml_type::bf16, {rows, cols});
  for (std::size_t i = 0; i != layers; ++i) writer.write(layer(i), weights());
  writer.commit();
}

template <auto Write>
const std::string& sample(const char* name) {
  static const std::string path = [&] {
    std::string p = files() / name;
    Write(p);
    return p;
  }();
  return path;
}

void report(benchmark::State& state) { state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * layers * layer_bytes)); }

void open_safetensors(benchmark::State& state) {
  const std::string& path = sample<write_safetensors>("a.safetensors");
  for (auto _ : state) benchmark::DoNotOptimize(lowp::safetensors_file(path).tensors().data());
}

void open_gguf(benchmark::State& state) {
  const std::string& path = sample<write_gguf>("a.gguf");
  for (auto _ : state) benchmark::DoNotOptimize(lowp::gguf_file(path).tensors().data());
}

void write_safetensors_file(benchmark::State& state) {
  for (auto _ : state) write_safetensors(files() / "written");
  report(state);
}

void write_gguf_file(benchmark::State& state) {
  for (auto _ : state) write_gguf(files() / "written");
  report(state);
}

void copy_safetensors(benchmark::State& state) {
  const lowp::safetensors_file in(sample<write_safetensors>("a.safetensors"));
  for (auto _ : state) {
    lowp::safetensors_writer out(files() / "written");
    for (const auto& tensor : in.tensors()) out.declare(tensor.name, tensor.dtype, tensor.shape);
    for (const auto& tensor : in.tensors()) out.write(tensor.name, in.bytes(tensor));
    out.commit();
  }
  report(state);
}

void copy_gguf(benchmark::State& state) {
  const lowp::gguf_file in(sample<write_gguf>("a.gguf"));
  for (auto _ : state) {
    lowp::gguf_writer out(files() / "written");
    for (const auto& value : in.metadata()) out.metadata(value);
    for (const auto& tensor : in.tensors()) out.declare(std::string(tensor.name), tensor.type, tensor.shape());
    for (const auto& tensor : in.tensors()) out.write(tensor.name, in.bytes(tensor));
    out.commit();
  }
  report(state);
}

// Reads and writes in blocks of 1 MiB, and waits for the disk, as the writers do.
void copy_plainly(benchmark::State& state) {
  const std::string& path = sample<write_safetensors>("a.safetensors");
  std::vector<std::byte> block(std::size_t{1} << 20);
  for (auto _ : state) {
    const lowp::file_descriptor in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const lowp::file_descriptor out(::open((files() / "written").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    for (ssize_t count; (count = ::read(in.get(), block.data(), block.size())) > 0;) {
      if (::write(out.get(), block.data(), static_cast<std::size_t>(count)) != count) state.SkipWithError("the disk is full");
    }
    if (::fsync(out.get()) != 0) state.SkipWithError("the disk fails");
  }
  report(state);
}

BENCHMARK(open_safetensors)->Unit(benchmark::kMillisecond);
BENCHMARK(open_gguf)->Unit(benchmark::kMillisecond);
BENCHMARK(write_safetensors_file)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(write_gguf_file)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(copy_safetensors)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(copy_gguf)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(copy_plainly)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
