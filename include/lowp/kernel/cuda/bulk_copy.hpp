// Bulk copies from global to shared memory, which one thread begins for its block, and the barrier in shared memory that counts their
// bytes: cp.async.bulk and mbarrier, sm_90 and later.
//
//   bar.init(1);                                             // one thread, before a barrier of the block
//   bar.arrive_and_expect(bytes);                            // the producer, in each phase
//   lowp::ptx::bulk_copy(stage, source, bytes, bar);         // addresses and bytes: multiples of 16
//   bar.wait(phase);                                         // consumers; phase alternates 0, 1, 0, ...
//
// On the host the same counting is done and copies are made at once, so a wait for bytes that nobody sent, a barrier that is used
// before its phase, or an arrival too many shows in a test: it throws. Source: PTX ISA 9.0, cp.async.bulk, mbarrier.
#pragma once

#include <lowp/kernel/cuda/async_copy.hpp>
#if !defined(__CUDACC_RTC__)
#include <lowp/core/error.hpp>
#endif

#include <cstdint>
#include <cstring>

namespace lowp::inline LOWP_ABI::ptx {

#if defined(__CUDA_ARCH__)

// One in shared memory, never copied. Before sm_90 its members stop the kernel.
class transfer_barrier {
 public:
  __device__ void init(std::uint32_t arrivals) {
#if __CUDA_ARCH__ >= 900
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(address()), "r"(arrivals) : "memory");
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#else
    static_cast<void>(arrivals);
    __trap();
#endif
  }
  __device__ void arrive() {
#if __CUDA_ARCH__ >= 900
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(address()) : "memory");
#else
    __trap();
#endif
  }
  __device__ void arrive_and_expect(std::uint32_t bytes) {
#if __CUDA_ARCH__ >= 900
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address()), "r"(bytes) : "memory");
#else
    static_cast<void>(bytes);
    __trap();
#endif
  }
  // Whether the phase of that parity is complete; waits a while for it.
  __device__ bool try_wait(std::uint32_t phase) {
    std::uint32_t done = 0;
#if __CUDA_ARCH__ >= 900
    asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}"
                 : "=r"(done)
                 : "r"(address()), "r"(phase)
                 : "memory");
#else
    static_cast<void>(phase);
    __trap();
#endif
    return done != 0;
  }
  __device__ void wait(std::uint32_t phase) {
    while (!try_wait(phase)) {
    }
  }
  __device__ std::uint32_t address() const { return shared_address(&word_); }

 private:
  std::uint64_t word_;
};

#else

// The same states on the host.
class transfer_barrier {
 public:
  LOWP_HD void init(std::uint32_t arrivals) {
    arrivals_ = pending_ = arrivals;
    bytes_ = 0;
    phase_ = 0;
  }
  LOWP_HD void arrive() { count(1, 0); }
  LOWP_HD void arrive_and_expect(std::uint32_t bytes) { count(1, static_cast<std::int64_t>(bytes)); }
  LOWP_HD bool try_wait(std::uint32_t phase) const { return phase_ != (phase & 1u); }
  LOWP_HD void wait(std::uint32_t phase) const {
    if (!try_wait(phase)) fail("waits for a phase that cannot end: arrivals missing ", pending_, ", bytes ", bytes_);
  }
  LOWP_HD void received(std::uint32_t bytes) { count(0, -static_cast<std::int64_t>(bytes)); }

 private:
  LOWP_HD void count(std::uint32_t arrived, std::int64_t bytes) {
    if (arrived > pending_) fail("has seen all of its arrivals in this phase, ", arrivals_);
    pending_ -= arrived;
    bytes_ += bytes;
    if (pending_ != 0 || bytes_ != 0) return;
    phase_ ^= 1u;
    pending_ = arrivals_;
  }
  template <class... Parts>
  static void fail(const Parts&... parts) {
    LOWP_THROW("a transfer barrier ", parts...);
  }

  std::uint32_t arrivals_ = 0;
  std::uint32_t pending_ = 0;
  std::uint32_t phase_ = 0;
  std::int64_t bytes_ = 0;
};

#endif

// `bytes` from global to shared memory, counted by the barrier as they arrive.
LOWP_HD inline void bulk_copy(void* shared, const void* global, std::uint32_t bytes, transfer_barrier& barrier) {
#if !defined(__CUDA_ARCH__)
  std::memcpy(shared, global, bytes);
  barrier.received(bytes);
#elif __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(shared_address(shared)),
               "l"(global), "r"(bytes), "r"(barrier.address())
               : "memory");
#else
  __trap();
#endif
}

}  // namespace lowp::inline LOWP_ABI::ptx
