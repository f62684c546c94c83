// Encoders for kernels of one's own: eight numbers become eight packed codes, the inverse of dequantize_fragment. Same codes as
// lowp::encode, on every architecture.
//
//   lowp::fragment<lowp::f32> ratio = ...;                                        // x / scale, eight of them
//   std::uint32_t word = lowp::encode_fragment<lowp::e2m1>(ratio);                // nearest even, saturating
//   word = lowp::encode_fragment<lowp::e2m1>(ratio, lowp::stochastic{seed}, i);   // i: the index of the first of the eight
//
// To nearest even, integers are converted (CVT) and clamped; minifloats are rounded by one integer addition to the bits of the float, or,
// below the normal numbers, by one float addition; numbers of a small table are found by comparisons with constants. From sm_89 on,
// e4m3 and e5m2, and with the accelerated targets of sm_100 and later e2m1, e2m3 and e3m2, two codes are made by one instruction. Larger
// tables and other roundings go one by one. Source: PTX ISA 9.0, cvt.
#pragma once

#include <lowp/format/encode.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/kernel/cuda/minifloat_fragment.hpp>

#include <concepts>
#include <cstdint>
#include <utility>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class F>
inline constexpr bool is_integer_code = false;
template <int Bits, bool Signed, int Fraction>
inline constexpr bool is_integer_code<integer<Bits, Signed, Fraction>> = true;

// Without a mantissa, the bit that decides ties would be one of the exponent.
template <class F>
inline constexpr bool rounds_by_addition = [] {
  if constexpr (is_minifloat_format<F>) return F::mantissa_bits != 0;
  else return false;
}();

// Conversions to 4 and 6 bits are for the accelerated targets (sm_100a, sm_120f, ...) alone.
#if defined(__CUDA_ARCH__) && defined(__CUDA_ARCH_FAMILY_SPECIFIC__)
#define LOWP_CUDA_NARROW_CONVERSIONS (__CUDA_ARCH__ >= 1000)
#else
#define LOWP_CUDA_NARROW_CONVERSIONS 0
#endif

// Whether this architecture makes two codes by one instruction.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
template <class F>
inline constexpr bool converts_pairs = ptx::native_byte_float<F> ||
                                       (LOWP_CUDA_NARROW_CONVERSIONS &&
                                        (std::same_as<F, e2m1> || std::same_as<F, e2m3> || std::same_as<F, e3m2>));

// Two codes side by side, the first in the low bits; no NaN.
template <class F>
__device__ inline std::uint32_t convert_pair(float low, float high) {
  std::uint16_t d = 0;
  if constexpr (std::same_as<F, e4m3>) {
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(d) : "f"(high), "f"(low));
  } else if constexpr (std::same_as<F, e5m2>) {
    asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(d) : "f"(high), "f"(low));
  }
#if LOWP_CUDA_NARROW_CONVERSIONS
  else if constexpr (std::same_as<F, e2m1>) {
    asm("{.reg .b8 b; cvt.rn.satfinite.e2m1x2.f32 b, %1, %2; mov.b16 %0, {b, 0};}" : "=h"(d) : "f"(high), "f"(low));
  } else if constexpr (std::same_as<F, e2m3>) {
    asm("cvt.rn.satfinite.e2m3x2.f32 %0, %1, %2;" : "=h"(d) : "f"(high), "f"(low));
  } else if constexpr (std::same_as<F, e3m2>) {
    asm("cvt.rn.satfinite.e3m2x2.f32 %0, %1, %2;" : "=h"(d) : "f"(high), "f"(low));
  }
#endif
  return F::bits == 6 ? (d & 0x3fu) | (static_cast<std::uint32_t>(d) >> 2 & 0xfc0u) : d;
}
#endif

// Formats of at most 16 numbers are searched by comparisons with constants: a table in memory would be slower.
template <class F>
inline constexpr bool is_searched = F::bits >= 1 && F::bits <= 4 && !closed_form_format<F>;

// The codes of the numbers in ascending order, four bits each.
template <class F>
LOWP_HD constexpr std::uint64_t codes_in_order() noexcept {
  std::uint64_t codes = 0;
  for (int i = 0; i < levels<F>.count; ++i) codes |= std::uint64_t{levels<F>.code[i]} << (4 * i);
  return codes;
}

// encode<F>(x) of an x that is no NaN.
template <table_format F>
LOWP_HD constexpr std::uint32_t nearest_code(const float& x) noexcept {
#if defined(__CUDA_ARCH__)
  if constexpr (is_integer_code<F>) {
    if (!__builtin_is_constant_evaluated()) {
      constexpr float units = 1.0f / decode<F>(1);
      const int rounded = __float2int_rn(x * units);
      return static_cast<std::uint32_t>(rounded < F::min ? F::min : rounded > F::max ? F::max : rounded) & low_mask(F::bits);
    }
  }
#endif
  if constexpr (rounds_by_addition<F>) {
    constexpr int dropped = 23 - F::mantissa_bits;
    constexpr std::uint32_t largest = bit_cast<std::uint32_t>(limits<F>.largest);
    constexpr std::uint32_t smallest_normal = static_cast<std::uint32_t>(128 - F::bias) << 23;
    // Half of the last place less one, and the change of bias.
    constexpr std::uint32_t addend = (1u << (dropped - 1)) - 1u - (static_cast<std::uint32_t>(127 - F::bias) << 23);
    // A float whose last place is the smallest positive number of the format.
    constexpr float grid = power_of_two(24 - F::bias - F::mantissa_bits);
    const auto u = bit_cast<std::uint32_t>(x);
    const std::uint32_t reach = u & 0x7fffffffu;
    const std::uint32_t a = reach < largest ? reach : largest;
    const std::uint32_t subnormal = bit_cast<std::uint32_t>(bit_cast<float>(a) + grid) - bit_cast<std::uint32_t>(grid);
    const std::uint32_t code = a < smallest_normal ? subnormal : (a + addend + (a >> dropped & 1u)) >> dropped;
    if (F::specials == special_values::fnuz && code == 0) return 0;
    return code | (u >> 31) << (F::bits - 1);
  } else if constexpr (is_searched<F>) {
    constexpr std::uint64_t codes = codes_in_order<F>();
    const int position = thresholds_below<F>(ordered(x), std::make_integer_sequence<int, levels<F>.count - 1>{});
    return static_cast<std::uint32_t>(codes >> (4 * position)) & 15u;
  } else {
    return encode<F>(x);
  }
}

template <table_format F, rounding_policy R>
LOWP_HD constexpr std::uint32_t one_code(const float& x, R rounding, std::uint64_t index) noexcept {
  if constexpr (std::same_as<R, nearest_even>) return nearest_code<F>(x);
  else return encode<F>(x, rounding_at(rounding, index));
}

// Codes e and e + 1, a stride apart.
template <table_format F, rounding_policy R>
LOWP_HD constexpr std::uint32_t pair_of_codes(const fragment<f32>& x, int e, R rounding, std::uint64_t first) noexcept {
  const auto low = bit_cast<float>(x.reg[e]);
  const auto high = bit_cast<float>(x.reg[e + 1]);
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
  if constexpr (std::same_as<R, nearest_even> && converts_pairs<F>) {
    if (!__builtin_is_constant_evaluated()) return convert_pair<F>(low, high);
  }
#endif
  const std::uint64_t index = first + static_cast<std::uint64_t>(e);
  return one_code<F>(low, rounding, index) | one_code<F>(high, rounding, index + 1) << code_stride<F>;
}

}  // namespace detail

// Eight numbers as a run of codes, least significant first. `first` counts the first of them among all that are rounded with the
// same seed. To nearest even, NaN becomes some code.
template <table_format F, rounding_policy R = nearest_even>
LOWP_HD constexpr packed_run<F> encode_fragment(const fragment<f32>& x, R rounding = {}, std::uint64_t first = 0) noexcept {
  packed_run<F> run = 0;
  for (int e = 0; e < 8; e += 2) run |= static_cast<packed_run<F>>(detail::pair_of_codes<F>(x, e, rounding, first)) << (code_stride<F> * e);
  return run;
}

}  // namespace lowp::inline LOWP_ABI
