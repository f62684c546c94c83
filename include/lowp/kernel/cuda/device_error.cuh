// Errors of the CUDA runtime as lowp::error.
//
//   lowp::check_cuda(cudaMalloc(&p, bytes), "allocating weights");
#pragma once

#include <lowp/core/error.hpp>

#include <cuda_runtime_api.h>

namespace lowp::inline LOWP_ABI {

// Throws lowp::error with the runtime's own words unless `status` is success.
inline void check_cuda(cudaError_t status, const char* doing) {
  if (status != cudaSuccess) LOWP_THROW("CUDA, while ", doing, ": ", cudaGetErrorString(status));
}

}  // namespace lowp::inline LOWP_ABI
