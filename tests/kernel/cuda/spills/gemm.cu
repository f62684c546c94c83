// The GEMM kernels of every tile.
#include <lowp/kernel/cuda/gemm.cuh>
#include <lowp/scheme/presets.hpp>

namespace lowp::inline LOWP_ABI::detail {

template <class S, int Tokens, class X = f16>
inline constexpr auto instantiated = &gemm_kernel<S, X, X, identity_epilogue, Tokens>;

template <class S>
int all_tiles() {
  return (instantiated<S, 8> != nullptr) + (instantiated<S, 16> != nullptr) + (instantiated<S, 32> != nullptr) +
         (instantiated<S, 64> != nullptr);
}

}  // namespace lowp::inline LOWP_ABI::detail

using int8_g128 = lowp::scheme<lowp::i8, lowp::per_group<128>, lowp::symmetric, lowp::f16>;

int kernels() {
  using namespace lowp::detail;
  return all_tiles<lowp::int4_g128>() + all_tiles<lowp::uint4_g128>() + all_tiles<int8_g128>() + all_tiles<lowp::fp8_channel>() +
         all_tiles<lowp::nf4_g64>() + all_tiles<lowp::mxfp4>() + all_tiles<lowp::nvfp4>() + all_tiles<lowp::int3_g128>() +
         all_tiles<lowp::int2_g32>() + (instantiated<lowp::int4_g128, 8, lowp::bf16> != nullptr) +
         (instantiated<lowp::nvfp4, 16, lowp::bf16> != nullptr);
}
