// Kernels of dequantizers, quantizers, products and caches that NVRTC compiles.
#include <lowp/format/formats.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/kv_append_body.hpp>
#include <lowp/kernel/cuda/kv_attention_body.hpp>
#include <lowp/kernel/cuda/quantize_body.hpp>
#include <lowp/kernel/cuda/w8a8_body.hpp>
#include <lowp/kernel/cuda/w8a8_wgmma_body.hpp>
#include <lowp/scheme/presets.hpp>

using namespace lowp;

template <class F, class Out>
__global__ void dequantize(const packed_run<F>* runs, fragment<Out>* out) {
  out[threadIdx.x] = dequantize_fragment<F, Out>(runs[threadIdx.x]);
}
template __global__ void dequantize<i4, f16>(const packed_run<i4>*, fragment<f16>*);
template __global__ void dequantize<u8, bf16>(const packed_run<u8>*, fragment<bf16>*);
template __global__ void dequantize<i3, f32>(const packed_run<i3>*, fragment<f32>*);
template __global__ void dequantize<e4m3, f16>(const packed_run<e4m3>*, fragment<f16>*);
template __global__ void dequantize<e5m2, bf16>(const packed_run<e5m2>*, fragment<bf16>*);
template __global__ void dequantize<e2m3, f16>(const packed_run<e2m3>*, fragment<f16>*);
template __global__ void dequantize<nf4, f16>(const packed_run<nf4>*, fragment<f16>*);
template __global__ void dequantize<e2m1, bf16>(const packed_run<e2m1>*, fragment<bf16>*);

// A block of one's own: all that the quantizer's phases ask for.
struct block_of_256 {
  static constexpr int threads = 256;
  template <class T>
  struct per_thread {
    T value{};
    __device__ T& operator[](int) { return value; }
  };
  template <class F>
  __device__ void each_thread(F&& f) const {
    f(static_cast<int>(threadIdx.x));
  }
  __device__ void barrier() const { __syncthreads(); }
  template <class T>
  __device__ per_thread<T> shuffle_xor(per_thread<T> v, int mask) const {
    return {__shfl_xor_sync(0xffffffffu, v.value, mask)};
  }
};

template <class S, class X>
__global__ void quantize(quantize_arguments<S, X> a) {
  using body = quantize_body<S, X>;
  __shared__ typename body::extent shared[body::shared_extents];
  body::quantize(block_of_256{}, a, shared, blockIdx.x, gridDim.x);
}
template __global__ void quantize<nvfp4, bf16>(quantize_arguments<nvfp4, bf16>);
template __global__ void quantize<uint4_g128, f16>(quantize_arguments<uint4_g128, f16>);
template __global__ void quantize<fp8_block128, float>(quantize_arguments<fp8_block128, float>);

#if __CUDA_ARCH__ >= 800
__global__ void product(w8a8_arguments<i8, w8a8_scaling::rows, f16, identity_epilogue> a, w8a8_schedule schedule) {
  extern __shared__ vector_of_words words[];
  const device_block<w8a8_few_tokens.threads()> block;
  w8a8_body<i8, w8a8_scaling::rows, f16, identity_epilogue, w8a8_few_tokens>::run(block, a, schedule, words, blockIdx.x);
}
#endif

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
__global__ void product_by_wgmma(w8a8_arguments<e4m3, w8a8_scaling::blocks, f16, identity_epilogue> a, w8a8_schedule schedule) {
  extern __shared__ vector_of_words words[];
  using body = w8a8_wgmma_body<e4m3, w8a8_scaling::blocks, f16, identity_epilogue, w8a8_wgmma_tile_for(64)>;
  __shared__ typename body::ring ring;
  const device_block<w8a8_wgmma_tile::multipliers, 1> block;
  body::multiply(block, a, schedule, ring, reinterpret_cast<const std::uint8_t*>(words), ptx::shared_address(words), blockIdx.x,
                 [&](const auto& at) { ring.full[at.stage].wait(at.phase); });
}
#endif

using page = kv_page<kv_format<scheme<i8, per_token, symmetric, f16>>, 64, 64>;
__global__ void append(kv_append_arguments<page, f16> a) {
  kv_append_body<page, f16>::run(device_block<128>{}, a, blockIdx.x, blockIdx.y, blockIdx.z);
}
__global__ void attend(kv_attention_arguments<page, f16, f16> a) {
  extern __shared__ vector_of_words words[];
  const device_block<128> block;
  kv_attention_body<page, f16, f16>::run(block, a, words, blockIdx.x, blockIdx.y, blockIdx.z);
}
