// How kernels turn codes into floats: what is derived from a format so that one kernel serves all formats that decode alike.
//
// A format of at most 4 bits is a table of 16 floats, whatever it is called. Wider ones are recognized by their values:
// integers, anything that is an IEEE half with some bits left out (FP8), powers of two (E8M0); what is none of these is
// looked up in memory. A user's format goes through the same questions.
//
//   code_kind_of<nf4>() == code_kind_of<e2m1>()          // one instantiation for both; the tables differ
//   code_kind_of<e4m3>().how == decoding::half
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/core/half.hpp>
#include <lowp/format/levels.hpp>
#include <lowp/kernel/cpu/build.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI::detail {

enum class decoding : std::uint8_t {
  table,     // value = table[code]
  integer,   // value = unit * the code as an integer
  half,      // value = unit * the IEEE half that the code's bits spell
  exponent,  // value = 2^(code - 127)
  bf16,      // 16 bits: the upper half of a float
  f32,       // 32 bits: the float itself
  scalar     // by F::decode, one at a time
};

// A template argument. It has no array members: clang reads those wrongly at run time.
struct code_kind {
  int bits = 0;
  decoding how = decoding::scalar;
  bool is_signed = false;  // integer: two's complement
  bool flip = false;       // integer: toggle the top bit first, so that an unsigned code reads as signed around the middle
  int shift = 0;           // half: how far right the magnitude stands from the sign bit, 5 - exponent bits
  int special_one = -1;    // half: codes that mean NaN; exponent: codes that the rule misses
  int special_two = -1;
  bool scaled = false;  // unit is not 1
  bool narrow = false;  // table, and looked up byte by byte: no value needs more bits than the upper half of a float

  friend constexpr bool operator==(const code_kind&, const code_kind&) = default;
};

// Half: whether NaN is the magnitude of all ones, one below the carry into the bit that makes a half not a number.
constexpr bool nan_by_carry(const code_kind& kind) noexcept {
  return kind.shift == 1 && kind.special_one == static_cast<int>(low_mask(kind.bits - 1)) &&
         kind.special_two == static_cast<int>(low_mask(kind.bits));
}

struct code_rule {
  code_kind kind;
  float unit = 1.0f;
};

// The middle of an integer format's values. Kernels that subtract zero points count codes from here, which keeps both terms
// of sum(x * code) - zero * sum(x) small.
template <number_format F>
constexpr float code_centre() noexcept {
  if constexpr (integer_format<F>)
    return static_cast<float>((static_cast<int>(limits<F>.lowest) + static_cast<int>(limits<F>.largest) + 1) / 2);
  else return 0.0f;
}

// The code as the bits of a half: sign to the top, magnitude `shift` below it.
template <int Bits>
constexpr std::uint32_t half_pattern(std::uint32_t code, int shift) noexcept {
  const std::uint32_t aligned = code << (16 - Bits);
  return (aligned & 0x8000u) | ((aligned & 0x7fffu) >> shift);
}

template <table_format F>
constexpr bool reads_as_integer(bool is_signed) {
  constexpr int count = 1 << F::bits;
  const double step = decode<F>(1);
  if (!is_finite(decode<F>(1)) || !(step > 0)) return false;
  for (int c = 0; c < count; ++c) {
    const int value = is_signed && c >= count / 2 ? c - count : c;
    if (static_cast<double>(decode<F>(static_cast<std::uint32_t>(c))) != step * value) return false;
  }
  return true;
}

template <table_format F>
constexpr bool reads_as_half(code_rule& rule, int shift) {
  double unit = 0;  // in double, since the quotient of two floats need not be one
  int specials = 0;
  for (std::uint32_t c = 0; c < (1u << F::bits); ++c) {
    const float value = decode<F>(c);
    const float half = f16::decode(half_pattern<F::bits>(c, shift));
    if (is_nan(value) && !is_nan(half)) {
      if (specials == 2) return false;
      (specials++ == 0 ? rule.kind.special_one : rule.kind.special_two) = static_cast<int>(c);
    } else if (!is_finite(value) || !is_finite(half)) {
      if (is_nan(value) != is_nan(half) || ordered(value) != ordered(half)) return false;
    } else if (half == 0 || value == 0) {
      if (half != value) return false;
    } else {
      if (unit == 0) unit = static_cast<double>(value) / static_cast<double>(half);
      if (static_cast<double>(value) != unit * static_cast<double>(half)) return false;
    }
  }
  if (!(unit > 0) || unit > static_cast<double>(limits<f32>.largest)) return false;
  rule.unit = static_cast<float>(unit);
  return static_cast<double>(rule.unit) == unit;
}

template <table_format F>
constexpr bool reads_as_exponent(code_rule& rule) {
  int specials = 0;
  for (std::uint32_t c = 0; c < (1u << F::bits); ++c) {
    if (bit_cast<std::uint32_t>(decode<F>(c)) == c << 23) continue;
    if (specials == 2) return false;
    (specials++ == 0 ? rule.kind.special_one : rule.kind.special_two) = static_cast<int>(c);
  }
  return true;
}

template <table_format F, bool Centred>
constexpr bool fits_upper_half() {
  for (std::uint32_t c = 0; c < (1u << F::bits); ++c) {
    const float value = Centred ? decode<F>(c) - code_centre<F>() : decode<F>(c);
    if ((bit_cast<std::uint32_t>(value) & 0xffffu) != 0) return false;
  }
  return true;
}

// Centred: values are counted from code_centre<F>().
template <number_format F, bool Centred>
constexpr code_rule make_code_rule() {
  code_rule rule;
  rule.kind.bits = F::bits;
  if constexpr (std::is_same_v<F, f32>) {
    rule.kind.how = decoding::f32;
  } else if constexpr (std::is_same_v<F, bf16>) {
    rule.kind.how = decoding::bf16;
  } else if constexpr (std::is_same_v<F, f16>) {
    rule.kind.how = decoding::half;
  } else if constexpr (table_format<F> && F::bits >= 1) {
    rule.kind.how = decoding::table;
    if constexpr (F::bits >= 5) {
      const bool is_signed = reads_as_integer<F>(true);
      if (is_signed || reads_as_integer<F>(false)) {
        rule.kind.how = decoding::integer;
        rule.kind.flip = Centred && !is_signed;
        rule.kind.is_signed = is_signed || rule.kind.flip;
        rule.unit = decode<F>(1);
      }
    }
    if constexpr (F::bits == 8) {
      for (int shift = 0; shift < 5 && rule.kind.how == decoding::table; ++shift) {
        code_rule half = rule;
        half.kind.how = decoding::half;
        half.kind.shift = shift;
        if (reads_as_half<F>(half, shift)) rule = half;
      }
      code_rule exponent = rule;
      exponent.kind.how = decoding::exponent;
      if (rule.kind.how == decoding::table && reads_as_exponent<F>(exponent)) rule = exponent;
    }
    // Elsewhere a look-up gives whole floats, and two kernels would only be more code.
    if (LOWP_NEON && rule.kind.how == decoding::table) rule.kind.narrow = fits_upper_half<F, Centred>();
  }
  rule.kind.scaled = rule.unit != 1.0f;
  return rule;
}

template <number_format F, bool Centred = false>
inline constexpr code_rule code_rule_of = make_code_rule<F, Centred>();

// A code's value, counted from the centre if asked: what decoding::table reads. Never shorter than 16, so that a look-up
// by four bits of which the upper ones belong to another code is right too.
template <int Bits>
struct alignas(cache_line) code_table {
  static constexpr std::size_t size = Bits < 4 ? 16 : std::size_t{1} << Bits;
  float value[size] = {};
};

template <table_format F, bool Centred>
constexpr auto make_code_table() {
  code_table<F::bits> table;
  for (std::size_t i = 0; i < table.size; ++i) {
    table.value[i] = decode<F>(static_cast<std::uint32_t>(i) & low_mask(F::bits));
    if (Centred && code_centre<F>() != 0.0f) table.value[i] -= code_centre<F>();
  }
  return table;
}

template <table_format F, bool Centred = false>
inline constexpr auto code_table_of = make_code_table<F, Centred>();

// The table to look codes up in, or null for formats that are no tables.
template <number_format F, bool Centred = false>
constexpr const float* code_values() noexcept {
  if constexpr (table_format<F>) return code_table_of<F, Centred>.value;
  else return nullptr;
}

}  // namespace lowp::inline LOWP_ABI::detail
