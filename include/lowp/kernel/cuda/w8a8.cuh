// y = x * w^T of 8-bit activations and weights on the tensor cores: INT8 and FP8, with scales by row or by blocks of 128.
//
//   lowp::w8a8_operand<lowp::i8> x{x_codes, cols, {x_scales, 1, 0}};       // device memory
//   lowp::w8a8_operand<lowp::i8> w{w_codes, cols, {w_scales, 1, 0}};
//   auto a = lowp::w8a8_arguments_of<lowp::w8a8_scaling::rows>(x, w, cols, lowp::matrix_view<lowp::f16>{y, tokens, rows});
//   lowp::w8a8_gemm(stream, a);                                            // or with an epilogue: lowp::bias_epilogue{bias}
//
// Products of INT8 are exact before the scales: float(sum) * x scale * w scale, rounded after each. Any shape. A workspace lets several
// blocks share a tile; the same input gives the same bits in every run on the same kind of device. From sm_80 on. Code that was compiled
// for sm_90a multiplies by wgmma where rows of codes start at multiples of 16 bytes; all else is mma.sync, native for FP8 on sm_89 and
// sm_120, elsewhere by way of f16 in registers, exactly, which costs half of the rate of the tensor cores' FP8.
#pragma once

#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/device_error.cuh>
#include <lowp/kernel/cuda/w8a8_body.hpp>
#include <lowp/kernel/cuda/w8a8_wgmma.cuh>

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

namespace detail {

// By the number of tokens of its tile: nvcc cannot spell a struct among the template arguments of a kernel.
template <int Tokens>
inline constexpr w8a8_tile w8a8_tile_of = Tokens == w8a8_few_tokens.tokens ? w8a8_few_tokens : w8a8_many_tokens;

template <number_format F, w8a8_scaling Scaling, class Y, class Epilogue, int Tokens>
__global__ void __launch_bounds__(w8a8_tile_of<Tokens>.threads(), 1)
    w8a8_kernel(const __grid_constant__ w8a8_arguments<F, Scaling, Y, Epilogue> a, const __grid_constant__ w8a8_schedule schedule) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  extern __shared__ vector_of_words lowp_w8a8_shared[];
  constexpr w8a8_tile tile = w8a8_tile_of<Tokens>;
  const device_block<tile.threads()> block;
  // sm_90 and sm_100 have mma.sync for FP8 in name only.
  constexpr bool native = std::same_as<F, i8> || __CUDA_ARCH__ == 890 || __CUDA_ARCH__ >= 1200;
  w8a8_body<F, Scaling, Y, Epilogue, tile, native>::run(block, a, schedule, lowp_w8a8_shared, blockIdx.x);
#endif
}

template <int Tokens, number_format F, w8a8_scaling Scaling, class Y, class Epilogue>
void launch_w8a8(cudaStream_t stream, const w8a8_arguments<F, Scaling, Y, Epilogue>& a, int processors) {
  constexpr w8a8_tile tile = w8a8_tile_of<Tokens>;
  const void* const function = reinterpret_cast<const void*>(&w8a8_kernel<F, Scaling, Y, Epilogue, Tokens>);
  constexpr auto bytes = static_cast<std::size_t>(tile.shared_bytes());
  check_cuda(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, tile.shared_bytes()), "taking shared memory");
  int each = 0;
  check_cuda(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, function, tile.threads(), bytes), "planning a product");
  if (each == 0) LOWP_THROW("no block of a product of ", tile.threads(), " threads and ", bytes, " bytes fits this device");
  // The workspace has room for two of the larger tiles, or 16 of the smaller ones, a processor.
  const int most = tile == w8a8_few_tokens ? 16 : 2;
  const int blocks = processors * (each < most ? each : most);
  w8a8_arguments<F, Scaling, Y, Epilogue> arguments = a;
  w8a8_schedule schedule = w8a8_output<F, Scaling, Y, Epilogue>::schedule_for(a, tile, static_cast<std::uint32_t>(blocks));
  void* parameters[] = {&arguments, &schedule};
  check_cuda(cudaLaunchKernel(function, dim3(schedule.blocks), dim3(static_cast<unsigned>(tile.threads())), parameters, bytes, stream),
             "launching a product of 8-bit numbers");
}

}  // namespace detail

// What w8a8_workspace holds on the current device, for products of any size. The arrivals must be set to zero once.
inline w8a8_workspace_size w8a8_workspace_on_device() {
  int device = 0;
  int processors = 0;
  check_cuda(cudaGetDevice(&device), "asking for the device");
  check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "asking for the number of processors");
  return w8a8_workspace_for(static_cast<std::size_t>(processors));
}

// Enqueued on `stream` of the current device. Throws lowp::error for a device that cannot, and for what the runtime reports.
template <number_format F, w8a8_scaling Scaling, class Y, class Epilogue>
void w8a8_gemm(cudaStream_t stream, const w8a8_arguments<F, Scaling, Y, Epilogue>& a) {
  if (a.tokens == 0 || a.rows == 0) return;
  int device = 0;
  int major = 0;
  int minor = 0;
  int processors = 0;
  check_cuda(cudaGetDevice(&device), "asking for the device");
  check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "asking for the number of processors");
  check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking for the architecture");
  check_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking for the architecture");
  if (!w8a8_supports<F>(a.tokens, a.rows, a.cols, major * 10 + minor)) {
    LOWP_THROW("a device of compute capability ", major, ".", minor, " does not multiply ", a.tokens, " tokens by weights of ", a.rows,
               " x ", a.cols, " in 8 bits");
  }
  if (a.aligned && a.cols != 0 && detail::has_wgmma<F, Scaling, Y, Epilogue>(major * 10 + minor)) {
    if (a.tokens <= 64) detail::launch_w8a8_wgmma<64>(stream, a, processors);
    else if (a.tokens <= 128 || w8a8_wgmma_most_tokens<F, Scaling> == 128) detail::launch_w8a8_wgmma<128>(stream, a, processors);
    else detail::launch_w8a8_wgmma<w8a8_wgmma_most_tokens<F, Scaling>>(stream, a, processors);
  } else if (a.tokens <= static_cast<std::uint32_t>(w8a8_few_tokens.tokens)) {
    detail::launch_w8a8<w8a8_few_tokens.tokens>(stream, a, processors);
  } else {
    detail::launch_w8a8<w8a8_many_tokens.tokens>(stream, a, processors);
  }
}

}  // namespace lowp::inline LOWP_ABI
