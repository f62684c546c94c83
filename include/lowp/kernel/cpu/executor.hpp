// Who runs the parts of a product. Threads are the caller's: a kernel hands its parts to an executor and knows no more.
//
//   lowp::gemm(x, w, y, {}, {}, lowp::thread_executor{4});
//
//   struct my_pool_executor {                        // one's own: calls part(i) for each i below count, in any order, on any threads,
//     std::size_t concurrency() const;               // and returns when all have returned
//     template <class Part> void operator()(std::size_t count, Part&& part) const;
//   };
//
// Results do not depend on the executor, nor on how many parts there are.
#pragma once

#include <lowp/kernel/cpu/build.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

// concurrency()          how many parts may run at the same time
// executor(count, part)  part(0) to part(count - 1), each once
template <class E>
concept executor_type = requires(const E& e, std::size_t count) {
  { e.concurrency() } -> std::convertible_to<std::size_t>;
  e(count, [](std::size_t) {});
};

// One part after another, on the calling thread.
struct serial_executor {
  static constexpr std::size_t concurrency() noexcept { return 1; }

  template <class Part>
  constexpr void operator()(std::size_t count, Part&& part) const {
    for (std::size_t i = 0; i < count; ++i) part(i);
  }
};

// Threads that live as long as one call; the calling thread is one of them. The first exception of a part is thrown again.
struct thread_executor {
  std::size_t threads = std::thread::hardware_concurrency();

  std::size_t concurrency() const noexcept { return threads == 0 ? 1 : threads; }

  template <class Part>
  void operator()(std::size_t count, Part&& part) const {
    const std::size_t workers = count < concurrency() ? count : concurrency();
    std::atomic<std::size_t> next = 0;
#if LOWP_EXCEPTIONS
    std::atomic<bool> failed = false;
    std::exception_ptr failure;
    const auto work = [&] {
      try {
        for (std::size_t i = next++; i < count && !failed; i = next++) part(i);
      } catch (...) {
        if (!failed.exchange(true)) failure = std::current_exception();
      }
    };
#else
    const auto work = [&] {
      for (std::size_t i = next++; i < count; i = next++) part(i);
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
