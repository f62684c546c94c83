// A vector whose memory starts at a cache line, as kernels want it.
//
//   lowp::aligned_vector<std::uint8_t> bytes(4096);     // bytes.data() is a multiple of 64
#pragma once

#include <lowp/core/config.hpp>

#include <cstddef>
#include <new>
#include <vector>

namespace lowp::inline LOWP_ABI {

inline constexpr std::size_t cache_line = 64;

template <class T>
struct aligned_allocator {
  using value_type = T;

  aligned_allocator() = default;
  template <class U>
  constexpr aligned_allocator(const aligned_allocator<U>&) noexcept {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{cache_line}));
  }
  void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, std::align_val_t{cache_line}); }

  template <class U>
  friend constexpr bool operator==(const aligned_allocator&, const aligned_allocator<U>&) noexcept {
    return true;
  }
};

template <class T>
using aligned_vector = std::vector<T, aligned_allocator<T>>;

}  // namespace lowp::inline LOWP_ABI
