// The kernel of products of 8-bit numbers by wgmma, and its launch; lowp::w8a8_gemm (w8a8.cuh) decides when.
//
//   if (lowp::detail::has_wgmma<F, Scaling, Y, Epilogue>(90)) lowp::detail::launch_w8a8_wgmma<256>(stream, a, processors);
#pragma once

#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/device_error.cuh>
#include <lowp/kernel/cuda/w8a8_wgmma_body.hpp>

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

template <number_format F, w8a8_scaling Scaling, class Y, class Epilogue, int Tokens>
__global__ void __launch_bounds__(w8a8_wgmma_tile::threads, 1)
    w8a8_wgmma_kernel(const __grid_constant__ w8a8_arguments<F, Scaling, Y, Epilogue> a, const __grid_constant__ w8a8_schedule schedule,
                      const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap weights) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ vector_of_words lowp_w8a8_wgmma_shared[];
  constexpr w8a8_wgmma_tile tile = w8a8_wgmma_tile_for(Tokens);
  using body = w8a8_wgmma_body<F, Scaling, Y, Epilogue, tile>;
  __shared__ typename body::ring ring;
  const std::uint32_t begin = ptx::shared_address(lowp_w8a8_wgmma_shared);
  const std::uint32_t address = (begin + 1023) / 1024 * 1024;
  auto* const stages = reinterpret_cast<std::uint8_t*>(lowp_w8a8_wgmma_shared) + (address - begin);
  if (threadIdx.x == 0) ring.init();
  __syncthreads();
  if (threadIdx.x >= tile.multipliers) {
    ptx::release_registers<40>();
    if (threadIdx.x != tile.multipliers) return;
    for (typename body::producer p(schedule, blockIdx.x); p.more();) p.send(ring, stages, {&x}, {&weights});
  } else {
    ptx::take_registers<232>();
    const device_block<tile.multipliers, 1> block;
    body::multiply(block, a, schedule, ring, stages, address, blockIdx.x, [&](const auto& at) { ring.full[at.stage].wait(at.phase); });
  }
#endif
}

// Whether there is code with wgmma for the device: the kernel has memory of its own only there.
template <number_format F, w8a8_scaling Scaling, class Y, class Epilogue>
bool has_wgmma(int compute_capability) {
  if (compute_capability != 90) return false;
  cudaFuncAttributes attributes{};
  check_cuda(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&w8a8_wgmma_kernel<F, Scaling, Y, Epilogue, 64>)),
             "looking for a kernel for this device");
  return attributes.sharedSizeBytes != 0;
}

// The driver's function that describes a matrix to the copying hardware, found without linking the driver.
inline decltype(&cuTensorMapEncodeTiled) tensor_map_encoder() {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result{};
  check_cuda(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &result),
             "asking for cuTensorMapEncodeTiled");
  if (result != cudaDriverEntryPointSuccess || found == nullptr) LOWP_THROW("this driver has no cuTensorMapEncodeTiled");
  return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(found);
}

// Codes [rows][cols] in swizzled tiles of tile_rows x 128.
inline CUtensorMap tensor_map_of(const std::uint8_t* codes, std::size_t stride, std::uint32_t rows, std::uint32_t cols, int tile_rows) {
  CUtensorMap map{};
  const cuuint64_t sizes[] = {cols, rows};
  const cuuint64_t strides[] = {stride};
  const cuuint32_t tile[] = {static_cast<cuuint32_t>(tensor_tile_cols), static_cast<cuuint32_t>(tile_rows)};
  const cuuint32_t steps[] = {1, 1};
  static const auto encode = tensor_map_encoder();
  const CUresult result = encode(&map, CU_TENSOR_MAP_DATA_TYPE_UINT8, 2, const_cast<std::uint8_t*>(codes), sizes, strides, tile, steps,
                                 CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                                 CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    LOWP_THROW("error ", static_cast<int>(result), " of the driver while describing ", rows, " x ", cols, " codes, rows ", stride,
               " bytes apart");
  }
  return map;
}

template <int Tokens, number_format F, w8a8_scaling Scaling, class Y, class Epilogue>
void launch_w8a8_wgmma(cudaStream_t stream, const w8a8_arguments<F, Scaling, Y, Epilogue>& a, int processors) {
  constexpr w8a8_wgmma_tile tile = w8a8_wgmma_tile_for(Tokens);
  const void* const function = reinterpret_cast<const void*>(&w8a8_wgmma_kernel<F, Scaling, Y, Epilogue, Tokens>);
  check_cuda(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, tile.shared_bytes()), "taking shared memory");
  CUtensorMap x = tensor_map_of(a.x.codes, a.x.stride, a.tokens, a.cols, tile.tokens);
  CUtensorMap weights = tensor_map_of(a.weights.codes, a.weights.stride, a.rows, a.cols, tile.rows);
  w8a8_arguments<F, Scaling, Y, Epilogue> arguments = a;
  w8a8_schedule schedule = w8a8_output<F, Scaling, Y, Epilogue>::schedule_for(a, tile, static_cast<std::uint32_t>(processors));
  void* parameters[] = {&arguments, &schedule, &x, &weights};
  check_cuda(cudaLaunchKernel(function, dim3(schedule.blocks), dim3(static_cast<unsigned>(tile.threads)), parameters,
                              static_cast<std::size_t>(tile.shared_bytes()), stream),
             "launching a product of 8-bit numbers");
}

}  // namespace lowp::inline LOWP_ABI::detail
