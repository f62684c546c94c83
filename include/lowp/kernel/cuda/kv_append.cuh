// Appending to a quantized KV cache: rotation, quantization and the write to the pages in one kernel, enqueued on a stream.
//
//   auto a = lowp::kv_append_arguments_of(cache, keys, values, first, lengths, sequences, {.cosines = c, .sines = s});
//   lowp::kv_append(stream, a);              // then lowp::kv_attention on the same stream
//
// One token a sequence or many: first[i] .. first[i + 1] - 1 are the new tokens of sequence i. The codes are those of lowp::quantize.
#pragma once

#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/device_error.cuh>
#include <lowp/kernel/cuda/kv_append_body.hpp>

#include <cuda_runtime.h>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class Page, class T>
__global__ void __launch_bounds__(128) kv_append_kernel(const __grid_constant__ kv_append_arguments<Page, T> a) {
#if defined(__CUDA_ARCH__)
  const device_block<128> block;
  kv_append_body<Page, T>::run(block, a, blockIdx.x, blockIdx.y, blockIdx.z);
#endif
}

}  // namespace detail

// most_new: an upper bound of the new tokens of one sequence. Throws lowp::error for what does not fit and for what the runtime
// reports, before anything is enqueued.
template <class Page, class T>
void kv_append(cudaStream_t stream, const kv_append_arguments<Page, T>& a, std::uint32_t most_new = 1) {
  using body = kv_append_body<Page, T>;
  if (a.sequences == 0 || a.new_tokens == 0) return;
  if (a.sequences > 65535 || a.cache.heads > 65535)
    LOWP_THROW("a call takes at most 65535 sequences and heads, not ", a.sequences, " and ", a.cache.heads);
  const std::uint32_t chunks = Page::has_residual ? 1 : (most_new + body::block_tokens - 1) / body::block_tokens;
  detail::kv_append_kernel<Page, T><<<dim3(chunks, a.cache.heads, a.sequences), body::threads, 0, stream>>>(a);
  check_cuda(cudaGetLastError(), "launching an append");
}

}  // namespace lowp::inline LOWP_ABI
