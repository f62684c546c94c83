// How many bytes the program has asked operator new for, and the most at one time.
#pragma once

#include <atomic>
#include <cstddef>

namespace allocation_counter {

inline std::atomic<std::size_t> current{0};
inline std::atomic<std::size_t> peak{0};

// The most bytes in use at one time while `f` ran, beyond those in use before.
template <class F>
std::size_t peak_of(F&& f) {
  const std::size_t before = current;
  peak = before;
  f();
  return peak - before;
}

}  // namespace allocation_counter
