// Work on several threads. The library starts none of its own: a program decides, here over windows of text and layers.
//
//   parallel_for(384, 2, [&](std::size_t i, std::size_t thread) { ... });
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace tinylm {

// Calls f(i, thread) for each i below count, in any order; thread is below threads. The first exception comes back to the caller.
template <class F>
void parallel_for(std::size_t count, std::size_t threads, const F& f) {
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> errors(threads);
  const auto work = [&](std::size_t thread) {
    try {
      for (std::size_t i = next++; i < count; i = next++) f(i, thread);
    } catch (...) {
      errors[thread] = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> others;
  for (std::size_t thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  work(0);
  for (std::thread& other : others) other.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace tinylm
