// y = x * w^T of 8-bit activations and weights on the tensor cores: INT8 and FP8, with scales by row or by blocks of 128.
//
//   lowp::w8a8_operand<lowp::i8> x{x_codes, cols, {x_scales, 1, 0}};       // device memory
//   lowp::w8a8_operand<lowp::i8> w{w_codes, cols, {w_scales, 1, 0}};
//   auto a = lowp::w8a8_arguments_of<lowp::w8a8_scaling::rows>(x, w, cols, lowp::matrix_view<lowp::f16>{y, tokens, rows});
//   lowp::w8a8_gemm(stream, a);                                            // or with an epilogue: lowp::bias_epilogue{bias}
//
// Products of INT8 are exact before the scales: float(sum) * x scale * w scale, rounded after each. Any shape; rows of codes that start
// at multiples of 16 bytes are read faster. From sm_80 on. FP8 is native on sm_89 and sm_120; elsewhere it becomes f16 in registers,
// exactly, which costs half of the rate of the tensor cores' FP8.
#pragma once

#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/device_error.cuh>
#include <lowp/kernel/cuda/w8a8_body.hpp>

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

namespace detail {

// By the number of tokens of its tile: nvcc cannot spell a struct among the template arguments of a kernel.
template <int Tokens>
inline constexpr w8a8_tile w8a8_tile_of = Tokens == w8a8_few_tokens.tokens ? w8a8_few_tokens : w8a8_many_tokens;

template <number_format F, w8a8_scaling Scaling, class Y, class Epilogue, int Tokens>
__global__ void __launch_bounds__(w8a8_tile_of<Tokens>.threads())
    w8a8_kernel(const __grid_constant__ w8a8_arguments<F, Scaling, Y, Epilogue> a) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  extern __shared__ vector_of_words lowp_w8a8_shared[];
  constexpr w8a8_tile tile = w8a8_tile_of<Tokens>;
  const device_block<tile.threads()> block;
  // sm_90 and sm_100 have mma.sync for FP8 in name only.
  constexpr bool native = std::same_as<F, i8> || __CUDA_ARCH__ == 890 || __CUDA_ARCH__ >= 1200;
  w8a8_body<F, Scaling, Y, Epilogue, tile, native>::run(block, a, lowp_w8a8_shared, blockIdx.x, blockIdx.y);
#endif
}

template <int Tokens, number_format F, w8a8_scaling Scaling, class Y, class Epilogue>
void launch_w8a8(cudaStream_t stream, const w8a8_arguments<F, Scaling, Y, Epilogue>& a) {
  constexpr w8a8_tile tile = w8a8_tile_of<Tokens>;
  const void* const function = reinterpret_cast<const void*>(&w8a8_kernel<F, Scaling, Y, Epilogue, Tokens>);
  check_cuda(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, tile.shared_bytes()), "taking shared memory");
  const std::uint32_t token_tiles = ceil_div(a.tokens, static_cast<std::uint32_t>(tile.tokens));
  const std::uint32_t row_tiles = ceil_div(a.rows, static_cast<std::uint32_t>(tile.rows));
  if (row_tiles > 65535) LOWP_THROW("a product takes at most ", 65535 * tile.rows, " rows of weights at a time, not ", a.rows);
  w8a8_arguments<F, Scaling, Y, Epilogue> arguments = a;
  void* parameters[] = {&arguments};
  check_cuda(cudaLaunchKernel(function, dim3(token_tiles, row_tiles), dim3(static_cast<unsigned>(tile.threads())), parameters,
                              static_cast<std::size_t>(tile.shared_bytes()), stream),
             "launching a product of 8-bit numbers");
}

}  // namespace detail

// Enqueued on `stream` of the current device. Throws lowp::error for a device that cannot, and for what the runtime reports.
template <number_format F, w8a8_scaling Scaling, class Y, class Epilogue>
void w8a8_gemm(cudaStream_t stream, const w8a8_arguments<F, Scaling, Y, Epilogue>& a) {
  if (a.tokens == 0 || a.rows == 0) return;
  int device = 0;
  int major = 0;
  int minor = 0;
  check_cuda(cudaGetDevice(&device), "asking for the device");
  check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking for the architecture");
  check_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking for the architecture");
  if (!w8a8_supports<F>(a.tokens, a.rows, a.cols, major * 10 + minor)) {
    LOWP_THROW("a device of compute capability ", major, ".", minor, " does not multiply ", a.tokens, " tokens by weights of ", a.rows,
               " x ", a.cols, " in 8 bits");
  }
  if (a.tokens <= static_cast<std::uint32_t>(w8a8_few_tokens.tokens)) detail::launch_w8a8<w8a8_few_tokens.tokens>(stream, a);
  else detail::launch_w8a8<w8a8_many_tokens.tokens>(stream, a);
}

}  // namespace lowp::inline LOWP_ABI
