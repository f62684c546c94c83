// y = x * w^T on the device: up to 64 tokens by quantized weights, on the tensor cores.
//
//   auto packed = lowp::pack<lowp::layout::mma_a16>(lowp::quantize<lowp::int4_g128>(weights));      // its parts copied to the device
//   lowp::mma_weights<lowp::int4_g128> w = lowp::mma_weights_of(packed, codes, scales);
//   lowp::gemm(stream, w, lowp::matrix_view<const lowp::f16>{x, m, k}, lowp::matrix_view<lowp::f16>{y, m, n}, workspace);
//   lowp::gemm(stream, w, x, y, workspace, lowp::bias_epilogue{bias});
//
// All pointers are to device memory. Numbers of the format that X does not hold (nf4) are rounded to it; products are summed in f32
// and scales multiplied in f32. The same input gives the same bits in every run on the same kind of device; atomics only count.
// Zero points and biases are multiplied by the sum of the activations, so with them an infinite activation gives NaN.
#pragma once

#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/device_error.cuh>
#include <lowp/kernel/cuda/dependent_launch.hpp>
#include <lowp/kernel/cuda/gather_activations.hpp>
#include <lowp/kernel/cuda/gemm_body.hpp>

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

namespace detail {

// The tile for the architecture of this compilation pass; the host asks the kernel which one that was.
#if defined(__CUDA_ARCH__)
template <class S, int Tokens>
inline constexpr gemm_tile gemm_tile_here = gemm_tuning<S>::template tile<Tokens>(__CUDA_ARCH__ / 10);
#else
template <class S, int Tokens>
inline constexpr gemm_tile gemm_tile_here = gemm_tuning<S>::template tile<Tokens>(90);
#endif

template <class S, class X, class Y, class Epilogue, int Tokens>
__global__ void __launch_bounds__(gemm_tile_here<S, Tokens>.threads(), gemm_tile_here<S, Tokens>.blocks_per_processor)
    gemm_kernel(const __grid_constant__ gemm_arguments<S, X, Y, Epilogue> a, const __grid_constant__ gemm_schedule schedule) {
#if defined(__CUDA_ARCH__)
  extern __shared__ vector_of_words lowp_gemm_shared[];
  constexpr gemm_tile tile = gemm_tile_here<S, Tokens>;
  const device_block<tile.threads()> block;
  // All blocks are there at once, so the next kernel's may come as soon as there is room, and wait here in turn.
  ptx::let_next_kernel_begin();
  using body = gemm_body<S, X, Y, Epilogue, tile>;
  body::prepare(block, lowp_gemm_shared);
  ptx::wait_for_previous_kernel();
  body::run(block, a, schedule, lowp_gemm_shared, blockIdx.x);
#endif
}

inline constexpr int gather_threads = 128;

template <class S, class X, class Y, class Epilogue>
__global__ void gather_kernel(const __grid_constant__ gemm_arguments<S, X, Y, Epilogue> a) {
#if defined(__CUDA_ARCH__)
  gather_activations(device_block<gather_threads>{}, a, blockIdx.x, gridDim.x);
#endif
}

template <class S, class X, class Y, class Epilogue>
void launch_gather(cudaStream_t stream, const gemm_arguments<S, X, Y, Epilogue>& a) {
  const void* const function = reinterpret_cast<const void*>(&gather_kernel<S, X, Y, Epilogue>);
  gemm_arguments<S, X, Y, Epilogue> arguments = a;
  void* parameters[] = {&arguments};
  const auto blocks = static_cast<unsigned>(ceil_div(a.weights.cols, static_cast<std::size_t>(gather_threads)));
  check_cuda(cudaLaunchKernel(function, dim3(blocks), dim3(gather_threads), parameters, 0, stream), "gathering activations");
}

// What a launch must know of the tile that the device code was compiled with.
struct gemm_launch {
  int threads;
  int shared_bytes;
  std::uint32_t steps;
};

template <class S, class X, class Y, class Epilogue, int Tokens, int ComputeCapability>
gemm_launch gemm_launch_of(std::size_t cols) noexcept {
  constexpr gemm_tile tile = gemm_tuning<S>::template tile<Tokens>(ComputeCapability);
  using body = gemm_body<S, X, Y, Epilogue, tile>;
  return {tile.threads(), body::memory::bytes, body::steps(cols)};
}

template <int Tokens, class S, class X, class Y, class Epilogue>
void launch_gemm(cudaStream_t stream, const gemm_arguments<S, X, Y, Epilogue>& a, int processors) {
  const void* const function = reinterpret_cast<const void*>(&gemm_kernel<S, X, Y, Epilogue, Tokens>);
  cudaFuncAttributes attributes{};
  check_cuda(cudaFuncGetAttributes(&attributes, function), "looking for a GEMM kernel for this device");
  // Tiles differ by shared memory alone: one architecture stands for all that have as much.
  const int room = shared_memory_of(attributes.ptxVersion);
  const gemm_launch launch = room == shared_memory_of(75)   ? gemm_launch_of<S, X, Y, Epilogue, Tokens, 75>(a.weights.cols)
                             : room == shared_memory_of(80) ? gemm_launch_of<S, X, Y, Epilogue, Tokens, 80>(a.weights.cols)
                             : room == shared_memory_of(86) ? gemm_launch_of<S, X, Y, Epilogue, Tokens, 86>(a.weights.cols)
                                                            : gemm_launch_of<S, X, Y, Epilogue, Tokens, 90>(a.weights.cols);
  check_cuda(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, launch.shared_bytes), "taking shared memory");
  check_cuda(cudaFuncSetAttribute(function, cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared),
             "taking shared memory");
  int each = 0;
  check_cuda(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, function, launch.threads, static_cast<std::size_t>(launch.shared_bytes)),
             "planning a GEMM");
  if (each == 0) LOWP_THROW("no block of a GEMM of ", launch.threads, " threads and ", launch.shared_bytes, " bytes fits this device");
  const int blocks = processors * (each < 2 ? each : 2);
  const auto panels = static_cast<std::uint32_t>(ceil_div(a.weights.rows, static_cast<std::size_t>(gemm_tile::rows)));
  gemm_arguments<S, X, Y, Epilogue> arguments = a;
  gemm_schedule schedule = gemm_schedule::make(panels, launch.steps, static_cast<std::uint32_t>(blocks));
  void* parameters[] = {&arguments, &schedule};
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(schedule.blocks);
  config.blockDim = dim3(static_cast<unsigned>(launch.threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(launch.shared_bytes);
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = attributes.ptxVersion >= 90 ? 1 : 0;
  check_cuda(cudaLaunchKernelExC(&config, function, parameters), "launching a GEMM");
}

}  // namespace detail

// What gemm needs on the current device for weights [rows, cols]. The arrivals must be set to zero once; the activations are needed
// only for weights in act order, and for activations whose rows do not start at multiples of 16 bytes.
inline gemm_workspace_size gemm_workspace_on_device(std::size_t rows, std::size_t cols) {
  int device = 0;
  int processors = 0;
  check_cuda(cudaGetDevice(&device), "asking for the device");
  check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "asking for the number of processors");
  return gemm_workspace_for(rows, cols, static_cast<std::size_t>(processors) * 2);
}

// y [tokens, w.rows] = x [tokens, w.cols] * w^T, enqueued on `stream` of the current device. X is f16 or bf16 (from sm_80 on), Y is
// float, f16 or bf16. Throws lowp::error for shapes that do not fit and for what the runtime reports, before anything is enqueued.
template <scheme_type S, class X, class Y, device_epilogue Epilogue = identity_epilogue>
void gemm(cudaStream_t stream, const mma_weights<S>& w, matrix_view<const X> x, matrix_view<Y> y, gemm_workspace workspace,
          Epilogue epilogue = {}) {
  gemm_arguments<S, X, Y, Epilogue> a = gemm_arguments_of(w, x, y, epilogue, workspace);
  if (w.rows == 0) return;
  int device = 0;
  int processors = 0;
  int major = 0;
  int minor = 0;
  check_cuda(cudaGetDevice(&device), "asking for the device");
  check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "asking for the number of processors");
  check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking for the architecture");
  check_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking for the architecture");
  const int compute_capability = major * 10 + minor;
  if (compute_capability < mma_m16n8k16<X>::compute_capability) {
    LOWP_THROW("the tensor cores of a device of compute capability ", major, ".", minor, " do not take this type of activations");
  }
  if (a.gathers()) {
    if (workspace.activations == nullptr && w.cols != 0) {
      LOWP_THROW("activations in another order, or whose rows do not start at multiples of 16 bytes, need a workspace to be copied to");
    }
    if (w.cols != 0) detail::launch_gather(stream, a);
    a = gathered(a);
  }
  // More tokens than a tile holds, on devices whose tiles are small, go in several launches.
  const auto tile = static_cast<std::uint32_t>(gemm_tuning<S>::token_tile(compute_capability, x.rows()));
  const std::uint32_t all = a.tokens;
  for (std::uint32_t first = 0; first < all; first += tile) {
    a.tokens = all - first < tile ? all - first : tile;
    if (tile == 8) detail::launch_gemm<8>(stream, a, processors);
    else if (tile == 16) detail::launch_gemm<16>(stream, a, processors);
    else if (tile == 32) detail::launch_gemm<32>(stream, a, processors);
    else detail::launch_gemm<64>(stream, a, processors);
    a.x += a.tokens * a.x_stride;
    a.y += a.tokens * a.y_stride;
  }
}

template <scheme_type S, class X, class Y, device_epilogue Epilogue = identity_epilogue>
void gemm(cudaStream_t stream, const mma_weights<S>& w, matrix_view<X> x, matrix_view<Y> y, gemm_workspace workspace,
          Epilogue epilogue = {}) {
  gemm(stream, w, matrix_view<const X>(x), y, workspace, epilogue);
}

}  // namespace lowp::inline LOWP_ABI
