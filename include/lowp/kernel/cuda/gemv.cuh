// y = x * w^T on the device for 1 to 8 tokens, weights in any scheme of 4-bit codes without zero points.
//
//   lowp::device_weights<lowp::nf4_g64> w{.codes = codes, .rows = n, .cols = k, .scales = {scale_codes}};
//   lowp::gemv(stream, w, lowp::matrix_view<const lowp::f16>{x, 1, k}, lowp::matrix_view<float>{y, 1, n});
//
// All pointers are to device memory. Any number of rows and columns; fastest where rows of codes and of x start at
// multiples of 16 bytes (columns a multiple of 32). Weights are rounded to f16 where the format is not exact in it (nf4),
// sums are f32. The same input gives the same bits in every run and for every number of tokens.
#pragma once

#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/device_error.cuh>
#include <lowp/kernel/cuda/gemv_body.hpp>

#include <cuda_runtime.h>

#include <cstddef>

namespace lowp::inline LOWP_ABI {

namespace detail {

// The tile for the architecture of this compilation pass; the host asks the kernel which one that was.
#if defined(__CUDA_ARCH__)
template <class Tuning, int Tokens>
inline constexpr gemv_tile gemv_tile_here = Tuning{}(__CUDA_ARCH__ / 10, Tokens);
#else
template <class Tuning, int Tokens>
inline constexpr gemv_tile gemv_tile_here = Tuning{}(0, Tokens);
#endif

template <class S, class X, class Y, int Tokens, class Tuning>
__global__ void __launch_bounds__(gemv_tile_here<Tuning, Tokens>.threads(), gemv_tile_here<Tuning, Tokens>.blocks_per_processor)
    gemv_kernel(const __grid_constant__ gemv_arguments<S, X, Y> a) {
#if defined(__CUDA_ARCH__)
  extern __shared__ vector_of_words lowp_gemv_shared[];
  constexpr gemv_tile tile = gemv_tile_here<Tuning, Tokens>;
  const device_block<tile.threads()> block;
  gemv_body<S, X, Y, Tokens, tile>::run(block, a, lowp_gemv_shared, blockIdx.x, gridDim.x);
#endif
}

template <int Tokens, class Tuning, class S, class X, class Y>
void launch_gemv(cudaStream_t stream, gemv_arguments<S, X, Y> a) {
  const auto kernel = &gemv_kernel<S, X, Y, Tokens, Tuning>;
  const void* const function = reinterpret_cast<const void*>(kernel);
  cudaFuncAttributes attributes{};
  check_cuda(cudaFuncGetAttributes(&attributes, function), "looking for a GEMV kernel for this device");
  const gemv_tile tile = Tuning{}(attributes.ptxVersion, Tokens);
  const gemv_plan plan = plan_gemv(a.rows, a.cols, Tokens, tile);
  int device = 0;
  int processors = 0;
  int blocks_each = 0;
  check_cuda(cudaGetDevice(&device), "asking for the device");
  check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "asking for the number of processors");
  check_cuda(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks_each, function, tile.threads(), plan.shared_bytes), "planning a GEMV");
  const auto room = static_cast<std::size_t>(processors) * static_cast<std::size_t>(blocks_each > 0 ? blocks_each : 1);
  a.panel = static_cast<std::uint32_t>(plan.panel);
  void* parameters[] = {&a};
  const dim3 grid(static_cast<unsigned>(plan.tiles < room ? plan.tiles : room));
  check_cuda(cudaLaunchKernel(function, grid, dim3(static_cast<unsigned>(tile.threads())), parameters, plan.shared_bytes, stream),
             "launching a GEMV");
}

}  // namespace detail

// y [tokens, w.rows] = x [tokens, w.cols] * w^T, enqueued on `stream` of the current device. X is f16 or bf16, Y is float,
// f16 or bf16. Throws lowp::error for shapes that do not fit and for what the runtime reports, before anything is enqueued.
template <gemv_tuning_policy Tuning = gemv_tuning, scheme_type S, class X, class Y>
void gemv(cudaStream_t stream, const device_weights<S>& w, matrix_view<const X> x, matrix_view<Y> y) {
  const gemv_arguments<S, X, Y> a = gemv_arguments_of(w, x, y);
  if (a.rows == 0) return;
  if (a.tokens == 1) detail::launch_gemv<1, Tuning>(stream, a);
  else if (a.tokens == 2) detail::launch_gemv<2, Tuning>(stream, a);
  else if (a.tokens <= 4) detail::launch_gemv<4, Tuning>(stream, a);
  else detail::launch_gemv<8, Tuning>(stream, a);
}

template <gemv_tuning_policy Tuning = gemv_tuning, scheme_type S, class X, class Y>
void gemv(cudaStream_t stream, const device_weights<S>& w, matrix_view<X> x, matrix_view<Y> y) {
  gemv<Tuning>(stream, w, matrix_view<const X>(x), y);
}

}  // namespace lowp::inline LOWP_ABI
