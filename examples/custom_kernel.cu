// A kernel of one's own for every format of the library: y = W x, one warp a row. custom_kernel.hpp has what a lane does, and the
// hand-written INT4 loop that the template replaces.
//
//   nvcc -std=c++20 -arch=native -I include examples/custom_kernel.cu -o custom_kernel && ./custom_kernel
#include "custom_kernel.hpp"

#include <lowp/kernel/cuda/device_error.cuh>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/row_major.hpp>
#include <lowp/quantize/quantize.hpp>

#include <cuda_runtime.h>

#include <cmath>
#include <cstdio>
#include <vector>

template <class S>
__global__ void multiply(const lowp::packed_run<typename S::format>* codes, const lowp::code_t<typename S::scale>* scales, const float* x,
                         float* y, std::size_t cols) {
  const std::size_t row = blockIdx.x;
  const std::size_t groups = cols / S::granularity::cols_per_group;
  float sum = lane_sum<S>(codes + row * (cols / 8), scales + row * groups, x, cols, threadIdx.x);
  for (int mask = 16; mask > 0; mask /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, mask);
  if (threadIdx.x == 0) y[row] = sum;
}

template <class T>
T* on_device(const T* host, std::size_t count) {
  T* device = nullptr;
  lowp::check_cuda(cudaMallocManaged(&device, count * sizeof(T)), "allocating");
  for (std::size_t i = 0; i < count; ++i) device[i] = host[i];
  return device;
}

template <class S>
void run(const char* name, const std::vector<float>& w, const std::vector<float>& x, std::size_t rows) {
  const auto q = lowp::quantize<S>(lowp::matrix_view<const float>{w.data(), rows, x.size()});
  const auto packed = lowp::pack<lowp::layout::row_major>(q);
  const auto* runs = reinterpret_cast<const lowp::packed_run<typename S::format>*>(packed.bytes().data());
  const auto scales = q.scales().codes();
  float* y = on_device(w.data(), rows);
  multiply<S><<<static_cast<unsigned>(rows), 32>>>(on_device(runs, w.size() / 8), on_device(&scales(0, 0), scales.rows() * scales.cols()),
                                                   on_device(x.data(), x.size()), y, x.size());
  lowp::check_cuda(cudaDeviceSynchronize(), "multiplying");
  double exact = 0;
  for (std::size_t c = 0; c < x.size(); ++c) exact += static_cast<double>(q.value(0, c)) * static_cast<double>(x[c]);
  std::printf("%-12s y[0] = %.6f, exactly %.6f\n", name, static_cast<double>(y[0]), exact);
}

int main() {
  std::vector<float> w(64 * 1024), x(1024);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = std::sin(static_cast<float>(i));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::cos(static_cast<float>(i) * 0.1f);
  run<lowp::int4_g128>("INT4 g128", w, x, 64);
  run<lowp::nf4_g64>("NF4 g64", w, x, 64);
  run<lowp::mxfp4>("MXFP4", w, x, 64);
  run<lowp::mxfp8_e4m3>("MXFP8", w, x, 64);
}
