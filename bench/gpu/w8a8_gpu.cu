// Products of 8-bit activations and weights on a GPU: time, arithmetic rate, and that of cuBLASLt's FP8 and INT8, as Markdown and JSON.
//
//   w8a8_gpu OUT_FOLDER [SECONDS]      writes OUT_FOLDER/w8a8.md and w8a8.json; takes at most 60 s
//
// Weights rotate over 200 MB or more; each figure is the median of graph replays. The baseline is the fastest of cuBLASLt's heuristics
// for the same type (INT8: 32-bit integers out), "-" where it has none.
#include <lowp/kernel/cuda/w8a8.cuh>

#include "cublaslt.hpp"
#include "gpu_bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace gpu_bench;
using lowp::f16;
using lowp::w8a8_scaling;

struct shape {
  std::size_t m;
  std::size_t n;
  std::size_t k;
};

constexpr std::uint32_t finite = 0xb7b7b7b7u;  // neither NaN in e4m3 nor infinity in e5m2

template <class F, w8a8_scaling Scaling>
double measure_lowp(cudaStream_t stream, const shape& s, lowp::w8a8_workspace workspace) {
  const std::size_t bytes = s.n * s.k;
  const int copies = copies_for(bytes);
  const device_bytes weights(bytes * static_cast<std::size_t>(copies));
  const device_bytes x(s.m * s.k);
  const device_bytes y(s.m * s.n * 2);
  const std::size_t blocks = (s.k + 127) / 128;
  const device_bytes x_scales(s.m * blocks * 4);
  const device_bytes w_scales(s.n * blocks * 4);
  fill(weights.as(), bytes * static_cast<std::size_t>(copies), finite);
  fill(x.as(), s.m * s.k, finite);
  fill(x_scales.as(), s.m * blocks * 4, 0x007fffffu, 0x30000000u);
  fill(w_scales.as(), s.n * blocks * 4, 0x007fffffu, 0x30000000u);
  constexpr std::size_t by_block = Scaling == w8a8_scaling::blocks ? 1 : 0;
  const lowp::w8a8_scales of_x{x_scales.as<const float>(), blocks, by_block};
  const lowp::w8a8_scales of_w{w_scales.as<const float>(), blocks, by_block};
  return seconds_per_call(stream, calls_for(copies), [&](int call) {
    const lowp::w8a8_operand<F> left{x.as<const std::uint8_t>(), s.k, of_x};
    const lowp::w8a8_operand<F> right{weights.as<const std::uint8_t>() + static_cast<std::size_t>(call % copies) * bytes, s.k, of_w};
    lowp::w8a8_gemm(stream, lowp::w8a8_arguments_of<Scaling>(left, right, s.k, lowp::matrix_view<f16>{y.as<f16>(), s.m, s.n},
                                                             lowp::identity_epilogue{}, workspace));
  });
}

// y^T [n, m] = w [n, k] * x^T, 0 where there is no way.
double measure_cublas(cublasLtHandle_t lt, cudaStream_t stream, const shape& s, bool integers) {
  const cudaDataType_t in = integers ? CUDA_R_8I : CUDA_R_8F_E4M3;
  const cudaDataType_t out = integers ? CUDA_R_32I : CUDA_R_16F;
  const std::size_t bytes = s.n * s.k;
  const int copies = copies_for(bytes);
  const device_bytes weights(bytes * static_cast<std::size_t>(copies));
  const device_bytes x(s.m * s.k);
  const device_bytes y(s.m * s.n * 4);
  fill(weights.as(), bytes * static_cast<std::size_t>(copies), finite);
  fill(x.as(), s.m * s.k, finite);
  return fastest_lt_product(lt, stream, {s.m, s.n, s.k, in, out, weights, bytes, copies, x, y});
}

void run(const std::string& folder, int seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  cudaDeviceProp device{};
  check_cuda(cudaGetDeviceProperties(&device, 0), "asking for the device");
  cudaStream_t stream = nullptr;
  check_cuda(cudaStreamCreate(&stream), "creating a stream");
  cublasLtHandle_t lt = nullptr;
  check_lt(cublasLtCreate(&lt), "starting");
  const double read_stream = measure_read_stream(stream);
  const lowp::w8a8_workspace_size size = lowp::w8a8_workspace_on_device();
  const device_bytes sums(size.sums);
  const device_bytes arrivals(size.arrivals);
  check_cuda(cudaMemset(arrivals.as(), 0, size.arrivals), "clearing the workspace");
  const lowp::w8a8_workspace workspace{sums.as<std::uint32_t>(), arrivals.as<std::uint32_t>()};
  table figures({"type", "M x N x K", "us", "TOP/s", "share of the stream", "cuBLASLt us", "share of cuBLASLt"});
  for (const std::size_t m : {1u, 16u, 128u, 1024u, 4096u}) {
    for (const shape s : {shape{m, 8192, 8192}, shape{m, 28672, 8192}, shape{m, 8192, 28672}}) {
      if (std::chrono::steady_clock::now() > end) break;
      const double bytes = static_cast<double>(s.n * s.k + s.m * s.k + 2 * s.m * s.n);
      const double operations = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
      const auto add = [&](const char* name, double t, double baseline) {
        figures.add({name, std::to_string(s.m) + " x " + std::to_string(s.n) + " x " + std::to_string(s.k), fixed(t * 1e6, 1),
                     fixed(operations / t / 1e12, 1), fixed(100 * bytes / t / read_stream, 1) + " %",
                     baseline == 0 ? "-" : fixed(baseline * 1e6, 1), baseline == 0 ? "-" : fixed(100 * baseline / t, 1) + " %"});
      };
      const double fp8 = measure_cublas(lt, stream, s, false);
      add("int8 rows", measure_lowp<lowp::i8, w8a8_scaling::rows>(stream, s, workspace), measure_cublas(lt, stream, s, true));
      add("e4m3 rows", measure_lowp<lowp::e4m3, w8a8_scaling::rows>(stream, s, workspace), fp8);
      add("e4m3 blocks", measure_lowp<lowp::e4m3, w8a8_scaling::blocks>(stream, s, workspace), fp8);
    }
  }
  figures.write(folder, "w8a8", std::string("Products of 8-bit activations and weights on ") + device.name, read_stream);
  std::printf("wrote %s/w8a8.md and w8a8.json: %zu figures\n", folder.c_str(), figures.size());
}

}  // namespace

int main(int argc, char** argv) { return run_on_device(argc, argv, 60, run); }
