// A block of threads as kernel code sees it on the device: one thread, which does its own part of each phase. See block.hpp.
//
//   __global__ void kernel(...) { lowp::device_block<256> block; my_phases(block, ...); }
#pragma once

#include <lowp/kernel/cuda/async_copy.hpp>
#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/mma.cuh>

namespace lowp::inline LOWP_ABI {

// Made for the threads of a one-dimensional block of `Threads`, or for the first so many of a larger one, which then meet at a barrier
// of their own, number Barrier. Its members do nothing on the host: they are callable there because code that runs on both sides names
// them.
template <int Threads, int Barrier = 0>
class device_block {
 public:
  static constexpr int threads = Threads;

  template <class T>
  class per_thread {
   public:
    LOWP_HD T& operator[](int) noexcept { return value_; }
    LOWP_HD const T& operator[](int) const noexcept { return value_; }

   private:
    T value_{};
  };

  template <class F>
  LOWP_HD LOWP_ALWAYS_INLINE void each_thread(F&& f) const {
#if defined(__CUDA_ARCH__)
    f(static_cast<int>(threadIdx.x));
#else
    static_cast<void>(f);
#endif
  }

  LOWP_HD LOWP_ALWAYS_INLINE void barrier() const noexcept {
#if defined(__CUDA_ARCH__)
    if constexpr (Barrier == 0) __syncthreads();
    else asm volatile("bar.sync %0, %1;" ::"n"(Barrier), "n"(Threads) : "memory");
#endif
  }

  LOWP_HD LOWP_ALWAYS_INLINE void warp_barrier() const noexcept {
#if defined(__CUDA_ARCH__)
    __syncwarp();
#endif
  }

  template <class T>
  LOWP_HD LOWP_ALWAYS_INLINE per_thread<T> shuffle_xor(const per_thread<T>& v, int mask) const noexcept {
    per_thread<T> other;
#if defined(__CUDA_ARCH__)
    other[0] = __shfl_xor_sync(0xffffffffu, v[0], mask);
#else
    static_cast<void>(v);
    static_cast<void>(mask);
#endif
    return other;
  }

  template <class T>
  LOWP_HD LOWP_ALWAYS_INLINE per_thread<T> shuffle(const per_thread<T>& v, const per_thread<int>& source) const noexcept {
    per_thread<T> other;
#if defined(__CUDA_ARCH__)
    other[0] = __shfl_sync(0xffffffffu, v[0], source[0]);
#else
    static_cast<void>(v);
    static_cast<void>(source);
#endif
    return other;
  }

  template <mma_shape Shape>
  LOWP_HD LOWP_ALWAYS_INLINE void mma(per_thread<typename Shape::c_type>& c, const per_thread<typename Shape::a_type>& a,
                                      const per_thread<typename Shape::b_type>& b) const noexcept {
#if defined(__CUDA_ARCH__)
    ptx::mma<Shape>(c[0], a[0], b[0]);
#else
    static_cast<void>(c);
    static_cast<void>(a);
    static_cast<void>(b);
#endif
  }

  // Before sm_80 there are no asynchronous copies; there they are done at once.
  LOWP_HD LOWP_ALWAYS_INLINE void copy_async(vector_of_words* to, const void* from, int bytes) const noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
    if (bytes == 16) {
      ptx::store_vector(to, ptx::load_once(from));
      return;
    }
#endif
    ptx::copy_async<16>(to, from, static_cast<std::uint32_t>(bytes));
  }
  // Of data that the second cache treats as the policy says.
  LOWP_HD LOWP_ALWAYS_INLINE void copy_async(vector_of_words* to, const void* from, int bytes, ptx::cache_policy policy) const noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
    static_cast<void>(policy);
    copy_async(to, from, bytes);
#else
    ptx::copy_async(to, from, policy, static_cast<std::uint32_t>(bytes));
#endif
  }
  LOWP_HD LOWP_ALWAYS_INLINE void commit_copies() const noexcept { ptx::commit_copies(); }
  template <int Pending>
  LOWP_HD LOWP_ALWAYS_INLINE void wait_for_copies() const noexcept {
    ptx::wait_for_copies<Pending>();
  }

  LOWP_HD LOWP_ALWAYS_INLINE bool last_to_arrive(std::uint32_t* counter, std::uint32_t count) const noexcept {
#if defined(__CUDA_ARCH__)
    __threadfence();
    barrier();
    bool last = false;
    if (threadIdx.x == 0) {
      last = atomicAdd(counter, 1u) + 1 == count;
      if (last) *counter = 0;
    }
    last = any(last);
    if (last) __threadfence();
    return last;
#else
    static_cast<void>(counter);
    static_cast<void>(count);
    return false;
#endif
  }

#if defined(__CUDA_ARCH__)

 private:
  // Whether `value` is true of any thread.
  __device__ LOWP_ALWAYS_INLINE bool any(bool value) const {
    if constexpr (Barrier == 0) {
      return __syncthreads_or(value) != 0;
    } else {
      std::uint32_t found = 0;
      asm volatile("{.reg .pred p, q; setp.ne.u32 p, %1, 0; bar.red.or.pred q, %2, %3, p; selp.u32 %0, 1, 0, q;}"
                   : "=r"(found)
                   : "r"(static_cast<std::uint32_t>(value)), "n"(Barrier), "n"(Threads)
                   : "memory");
      return found != 0;
    }
  }
#endif
};

}  // namespace lowp::inline LOWP_ABI
