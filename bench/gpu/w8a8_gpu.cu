// Products of 8-bit activations and weights on a GPU: time, arithmetic rate, and that of cuBLASLt's FP8 and INT8, as Markdown and JSON.
//
//   w8a8_gpu OUT_FOLDER [SECONDS]      writes OUT_FOLDER/w8a8.md and w8a8.json; takes at most 60 s
//
// Weights rotate over 200 MB or more; each figure is the median of graph replays. The baseline is the fastest of cuBLASLt's heuristics
// for the same type (INT8: 32-bit integers out), "-" where it has none.
#include <lowp/kernel/cuda/w8a8.cuh>

#include "gpu_bench.hpp"

#include <cublasLt.h>

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

void check_lt(cublasStatus_t status, const char* doing) {
  if (status != CUBLAS_STATUS_SUCCESS) LOWP_THROW("cuBLASLt, while ", doing, ": ", cublasLtGetStatusString(status));
}

struct shape {
  std::size_t m;
  std::size_t n;
  std::size_t k;
};

constexpr std::uint32_t finite = 0xb7b7b7b7u;  // neither NaN in e4m3 nor infinity in e5m2

template <class F, w8a8_scaling Scaling>
double measure_lowp(cudaStream_t stream, const shape& s) {
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
    lowp::w8a8_gemm(stream, lowp::w8a8_arguments_of<Scaling>(left, right, s.k, lowp::matrix_view<f16>{y.as<f16>(), s.m, s.n}));
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
  const std::size_t workspace = std::size_t{64} << 20;
  const device_bytes room(workspace);
  fill(weights.as(), bytes * static_cast<std::size_t>(copies), finite);
  fill(x.as(), s.m * s.k, finite);
  cublasLtMatmulDesc_t product = nullptr;
  check_lt(cublasLtMatmulDescCreate(&product, integers ? CUBLAS_COMPUTE_32I : CUBLAS_COMPUTE_32F, integers ? CUDA_R_32I : CUDA_R_32F),
           "describing");
  const cublasOperation_t transposed = CUBLAS_OP_T;
  check_lt(cublasLtMatmulDescSetAttribute(product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof(transposed)), "describing");
  cublasLtMatrixLayout_t a = nullptr;
  cublasLtMatrixLayout_t b = nullptr;
  cublasLtMatrixLayout_t c = nullptr;
  check_lt(cublasLtMatrixLayoutCreate(&a, in, s.k, s.n, static_cast<std::int64_t>(s.k)), "describing");
  check_lt(cublasLtMatrixLayoutCreate(&b, in, s.k, s.m, static_cast<std::int64_t>(s.k)), "describing");
  check_lt(cublasLtMatrixLayoutCreate(&c, out, s.n, s.m, static_cast<std::int64_t>(s.n)), "describing");
  cublasLtMatmulPreference_t preference = nullptr;
  check_lt(cublasLtMatmulPreferenceCreate(&preference), "preferring");
  check_lt(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof(workspace)),
           "preferring");
  cublasLtMatmulHeuristicResult_t results[8];
  int found = 0;
  // No heuristic is an answer, not an error.
  if (cublasLtMatmulAlgoGetHeuristic(lt, product, a, b, c, c, preference, 8, results, &found) != CUBLAS_STATUS_SUCCESS) found = 0;
  double best = 0;
  const float float_one = 1;
  const float float_zero = 0;
  const std::int32_t integer_one = 1;
  const std::int32_t integer_zero = 0;
  const void* const one = integers ? static_cast<const void*>(&integer_one) : &float_one;
  const void* const zero = integers ? static_cast<const void*>(&integer_zero) : &float_zero;
  for (int i = 0; i < found; ++i) {
    const double t = seconds_per_call(stream, calls_for(copies), [&](int call) {
      const auto* const w = weights.as<const std::uint8_t>() + static_cast<std::size_t>(call % copies) * bytes;
      check_lt(
          cublasLtMatmul(lt, product, one, w, a, x.as(), b, zero, y.as(), c, y.as(), c, &results[i].algo, room.as(), workspace, stream),
          "multiplying");
    });
    best = best == 0 ? t : std::min(best, t);
  }
  cublasLtMatmulPreferenceDestroy(preference);
  cublasLtMatrixLayoutDestroy(a);
  cublasLtMatrixLayoutDestroy(b);
  cublasLtMatrixLayoutDestroy(c);
  cublasLtMatmulDescDestroy(product);
  return best;
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
      add("int8 rows", measure_lowp<lowp::i8, w8a8_scaling::rows>(stream, s), measure_cublas(lt, stream, s, true));
      add("e4m3 rows", measure_lowp<lowp::e4m3, w8a8_scaling::rows>(stream, s), fp8);
      add("e4m3 blocks", measure_lowp<lowp::e4m3, w8a8_scaling::blocks>(stream, s), fp8);
    }
  }
  figures.write(folder, "w8a8", std::string("Products of 8-bit activations and weights on ") + device.name, read_stream);
  std::printf("wrote %s/w8a8.md and w8a8.json: %zu figures\n", folder.c_str(), figures.size());
}

}  // namespace

int main(int argc, char** argv) { return run_on_device(argc, argv, 60, run); }
