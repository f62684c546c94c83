// What a list of numbers is like: range, spread, zeros, and what is no number.
//
//   number_statistics s;
//   s.add(numbers);                       // again and again
//   s.least, s.greatest, s.deviation(), s.not_finite()
#pragma once

#include <lowp/core/bits.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

struct number_statistics {
  std::uint64_t count = 0;
  std::uint64_t zeros = 0;
  std::uint64_t nans = 0;
  std::uint64_t infinities = 0;
  float least = std::numeric_limits<float>::infinity();  // of the finite ones; greater than `greatest` if there is none
  float greatest = -std::numeric_limits<float>::infinity();

  void add(std::span<const float> numbers) {
    count += numbers.size();
    for (const float& x : numbers) {
      if (!lowp::is_finite(x)) {
        ++(lowp::is_nan(x) ? nans : infinities);
        continue;
      }
      zeros += x == 0.0f ? 1 : 0;
      least = std::min(least, x);
      greatest = std::max(greatest, x);
      sum_ += static_cast<double>(x);
      squares_ += static_cast<double>(x) * static_cast<double>(x);
    }
  }

  // 0 where no number is finite.
  double lowest() const { return finite() == 0 ? 0 : static_cast<double>(least); }
  double highest() const { return finite() == 0 ? 0 : static_cast<double>(greatest); }

  std::uint64_t finite() const { return count - nans - infinities; }
  std::uint64_t not_finite() const { return nans + infinities; }
  double mean() const { return finite() == 0 ? 0 : sum_ / static_cast<double>(finite()); }
  double deviation() const {
    return finite() == 0 ? 0 : std::sqrt(std::max(0.0, squares_ / static_cast<double>(finite()) - mean() * mean()));
  }

 private:
  double sum_ = 0;
  double squares_ = 0;
};
