// A word's way through each dequantizer, with room for many at once.
#include <lowp/format/formats.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>

using namespace lowp;

template <class F, class Out>
__global__ void __launch_bounds__(256) dequantize(const packed_run<F>* runs, fragment<Out>* out) {
  packed_run<F> run[8];
  for (unsigned i = 0; i < 8; ++i) run[i] = runs[threadIdx.x + 256 * i];
  for (unsigned i = 0; i < 8; ++i) out[threadIdx.x + 256 * i] = dequantize_fragment<F, Out, any_order>(run[i]);
}

#define LOWP_TEST_DEQUANTIZE(format)                                                             \
  template __global__ void dequantize<format, f16>(const packed_run<format>*, fragment<f16>*);   \
  template __global__ void dequantize<format, bf16>(const packed_run<format>*, fragment<bf16>*); \
  template __global__ void dequantize<format, f32>(const packed_run<format>*, fragment<f32>*)

LOWP_TEST_DEQUANTIZE(i2);
LOWP_TEST_DEQUANTIZE(u3);
LOWP_TEST_DEQUANTIZE(i4);
LOWP_TEST_DEQUANTIZE(i8);
LOWP_TEST_DEQUANTIZE(e4m3);
LOWP_TEST_DEQUANTIZE(e5m2);
LOWP_TEST_DEQUANTIZE(e4m3fnuz);
LOWP_TEST_DEQUANTIZE(e2m3);
LOWP_TEST_DEQUANTIZE(e2m1);
LOWP_TEST_DEQUANTIZE(nf3);
LOWP_TEST_DEQUANTIZE(nf4);
