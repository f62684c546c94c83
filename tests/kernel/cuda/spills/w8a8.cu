// Products of 8-bit activations and weights.
#include <lowp/kernel/cuda/w8a8.cuh>

namespace lowp::inline LOWP_ABI {

template <number_format F, w8a8_scaling Scaling>
using arguments = w8a8_arguments<F, Scaling, f16, identity_epilogue>;
template void w8a8_gemm(cudaStream_t, const arguments<i8, w8a8_scaling::rows>&);
template void w8a8_gemm(cudaStream_t, const arguments<e4m3, w8a8_scaling::rows>&);
template void w8a8_gemm(cudaStream_t, const arguments<e4m3, w8a8_scaling::blocks>&);
template void w8a8_gemm(cudaStream_t, const arguments<i8, w8a8_scaling::blocks>&);

}  // namespace lowp::inline LOWP_ABI
