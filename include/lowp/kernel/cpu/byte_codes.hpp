// Formats whose values are small integers times one unit, which is what 8-bit dot products want: every integer, E2M1, E2M3 and
// whatever table of a user's happens to be one. As with decoding.hpp, the question is asked of the values, not of the name.
//
//   byte_rule_of<e2m1>.unit == 0.5f;        // values are unit * n, n = -12 ... 12
//   !byte_rule_of<i4>.kind.table            // n + 8 is the code with its sign bit toggled
//   !byte_rule_of<nf4>.exact
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/kernel/cpu/decoding.hpp>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

// How kernels turn codes into unsigned bytes n + bias; a template argument.
struct byte_kind {
  int bits = 0;
  bool table = false;  // looked up by the code; else the byte is code ^ flip
  bool wide = false;   // some byte is above 127, so that two products with signed bytes may not fit 16 bits
  int flip = 0;

  friend constexpr bool operator==(const byte_kind&, const byte_kind&) = default;
};

struct byte_rule {
  bool exact = false;  // value = unit * n for every code, with n + bias in 0 ... 255
  byte_kind kind;
  float unit = 1.0f;
  int bias = 0;
  int lowest = 0;  // n
  int largest = 0;
};

constexpr std::int64_t greatest_common_divisor(std::int64_t a, std::int64_t b) noexcept {
  while (b != 0) {
    const std::int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a < 0 ? -a : a;
}

// A code's value, counted from the middle of the format's values if asked.
template <table_format F, bool Centred>
constexpr float counted_value(std::uint32_t code) noexcept {
  return Centred ? decode<F>(code) - code_centre<F>() : decode<F>(code);
}

// The largest unit of which all values are multiples, and what follows from it.
template <number_format F, bool Centred>
constexpr byte_rule make_byte_rule() {
  byte_rule rule;
  if constexpr (table_format<F> && F::bits >= 1) {
    constexpr std::uint32_t count = 1u << F::bits;
    double reach = 0;
    for (std::uint32_t c = 0; c < count; ++c) {
      const float value = counted_value<F, Centred>(c);
      if (!is_finite(value)) return rule;
      const double size = static_cast<double>(magnitude(value));
      reach = size > reach ? size : reach;
    }
    if (reach == 0) return rule;
    const double grid =
        static_cast<double>(power_of_two(floor_log2(static_cast<float>(reach)))) / static_cast<double>(std::int64_t{1} << 40);
    std::int64_t divisor = 0;
    for (std::uint32_t c = 0; c < count; ++c) {
      const double steps = static_cast<double>(counted_value<F, Centred>(c)) / grid;
      const auto whole = static_cast<std::int64_t>(steps);
      if (static_cast<double>(whole) != steps) return rule;
      divisor = greatest_common_divisor(divisor, whole);
    }
    for (std::uint32_t c = 0; c < count; ++c) {
      const auto n = static_cast<std::int64_t>(static_cast<double>(counted_value<F, Centred>(c)) / grid) / divisor;
      if (n < -255 || n > 255) return rule;
      rule.lowest = n < rule.lowest ? static_cast<int>(n) : rule.lowest;
      rule.largest = n > rule.largest ? static_cast<int>(n) : rule.largest;
    }
    const double unit = static_cast<double>(divisor) * grid;
    rule.unit = static_cast<float>(unit);
    rule.bias = -rule.lowest;
    if (rule.largest - rule.lowest > 255 || static_cast<double>(rule.unit) != unit) return rule;
    rule.kind.bits = F::bits;
    rule.kind.wide = rule.largest + rule.bias > 127;
    const auto is_code_with = [&](std::uint32_t flip) {
      for (std::uint32_t c = 0; c < count; ++c) {
        const auto byte = static_cast<std::int64_t>(static_cast<double>(counted_value<F, Centred>(c)) / unit) + rule.bias;
        if (byte != static_cast<std::int64_t>(c ^ flip)) return false;
      }
      return true;
    };
    constexpr std::uint32_t top = count / 2;
    rule.kind.flip = is_code_with(top) ? static_cast<int>(top) : 0;
    rule.kind.table = rule.kind.flip == 0 && !is_code_with(0);
    rule.exact = true;
  }
  return rule;
}

template <number_format F, bool Centred = false>
inline constexpr byte_rule byte_rule_of = make_byte_rule<F, Centred>();

// n + bias of each code, repeated to fill at least a cache line.
template <int Bits>
struct alignas(cache_line) code_bytes {
  static constexpr std::size_t size = Bits < 6 ? 64 : std::size_t{1} << Bits;
  std::uint8_t value[size] = {};
};

template <table_format F, bool Centred>
constexpr auto make_code_bytes() {
  constexpr byte_rule rule = byte_rule_of<F, Centred>;
  code_bytes<F::bits> table;
  for (std::size_t i = 0; i < table.size; ++i) {
    const double n = static_cast<double>(counted_value<F, Centred>(static_cast<std::uint32_t>(i) & low_mask(F::bits))) /
                     static_cast<double>(rule.unit);
    table.value[i] = static_cast<std::uint8_t>(static_cast<int>(n) + rule.bias);
  }
  return table;
}

template <table_format F, bool Centred = false>
  requires(byte_rule_of<F, Centred>.exact)
inline constexpr auto code_bytes_of = make_code_bytes<F, Centred>();

}  // namespace lowp::inline LOWP_ABI::detail
