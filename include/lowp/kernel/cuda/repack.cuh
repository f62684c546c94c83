// Weights in device memory from a checkpoint's layout into that of the CUDA GEMM.
//
//   lowp::repack_on_device<lowp::layout::gptq, 4>(stream, qweight, codes, rows, cols);      // codes: layout::mma_a16::size<4>(rows, cols)
#pragma once

#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/device_error.cuh>
#include <lowp/kernel/cuda/repack.hpp>

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

namespace detail {

inline constexpr int repack_threads = 256;

template <class From, int Bits>
__global__ void repack_kernel(const __grid_constant__ repack_arguments a) {
#if defined(__CUDA_ARCH__)
  repack_words<From, Bits>(device_block<repack_threads>{}, a, blockIdx.x, gridDim.x);
#endif
}

}  // namespace detail

// Throws lowp::error where the layout does not store such a matrix, and for what the runtime reports, before anything is enqueued.
template <layout_type From, int Bits>
void repack_on_device(cudaStream_t stream, const void* from, void* to, std::size_t rows, std::size_t cols) {
  if constexpr (limited_layout<From>) {
    if (!From::template fits<Bits>(rows, cols)) {
      LOWP_THROW("codes of ", rows, " x ", cols, " in ", Bits, " bits do not fit the layout, which takes ", From::fits_rule);
    }
  }
  const std::size_t words = layout::mma_a16::size<Bits>(rows, cols) / 4;
  if (words == 0) return;
  const std::size_t blocks = ceil_div(words, static_cast<std::size_t>(detail::repack_threads));
  repack_arguments arguments{static_cast<const std::uint8_t*>(from), static_cast<std::uint32_t*>(to), rows, cols};
  void* parameters[] = {&arguments};
  check_cuda(
      cudaLaunchKernel(reinterpret_cast<const void*>(&detail::repack_kernel<From, Bits>),
                       dim3(static_cast<unsigned>(blocks < 65536 ? blocks : 65536)), dim3(detail::repack_threads), parameters, 0, stream),
      "launching a repacking");
}

}  // namespace lowp::inline LOWP_ABI
