// Quantizing on the device: activations per token or per group, weights in any scheme, to codes and scales as lowp::quantize makes
// them, bit for bit (programs compiled without -use_fast_math).
//
//   lowp::quantize_arguments<lowp::nvfp4, lowp::bf16> a{.x = x, .rows = m, .cols = k, .codes = codes, .scales = scales,
//                                                       .swizzled = true, .tensor = tensor};
//   lowp::quantize(stream, a);                                         // tensor->scale_code: the f32 above the scales
//   lowp::quantize<lowp::mx_rceil>(stream, a);                         // another scale rule
//
// All pointers are to device memory, and nothing is copied from the host, so that a graph can capture it. `tensor` is needed where a scale
// belongs to the whole matrix (two passes over it) and may be nullptr elsewhere. Fastest where rows of x begin at multiples of 16 bytes.
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/device_error.cuh>
#include <lowp/kernel/cuda/quantize_body.hpp>

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class Body>
__global__ void prepare_kernel(const __grid_constant__ typename Body::arguments a) {
  *a.tensor = tensor_range{};
}

template <class Body>
__global__ void __launch_bounds__(Body::threads, 4) measure_kernel(const __grid_constant__ typename Body::arguments a) {
#if defined(__CUDA_ARCH__)
  __shared__ typename Body::extent shared[Body::shared_extents];
  Body::measure(device_block<Body::threads>{}, a, shared, blockIdx.x, gridDim.x);
#endif
}

template <class Body>
__global__ void finish_kernel(const __grid_constant__ typename Body::arguments a) {
#if defined(__CUDA_ARCH__)
  Body::finish(a);
#endif
}

template <class Body>
__global__ void __launch_bounds__(Body::threads, 4) quantize_kernel(const __grid_constant__ typename Body::arguments a) {
#if defined(__CUDA_ARCH__)
  __shared__ typename Body::extent shared[Body::shared_extents];
  Body::quantize(device_block<Body::threads>{}, a, shared, blockIdx.x, gridDim.x);
#endif
}

template <class Body, class Arguments>
void require_valid(const Arguments& a) {
  using S = typename Body::scheme;
  const std::size_t row_bytes = ceil_div(a.cols * S::format::bits, std::size_t{8});
  if (a.x == nullptr || a.codes == nullptr) LOWP_THROW("quantizing needs numbers to read and room for codes");
  if (Body::needs_tensor && a.tensor == nullptr) LOWP_THROW("a scale of the whole matrix needs room in `tensor`");
  if ((!whole_tensor<S> || a.swizzled) && a.scales == nullptr) LOWP_THROW("quantizing needs room for scales");
  if (S::has_zero && !whole_tensor<S> && a.zeros == nullptr) LOWP_THROW("quantizing needs room for zero points");
  if (a.x_stride != 0 && a.x_stride < a.cols) LOWP_THROW("rows of ", a.cols, " numbers do not lie ", a.x_stride, " numbers apart");
  if (a.row_stride != 0 && a.row_stride < row_bytes) {
    LOWP_THROW("a row of ", a.cols, " codes takes ", row_bytes, " bytes, but the row stride is ", a.row_stride);
  }
  if (a.swizzled && sizeof(*a.scales) != 1) LOWP_THROW("scales of ", 8 * sizeof(*a.scales), " bits have no swizzle: it is for 8");
}

}  // namespace detail

// Throws lowp::error where a pointer is missing or a stride is too short, and where CUDA reports an error. What lowp::quantize refuses
// for its numbers is left in tensor->saturated, if there is a tensor.
template <class ScaleRule = default_scale, device_quantizable S, class X, rounding_policy Rounding>
void quantize(cudaStream_t stream, const quantize_arguments<S, X, Rounding>& a) {
  using body = quantize_body<S, X, Rounding, ScaleRule>;
  if (a.rows == 0 || a.cols == 0) return;
  detail::require_valid<body>(a);
  const std::size_t blocks = std::min<std::size_t>(body::blocks_of(a), 1u << 20);
  const auto grid = static_cast<unsigned>(blocks);
  if (a.tensor != nullptr) detail::prepare_kernel<body><<<1, 1, 0, stream>>>(a);
  if constexpr (body::needs_tensor) {
    detail::measure_kernel<body><<<grid, body::threads, 0, stream>>>(a);
    detail::finish_kernel<body><<<1, 1, 0, stream>>>(a);
  }
  if (a.swizzled) {
    const grid_shape scales = S::granularity::grid(a.rows, a.cols);
    check_cuda(cudaMemsetAsync(a.scales, 0, layout::swizzled_size(scales.rows, scales.cols), stream), "clearing padding");
  }
  detail::quantize_kernel<body><<<grid, body::threads, 0, stream>>>(a);
  check_cuda(cudaGetLastError(), "launching a quantizer");
}

}  // namespace lowp::inline LOWP_ABI
