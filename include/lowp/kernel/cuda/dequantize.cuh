// Quantized weights in device memory as matrices of f16, bf16 or f32.
//
//   lowp::dequantize_on_device(stream, w, lowp::matrix_view<lowp::bf16>{to, rows, cols});      // w: device_weights or mma_weights
#pragma once

#include <lowp/core/matrix_view.hpp>
#include <lowp/kernel/cuda/dequantize.hpp>
#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/device_error.cuh>

#include <cuda_runtime.h>

#include <cstddef>

namespace lowp::inline LOWP_ABI {

namespace detail {

inline constexpr int dequantize_threads = 256;

template <class Weights, class Out>
__global__ void dequantize_kernel(const __grid_constant__ Weights w, Out* to) {
#if defined(__CUDA_ARCH__)
  dequantize_rows(device_block<dequantize_threads>{}, w, to, blockIdx.x, gridDim.x);
#endif
}

}  // namespace detail

// Throws lowp::error unless `to` is a contiguous matrix of the weights' shape, before anything is enqueued.
template <class Weights, class Out>
void dequantize_on_device(cudaStream_t stream, const Weights& w, matrix_view<Out> to) {
  if (to.rows() != w.rows || to.cols() != w.cols || !to.contiguous_rows() || (to.row_stride() != to.cols() && to.rows() > 1)) {
    LOWP_THROW("weights of ", w.rows, " x ", w.cols, " do not fit a matrix of ", to.rows(), " x ", to.cols(), " with rows ",
               to.row_stride(), " apart");
  }
  const std::size_t blocks = ceil_div(w.rows * ceil_div(w.cols, std::size_t{4}), static_cast<std::size_t>(detail::dequantize_threads));
  if (blocks == 0) return;
  Weights weights = w;
  Out* data = to.data();
  void* parameters[] = {&weights, &data};
  check_cuda(cudaLaunchKernel(reinterpret_cast<const void*>(&detail::dequantize_kernel<Weights, Out>),
                              dim3(static_cast<unsigned>(blocks < 65536 ? blocks : 65536)), dim3(detail::dequantize_threads), parameters, 0,
                              stream),
             "launching a dequantization");
}

}  // namespace lowp::inline LOWP_ABI
