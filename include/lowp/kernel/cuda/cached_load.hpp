// Loads from global memory that say what the caches shall do with the data.
//
//   auto codes = lowp::ptx::load_through<lowp::cache_use::once>(p);         // 16 bytes, past the first cache: evicts nothing there
//   auto policy = lowp::ptx::first_to_leave();                              // once a kernel
//   auto more = lowp::ptx::load_with(p, policy);                            // and the first to leave the second cache
//
// Data must not be written while the kernel runs. On the host these are plain reads. Source: PTX ISA 9.0, ld, createpolicy.
#pragma once

#include <lowp/kernel/cuda/block.hpp>

#include <cstdint>
#include <cstring>

namespace lowp::inline LOWP_ABI {

enum class cache_use : std::uint8_t {
  again,  // kept in both caches: activations, scales that neighbours share
  once    // kept in the second alone: weights
};

namespace ptx {

// How the second cache treats what is loaded; 0 stands for its default.
struct cache_policy {
  std::uint64_t word = 0;
};

// Lines that are evicted before all others. (sm_80 and later.)
LOWP_HD inline cache_policy first_to_leave() noexcept {
  cache_policy p;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(p.word));
#endif
  return p;
}

// 16 bytes from an address that is a multiple of 16.
template <cache_use Use>
LOWP_HD inline vector_of_words load_through(const void* p) noexcept {
#if defined(__CUDA_ARCH__)
  if constexpr (Use == cache_use::again) {
    vector_of_words v;
    asm("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3]) : "l"(p));
    return v;
  }
#endif
  return load_once(p);
}

LOWP_HD inline vector_of_words load_with(const void* p, [[maybe_unused]] cache_policy policy) noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  vector_of_words v;
  asm("ld.global.nc.L1::no_allocate.L2::cache_hint.v4.u32 {%0, %1, %2, %3}, [%4], %5;"
      : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3])
      : "l"(p), "l"(policy.word));
  return v;
#else
  return load_once(p);
#endif
}

}  // namespace ptx
}  // namespace lowp::inline LOWP_ABI
