// How kernels turn floats into codes: what is derived from a format so that one kernel serves all formats that encode alike.
//
// Integers are converted, minifloats are rounded by arithmetic on the bits of the float, formats of at most 16 numbers are
// searched by their thresholds. All else, and a format that brings an encode of its own, goes one number at a time.
//
//   encoding_of<i4> == encoding::integer
//   encoding_of<e2m1> == encoding::minifloat
//   encoding_of<nf4> == encoding::search
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/format/levels.hpp>
#include <lowp/format/minifloat.hpp>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

enum class encoding : std::uint8_t { integer, minifloat, search, scalar };

template <class F>
inline constexpr bool is_integer = false;
template <int Bits, bool Signed, int Fraction>
inline constexpr bool is_integer<integer<Bits, Signed, Fraction>> = true;

template <class F>
inline constexpr int fraction_bits = 0;
template <int Bits, bool Signed, int Fraction>
inline constexpr int fraction_bits<integer<Bits, Signed, Fraction>> = Fraction;

template <class F>
inline constexpr bool is_minifloat = false;
template <int Exponent, int Mantissa, special_values Specials, int Bias>
inline constexpr bool is_minifloat<minifloat<Exponent, Mantissa, Specials, Bias>> = true;

template <number_format F>
constexpr encoding make_encoding() {
  if constexpr (is_integer<F>) {
    return encoding::integer;
  } else if constexpr (is_minifloat<F>) {
    // Without a mantissa, the bit that decides ties would be one of the exponent.
    return F::mantissa_bits != 0 ? encoding::minifloat : encoding::scalar;
  } else if constexpr (table_format<F> && !closed_form_format<F>) {
    return F::bits >= 1 && F::bits <= 4 ? encoding::search : encoding::scalar;
  } else {
    return encoding::scalar;
  }
}

template <number_format F>
inline constexpr encoding encoding_of = make_encoding<F>();

// The constants of rounding to a minifloat, as bits of floats.
template <class F>
struct minifloat_rule {
  using codec = narrow_float<F::exponent_bits, F::mantissa_bits, F::specials, F::bias>;
  static constexpr int dropped = 23 - F::mantissa_bits;
  static constexpr std::uint32_t sign = codec::sign;
  static constexpr std::uint32_t nan = codec::nan;
  static constexpr bool nan_keeps_sign = F::specials == special_values::ieee || F::specials == special_values::fn;
  static constexpr std::uint32_t largest = bit_cast<std::uint32_t>(codec::decode(codec::max));
  static constexpr std::uint32_t smallest_normal = static_cast<std::uint32_t>(128 - F::bias) << 23;
  // Added to the bits of a float before the dropped ones are shifted out: half of the last place less one, and the change of bias.
  static constexpr std::uint32_t addend = (std::uint32_t{1} << (dropped - 1)) - 1u - (static_cast<std::uint32_t>(127 - F::bias) << 23);
  // A float whose last place is the smallest positive number of the format: adding it rounds to subnormal numbers.
  static constexpr float subnormal_grid = power_of_two(24 - F::bias - F::mantissa_bits);
};

// A binary search by look-ups in registers. Step s compares with at[s][the s bits found so far]; the last entry is NaN's,
// which counts as above every threshold.
struct search_table {
  static constexpr int size = 16;
  alignas(cache_line) float at[4][size] = {};
  alignas(16) std::uint8_t code[size] = {};
};

template <table_format F>
constexpr search_table make_search_table() {
  search_table t;
  const auto& table = levels<F>;
  for (int step = 0; step < F::bits; ++step) {
    for (int found = 0; found < (1 << step); ++found) {
      const int i = (found << (F::bits - step)) + (1 << (F::bits - 1 - step)) - 1;
      t.at[step][found] = i + 1 < table.count ? from_ordered(table.threshold[i]) : infinity();
    }
  }
  for (int i = 0; i < search_table::size; ++i) {
    t.code[i] =
        i < table.count ? table.code[i] : static_cast<std::uint8_t>(table.nan_code >= 0 ? table.nan_code : table.code[table.count - 1]);
  }
  return t;
}

template <table_format F>
inline constexpr search_table search_table_of = make_search_table<F>();

}  // namespace lowp::inline LOWP_ABI::detail
