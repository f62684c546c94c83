// What is derived from a format's decode at compile time: its values in order, their codes, the thresholds between
// them, and its extremes.
//
//   lowp::limits<lowp::e2m1>.largest == 6.0f
//   lowp::levels<lowp::nf4>.count == 16
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/format/number_format.hpp>

#include <cstdint>

// Names a constant that a function indexes: a local copy in device code, which cannot see variables of the host, and the
// variable itself elsewhere, where a copy would be made at each call.
#if defined(__CUDA_ARCH__)
#define LOWP_CONSTANT(name, ...) constexpr auto name = __VA_ARGS__
#else
#define LOWP_CONSTANT(name, ...) constexpr const auto& name = __VA_ARGS__
#endif

namespace lowp::inline LOWP_ABI {

// The distinct finite values of a format in ascending order. value[i] has the code code[i] (the lowest one, where
// several codes share it); a float x with threshold[i-1] < ordered(x) <= threshold[i] is nearest to value[i].
// A float above last[0] or below last[1] is beyond the range: nearest rounding would take it past the end, if the
// format went on with its outermost step.
template <int Capacity>
struct level_table {
  int count = 0;
  int nan_code = -1;                // a code that decodes to NaN, or -1
  int infinity_code[2] = {-1, -1};  // codes that decode to +infinity and -infinity, or -1
  std::int32_t last[2] = {};        // the orders of the last floats within the range, upper and lower
  bool codes_ascend = true;         // code[i] == i for every level
  float value[Capacity] = {};
  std::uint8_t code[Capacity] = {};
  std::int32_t threshold[Capacity] = {};
};

namespace detail {

// The largest float (as its order) that still belongs to the lower of two neighbours.
constexpr std::int32_t threshold_between(double low, std::uint32_t low_code, double high, std::uint32_t high_code, tie rule) {
  constexpr double largest_float = 0x1.fffffep127;
  const double middle = (low + high) / 2;
  if (middle > largest_float) return ordered(static_cast<float>(largest_float));
  if (middle < -largest_float) return ordered(static_cast<float>(-largest_float)) - 1;
  const float rounded = static_cast<float>(middle);
  const std::int32_t order = ordered(rounded);
  if (rule == tie::lower) return order;  // also where the midpoint is no float: the rounded one is the published threshold
  if (static_cast<double>(rounded) > middle) return order - 1;
  if (static_cast<double>(rounded) < middle) return order;
  bool low_wins = false;
  if (rule == tie::toward_zero) low_wins = middle >= 0;
  if (rule == tie::even) {
    const bool low_is_nearer_zero = middle >= 0;
    const std::uint32_t nearer = low_is_nearer_zero ? low_code : high_code;
    low_wins = low_is_nearer_zero == ((nearer & 1u) == 0);
  }
  return low_wins ? order : order - 1;
}

template <table_format F, class Table>
constexpr std::int32_t threshold_above(const Table& t, int i) {
  if constexpr (requires { F::threshold(i); }) return ordered(F::threshold(i));
  else return threshold_between(static_cast<double>(t.value[i]), t.code[i], static_cast<double>(t.value[i + 1]), t.code[i + 1], ties<F>);
}

template <table_format F>
constexpr auto make_levels() {
  constexpr int codes = 1 << F::bits;
  level_table<codes> t;
  for (int c = 0; c < codes; ++c) {
    const float v = decode<F>(static_cast<std::uint32_t>(c));
    if (is_nan(v)) {
      if (t.nan_code < 0) t.nan_code = c;
    } else if (!is_finite(v)) {
      t.infinity_code[is_negative(v) ? 1 : 0] = c;
    } else {
      t.value[t.count] = v;
      t.code[t.count++] = static_cast<std::uint8_t>(c);
    }
  }
  // Shell sort by value, then by code.
  for (int gap = t.count / 2; gap > 0; gap /= 2) {
    for (int i = gap; i < t.count; ++i) {
      const float v = t.value[i];
      const std::uint8_t c = t.code[i];
      int j = i;
      for (; j >= gap && (ordered(t.value[j - gap]) > ordered(v) || (ordered(t.value[j - gap]) == ordered(v) && t.code[j - gap] > c));
           j -= gap) {
        t.value[j] = t.value[j - gap];
        t.code[j] = t.code[j - gap];
      }
      t.value[j] = v;
      t.code[j] = c;
    }
  }
  int distinct = 0;
  for (int i = 0; i < t.count; ++i) {
    if (distinct != 0 && ordered(t.value[distinct - 1]) == ordered(t.value[i])) continue;
    t.value[distinct] = t.value[i];
    t.code[distinct++] = t.code[i];
  }
  t.count = distinct;
  for (int i = 0; i < t.count; ++i) t.codes_ascend = t.codes_ascend && t.code[i] == i;
  for (int i = 0; i < codes; ++i) t.threshold[i] = i + 1 < t.count ? threshold_above<F>(t, i) : 0x7fffffff;
  t.last[0] = ordered(bit_cast<float>(0x7f7fffffu));
  t.last[1] = -t.last[0];
  if (t.count > 1) {
    const int top = t.count - 1;
    const double past_top = 2.0 * static_cast<double>(t.value[top]) - static_cast<double>(t.value[top - 1]);
    const double past_bottom = 2.0 * static_cast<double>(t.value[0]) - static_cast<double>(t.value[1]);
    t.last[0] = threshold_between(static_cast<double>(t.value[top]), t.code[top], past_top, t.code[top] + 1u, ties<F>);
    t.last[1] = threshold_between(past_bottom, t.code[0] + 1u, static_cast<double>(t.value[0]), t.code[0], ties<F>) + 1;
  }
  return t;
}

}  // namespace detail

template <table_format F>
inline constexpr auto levels = detail::make_levels<F>();

// The range of a format.
struct format_limits {
  float lowest;   // the most negative finite value
  float largest;  // the most positive finite value
  float reach;    // the largest magnitude that codes can express: on both sides of zero if the format has negative values
  bool has_nan;
};

namespace detail {

template <number_format F>
constexpr format_limits make_limits() {
  if constexpr (table_format<F>) {
    constexpr auto& t = levels<F>;
    static_assert(t.count > 0, "a number format needs at least one finite value");
    const float low = t.value[0];
    const float high = t.value[t.count - 1];
    const float reach = low < 0 && high > 0 ? (-low < high ? -low : high) : (high > 0 ? high : -low);
    return {low, high, reach, t.nan_code >= 0};
  } else {
    static_assert(
        requires { F::largest; }, "a format of more than 8 bits states its largest value as F::largest");
    return {-F::largest, F::largest, F::largest, true};
  }
}

template <table_format F>
constexpr bool consecutive_integers() {
  for (int i = 0; i < levels<F>.count; ++i) {
    const float v = levels<F>.value[i];
    if (v < -65536.0f || v > 65536.0f || static_cast<float>(static_cast<int>(v)) != v || (i > 0 && v - levels<F>.value[i - 1] != 1.0f))
      return false;
  }
  return levels<F>.count > 1;
}

}  // namespace detail

template <number_format F>
inline constexpr format_limits limits = detail::make_limits<F>();

// A format whose values are consecutive integers, so that a zero point is one of them.
template <class F>
concept integer_format = table_format<F> && detail::consecutive_integers<F>();

}  // namespace lowp::inline LOWP_ABI
