// Who runs the parts of a product. Threads are the caller's: a kernel hands its parts to an executor and knows no more.
//
//   lowp::gemm(x, w, y, {}, {}, lowp::thread_executor{4});      // thread_executor.hpp
//
//   struct my_pool_executor {                        // one's own: calls part(i) for each i below count, in any order, on any threads,
//     std::size_t concurrency() const;               // and returns when all have returned
//     template <class Part> void operator()(std::size_t count, Part&& part) const;
//   };
//
// Results do not depend on the executor, nor on how many parts there are.
#pragma once

#include <lowp/kernel/cpu/build.hpp>

#include <concepts>
#include <cstddef>

namespace lowp::inline LOWP_ABI::detail {
// Not a lambda, which nvcc 13.0 does not take in a requirement.
struct some_part {
  void operator()(std::size_t) const noexcept {}
};
}  // namespace lowp::inline LOWP_ABI::detail

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

// concurrency()          how many parts may run at the same time
// executor(count, part)  part(0) to part(count - 1), each once
template <class E>
concept executor_type = requires(const E& e, std::size_t count) {
  { e.concurrency() } -> std::convertible_to<std::size_t>;
  e(count, detail::some_part{});
};

// One part after another, on the calling thread.
struct serial_executor {
  static constexpr std::size_t concurrency() noexcept { return 1; }

  template <class Part>
  constexpr void operator()(std::size_t count, Part&& part) const {
    for (std::size_t i = 0; i < count; ++i) part(i);
  }
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
