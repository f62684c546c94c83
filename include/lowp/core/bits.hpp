// Bit helpers that are constexpr on the host and on the device.
//
//   bit_cast<std::uint32_t>(1.0f) == 0x3f800000u
#pragma once

#include <lowp/core/config.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// std::bit_cast is not callable from device code without a compiler flag; the builtin under it is.
template <class To, class From>
requires(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>) LOWP_HD constexpr To
    bit_cast(const From& from) noexcept {
  return __builtin_bit_cast(To, from);
}

// The low `count` bits set; count in 0..32.
LOWP_HD constexpr std::uint32_t low_mask(int count) noexcept { return count >= 32 ? 0xffffffffu : (std::uint32_t{1} << count) - 1u; }

// Number of bits needed to write n: 0 for 0, otherwise floor(log2(n)) + 1.
LOWP_HD constexpr int bit_width(std::uint64_t n) noexcept {
  int width = 0;
  for (int step = 32; step != 0; step /= 2) {
    if ((n >> step) != 0) {
      n >>= step;
      width += step;
    }
  }
  return width + (n != 0 ? 1 : 0);
}

template <class Integer>
LOWP_HD constexpr Integer ceil_div(Integer a, Integer b) noexcept {
  return static_cast<Integer>((a + b - 1) / b);
}

template <class Integer>
LOWP_HD constexpr Integer round_up(Integer a, Integer multiple) noexcept {
  return static_cast<Integer>(ceil_div(a, multiple) * multiple);
}

// Exact tests that stay right under -ffast-math. They, and all that encodes a float, take it by reference: with that flag
// clang assumes of a float passed by value that it is neither NaN nor infinity, and then knows the answer to a bit test.
LOWP_HD constexpr bool is_nan(const float& x) noexcept { return (bit_cast<std::uint32_t>(x) & 0x7fffffffu) > 0x7f800000u; }
LOWP_HD constexpr bool is_finite(const float& x) noexcept { return (bit_cast<std::uint32_t>(x) & 0x7fffffffu) < 0x7f800000u; }
LOWP_HD constexpr bool is_negative(const float& x) noexcept { return (bit_cast<std::uint32_t>(x) >> 31) != 0; }
LOWP_HD constexpr float magnitude(float x) noexcept { return bit_cast<float>(bit_cast<std::uint32_t>(x) & 0x7fffffffu); }
LOWP_HD constexpr float quiet_nan() noexcept { return bit_cast<float>(0x7fc00000u); }
LOWP_HD constexpr float infinity() noexcept { return bit_cast<float>(0x7f800000u); }

// A finite float as an integer of the same order, with both zeros equal: comparisons without floating-point modes.
LOWP_HD constexpr std::int32_t ordered(const float& x) noexcept {
  const auto u = bit_cast<std::uint32_t>(x);
  const auto m = static_cast<std::int32_t>(u & 0x7fffffffu);
  return (u >> 31) != 0 ? -m : m;
}

// The inverse of ordered (negative zero becomes zero).
LOWP_HD constexpr float from_ordered(std::int32_t order) noexcept {
  const auto m = static_cast<std::uint32_t>(order < 0 ? -order : order);
  return bit_cast<float>(order < 0 ? (m | 0x80000000u) : m);
}

// x, which compilers take for a number of its own: they fuse no multiplication before it with an addition after it into one operation
// of one rounding, as they otherwise may wherever the processor has one (g++ by default, clang with -ffp-contract=fast).
template <std::floating_point Float>
LOWP_HD constexpr Float rounded(Float x) noexcept {
  if (!__builtin_is_constant_evaluated()) {
#if defined(__CUDA_ARCH__)
    if constexpr (std::is_same_v<Float, float>) x = __fmul_rn(x, 1.0f);
    else x = __dmul_rn(x, 1.0);
#elif defined(__x86_64__) || defined(__SSE__)
    asm("" : "+x"(x));
#elif defined(__aarch64__)
    asm("" : "+w"(x));
#elif defined(__GNUC__)
    asm("" : "+m"(x));
#else
    volatile Float in_memory = x;
    x = in_memory;
#endif
  }
  return x;
}

// 2^exponent as a float, for exponent in -149..127.
LOWP_HD constexpr float power_of_two(int exponent) noexcept {
  return exponent >= -126 ? bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23)
                          : bit_cast<float>(std::uint32_t{1} << (exponent + 149));
}

// floor(log2(x)) of a positive finite float, exact for subnormals too.
LOWP_HD constexpr int floor_log2(float x) noexcept {
  const auto u = bit_cast<std::uint32_t>(x) & 0x7fffffffu;
  return u >= 0x00800000u ? static_cast<int>(u >> 23) - 127 : bit_width(u) - 150;
}

}  // namespace lowp::inline LOWP_ABI
