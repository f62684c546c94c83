// The slow and independent way to encode: all magnitudes of a format in a list of doubles, made by std::ldexp from the
// formula of the specifications, and the neighbours of a number found by looking. Shares no code with the library.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace reference {

enum class rounding { nearest_even, half_away, toward_zero, away_from_zero };

// Sorted magnitudes, of which the i-th has the code i (so that the parity of i decides ties).
class magnitudes {
 public:
  explicit magnitudes(std::vector<double> values) : values_(std::move(values)) {}

  // (-1)^s * m * 2^(1 - bias - mantissa) for exponent 0, (-1)^s * (1 + m / 2^mantissa) * 2^(e - bias) otherwise.
  static magnitudes of_float(int mantissa, int bias, int largest_code) {
    std::vector<double> values;
    for (int code = 0; code <= largest_code; ++code) {
      const int e = code >> mantissa;
      const int m = code & ((1 << mantissa) - 1);
      values.push_back(e == 0 ? std::ldexp(m, 1 - bias - mantissa) : std::ldexp((1 << mantissa) + m, e - bias - mantissa));
    }
    return magnitudes(values);
  }

  double operator[](std::size_t code) const { return values_[code]; }
  std::size_t largest() const { return values_.size() - 1; }

  // The index of the rounded magnitude; largest() + 1 says that it would be the next number, if there were one more.
  std::size_t round(double magnitude, rounding how) const {
    const std::size_t top = largest();
    const double step = values_[top] - values_[top - 1];
    if (magnitude > values_[top]) return decide(top, (magnitude - values_[top]) / step, how);
    const auto above = std::upper_bound(values_.begin(), values_.end(), magnitude);
    const auto low = static_cast<std::size_t>(above - values_.begin()) - 1;
    if (values_[low] == magnitude) return low;
    return decide(low, (magnitude - values_[low]) / (values_[low + 1] - values_[low]), how);
  }

 private:
  static std::size_t decide(std::size_t low, double position, rounding how) {
    switch (how) {
      case rounding::toward_zero:
        return low;
      case rounding::away_from_zero:
        return low + 1;
      case rounding::half_away:
        return position >= 0.5 ? low + 1 : low;
      default:
        return position > 0.5 || (position == 0.5 && low % 2 == 1) ? low + 1 : low;
    }
  }

  std::vector<double> values_;
};

// The value of an IEEE binary16 code.
inline double half_value(std::uint32_t code) {
  const int e = static_cast<int>(code >> 10 & 31);
  const int m = static_cast<int>(code & 1023);
  const double magnitude = e == 31  ? (m == 0 ? static_cast<double>(INFINITY) : static_cast<double>(NAN))
                           : e == 0 ? std::ldexp(m, -24)
                                    : std::ldexp(1024 + m, e - 25);
  return (code >> 15) != 0 ? -magnitude : magnitude;
}

// Calls f with every bf16 value, the floats next to it and in the middle above it, and with every f16 value.
template <class F>
void for_each_input(F f) {
  for (std::uint32_t high = 0; high < 0x10000u; ++high) {
    for (const std::uint32_t low : {0x0000u, 0x0001u, 0x8000u, 0xffffu}) f(std::bit_cast<float>(high << 16 | low));
  }
  for (std::uint32_t code = 0; code < 0x10000u; ++code) f(static_cast<float>(half_value(code)));
}

}  // namespace reference
