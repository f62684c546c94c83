// Least squares over codes that are integers, in integers: the sums that decide between scales are exact, so that a search finds the
// same scale with every compiler, flag and processor, in whatever order its loops run.
//
// The numbers of a group are taken at 13 bits of their largest magnitude, far finer than the codes that they get.
//
//   integer_group<32> g(x);
//   code_sums s = integer_codes<-8, 7>::sums(g, 8.0 / 4000);      // of the codes round(value * 8 / 4000)
//   double scale = s.xq / s.qq * g.unit;                          // the best scale for those codes
#pragma once

#include <lowp/format/encode.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

// A group of N numbers x as integers: x is about value * unit, unit a power of two.
template <int N>
struct integer_group {
  std::int32_t value[N] = {};
  std::int32_t low = 0;
  std::int32_t high = 0;
  double sum = 0;
  double squares = 0;
  double unit = 0;  // 0: all numbers are zero

  explicit integer_group(const float* x) noexcept {
    std::uint32_t most = 0;
    for (int i = 0; i < N; ++i) {
      const std::uint32_t a = bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu;
      most = a > most ? a : most;
    }
    if (most == 0) return;
    const int exponent = floor_log2(bit_cast<float>(most)) - 12;
    unit = bit_cast<double>(static_cast<std::uint64_t>(1023 + exponent) << 52);
    const auto inverse = bit_cast<double>(static_cast<std::uint64_t>(1023 - exponent) << 52);
    std::int64_t total = 0;
    std::int64_t total_squares = 0;
    for (int i = 0; i < N; ++i) {
      const double exact = static_cast<double>(x[i]) * inverse;
      const auto v = static_cast<std::int32_t>(exact + (exact < 0 ? -0.5 : 0.5));
      value[i] = v;
      total += v;
      total_squares += v * v;
    }
    low = high = value[0];
    for (int i = 1; i < N; ++i) {
      low = value[i] < low ? value[i] : low;
      high = value[i] > high ? value[i] : high;
    }
    sum = static_cast<double>(total);
    squares = static_cast<double>(total_squares);
  }
};

// Sums over the codes q of a group's integers x.
struct code_sums {
  double q = 0;
  double qq = 0;
  double xq = 0;
};

// The squared error of x against scale * q - minimum, in units of the group.
template <int N>
double squared_error(const integer_group<N>& g, const code_sums& s, double scale, double minimum = 0) noexcept {
  const double at_codes = rounded(scale * (rounded(scale * s.qq) - rounded(2 * (s.xq + rounded(minimum * s.q)))));
  return g.squares + at_codes + rounded(minimum * (rounded(N * minimum) + 2 * g.sum));
}

// factor as a number with `places` binary places, at most `most`.
constexpr std::int32_t fixed_point(double factor, int places, std::int32_t most = 1 << 17) noexcept {
  const double scaled = factor * static_cast<double>(std::int64_t{1} << places);
  if (!(scaled < most)) return most;
  if (!(scaled > -most)) return -most;
  return static_cast<std::int32_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
}

constexpr std::int32_t within(std::int32_t q, std::int32_t low, std::int32_t high) noexcept { return q < low ? low : q > high ? high : q; }

// Codes that are the integers Low ... High.
template <int Low, int High>
struct integer_codes {
  template <int N>
  static code_sums sums(const integer_group<N>& g, double inverse) noexcept {
    constexpr int places = High > 63 ? 22 : 24;
    const std::int32_t factor = fixed_point(inverse, places);
    std::int32_t qq = 0;
    std::int32_t xq = 0;
    for (int i = 0; i < N; ++i) {
      const std::int32_t q = within((g.value[i] * factor + (1 << (places - 1))) >> places, Low, High);
      qq += q * q;
      xq += g.value[i] * q;
    }
    return {0, static_cast<double>(qq), static_cast<double>(xq)};
  }

  // Of codes for x + minimum; Low is 0.
  template <int N>
  static code_sums sums_above(const integer_group<N>& g, double inverse, double minimum) noexcept {
    constexpr int places = 24;
    constexpr int fine = 3;
    const std::int32_t offset = fixed_point(minimum, fine, 1 << (13 + fine));
    const std::int32_t most = (g.high << fine) + offset;
    const std::int32_t factor = fixed_point(inverse, places - fine, most > (1 << 13) ? (1 << 30) / most : 1 << 17);
    std::int32_t sum_q = 0;
    std::int32_t qq = 0;
    std::int32_t xq = 0;
    for (int i = 0; i < N; ++i) {
      const std::int32_t above = within(g.value[i] * (1 << fine) + offset, 0, 1 << 18);
      const std::int32_t q = within((above * factor + (1 << (places - 1))) >> places, Low, High);
      sum_q += q;
      qq += q * q;
      xq += g.value[i] * q;
    }
    return {static_cast<double>(sum_q), static_cast<double>(qq), static_cast<double>(xq)};
  }
};

// Codes that are the numbers of a format, times Unit to make them integers; found by look-up, to 1 / Fine of the number one.
template <table_format F, int Unit, int Fine>
struct table_codes {
  static constexpr int reach = static_cast<int>(limits<F>.largest > -limits<F>.lowest ? limits<F>.largest : -limits<F>.lowest) * Fine + Fine;
  static constexpr std::array<std::int16_t, 2 * reach + 1> table = [] {
    std::array<std::int16_t, 2 * reach + 1> t{};
    for (int i = -reach; i <= reach; ++i) {
      t[static_cast<std::size_t>(i + reach)] =
          static_cast<std::int16_t>(Unit * round_to<F>(static_cast<float>(i) / static_cast<float>(Fine)));
    }
    return t;
  }();

  template <int N>
  static code_sums sums(const integer_group<N>& g, double inverse) noexcept {
    constexpr int places = 22;
    const std::int32_t factor = fixed_point(inverse * Fine / Unit, places);
    std::int32_t qq = 0;
    std::int32_t xq = 0;
    for (int i = 0; i < N; ++i) {
      const std::int32_t place = within((g.value[i] * factor + (1 << (places - 1))) >> places, -reach, reach);
      const std::int32_t q = table[static_cast<std::size_t>(place + reach)];
      qq += q * q;
      xq += g.value[i] * q;
    }
    return {0, static_cast<double>(qq), static_cast<double>(xq)};
  }
};

// Which inverse scales a search tries: those that put the largest magnitude on first, first + step, ... last.
struct trial_range {
  double first;
  double last;
  double step;
  bool negative = false;  // and on the negatives of them
};

// The scale, in units of the group, whose codes leave the least squared error: from trials, and from there by least squares and
// encoding in turns.
template <class Codes, int N>
double best_scale(const integer_group<N>& g, const trial_range& trials) noexcept {
  if (g.unit == 0) return 0;
  const double extreme = -g.low > g.high ? g.low : g.high;
  double best = -1;
  code_sums sums;
  const auto consider = [&](double inverse) {
    const code_sums s = Codes::sums(g, inverse);
    const double gain = s.qq > 0 ? s.xq * s.xq / s.qq : 0;
    if (!(gain > best)) return false;
    best = gain;
    sums = s;
    return true;
  };
  const int steps = static_cast<int>((trials.last - trials.first) / trials.step + 0.5);
  for (int i = 0; i <= steps; ++i) {
    const double level = trials.first + rounded(i * trials.step);
    consider(level / extreme);
    if (trials.negative) consider(-level / extreme);
  }
  for (int turn = 0; turn < 4 && sums.xq != 0 && consider(sums.qq / sums.xq); ++turn) {
  }
  return sums.qq > 0 ? sums.xq / sums.qq : 0;
}

struct scale_and_offset {
  double scale = 0;
  double minimum = 0;  // the number is scale * code - minimum
};

// The same for codes 0 ... Top above a minimum, which may have to be zero or above.
template <int Top, int N>
scale_and_offset best_scale_and_minimum(const integer_group<N>& g, const trial_range& trials, bool positive_minimum) noexcept {
  const double low = positive_minimum && g.low > 0 ? 0 : g.low;
  if (g.high <= low) return {0, -low};
  double best = -1;
  scale_and_offset found;
  const auto consider = [&](double inverse, double minimum) {
    const code_sums s = integer_codes<0, Top>::sums_above(g, inverse, minimum);
    // Whole numbers far below 2^53.
    const double determinant = rounded(N * s.qq) - rounded(s.q * s.q);
    if (!(determinant > 0)) return false;
    const double covariance = rounded(N * s.xq) - rounded(g.sum * s.q);
    scale_and_offset its{covariance / determinant, 0};
    its.minimum = (rounded(its.scale * s.q) - g.sum) / N;
    double gain = covariance * covariance / determinant / N + g.sum * g.sum / N;
    if (positive_minimum && its.minimum < 0) {
      its = {s.xq / s.qq, 0};
      gain = s.xq * s.xq / s.qq;
    }
    if (!(gain > best) || !(its.scale > 0)) return false;
    best = gain;
    found = its;
    return true;
  };
  const int steps = static_cast<int>((trials.last - trials.first) / trials.step + 0.5);
  for (int i = 0; i <= steps; ++i) consider((trials.first + rounded(i * trials.step)) / (g.high - low), -low);
  for (int turn = 0; turn < 4 && found.scale > 0 && consider(1 / found.scale, found.minimum); ++turn) {
  }
  return found.scale > 0 ? found : scale_and_offset{0, -low};
}

}  // namespace lowp::inline LOWP_ABI::detail
