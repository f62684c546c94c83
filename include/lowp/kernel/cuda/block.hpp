// A block of threads as a parameter of kernel code, so that the code of a kernel also runs on the host, in a test.
//
// A kernel is written as phases. Within a phase each thread works for itself; between phases stand barriers and shuffles.
// On the device a thread does its own part of each phase (device_block.cuh); on the host all threads do theirs in turn,
// which is what a phase allows, and a shuffle sees the values of all lanes at once.
//
//   template <class Block>
//   LOWP_HD void sum_of_warp(Block& block, typename Block::template per_thread<float>& v) {
//     for (int offset = 16; offset > 0; offset /= 2) {
//       auto other = block.shuffle_xor(v, offset);
//       block.each_thread([&](int t) { v[t] += other[t]; });
//     }
//   }
//
// Asynchronous copies go from global to shared memory, 16 bytes each, and are waited for in groups. On the host they happen when
// they are waited for, not before, so that a kernel that waits too little reads what was there earlier.
//
//   block.each_thread([&](int t) { block.copy_async(shared + t, global + t, 16); });
//   block.commit_copies();
//   block.template wait_for_copies<0>();      // all groups but the latest 0; then a barrier
#pragma once

#include <lowp/kernel/cuda/mma.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#if !defined(__CUDACC_RTC__)
#include <utility>
#include <vector>
#endif

// Loops over registers must be unrolled, or the compiler keeps the registers in memory.
#if defined(__CUDA_ARCH__)
#define LOWP_DEVICE_UNROLL _Pragma("unroll")
#define LOWP_DEVICE_NO_UNROLL _Pragma("unroll 1")
#else
#define LOWP_DEVICE_UNROLL
#define LOWP_DEVICE_NO_UNROLL
#endif

namespace lowp::inline LOWP_ABI {

inline constexpr int warp_threads = 32;

// Sixteen bytes, the most that one instruction moves.
struct alignas(16) vector_of_words {
  std::uint32_t word[4];
};

namespace ptx {

// Reads and writes in shared memory, as the one instruction that a copy of the struct is not always compiled to.
LOWP_HD inline vector_of_words load_vector(const vector_of_words* p) noexcept {
#if defined(__CUDA_ARCH__)
  const uint4 v = *reinterpret_cast<const uint4*>(p);
  return {{v.x, v.y, v.z, v.w}};
#else
  return *p;
#endif
}
LOWP_HD inline void store_vector(vector_of_words* p, const vector_of_words& v) noexcept {
#if defined(__CUDA_ARCH__)
  *reinterpret_cast<uint4*>(p) = uint4{v.word[0], v.word[1], v.word[2], v.word[3]};
#else
  *p = v;
#endif
}

// Reads data that is used once: past the first cache, so that it evicts nothing. 16-byte aligned.
LOWP_HD inline vector_of_words load_once(const void* p) noexcept {
  vector_of_words v;
#if defined(__CUDA_ARCH__)
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3])
      : "l"(p));
#else
  std::memcpy(&v, p, sizeof(v));
#endif
  return v;
}

// One, two or four words at an address that is a multiple of their size, in one instruction.
template <int Count>
LOWP_HD inline void load_words(std::uint32_t* to, const void* p) noexcept {
  static_assert(Count == 1 || Count == 2 || Count == 4);
#if defined(__CUDA_ARCH__)
  if constexpr (Count == 4) {
    const uint4 v = *static_cast<const uint4*>(p);
    to[0] = v.x;
    to[1] = v.y;
    to[2] = v.z;
    to[3] = v.w;
  } else if constexpr (Count == 2) {
    const uint2 v = *static_cast<const uint2*>(p);
    to[0] = v.x;
    to[1] = v.y;
  } else {
    to[0] = *static_cast<const std::uint32_t*>(p);
  }
#else
  std::memcpy(to, p, sizeof(std::uint32_t) * Count);
#endif
}

// Two bytes at an even address.
LOWP_HD inline std::uint32_t load_half_word(const void* p) noexcept {
#if defined(__CUDA_ARCH__)
  return *static_cast<const std::uint16_t*>(p);
#else
  std::uint16_t v;
  std::memcpy(&v, p, sizeof(v));
  return v;
#endif
}

// A number that another block of the same kernel wrote: past the first cache, which may hold an older one.
template <class T>
LOWP_HD inline T load_shared_between_blocks(const T* p) noexcept {
#if defined(__CUDA_ARCH__)
  return __ldcg(p);
#else
  return *p;
#endif
}

}  // namespace ptx

#if !defined(__CUDACC_RTC__)

// The threads of a block one after another. Threads is a multiple of 32. (For the host, but marked for both sides, since
// code that is marked so names it.)
template <int Threads>
class host_block {
 public:
  static constexpr int threads = Threads;
  static_assert(Threads % warp_threads == 0, "a block is made of whole warps of 32 threads");

  // A variable of which every thread has its own.
  template <class T>
  class per_thread {
   public:
    LOWP_HD T& operator[](int thread) { return values_[thread]; }
    LOWP_HD const T& operator[](int thread) const { return values_[thread]; }

   private:
    T values_[Threads] = {};
  };

  template <class F>
  LOWP_HD void each_thread(F&& f) const {
    for (int t = 0; t < Threads; ++t) f(t);
  }

  LOWP_HD void barrier() const noexcept {}
  LOWP_HD void warp_barrier() const noexcept {}

  // The value of the thread in the same warp whose lane number differs in the bits of `mask`.
  template <class T>
  LOWP_HD per_thread<T> shuffle_xor(const per_thread<T>& v, int mask) const {
    per_thread<T> other;
    for (int t = 0; t < Threads; ++t) other[t] = v[t ^ mask];
    return other;
  }

  // The value of lane `source` (its low five bits) of the same warp; each thread names one of its own.
  template <class T>
  LOWP_HD per_thread<T> shuffle(const per_thread<T>& v, const per_thread<int>& source) const {
    per_thread<T> other;
    for (int t = 0; t < Threads; ++t) other[t] = v[t / warp_threads * warp_threads + (source[t] & (warp_threads - 1))];
    return other;
  }

  // c += a * b in each warp, the matrices spread over the registers of its lanes as the shape says.
  template <mma_shape Shape>
  LOWP_HD void mma(per_thread<typename Shape::c_type>& c, const per_thread<typename Shape::a_type>& a,
                   const per_thread<typename Shape::b_type>& b) const {
#if !defined(__CUDA_ARCH__)
    for (int t = 0; t < Threads; t += warp_threads) detail::mma_of_warp<Shape>(&c[t], &a[t], &b[t]);
#endif
  }

  // Sixteen bytes of which the last 16 - `bytes` become zero; for 0 bytes, `from` is not read. Both addresses are multiples of 16.
  LOWP_HD void copy_async(vector_of_words* to, const void* from, int bytes) const {
#if !defined(__CUDA_ARCH__)
    open_.push_back({to, from, static_cast<std::size_t>(bytes)});
#endif
  }
  // With a policy for the device's caches (cached_load.hpp).
  template <class Policy>
  LOWP_HD void copy_async(vector_of_words* to, const void* from, int bytes, Policy) const {
    copy_async(to, from, bytes);
  }
  LOWP_HD void commit_copies() const {
#if !defined(__CUDA_ARCH__)
    committed_.push_back(std::move(open_));
    open_.clear();
#endif
  }
  template <int Pending>
  LOWP_HD void wait_for_copies() const {
#if !defined(__CUDA_ARCH__)
    while (committed_.size() > Pending) {
      for (const copy& c : committed_.front()) {
        vector_of_words v{};
        if (c.bytes != 0) std::memcpy(&v, c.from, c.bytes);
        *c.to = v;
      }
      committed_.erase(committed_.begin());
    }
#endif
  }

  // Whether this block is the last of `count` to come here: then everything that the others wrote before is visible to all of its
  // threads, and the counter, which began at 0, is 0 again.
  LOWP_HD bool last_to_arrive(std::uint32_t* counter, std::uint32_t count) const {
    *counter = *counter + 1 == count ? 0 : *counter + 1;
    return *counter == 0;
  }

 private:
  struct copy {
    vector_of_words* to;
    const void* from;
    std::size_t bytes;
  };
  mutable std::vector<copy> open_;
  mutable std::vector<std::vector<copy>> committed_;
};

#endif

}  // namespace lowp::inline LOWP_ABI
