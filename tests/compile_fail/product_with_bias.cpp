// expect: kernels multiply schemes without a bias or minimum; dequantize weights that have one
#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/layout/packed.hpp>

#if defined(LOWP_RIGHT)
using symmetry = lowp::symmetric;
#else
using symmetry = lowp::with_bias<lowp::f16>;
#endif
using weights = lowp::scheme<lowp::u4, lowp::per_group<32>, symmetry, lowp::f16>;

void multiply(lowp::matrix_view<const float> x, const lowp::packed<weights, lowp::layout::tile16>& w, lowp::matrix_view<float> y) {
  lowp::gemm(x, w, y);
}
