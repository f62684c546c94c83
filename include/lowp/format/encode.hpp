// From a float to the code of a format: lowp::encode, by the format's closed form or by the derived search.
//
//   lowp::encode<lowp::e4m3>(0.3f);                                          // nearest, ties to even, saturating
//   lowp::encode<lowp::e5m2>(1e9f, lowp::nearest_even{}, lowp::overflow::propagate);   // the code of infinity
//
// docs/special_values.md says what NaN, infinities, overflow, subnormals and minus zero become in each format.
#pragma once

#include <lowp/format/levels.hpp>

#include <cstdint>
#include <type_traits>
#include <utility>

namespace lowp::inline LOWP_ABI {

namespace detail {

// How many thresholds lie below x, which is the position of the level nearest to it. Comparing with up to seven
// constants beats a search, and a loop around it vectorizes.
template <table_format F, int... Index>
LOWP_HD constexpr int thresholds_below(std::int32_t key, std::integer_sequence<int, Index...>) noexcept {
  return (0 + ... + static_cast<int>(key > std::integral_constant<std::int32_t, levels<F>.threshold[Index]>::value));
}

template <table_format F>
LOWP_HD constexpr int nearest_level(const float& x) noexcept {
  const std::int32_t key = ordered(x);
  if constexpr (levels<F>.count <= 8) {
    return thresholds_below<F>(key, std::make_integer_sequence<int, levels<F>.count - 1>{});
  } else {
    LOWP_CONSTANT(table, levels<F>);
    int position = 0;
    for (int step = (1 << F::bits) / 2; step > 0; step /= 2) position += key > table.threshold[position + step - 1] ? step : 0;
    return position;
  }
}

// The code of the i-th level.
template <table_format F>
LOWP_HD constexpr std::uint32_t code_at(int i) noexcept {
  LOWP_CONSTANT(table, levels<F>);
  if constexpr (table.codes_ascend) return static_cast<std::uint32_t>(i);
  else return table.code[i];
}

// The magnitude of a finite float as significand * 2^(exponent - 150).
struct magnitude_parts {
  std::uint32_t significand;
  int exponent;
};

LOWP_HD constexpr magnitude_parts parts_of(const float& x) noexcept {
  const std::uint32_t a = bit_cast<std::uint32_t>(x) & 0x7fffffffu;
  return a >= 0x00800000u ? magnitude_parts{(a & 0x007fffffu) | 0x00800000u, static_cast<int>(a >> 23)} : magnitude_parts{a, 1};
}

// (x - kept) / (farther - kept) as the fraction and sticky bit that a rounding policy asks for, where x lies between its
// neighbours `kept`, in the direction of zero, and `farther`. Integers alone, on a grid of 55 bits below the larger
// neighbour; what falls below the grid can move the fraction by its last bit, but never to the other side of a half.
LOWP_HD constexpr rounded_part position_between(float kept, float x, float farther) noexcept {
  const magnitude_parts k = parts_of(kept);
  const magnitude_parts v = parts_of(x);
  const magnitude_parts f = parts_of(farther);
  const int top = k.exponent > f.exponent ? k.exponent : f.exponent;
  bool lost = false;
  const auto on_grid = [&](magnitude_parts m) {
    const int shift = top - m.exponent < 63 ? top - m.exponent : 63;
    const std::uint64_t wide = std::uint64_t{m.significand} << 31;
    lost = lost || ((wide >> shift) << shift) != wide;
    return wide >> shift;
  };
  const std::uint64_t to_farther = on_grid(f);
  const std::uint64_t to_x = on_grid(v);
  const bool lost_before_kept = lost;
  const std::uint64_t to_kept = on_grid(k);
  const bool across_zero = is_negative(kept) != is_negative(farther);
  const std::uint64_t whole = across_zero ? to_farther + to_kept : to_farther - to_kept;
  std::uint64_t rest = across_zero ? to_x + to_kept : to_x - to_kept;
  if (rest >= whole) return {0, 0xffffffffu, true};
  std::uint32_t fraction = 0;
  for (int digit = 0; digit < 4; ++digit) {
    fraction = fraction << 8 | static_cast<std::uint32_t>((rest << 8) / whole);
    rest = (rest << 8) % whole;
  }
  // A neighbour cut short makes x look farther from it than it is.
  if (rest == 0 && lost && !lost_before_kept && !across_zero) --fraction;
  return {0, fraction, rest != 0 || lost};
}

// The code of a finite x under any rounding policy.
template <table_format F, rounding_policy R>
LOWP_HD constexpr std::uint32_t directed_level(const float& x, R rounding) noexcept {
  LOWP_CONSTANT(table, levels<F>);
  const std::int32_t key = ordered(x);
  int low = 0;
  for (int step = (1 << F::bits) / 2; step > 0; step /= 2) {
    low += low + step < table.count && ordered(table.value[low + step]) <= key ? step : 0;
  }
  if (low + 1 >= table.count || key <= ordered(table.value[low])) return table.code[low];
  const int kept = is_negative(x) ? low + 1 : low;
  const int farther = is_negative(x) ? low : low + 1;
  const auto [none, fraction, sticky] = position_between(table.value[kept], x, table.value[farther]);
  return table.code[rounding.away(table.code[kept], fraction, sticky) ? farther : kept];
}

template <table_format F, rounding_policy R>
LOWP_HD constexpr std::uint32_t derived_encode(const float& x, R rounding, overflow mode) noexcept {
  LOWP_CONSTANT(table, levels<F>);
  constexpr auto nan = static_cast<std::uint32_t>(table.nan_code >= 0 ? table.nan_code : table.code[table.count - 1]);
  if (mode == overflow::propagate && !is_nan(x)) {
    const int side = is_negative(x) ? 1 : 0;
    const bool within = ordered(x) <= table.last[0] && ordered(x) >= table.last[1];
    if (!within && !(std::is_same_v<R, toward_zero> && is_finite(x))) {
      if (table.infinity_code[side] >= 0) return static_cast<std::uint32_t>(table.infinity_code[side]);
      if (table.nan_code >= 0) return nan;
    }
  }
  if constexpr (std::is_same_v<R, nearest_even>) {
    const std::uint32_t code = code_at<F>(nearest_level<F>(x));
    return is_nan(x) ? nan : code;
  } else {
    return is_nan(x) ? nan : directed_level<F>(x, rounding);
  }
}

}  // namespace detail

// The code of x. Total: every float, every policy. NaN becomes the format's NaN, or its largest value where it has none.
template <number_format F, rounding_policy R = nearest_even>
LOWP_HD constexpr code_t<F> encode(const float& x, R rounding = {}, overflow mode = overflow::saturate) noexcept {
  if constexpr (requires { F::encode(x, rounding, mode); }) {
    return static_cast<code_t<F>>(F::encode(x, rounding, mode));
  } else {
    static_assert(table_format<F>, "a format of more than 8 bits brings its own encode(x, rounding, overflow)");
    return static_cast<code_t<F>>(detail::derived_encode<F>(x, rounding, mode));
  }
}

// The number of the format that a float becomes.
template <number_format F, rounding_policy R = nearest_even>
LOWP_HD constexpr float round_to(const float& x, R rounding = {}, overflow mode = overflow::saturate) noexcept {
  return decode<F>(encode<F>(x, rounding, mode));
}

}  // namespace lowp::inline LOWP_ABI
