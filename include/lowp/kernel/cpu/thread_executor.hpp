// Executors with threads: the standard library's, and OpenMP's. In a header of their own, since <thread> takes as long to compile as
// all formats together.
//
//   lowp::gemm(x, w, y, {}, {}, lowp::thread_executor{4});
#pragma once

#include <lowp/kernel/cpu/executor.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

// Threads that live as long as one call; the calling thread is one of them. The first exception of a part is thrown again.
struct thread_executor {
  std::size_t threads = std::thread::hardware_concurrency();

  std::size_t concurrency() const noexcept { return threads == 0 ? 1 : threads; }

  template <class Part>
  void operator()(std::size_t count, Part&& part) const {
    using part_type = std::remove_reference_t<Part>;
    const auto call = [](const void* p, std::size_t i) { (*const_cast<part_type*>(static_cast<const part_type*>(p)))(i); };
    run(count, call, std::addressof(part));
  }

 private:
  // No template: what is run in parts costs the compiler no threads of its own.
  LOWP_NOINLINE void run(std::size_t count, void (*call)(const void*, std::size_t), const void* part) const {
    const std::size_t workers = count < concurrency() ? count : concurrency();
    std::atomic<std::size_t> next = 0;
#if LOWP_EXCEPTIONS
    std::atomic<bool> failed = false;
    std::exception_ptr failure;
    const auto work = [&] {
      try {
        for (std::size_t i = next++; i < count && !failed; i = next++) call(part, i);
      } catch (...) {
        if (!failed.exchange(true)) failure = std::current_exception();
      }
    };
#else
    const auto work = [&] {
      for (std::size_t i = next++; i < count; i = next++) call(part, i);
    };
#endif
    std::vector<std::thread> others;
    for (std::size_t t = 1; t < workers; ++t) others.emplace_back(work);
    work();
    for (std::thread& t : others) t.join();
#if LOWP_EXCEPTIONS
    if (failure) std::rethrow_exception(failure);
#endif
  }
};

#if defined(_OPENMP)
// The threads of OpenMP, for files that are compiled with it. Parts must not throw.
struct openmp_executor {
  std::size_t threads = std::thread::hardware_concurrency();

  std::size_t concurrency() const noexcept { return threads == 0 ? 1 : threads; }

  template <class Part>
  void operator()(std::size_t count, Part&& part) const {
    const int team = static_cast<int>(concurrency());
#pragma omp parallel for schedule(dynamic) num_threads(team)
    for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(count); ++i) part(static_cast<std::size_t>(i));
  }
};
#endif

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
