// The quantizers that serve activations and weights.
#include <lowp/kernel/cuda/quantize.cuh>
#include <lowp/scheme/presets.hpp>

namespace lowp::inline LOWP_ABI::detail {

template <class S, class X, class R = nearest_even>
using body = quantize_body<S, X, R>;
template <class F>
using token = scheme<F, per_token, symmetric, f32>;

template __global__ void quantize_kernel<body<token<i8>, bf16>>(const __grid_constant__ body<token<i8>, bf16>::arguments);
template __global__ void quantize_kernel<body<token<e4m3>, bf16>>(const __grid_constant__ body<token<e4m3>, bf16>::arguments);
template __global__ void quantize_kernel<body<fp8_block128, float>>(const __grid_constant__ body<fp8_block128, float>::arguments);
template __global__ void quantize_kernel<body<mxfp8_e4m3, bf16>>(const __grid_constant__ body<mxfp8_e4m3, bf16>::arguments);
template __global__ void quantize_kernel<body<mxfp4, bf16>>(const __grid_constant__ body<mxfp4, bf16>::arguments);
template __global__ void quantize_kernel<body<nvfp4, bf16>>(const __grid_constant__ body<nvfp4, bf16>::arguments);
template __global__ void quantize_kernel<body<nvfp4, bf16, stochastic>>(const __grid_constant__ body<nvfp4, bf16, stochastic>::arguments);
template __global__ void measure_kernel<body<nvfp4, bf16>>(const __grid_constant__ body<nvfp4, bf16>::arguments);
template __global__ void quantize_kernel<body<uint4_g128, f16>>(const __grid_constant__ body<uint4_g128, f16>::arguments);
template __global__ void quantize_kernel<body<nf4_g64, f16>>(const __grid_constant__ body<nf4_g64, f16>::arguments);

}  // namespace lowp::inline LOWP_ABI::detail
