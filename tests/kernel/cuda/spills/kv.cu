// Attention over quantized KV caches, and appending to them.
#include <lowp/kernel/cuda/kv_append.cuh>
#include <lowp/kernel/cuda/kv_attention.cuh>
#include <lowp/scheme/presets.hpp>

namespace lowp::inline LOWP_ABI::detail {

using kv_i8 = kv_format<scheme<i8, per_token, symmetric, f16>>;
using kv_u4 = kv_format<scheme<u4, per_token, asymmetric, f16>>;
using kv_kivi = kv_format<scheme<u2, per_block<32, 1>, asymmetric_as<f16>, f16>, scheme<u2, per_group<32>, asymmetric_as<f16>, f16>, 32>;
template <class Format, int HeadSize = 128>
using page = kv_page<Format, HeadSize, 64>;

template <class Page>
using attention_arguments = kv_attention_arguments<Page, f16, f16>;
template __global__ void kv_attention_kernel<page<kv_unquantized<f16>>, f16, f16>(
    const __grid_constant__ attention_arguments<page<kv_unquantized<f16>>>);
template __global__ void kv_attention_kernel<page<kv_format<fp8_tensor>>, f16, f16>(
    const __grid_constant__ attention_arguments<page<kv_format<fp8_tensor>>>);
template __global__ void kv_attention_kernel<page<kv_i8>, f16, f16>(const __grid_constant__ attention_arguments<page<kv_i8>>);
template __global__ void kv_attention_kernel<page<kv_u4>, f16, f16>(const __grid_constant__ attention_arguments<page<kv_u4>>);
template __global__ void kv_attention_kernel<page<kv_u4, 64>, f16, f16>(const __grid_constant__ attention_arguments<page<kv_u4, 64>>);
template __global__ void kv_attention_kernel<page<kv_u4, 256>, f16, f16>(const __grid_constant__ attention_arguments<page<kv_u4, 256>>);
template __global__ void kv_attention_kernel<page<kv_format<nvfp4>>, f16, f16>(
    const __grid_constant__ attention_arguments<page<kv_format<nvfp4>>>);
template __global__ void kv_attention_kernel<page<kv_kivi>, f16, f16>(const __grid_constant__ attention_arguments<page<kv_kivi>>);

template <class Page>
using append_arguments = kv_append_arguments<Page, f16>;
template __global__ void kv_append_kernel<page<kv_format<fp8_tensor>>, f16>(
    const __grid_constant__ append_arguments<page<kv_format<fp8_tensor>>>);
template __global__ void kv_append_kernel<page<kv_u4>, f16>(const __grid_constant__ append_arguments<page<kv_u4>>);
template __global__ void kv_append_kernel<page<kv_format<nvfp4>>, f16>(const __grid_constant__ append_arguments<page<kv_format<nvfp4>>>);
template __global__ void kv_append_kernel<page<kv_kivi>, f16>(const __grid_constant__ append_arguments<page<kv_kivi>>);

}  // namespace lowp::inline LOWP_ABI::detail
