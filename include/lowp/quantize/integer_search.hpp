// Least squares over codes that are small integers, many scales at a time. All numbers are whole and small enough that floats hold
// every product and sum exactly, so that a search finds the same scale with every compiler, flag and processor.
//
// The numbers of a group are taken at 12 bits of their largest magnitude, and scales that are tried at 11 bits: far finer than the
// codes. What is found is then stored and encoded with all the precision there is.
//
//   integer_group<32> g(x);
//   double scale = best_scale<integer_codes<-8, 7>>(g, {6, 9, 2, true}) * g.unit;
#pragma once

#include <lowp/format/encode.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lowp::inline LOWP_ABI::detail {

// A group of N numbers x as whole numbers of magnitude up to 4096: x is about value * unit, unit a power of two.
template <int N>
struct integer_group {
  float value[N] = {};
  double low = 0;
  double high = 0;
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
    const int exponent = floor_log2(bit_cast<float>(most)) - 11;
    unit = bit_cast<double>(static_cast<std::uint64_t>(1023 + exponent) << 52);
    const auto inverse = bit_cast<double>(static_cast<std::uint64_t>(1023 - exponent) << 52);
    for (int i = 0; i < N; ++i) {
      const double exact = static_cast<double>(x[i]) * inverse;
      value[i] = static_cast<float>(static_cast<std::int32_t>(exact + (exact < 0 ? -0.5 : 0.5)));
    }
    float least = value[0];
    float largest = value[0];
    for (int i = 0; i < N; ++i) {
      const auto v = static_cast<double>(value[i]);
      least = value[i] < least ? value[i] : least;
      largest = value[i] > largest ? value[i] : largest;
      sum += v;
      squares += v * v;
    }
    low = least;
    high = largest;
  }
};

// Scales that are tried together, and those of them that are tried side by side.
inline constexpr int most_trials = 16;
#if defined(__AVX__)
using lanes = float __attribute__((vector_size(32)));
#else
using lanes = float __attribute__((vector_size(16)));
#endif
inline constexpr int trials_at_once = sizeof(lanes) / 4;

struct trial_list {
  int count = 0;
  float inverse[most_trials] = {};  // code = value * inverse, or (value + minimum) * inverse
  float minimum[most_trials] = {};

  void add(double inverse_scale, double its_minimum = 0) noexcept {
    // 11 significant bits, so that products with numbers of 13 are exact; and within what codes can need.
    const double bounded = inverse_scale > 0x1p16 ? 0x1p16 : inverse_scale < -0x1p16 ? -0x1p16 : inverse_scale;
    inverse[count] = bit_cast<float>((bit_cast<std::uint32_t>(static_cast<float>(bounded)) + 0x1000u) & ~0x1fffu);
    const double offset = its_minimum > 4096 ? 4096 : its_minimum < -4096 ? -4096 : its_minimum;
    minimum[count++] = static_cast<float>(static_cast<std::int32_t>(offset + (offset < 0 ? -0.5 : 0.5)));
  }
};

// Sums over the codes q that a group's numbers x get, of each trial.
struct code_sums {
  float q[most_trials] = {};
  float qq[most_trials] = {};
  float xq[most_trials] = {};
};

// Codes that are the integers Low ... High.
template <int Low, int High>
struct integer_codes {
  template <bool Minima = false, int N>
  static void sums(const integer_group<N>& g, const trial_list& t, code_sums& s) noexcept {
    const lanes low = lanes{} + static_cast<float>(Low);
    const lanes high = lanes{} + static_cast<float>(High);
    for (int first = 0; first < t.count; first += trials_at_once) {
      lanes inverse;
      lanes minimum;
      lanes sum_q{};
      lanes qq{};
      lanes xq{};
      std::memcpy(&inverse, t.inverse + first, sizeof(lanes));
      std::memcpy(&minimum, t.minimum + first, sizeof(lanes));
      for (int i = 0; i < N; ++i) {
        const float x = g.value[i];
        const lanes exact = Minima ? (x + minimum) * inverse : x * inverse;
        const lanes from_low = exact < low ? low : exact;
        const lanes bounded = from_low > high ? high : from_low;
        const lanes q = (bounded + 0x1.8p23f) - 0x1.8p23f;
        if constexpr (Minima) sum_q += q;
        qq += q * q;
        xq += x * q;
      }
      std::memcpy(s.q + first, &sum_q, sizeof(lanes));
      std::memcpy(s.qq + first, &qq, sizeof(lanes));
      std::memcpy(s.xq + first, &xq, sizeof(lanes));
    }
  }
};

// Codes that are the numbers of a format, times Unit to make them whole; found by look-up, to 1 / Fine of the number one.
template <table_format F, int Unit, int Fine>
struct table_codes {
  static constexpr int reach = (1 + static_cast<int>(limits<F>.largest > -limits<F>.lowest ? limits<F>.largest : -limits<F>.lowest)) * Fine;
  static constexpr std::array<float, 2 * reach + 1> table = [] {
    std::array<float, 2 * reach + 1> t{};
    for (int i = -reach; i <= reach; ++i)
      t[static_cast<std::size_t>(i + reach)] = Unit * round_to<F>(static_cast<float>(i) / static_cast<float>(Fine));
    return t;
  }();

  template <int N>
  static void sums(const integer_group<N>& g, const trial_list& t, code_sums& s) noexcept {
    constexpr auto most = static_cast<float>(reach);
    constexpr float scale = static_cast<float>(Fine) / Unit;  // a power of two
    for (int j = 0; j < t.count; ++j) {
      float qq = 0;
      float xq = 0;
      for (int i = 0; i < N; ++i) {
        const float exact = g.value[i] * (t.inverse[j] * scale);
        const float bounded = exact < -most ? -most : exact > most ? most : exact;
        const auto place = static_cast<std::int32_t>(bounded + (most + 0.5f));
        const float q = table[static_cast<std::size_t>(place)];
        qq += q * q;
        xq += g.value[i] * q;
      }
      s.qq[j] = qq;
      s.xq[j] = xq;
    }
  }
};

// The squared error of x against scale * q - minimum for the codes of trial j, in units of the group.
template <int N>
double squared_error(const integer_group<N>& g, const code_sums& s, int j, double scale, double minimum = 0) noexcept {
  const double above = static_cast<double>(s.xq[j]) + rounded(minimum * static_cast<double>(s.q[j]));
  const double of_codes = rounded(scale * static_cast<double>(s.qq[j])) - 2 * above;
  return g.squares + rounded(scale * of_codes) + rounded(minimum * (rounded(N * minimum) + 2 * g.sum));
}

// Which inverse scales a search tries: those that put the largest magnitude on `first` ... `last`, evenly; and on their negatives.
struct trial_range {
  double first;
  double last;
  int batches = 1;
  bool both_signs = false;
};

// The scale, in units of the group, whose codes leave the least squared error: of the trials, then of others beside the best, each
// replaced by the best scale for its codes.
template <class Codes, int N>
double best_scale(const integer_group<N>& g, const trial_range& range) noexcept {
  if (g.unit == 0) return 0;
  const double extreme = -g.low > g.high ? g.low : g.high;
  double best = 0;
  double scale = 0;
  const auto consider = [&](const trial_list& t) {
    code_sums s;
    Codes::sums(g, t, s);
    for (int j = 0; j < t.count; ++j) {
      const auto xq = static_cast<double>(s.xq[j]);
      const auto qq = static_cast<double>(s.qq[j]);
      if (!(xq * xq > best * qq)) continue;
      best = xq * xq / qq;
      scale = xq / qq;
    }
  };
  const int signs = range.both_signs ? 2 : 1;
  const int levels = range.batches * most_trials / signs;
  const double step = (range.last - range.first) / (levels - 1);
  for (int level = 0; level < levels;) {
    trial_list t;
    while (t.count < most_trials) {
      const double inverse = (range.first + rounded(level++ * step)) / extreme;
      t.add(inverse);
      if (range.both_signs) t.add(-inverse);
    }
    consider(t);
  }
  if (scale == 0) return 0;
  trial_list beside;
  const double nearby = step / range.last / 8;
  for (int j = -4; j < 4; ++j) beside.add((1 + rounded(j * nearby)) / scale);
  consider(beside);
  return scale;
}

struct scale_and_minimum {
  double scale = 0;
  double minimum = 0;  // the number is scale * code - minimum
};

// The same for codes 0 ... Top above a minimum, which may have to be zero or above.
template <int Top, int N>
scale_and_minimum best_scale_and_minimum(const integer_group<N>& g, const trial_range& range, bool positive_minimum) noexcept {
  const double low = positive_minimum && g.low > 0 ? 0 : g.low;
  if (g.high <= low) return {0, -low};
  double best = -1;
  scale_and_minimum found;
  const auto consider = [&](const trial_list& t) {
    code_sums s;
    integer_codes<0, Top>::template sums<true>(g, t, s);
    for (int j = 0; j < t.count; ++j) {
      const auto q = static_cast<double>(s.q[j]);
      const auto qq = static_cast<double>(s.qq[j]);
      const auto xq = static_cast<double>(s.xq[j]);
      if (qq == 0) continue;
      const double determinant = rounded(N * qq) - rounded(q * q);
      const double covariance = rounded(N * xq) - rounded(g.sum * q);
      scale_and_minimum its{determinant > 0 ? covariance / determinant : 0.0, 0};
      its.minimum = (rounded(its.scale * q) - g.sum) / N;
      double gain = covariance * its.scale / N + g.sum * g.sum / N;
      if (positive_minimum && (its.minimum < 0 || determinant == 0)) {
        its = {xq / qq, 0};
        gain = xq * xq / qq;
      }
      if (!(gain > best) || !(its.scale > 0)) continue;
      best = gain;
      found = its;
    }
  };
  const int levels = range.batches * most_trials;
  const double step = (range.last - range.first) / (levels - 1);
  for (int level = 0; level < levels;) {
    trial_list t;
    while (t.count < most_trials) t.add((range.first + rounded(level++ * step)) / (g.high - low), -low);
    consider(t);
  }
  // Scales and minima beside the best, twice, the second time closer.
  for (double reach = 0.3; reach > 0.1 && found.scale > 0; reach -= 0.15) {
    trial_list beside;
    const scale_and_minimum middle = found;
    for (int j = 0; j < most_trials; ++j) {
      const double scale = middle.scale * (1 + rounded(reach / Top * (j % 4 - 1.5)));
      beside.add(1 / scale, middle.minimum + rounded(middle.scale * (reach * (j / 4 - 1.5))));
    }
    consider(beside);
  }
  return found.scale > 0 ? found : scale_and_minimum{0, -low};
}

}  // namespace lowp::inline LOWP_ABI::detail
