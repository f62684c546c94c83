// The laws of a number format, executable at compile time and at run time. Users run the same suite on their own.
//
//   static_assert(lowp::laws::format<log3>());
//
// format<F>() is the conjunction of the laws below; each can be asked by itself to find out which one fails. They prove
// a closed-form encode equal to the encoder that would have been derived from decode, and the derived one to its rule.
#pragma once

#include <lowp/format/encode.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI::laws {

namespace detail {

constexpr float largest_float = bit_cast<float>(0x7f7fffffu);

// The order of the number that x becomes.
template <number_format F, rounding_policy R = nearest_even>
constexpr std::int32_t became(const float& x, R rounding = {}, overflow mode = overflow::saturate) {
  return ordered(decode<F>(encode<F>(x, rounding, mode)));
}

// Floats of both signs and every magnitude, in ascending order: position in -sampled..sampled.
constexpr int sampled = 512;
constexpr float sample(int position) { return from_ordered(position * (0x7f7fffff / sampled)); }

}  // namespace detail

// decode reads only the low `bits` bits, and no float makes a code wider than that, under any policy.
template <table_format F>
constexpr bool total() {
  constexpr std::uint32_t codes = 1u << F::bits;
  for (std::uint32_t c = 0; c < codes; ++c) {
    const auto value = bit_cast<std::uint32_t>(decode<F>(c));
    if (bit_cast<std::uint32_t>(decode<F>(c | ~(codes - 1u))) != value && !is_nan(bit_cast<float>(value))) return false;
  }
  for (const std::uint32_t x : {0u, 1u, 0x007fffffu, 0x3f800001u, 0x7f7fffffu, 0x7f800000u, 0x7f800001u, 0x7fffffffu}) {
    for (const std::uint32_t sign : {0u, 0x80000000u}) {
      const float v = bit_cast<float>(x | sign);
      for (const overflow mode : {overflow::saturate, overflow::propagate}) {
        if (encode<F>(v, nearest_even{}, mode) >= codes || encode<F>(v, half_away{}, mode) >= codes) return false;
        if (encode<F>(v, toward_zero{}, mode) >= codes || encode<F>(v, away_from_zero{}, mode) >= codes) return false;
        if (encode<F>(v, stochastic{}, mode) >= codes) return false;
      }
    }
  }
  return true;
}

// Encoding the value of a code gives a code of the same value, under every policy.
template <table_format F>
constexpr bool round_trip() {
  for (int i = 0; i < levels<F>.count; ++i) {
    const float v = levels<F>.value[i];
    const std::int32_t same = ordered(v);
    if (detail::became<F>(v) != same || detail::became<F>(v, half_away{}) != same) return false;
    if (detail::became<F>(v, toward_zero{}) != same || detail::became<F>(v, away_from_zero{}) != same) return false;
    if (detail::became<F>(v, stochastic{static_cast<std::uint64_t>(i)}) != same) return false;
    if (detail::became<F>(v, nearest_even{}, overflow::propagate) != same) return false;
  }
  return true;
}

// Between two neighbours, everything up to the threshold becomes the lower and everything above it the higher one.
// Checked at the four floats around each threshold, at both values and next to them.
template <table_format F>
constexpr bool nearest() {
  constexpr auto& t = levels<F>;
  for (int i = 0; i + 1 < t.count; ++i) {
    const std::int32_t low = ordered(t.value[i]);
    const std::int32_t high = ordered(t.value[i + 1]);
    const std::int32_t cut = t.threshold[i];
    if (cut < low || cut >= high) return false;
    for (const std::int32_t x : {low, low + 1, cut - 1, cut, cut + 1, cut + 2, high - 1, high}) {
      if (x < low || x > high) continue;
      if (detail::became<F>(from_ordered(x)) != (x > cut ? high : low)) return false;
    }
  }
  return true;
}

// Between two neighbours on one side of zero, rounding toward zero gives the inner and rounding away from it the outer
// one, half_away the outer one from the middle on, and stochastic rounding one of the two.
template <table_format F>
constexpr bool directed() {
  constexpr auto& t = levels<F>;
  for (int i = 0; i + 1 < t.count; ++i) {
    const std::int32_t low = ordered(t.value[i]);
    const std::int32_t high = ordered(t.value[i + 1]);
    if (low < 0 && high > 0) continue;
    const std::int32_t inner = low < 0 ? high : low;
    const std::int32_t outer = low < 0 ? low : high;
    for (const std::int32_t order : {low + 1, t.threshold[i] - 1, t.threshold[i], t.threshold[i] + 1, high - 1}) {
      if (order <= low || order >= high) continue;
      const float x = from_ordered(order);
      if (detail::became<F>(x, toward_zero{}) != inner || detail::became<F>(x, away_from_zero{}) != outer) return false;
      // At least halfway: 2|x| - |outer| >= |inner|. The difference is exact where it is not negative.
      const double twice = 2.0 * static_cast<double>(magnitude(x));
      const auto end = static_cast<double>(magnitude(from_ordered(outer)));
      const bool far_half = twice >= end && twice - end >= static_cast<double>(magnitude(from_ordered(inner)));
      if (detail::became<F>(x, half_away{}) != (far_half ? outer : inner)) return false;
      const std::int32_t drawn = detail::became<F>(x, stochastic{.seed = 7, .index = static_cast<std::uint64_t>(order & 0xffff)});
      if (drawn != inner && drawn != outer) return false;
    }
  }
  return true;
}

// A larger float never becomes a smaller number.
template <table_format F>
constexpr bool monotone() {
  std::int32_t last = detail::became<F>(detail::sample(-detail::sampled));
  for (int i = 1 - detail::sampled; i <= detail::sampled; ++i) {
    const std::int32_t now = detail::became<F>(detail::sample(i));
    if (now < last) return false;
    last = now;
  }
  return true;
}

// Values beyond the range become its end, or, if asked to propagate, infinity or NaN in a format that has one.
template <table_format F>
constexpr bool range() {
  constexpr auto& t = levels<F>;
  constexpr std::uint32_t infinities[2] = {0x7f800000u, 0xff800000u};
  for (int side = 0; side < 2; ++side) {
    const float x = bit_cast<float>(infinities[side]);
    const std::int32_t end = ordered(side == 0 ? limits<F>.largest : limits<F>.lowest);
    if (detail::became<F>(x) != end) return false;
    if (detail::became<F>(side == 0 ? detail::largest_float : -detail::largest_float) != end) return false;
    const auto propagated = bit_cast<std::uint32_t>(decode<F>(encode<F>(x, nearest_even{}, overflow::propagate)));
    if (t.infinity_code[side] >= 0) {
      if (propagated != infinities[side]) return false;
    } else if (t.nan_code >= 0) {
      if (!is_nan(bit_cast<float>(propagated))) return false;
    } else if (ordered(bit_cast<float>(propagated)) != end) {
      return false;
    }
  }
  return true;
}

// NaN becomes NaN, or the largest value of a format that has none.
template <table_format F>
constexpr bool nan_policy() {
  const float nan = bit_cast<float>(0x7fc00000u);
  const float back = decode<F>(encode<F>(nan));
  return limits<F>.has_nan ? is_nan(back) : ordered(back) == ordered(limits<F>.largest);
}

// All of them, at compile time. Each is a constant of its own: some compilers take quadratic time over a long evaluation.
template <table_format F>
constexpr bool format() {
  constexpr bool is_total = total<F>();
  constexpr bool keeps_its_values = round_trip<F>();
  constexpr bool is_nearest = nearest<F>();
  constexpr bool is_directed = directed<F>();
  constexpr bool is_monotone = monotone<F>();
  constexpr bool ends_well = range<F>();
  constexpr bool knows_nan = nan_policy<F>();
  return is_total && keeps_its_values && is_nearest && is_directed && is_monotone && ends_well && knows_nan;
}

// All of them, when called: to test what a compiler makes of a format, under -ffast-math for example.
template <table_format F>
bool format_at_run_time() {
  return total<F>() && round_trip<F>() && nearest<F>() && directed<F>() && monotone<F>() && range<F>() && nan_policy<F>();
}

}  // namespace lowp::inline LOWP_ABI::laws
