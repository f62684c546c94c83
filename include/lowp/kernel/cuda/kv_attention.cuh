// Decode attention over a quantized KV cache, enqueued on a stream.
//
//   using page = lowp::kv_page<lowp::kv_format<lowp::fp8_tensor>, 128, 64>;
//   lowp::device_kv_cache<page> cache{.pages = pages, .table = table, .table_stride = 128, .heads = 8, .key_scales = ks,
//                                     .value_scales = vs};
//   auto a = lowp::kv_attention_arguments_of(cache, queries, lengths, out, {.softmax_scale = 0.088f, .longest = 8000});
//   a.workspace = ...;                       // of kv_attention_workspace_for(a), its arrivals set to zero once
//   lowp::kv_attention(stream, a);
//
// The same input with the same split_tokens gives the same bits, whatever else is in the batch.
#pragma once

#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/device_error.cuh>
#include <lowp/kernel/cuda/kv_attention_body.hpp>

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

namespace detail {

// As many blocks a processor as leave all registers that the sums need: without a number ptxas aims at four and spills.
template <class Page, class T, class Y>
__global__ void __launch_bounds__(128, Page::head_size <= 128 ? 3 : 2)
    kv_attention_kernel(const __grid_constant__ kv_attention_arguments<Page, T, Y> a) {
#if defined(__CUDA_ARCH__)
  extern __shared__ vector_of_words lowp_kv_attention_shared[];
  const device_block<128> block;
  kv_attention_body<Page, T, Y>::run(block, a, lowp_kv_attention_shared, blockIdx.x, blockIdx.y, blockIdx.z);
#endif
}

}  // namespace detail

// out = attention of each sequence's query token over its first `length` cached tokens, enqueued on `stream` of the current device.
// Throws lowp::error for what does not fit and for what the runtime reports, before anything is enqueued.
template <class Page, class T, class Y>
void kv_attention(cudaStream_t stream, const kv_attention_arguments<Page, T, Y>& a) {
  using body = kv_attention_body<Page, T, Y>;
  if (a.sequences == 0) return;
  const std::uint32_t groups = a.cache.heads * a.head_tiles();
  if (a.sequences > 65535 || groups > 65535)
    LOWP_THROW("a call takes at most 65535 sequences and groups of heads, not ", a.sequences, " and ", groups);
  if (a.splits > 1 && (a.workspace.parts == nullptr || a.workspace.arrivals == nullptr))
    LOWP_THROW("attention in ", a.splits, " splits needs a workspace");
  int device = 0;
  int major = 0;
  int minor = 0;
  check_cuda(cudaGetDevice(&device), "asking for the device");
  check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking for the architecture");
  check_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking for the architecture");
  if (!kv_attention_supports<Page, T>(major * 10 + minor)) {
    LOWP_THROW("a device of compute capability ", major, ".", minor, " does not attend over heads of ", Page::head_size,
               " with this type of queries, in ", body::shared_bytes, " bytes of shared memory");
  }
  const void* const function = reinterpret_cast<const void*>(&detail::kv_attention_kernel<Page, T, Y>);
  check_cuda(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, body::shared_bytes), "taking shared memory");
  kv_attention_arguments<Page, T, Y> arguments = a;
  void* parameters[] = {&arguments};
  check_cuda(cudaLaunchKernel(function, dim3(a.splits, groups, a.sequences), dim3(body::threads), parameters,
                              static_cast<std::size_t>(body::shared_bytes), stream),
             "launching attention");
}

}  // namespace lowp::inline LOWP_ABI
