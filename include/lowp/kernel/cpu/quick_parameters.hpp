// Scales and zero points read and stored as quantize and affine do it, but in a few operations where nothing special is met: a
// group of 16 weights has no more time for its scale than for its weights.
//
//   affine<S> group = store_quickly<range_scale>(q, g, range);     // what store_group leaves in q
//   quick_group(q.view(), g) == q.group(g)
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/kernel/cpu/build.hpp>
#include <lowp/kernel/cpu/decoding.hpp>
#include <lowp/kernel/cpu/encoding.hpp>
#include <lowp/quantize/fit.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

// The value of a parameter, by tables and bits where its format has them.
template <number_format F>
LOWP_ALWAYS_INLINE float quick_value(const number_view<F>& numbers, std::size_t row, std::size_t col) noexcept {
  if constexpr (F::bits == 0) {
    return decode<F>(0);
  } else if constexpr (table_format<F>) {
    return code_table_of<F>.value[numbers.codes(row, col) & low_mask(F::bits)];
  } else if constexpr (std::is_same_v<F, f16>) {
    const std::uint32_t code = numbers.codes(row, col);
    const std::uint32_t a = code & 0x7fffu;
    if (a - 0x0400u >= 0x7800u) return decode<F>(code);  // zero, subnormal, infinite or NaN
    return bit_cast<float>((code & 0x8000u) << 16 | ((a << 13) + (112u << 23)));
  } else {
    return decode<F>(numbers.codes(row, col));
  }
}
template <scheme_type S>
LOWP_ALWAYS_INLINE affine<S> quick_group(const quantized_view<S>& q, grid_position g) noexcept;
template <scheme_type S>
LOWP_ALWAYS_INLINE float quick_value(const quantized_view<S>& q, std::size_t row, std::size_t col) noexcept {
  using F = typename S::format;
  if constexpr (table_format<F>) {
    const affine<S> group = quick_group(q, S::granularity::group_of(row, col, q.rows(), q.cols()));
    return group.value(code_table_of<F>.value[q.codes(row, col) & low_mask(F::bits)]);
  } else {
    return q.value(row, col);
  }
}

// Scale and zero point of a group.
template <scheme_type S>
LOWP_ALWAYS_INLINE affine<S> quick_group(const quantized_view<S>& q, grid_position g) noexcept {
  affine<S> a;
  a.scale = quick_value(q.scales, g.row, g.col);
  if constexpr (S::has_zero) a.zero = quick_value(q.zeros, g.row, g.col);
  return a;
}

// A scale in the middle of its format's range, found by a few operations on its bits.
struct quick_code {
  bool found = false;
  std::uint32_t code = 0;
  float value = 0;
};
template <class Rule, scheme_type S>
LOWP_ALWAYS_INLINE quick_code quick_scale(value_range r) noexcept {
  using P = typename S::scale;
  if constexpr (std::is_same_v<Rule, mx_floor> && std::is_same_v<P, e8m0> && !S::has_zero) {
    constexpr std::uint32_t lowered = static_cast<std::uint32_t>(floor_log2(limits<typename S::format>.reach));
    const std::uint32_t exponent = bit_cast<std::uint32_t>(r.reach()) >> 23;
    return {exponent > lowered && exponent < 255, exponent - lowered, bit_cast<float>((exponent - lowered) << 23)};
  } else if constexpr (std::is_same_v<Rule, range_scale> && (std::is_same_v<P, f32> || std::is_same_v<P, f16> || std::is_same_v<P, bf16>)) {
    const float scale = Rule::quotient(scale_numerator<S, Rule>(r), scale_divisor<S, Rule>());
    const auto u = bit_cast<std::uint32_t>(scale);
    if constexpr (std::is_same_v<P, f32>) return {u - 1u < 0x7f7fffffu, u, scale};
    constexpr int dropped = std::is_same_v<P, f16> ? 13 : 16;
    constexpr std::uint32_t smallest = std::is_same_v<P, f16> ? 0x38800000u : 0x00800000u;
    constexpr auto largest = bit_cast<std::uint32_t>(limits<P>.largest);
    const std::uint32_t rounded = (u + (1u << (dropped - 1)) - 1u + (u >> dropped & 1u)) >> dropped << dropped;
    return {u >= smallest && u <= largest, (rounded - (std::is_same_v<P, f16> ? 112u << 23 : 0u)) >> dropped, bit_cast<float>(rounded)};
  } else {
    return {};
  }
}

// store_group, and the scale and zero point as they can be read back.
template <class Rule, scheme_type S>
LOWP_ALWAYS_INLINE affine<S> store_quickly(quantized<S>& q, grid_position g, value_range r) {
  if constexpr (S::has_added_term && number_format<typename S::zero>) {
    using Z = typename S::zero;
    const quick_code scale = is_nan(r.high) ? quick_code{} : quick_scale<Rule, S>(r);
    const float term = zero_point<S>(r, scale.value);
    if (scale.found && magnitude(term) <= limits<Z>.largest) {
      q.scales().codes()(g.row, g.col) = static_cast<code_t<typename S::scale>>(scale.code);
      q.zeros().codes()(g.row, g.col) = encode<Z>(term);
      return {scale.value, quick_value(q.view().zeros, g.row, g.col)};
    }
  } else if constexpr (!S::has_zero || (is_integer<typename S::zero> && fraction_bits<typename S::zero> == 0)) {
    const quick_code scale = is_nan(r.high) ? quick_code{} : quick_scale<Rule, S>(r);
    if (scale.found) {
      affine<S> group;
      group.scale = scale.value;
      q.scales().codes()(g.row, g.col) = static_cast<code_t<typename S::scale>>(scale.code);
      if constexpr (S::has_zero) {
        using Z = typename S::zero;
        const float exact = zero_point<S>(r, group.scale);
        constexpr auto low = static_cast<float>(Z::min);
        constexpr auto high = static_cast<float>(Z::max);
        const float within = exact < low ? low : exact > high ? high : exact;
        const std::uint32_t code = bit_cast<std::uint32_t>(within + 0x1.8p23f);  // whose last place is one
        q.zeros().codes()(g.row, g.col) = static_cast<code_t<Z>>(code & low_mask(Z::bits));
        group.zero = code_table_of<Z>.value[code & low_mask(Z::bits)];
      }
      return group;
    }
  }
  store_group<Rule>(q, g, r);
  return q.group(g);
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
