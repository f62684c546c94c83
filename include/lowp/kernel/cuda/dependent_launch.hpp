// Programmatic dependent launch: a kernel that begins while the one before it still runs, does what does not depend on it (weights),
// and then waits. sm_90 and later; elsewhere kernels follow each other anyway and these do nothing.
//
//   fill_ring_with_weights();
//   lowp::ptx::wait_for_previous_kernel();       // its writes are visible from here on
//   ...
//   lowp::ptx::let_next_kernel_begin();          // as soon as what is left to do fits beside it
//
// The launch needs cudaLaunchAttributeProgrammaticStreamSerialization. Source: PTX ISA 9.0, griddepcontrol.
#pragma once

#include <lowp/core/config.hpp>

namespace lowp::inline LOWP_ABI::ptx {

LOWP_HD inline void wait_for_previous_kernel() noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

LOWP_HD inline void let_next_kernel_begin() noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

}  // namespace lowp::inline LOWP_ABI::ptx
