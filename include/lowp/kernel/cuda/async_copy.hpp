// Copies from global to shared memory that go on while the thread computes: cp.async, in groups that are waited for.
//
//   lowp::ptx::copy_async<16>(stage, source);                // or copy_async<16>(stage, source, valid): zeros beyond `valid` bytes
//   lowp::ptx::commit_copies();
//   lowp::ptx::wait_for_copies<2>();                         // all but the two groups committed last have arrived
//
// What a thread waits for are its own copies; a barrier makes them visible to others. Before sm_80 and on the host the copy is made
// at once, so the waiting is over when it begins. Source: PTX ISA 9.0, cp.async.
#pragma once

#include <lowp/kernel/cuda/cached_load.hpp>

#include <cstdint>
#include <cstring>

namespace lowp::inline LOWP_ABI::ptx {

#if defined(__CUDA_ARCH__)
__device__ inline std::uint32_t shared_address(const void* p) { return static_cast<std::uint32_t>(__cvta_generic_to_shared(p)); }
#endif

namespace detail {

// The copy as a thread makes it by itself.
template <int Bytes>
LOWP_HD inline void copy_now(void* shared, const void* global, std::uint32_t valid) noexcept {
  auto* const to = static_cast<std::uint8_t*>(shared);
  const auto* const from = static_cast<const std::uint8_t*>(global);
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(Bytes); ++i) to[i] = i < valid ? from[i] : std::uint8_t{0};
}

}  // namespace detail

// Bytes: 4, 8 or 16; both addresses are multiples of it. Of the source only the first `valid` bytes are read. 16 bytes pass by the
// first cache, and may have a policy for the second.
template <int Bytes>
LOWP_HD inline void copy_async(void* shared, const void* global, std::uint32_t valid = Bytes) noexcept {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "an asynchronous copy moves 4, 8 or 16 bytes");
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  if constexpr (Bytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid), "n"(Bytes)
                 : "memory");
  }
#else
  detail::copy_now<Bytes>(shared, global, valid);
#endif
}

LOWP_HD inline void copy_async(void* shared, const void* global, [[maybe_unused]] cache_policy policy, std::uint32_t valid = 16) noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global.L2::cache_hint [%0], [%1], 16, %2, %3;" ::"r"(shared_address(shared)), "l"(global), "r"(valid),
               "l"(policy.word)
               : "memory");
#else
  detail::copy_now<16>(shared, global, valid);
#endif
}

// Closes the group of the copies that were begun since the last one.
LOWP_HD inline void commit_copies() noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Until at most Pending groups are under way.
template <int Pending>
LOWP_HD inline void wait_for_copies() noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#endif
}

}  // namespace lowp::inline LOWP_ABI::ptx
