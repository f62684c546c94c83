// The weight-only GEMM on a GPU: time, share of the measured read stream and speed-up over cuBLASLt's f16 product, as Markdown and JSON.
//
//   gemm_gpu OUT_FOLDER [SECONDS]      writes OUT_FOLDER/gemm.md and gemm.json; stops measuring after SECONDS (default 240)
//
// Weights rotate over 200 MB or more, so that none is in the second cache; each figure is the median of graph replays. The baseline is
// the fastest of cuBLASLt's heuristics on f16 weights that rotate likewise. The stream is a kernel that only reads, on the same device.
#include "cublaslt.hpp"
#include "gpu_bench.hpp"

#include <lowp/kernel/cuda/gemm.cuh>
#include <lowp/scheme/presets.hpp>

#include <cuda_runtime.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace {

using gpu_bench::calls_for;
using gpu_bench::check_lt;
using gpu_bench::copies_for;
using gpu_bench::device_bytes;
using gpu_bench::fill;
using gpu_bench::fixed;
using gpu_bench::seconds_per_call;
using lowp::check_cuda;
using lowp::f16;

struct shape {
  std::size_t n;
  std::size_t k;
};

struct environment {
  cudaStream_t stream = nullptr;
  cublasLtHandle_t lt = nullptr;
  double read_stream = 0;  // bytes a second
};

// y^T [n, m] = w [n, k] * x^T: the fastest of the heuristics.
double measure_cublas(environment& e, shape s, std::size_t m) {
  const std::size_t bytes = s.n * s.k * 2;
  const int copies = copies_for(bytes);
  const device_bytes weights(bytes * static_cast<std::size_t>(copies));
  const device_bytes x(m * s.k * 2);
  const device_bytes y(m * s.n * 2);
  fill(weights.as(), bytes * static_cast<std::size_t>(copies), 0x83ff83ffu, 0x20002000u);
  fill(x.as(), m * s.k * 2, 0x83ff83ffu, 0x38003800u);
  const double best = gpu_bench::fastest_lt_product(e.lt, e.stream, {m, s.n, s.k, CUDA_R_16F, CUDA_R_16F, weights, bytes, copies, x, y});
  if (best == 0) LOWP_THROW("cuBLASLt has no way to multiply ", m, " x ", s.k, " by ", s.k, " x ", s.n);
  return best;
}

// Scales and zero points around one, so that results stay finite.
template <class F>
std::pair<std::uint32_t, std::uint32_t> ordinary_bits() {
  if constexpr (std::is_same_v<F, lowp::f16>) return {0x03ff03ffu, 0x20002000u};
  else if constexpr (std::is_same_v<F, lowp::f32>) return {0x007fffffu, 0x3c000000u};
  else if constexpr (std::is_same_v<F, lowp::e8m0>) return {0x03030303u, 0x78787878u};
  else return {0x07070707u, 0x00000000u};
}

template <class S>
double measure_lowp(environment& e, shape s, std::size_t m, double& bytes_read) {
  using weights = lowp::mma_weights<S>;
  const std::size_t code_bytes = lowp::layout::mma_a16::size<S::format::bits>(s.n, s.k);
  const std::size_t parameters = lowp::mma_parameter_count<S>(s.n, s.k);
  const std::size_t scale_bytes = weights::scale_format::bits == 0 ? 0 : parameters * sizeof(lowp::code_t<typename weights::scale_format>);
  const std::size_t zero_bytes = S::has_zero ? parameters * sizeof(lowp::code_t<typename weights::zero_format>) : 0;
  const std::size_t each = lowp::round_up(code_bytes, std::size_t{256}) + lowp::round_up(scale_bytes, std::size_t{256}) +
                           lowp::round_up(zero_bytes, std::size_t{256});
  const int copies = copies_for(each);
  const device_bytes data(each * static_cast<std::size_t>(copies));
  const device_bytes x(m * s.k * 2);
  const device_bytes y(m * s.n * 2);
  fill(x.as(), m * s.k * 2, 0x83ff83ffu, 0x38003800u);
  const lowp::gemm_workspace_size size = lowp::gemm_workspace_on_device(s.n, s.k);
  const device_bytes sums(size.sums);
  const device_bytes arrivals(size.arrivals);
  check_cuda(cudaMemset(arrivals.as(), 0, size.arrivals), "clearing");
  const lowp::gemm_workspace workspace{sums.as<float>(), arrivals.as<std::uint32_t>(), nullptr};
  std::vector<lowp::mma_weights<S>> list;
  for (int i = 0; i < copies; ++i) {
    weights w;
    auto* const base = data.as<std::uint8_t>() + static_cast<std::size_t>(i) * each;
    auto* const scales = base + lowp::round_up(code_bytes, std::size_t{256});
    auto* const zeros = scales + lowp::round_up(scale_bytes, std::size_t{256});
    // Bytes without the bits that make NaN of e4m3 and infinities of e5m2.
    fill(base, code_bytes, S::format::bits == 8 ? 0xb7b7b7b7u : 0xffffffffu);
    const auto scale = ordinary_bits<typename weights::scale_format>();
    const auto zero = ordinary_bits<typename weights::zero_format>();
    fill(scales, scale_bytes, scale.first, scale.second);
    fill(zeros, zero_bytes, zero.first, zero.second);
    w.codes = base;
    w.rows = s.n;
    w.cols = s.k;
    w.scales = reinterpret_cast<decltype(w.scales)>(scales);
    w.zeros = reinterpret_cast<decltype(w.zeros)>(zeros);
    list.push_back(w);
  }
  bytes_read = static_cast<double>(code_bytes + scale_bytes + zero_bytes);
  return seconds_per_call(e.stream, calls_for(copies), [&](int call) {
    lowp::gemm(e.stream, list[static_cast<std::size_t>(call % copies)], lowp::matrix_view<const f16>{x.as<const f16>(), m, s.k},
               lowp::matrix_view<f16>{y.as<f16>(), m, s.n}, workspace);
  });
}

struct report {
  environment& e;
  gpu_bench::table figures;
  std::vector<std::pair<std::string, double>> baselines;
  std::chrono::steady_clock::time_point end;

  double baseline(shape s, std::size_t m) {
    const std::string key = std::to_string(s.n) + "x" + std::to_string(s.k) + "x" + std::to_string(m);
    for (const auto& [known, time] : baselines) {
      if (known == key) return time;
    }
    baselines.emplace_back(key, measure_cublas(e, s, m));
    return baselines.back().second;
  }

  template <class S>
  void measure(const char* name, shape s, std::size_t m) {
    if (std::chrono::steady_clock::now() > end) return;
    double bytes = 0;
    const double t = measure_lowp<S>(e, s, m, bytes);
    const double ratio = 2.0 * static_cast<double>(s.n) * static_cast<double>(s.k) / bytes;
    figures.add({name, std::to_string(s.n) + " x " + std::to_string(s.k), std::to_string(m), fixed(t * 1e6, 1),
                 fixed(100 * bytes / t / e.read_stream, 1), fixed(baseline(s, m) / t, 2), fixed(ratio, 2)});
  }
};

void run(const std::string& folder, int seconds) {
  cudaDeviceProp device{};
  check_cuda(cudaGetDeviceProperties(&device, 0), "asking for the device");
  environment e;
  check_cuda(cudaStreamCreate(&e.stream), "creating a stream");
  check_lt(cublasLtCreate(&e.lt), "starting");
  e.read_stream = gpu_bench::measure_read_stream(e.stream);
  std::printf("%s: read stream %.2f TB/s\n", device.name, e.read_stream / 1e12);
  report r{e,
           gpu_bench::table({"scheme", "N x K", "M", "us", "% of the stream", "over cuBLASLt f16", "byte ratio"}),
           {},
           std::chrono::steady_clock::now() + std::chrono::seconds(seconds)};
  const shape shapes[] = {{16384, 16384}, {8192, 28672}, {28672, 8192}, {4096, 4096}};
  // What matters most comes first, since there is a limit on the time.
  for (const std::size_t m : {1u, 8u, 16u, 2u, 4u, 32u, 64u}) {
    for (const shape s : shapes) r.measure<lowp::int4_g128>("int4_g128", s, m);
  }
  for (const shape s : {shapes[0], shapes[1]}) {
    for (const std::size_t m : {1u, 16u, 64u}) {
      r.measure<lowp::nvfp4>("nvfp4", s, m);
      r.measure<lowp::mxfp4>("mxfp4", s, m);
      r.measure<lowp::nf4_g64>("nf4_g64", s, m);
      r.measure<lowp::fp8_channel>("fp8_channel", s, m);
      r.measure<lowp::uint4_g128>("uint4_g128", s, m);
      r.measure<lowp::scheme<lowp::i8, lowp::per_group<128>, lowp::symmetric, f16>>("int8_g128", s, m);
      r.measure<lowp::int3_g128>("int3_g128", s, m);
      r.measure<lowp::int2_g32>("int2_g32", s, m);
    }
  }
  r.figures.write(folder, "gemm", std::string("Weight-only GEMM on ") + device.name, e.read_stream);
  std::printf("wrote %s/gemm.md and gemm.json: %zu figures\n", folder.c_str(), r.figures.size());
}

}  // namespace

int main(int argc, char** argv) { return gpu_bench::run_on_device(argc, argv, 240, run); }
