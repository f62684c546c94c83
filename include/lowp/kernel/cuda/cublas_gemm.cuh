// Products of any number of tokens and of any scheme: by the library's own kernels where they take them, otherwise by dequantizing
// the weights to the activations' type and a product of cuBLAS. Opt-in: lowp/cuda.cuh does not include it, and programs that do link
// cuBLAS.
//
//   lowp::gemm_any(handle, stream, w, x, y, workspace, scratch);      // scratch: w.rows * w.cols of X, for what goes through cuBLAS
//   lowp::gemm_any(handle, stream, w, x, y, workspace, scratch, lowp::bias_epilogue{bias}, sums);
#pragma once

#include <lowp/kernel/cuda/apply_epilogue.hpp>
#include <lowp/kernel/cuda/dequantize.cuh>
#include <lowp/kernel/cuda/gemm.cuh>

#include <cublas_v2.h>

#include <concepts>
#include <cstddef>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class T>
constexpr cudaDataType_t cuda_type() noexcept {
  if constexpr (std::same_as<T, f16>) return CUDA_R_16F;
  else if constexpr (std::same_as<T, bf16>) return CUDA_R_16BF;
  else return CUDA_R_32F;
}

inline void check_cublas(cublasStatus_t status, const char* doing) {
  if (status != CUBLAS_STATUS_SUCCESS) LOWP_THROW("cuBLAS, while ", doing, ": ", cublasGetStatusString(status));
}

inline constexpr int epilogue_threads = 256;

template <class Y, class Epilogue>
__global__ void epilogue_kernel(const float* sums, std::size_t sums_stride, Y* y, std::size_t y_stride, std::uint32_t tokens,
                                std::uint32_t rows, const __grid_constant__ Epilogue epilogue) {
#if defined(__CUDA_ARCH__)
  apply_epilogue(device_block<epilogue_threads>{}, sums, sums_stride, y, y_stride, tokens, rows, epilogue, blockIdx.x, gridDim.x);
#endif
}

template <class Y, class Epilogue>
void launch_epilogue(cudaStream_t stream, matrix_view<float> sums, matrix_view<Y> y, const Epilogue& epilogue) {
  const std::size_t blocks = ceil_div(y.rows() * y.cols(), static_cast<std::size_t>(epilogue_threads));
  if (blocks == 0) return;
  epilogue_kernel<<<static_cast<unsigned>(blocks < 65536 ? blocks : 65536), epilogue_threads, 0, stream>>>(
      sums.data(), sums.row_stride(), y.data(), y.row_stride(), static_cast<std::uint32_t>(y.rows()), static_cast<std::uint32_t>(y.cols()),
      epilogue);
  check_cuda(cudaGetLastError(), "launching an epilogue");
}

}  // namespace detail

// y [tokens, w.rows] = x [tokens, w.cols] * w^T by way of weights in X at `scratch` [w.rows, w.cols]. Y is float or X. Sums are f32.
template <class Weights, class X, class Y>
void gemm_by_cublas(cublasHandle_t handle, cudaStream_t stream, const Weights& w, matrix_view<const X> x, matrix_view<Y> y, X* scratch) {
  static_assert(ptx::packed_type<X> && (std::same_as<Y, X> || std::same_as<Y, float>),
                "cuBLAS multiplies f16 or bf16, to the same or to float");
  if (x.cols() != w.cols || y.rows() != x.rows() || y.cols() != w.rows) {
    LOWP_THROW("activations of ", x.rows(), " x ", x.cols(), " and a result of ", y.rows(), " x ", y.cols(), " do not fit weights of ",
               w.rows, " x ", w.cols);
  }
  if (!x.contiguous_rows() || !y.contiguous_rows()) LOWP_THROW("the rows of activations and results must be contiguous in memory");
  if (w.rows == 0 || x.rows() == 0) return;
  dequantize_on_device(stream, w, matrix_view<X>{scratch, w.rows, w.cols});
  const float one = 1;
  const float zero = 0;
  const auto size = [](std::size_t n) {
    if (n > 0x7fffffff) LOWP_THROW("a matrix of ", n, " rows or columns is more than cuBLAS counts");
    return static_cast<int>(n);
  };
  // Rows here are columns there: y^T = w * x^T.
  detail::check_cublas(cublasSetStream(handle, stream), "setting the stream");
  detail::check_cublas(cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, size(w.rows), size(x.rows()), size(w.cols), &one, scratch,
                                    detail::cuda_type<X>(), size(w.cols), x.data(), detail::cuda_type<X>(), size(x.row_stride()), &zero,
                                    y.data(), detail::cuda_type<Y>(), size(y.row_stride()), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
                       "multiplying");
}

// The GEMM's own kernels where gemm_supports says that they take the product, cuBLAS otherwise. An epilogue of results that are not
// float needs `sums` there, x.rows() * w.rows floats.
template <scheme_type S, class X, class Y, device_epilogue Epilogue = identity_epilogue>
void gemm_any(cublasHandle_t handle, cudaStream_t stream, const mma_weights<S>& w, matrix_view<const X> x, matrix_view<Y> y,
              gemm_workspace workspace, X* scratch, Epilogue epilogue = {}, float* sums = nullptr) {
  if constexpr (gemm_scheme<S>::supported()) {
    if (gemm_supports<S, X>(x.rows(), w.rows, w.cols)) return gemm(stream, w, x, y, workspace, epilogue);
  }
  if constexpr (std::same_as<Epilogue, identity_epilogue>) {
    gemm_by_cublas(handle, stream, w, x, y, scratch);
  } else {
    matrix_view<float> results{sums, x.rows(), w.rows};
    if constexpr (std::same_as<Y, float>) results = y;
    else if (sums == nullptr) LOWP_THROW("an epilogue of ", x.rows(), " x ", w.rows, " results through cuBLAS needs as many floats");
    if (y.rows() != x.rows() || y.cols() != w.rows || !y.contiguous_rows()) {
      LOWP_THROW("a result of ", y.rows(), " x ", y.cols(), " does not fit ", x.rows(), " tokens by ", w.rows, " rows of weights");
    }
    gemm_by_cublas(handle, stream, w, x, results, scratch);
    detail::launch_epilogue(stream, results, y, epilogue);
  }
}

}  // namespace lowp::inline LOWP_ABI
