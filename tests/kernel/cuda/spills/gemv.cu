// The GEMV kernels of one, two and eight tokens.
#include <lowp/kernel/cuda/gemv.cuh>
#include <lowp/scheme/presets.hpp>

namespace lowp::inline LOWP_ABI::detail {

template __global__ void gemv_kernel<int4_g128, f16, f16, 1, gemv_tuning>(const __grid_constant__ gemv_arguments<int4_g128, f16, f16>);
template __global__ void gemv_kernel<nf4_g64, f16, f16, 1, gemv_tuning>(const __grid_constant__ gemv_arguments<nf4_g64, f16, f16>);
template __global__ void gemv_kernel<nvfp4, f16, float, 2, gemv_tuning>(const __grid_constant__ gemv_arguments<nvfp4, f16, float>);
template __global__ void gemv_kernel<mxfp4, f16, f16, 8, gemv_tuning>(const __grid_constant__ gemv_arguments<mxfp4, f16, f16>);

}  // namespace lowp::inline LOWP_ABI::detail
