// Numbers for tests, the same on every machine: a counter-based generator, so that element i depends on (seed, i) alone.
//
//   std::vector<float> w = normal_numbers(1 << 20, 7);             // N(0, 1)
//   lowp::matrix_view<const float> view = view_of(w, 1024, 1024);
#pragma once

#include <lowp/core/matrix_view.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
inline std::uint64_t random_bits(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = (seed << 32) + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// In [0, 1).
inline double random_unit(std::uint64_t seed, std::uint64_t index) { return static_cast<double>(random_bits(seed, index) >> 11) * 0x1p-53; }

// Box and Muller.
inline double random_normal(std::uint64_t seed, std::uint64_t index) {
  const double u = 1.0 - random_unit(seed, 2 * index);
  return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * random_unit(seed, 2 * index + 1));
}

inline std::vector<float> normal_numbers(std::size_t count, std::uint64_t seed, double deviation = 1.0) {
  std::vector<float> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<float>(deviation * random_normal(seed, i));
  return numbers;
}

inline lowp::matrix_view<const float> view_of(const std::vector<float>& numbers, std::size_t rows, std::size_t cols) {
  return {numbers.data(), rows, cols};
}
