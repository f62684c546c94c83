// What the benchmarks on a GPU share: memory with bits in it, the median time of graph replays, the read stream as a ceiling, and
// figures as Markdown and JSON.
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/device_error.cuh>

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace gpu_bench {

using lowp::check_cuda;

class device_bytes {
 public:
  explicit device_bytes(std::size_t size) { check_cuda(cudaMalloc(&data_, size + 16), "allocating"); }
  device_bytes(device_bytes&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  device_bytes(const device_bytes&) = delete;
  device_bytes& operator=(const device_bytes&) = delete;
  ~device_bytes() { cudaFree(data_); }
  template <class T = void>
  T* as() const {
    return static_cast<T*>(data_);
  }
  template <class T>
  void copy_from(const std::vector<T>& host) const {
    check_cuda(cudaMemcpy(data_, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice), "copying to the device");
  }

 private:
  void* data_ = nullptr;
};

// Bits that no product can take for zeros; `keep` and `set` make of the words what numbers they shall be.
__global__ void fill_kernel(std::uint32_t* to, std::size_t words, std::uint32_t seed, std::uint32_t keep, std::uint32_t set) {
  for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < words; i += std::size_t{gridDim.x} * blockDim.x) {
    std::uint32_t h = static_cast<std::uint32_t>(i) * 2654435761u + seed;
    h = (h ^ h >> 15) * 2246822519u;
    h = (h ^ h >> 13) * 3266489917u;
    to[i] = ((h ^ h >> 16) & keep) | set;
  }
}
inline void fill(void* to, std::size_t bytes, std::uint32_t keep = 0xffffffffu, std::uint32_t set = 0) {
  fill_kernel<<<1024, 256>>>(static_cast<std::uint32_t*>(to), bytes / 4, static_cast<std::uint32_t>(bytes), keep, set);
  check_cuda(cudaGetLastError(), "filling");
}

// Reads everything and writes next to nothing: what a kernel can hope for.
__global__ void __launch_bounds__(512) read_kernel(const uint4* from, std::size_t vectors, std::uint32_t* to) {
  std::uint32_t sum = 0;
  const std::size_t stride = std::size_t{gridDim.x} * blockDim.x;
  std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x;
  for (; i + 3 * stride < vectors; i += 4 * stride) {
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const lowp::vector_of_words v = lowp::ptx::load_once(from + i + static_cast<std::size_t>(k) * stride);
      sum ^= v.word[0] ^ v.word[1] ^ v.word[2] ^ v.word[3];
    }
  }
  for (; i < vectors; i += stride) sum ^= lowp::ptx::load_once(from + i).word[0];
  if (sum == 0x12345678u) *to = sum;
}

// The median time of one call in seconds: `calls` of them in a graph, replayed.
inline double seconds_per_call(cudaStream_t stream, int calls, const std::function<void(int)>& call) {
  call(0);
  check_cuda(cudaStreamSynchronize(stream), "warming up");
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capturing");
  for (int i = 0; i < calls; ++i) call(i);
  check_cuda(cudaStreamEndCapture(stream, &graph), "capturing");
  check_cuda(cudaGraphInstantiate(&exec, graph, 0), "instantiating a graph");
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  check_cuda(cudaEventCreate(&begin), "creating an event");
  check_cuda(cudaEventCreate(&end), "creating an event");
  std::vector<float> times;
  for (int i = 0; i < 13; ++i) {
    check_cuda(cudaEventRecord(begin, stream), "recording");
    check_cuda(cudaGraphLaunch(exec, stream), "replaying");
    check_cuda(cudaEventRecord(end, stream), "recording");
    check_cuda(cudaEventSynchronize(end), "waiting");
    float ms = 0;
    check_cuda(cudaEventElapsedTime(&ms, begin, end), "reading a time");
    if (i >= 2) times.push_back(ms);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2] / 1e3 / calls;
}

// How many copies of something so large it takes until 200 MB have gone by, and at least how many calls make a replay worth timing.
inline int copies_for(std::size_t bytes) { return static_cast<int>(std::max<std::size_t>(2, (200'000'000 + bytes - 1) / bytes)); }
inline int calls_for(int copies) { return (20 + copies - 1) / copies * copies; }

// Bytes a second.
inline double measure_read_stream(cudaStream_t stream) {
  const std::size_t bytes = std::size_t{2} << 30;
  const device_bytes data(bytes);
  const device_bytes sink(16);
  fill(data.as(), bytes);
  double best = 0;
  for (const unsigned blocks : {264u, 528u, 1056u, 4224u}) {
    const double s = seconds_per_call(stream, 3, [&](int) {
      read_kernel<<<blocks, 512, 0, stream>>>(data.as<const uint4>(), bytes / 16, sink.as<std::uint32_t>());
      check_cuda(cudaGetLastError(), "reading");
    });
    best = std::max(best, static_cast<double>(bytes) / s);
  }
  return best;
}

// Rows of a table that are also objects in a JSON file.
class table {
 public:
  explicit table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells) {
    for (const std::string& c : cells) std::printf("%-14s ", c.c_str());
    std::printf("\n");
    std::fflush(stdout);
    rows_.push_back(std::move(cells));
  }
  std::size_t size() const { return rows_.size(); }

  // NAME.md and NAME.json in the folder. The title names the device.
  void write(const std::string& folder, const std::string& name, const std::string& title, double read_stream) const {
    std::ofstream md(folder + "/" + name + ".md");
    std::ofstream json(folder + "/" + name + ".json");
    md << "# " << title << "\n\nRead stream: " << read_stream / 1e12 << " TB/s.\n\n|";
    for (const std::string& c : columns_) md << " " << c << " |";
    md << "\n|";
    for (std::size_t i = 0; i < columns_.size(); ++i) md << "---|";
    md << "\n";
    json << "{\"title\": \"" << title << "\", \"read_stream\": " << read_stream << ", \"figures\": [";
    const char* between_rows = "\n";
    for (const auto& row : rows_) {
      md << "|";
      json << between_rows << "  {";
      const char* between = "";
      for (std::size_t i = 0; i < row.size(); ++i) {
        md << " " << row[i] << " |";
        json << between << "\"" << columns_[i] << "\": \"" << row[i] << "\"";
        between = ", ";
      }
      md << "\n";
      json << "}";
      between_rows = ",\n";
    }
    json << "\n]}\n";
  }

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

inline std::string fixed(double x, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, x);
  return text;
}

// Runs `measure(folder, seconds)` where there is a device: main's exit code.
inline int run_on_device(int argc, char** argv, int most_seconds, const std::function<void(const std::string&, int)>& measure) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s OUT_FOLDER [SECONDS]\n", argv[0]);
    return 2;
  }
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("SKIPPED: no CUDA device\n");
    return 77;
  }
  try {
    const int seconds = argc > 2 ? std::atoi(argv[2]) : most_seconds;
    measure(argv[1], seconds < most_seconds ? seconds : most_seconds);
  } catch (const lowp::error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace gpu_bench
