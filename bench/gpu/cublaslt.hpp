// The baseline of products: the fastest of cuBLASLt's heuristics.
#pragma once

#include "gpu_bench.hpp"

#include <lowp/core/error.hpp>

#include <cublasLt.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace gpu_bench {

inline void check_lt(cublasStatus_t status, const char* doing) {
  if (status != CUBLAS_STATUS_SUCCESS) LOWP_THROW("cuBLASLt, while ", doing, ": ", cublasLtGetStatusString(status));
}

// y^T [n, m] = w [n, k] * x^T, of weights of which there are `copies`, one after another.
struct lt_product {
  std::size_t m, n, k;
  cudaDataType_t in, out;
  const device_bytes& weights;
  std::size_t bytes;  // of a copy
  int copies;
  const device_bytes& x;
  const device_bytes& y;
};

// Seconds of one product, 0 where there is no way.
inline double fastest_lt_product(cublasLtHandle_t lt, cudaStream_t stream, const lt_product& p) {
  const bool integers = p.out == CUDA_R_32I;
  const std::size_t workspace = std::size_t{64} << 20;
  const device_bytes room(workspace);
  cublasLtMatmulDesc_t product = nullptr;
  check_lt(cublasLtMatmulDescCreate(&product, integers ? CUBLAS_COMPUTE_32I : CUBLAS_COMPUTE_32F, integers ? CUDA_R_32I : CUDA_R_32F),
           "describing");
  const cublasOperation_t transposed = CUBLAS_OP_T;
  check_lt(cublasLtMatmulDescSetAttribute(product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof(transposed)), "describing");
  cublasLtMatrixLayout_t a = nullptr;
  cublasLtMatrixLayout_t b = nullptr;
  cublasLtMatrixLayout_t c = nullptr;
  check_lt(cublasLtMatrixLayoutCreate(&a, p.in, p.k, p.n, static_cast<std::int64_t>(p.k)), "describing");
  check_lt(cublasLtMatrixLayoutCreate(&b, p.in, p.k, p.m, static_cast<std::int64_t>(p.k)), "describing");
  check_lt(cublasLtMatrixLayoutCreate(&c, p.out, p.n, p.m, static_cast<std::int64_t>(p.n)), "describing");
  cublasLtMatmulPreference_t preference = nullptr;
  check_lt(cublasLtMatmulPreferenceCreate(&preference), "preferring");
  check_lt(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof(workspace)),
           "preferring");
  cublasLtMatmulHeuristicResult_t results[8];
  int found = 0;
  // No heuristic is an answer, not an error.
  if (cublasLtMatmulAlgoGetHeuristic(lt, product, a, b, c, c, preference, 8, results, &found) != CUBLAS_STATUS_SUCCESS) found = 0;
  double best = 0;
  const float float_one = 1;
  const float float_zero = 0;
  const std::int32_t integer_one = 1;
  const std::int32_t integer_zero = 0;
  const void* const one = integers ? static_cast<const void*>(&integer_one) : &float_one;
  const void* const zero = integers ? static_cast<const void*>(&integer_zero) : &float_zero;
  for (int i = 0; i < found; ++i) {
    const double t = seconds_per_call(stream, calls_for(p.copies), [&](int call) {
      const auto* const w = p.weights.as<const std::uint8_t>() + static_cast<std::size_t>(call % p.copies) * p.bytes;
      check_lt(cublasLtMatmul(lt, product, one, w, a, p.x.as(), b, zero, p.y.as(), c, p.y.as(), c, &results[i].algo, room.as(), workspace,
                              stream),
               "multiplying");
    });
    best = best == 0 ? t : std::min(best, t);
  }
  cublasLtMatmulPreferenceDestroy(preference);
  cublasLtMatrixLayoutDestroy(a);
  cublasLtMatrixLayoutDestroy(b);
  cublasLtMatrixLayoutDestroy(c);
  cublasLtMatmulDescDestroy(product);
  return best;
}

}  // namespace gpu_bench
