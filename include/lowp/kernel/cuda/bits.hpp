// The PTX instructions that dequantizers are made of, as functions of 32-bit patterns that run everywhere: one instruction
// on the device, the same bits on the host and in constant expressions.
//
//   constexpr auto lut = (ptx::lut_a & ptx::lut_b) ^ ptx::lut_c;
//   ptx::lop3<lut>(word, 0x000f000fu, 0x64086408u);      // two 4-bit integers as 1032 + value in f16
//   ptx::fma2<f16>(x, y, z);                              // two f16 multiply-adds, each rounded once
//
// Source: PTX ISA 9.0, sections on lop3, prmt, shf, and half-precision fma/add/mul.
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/kernel/cuda/soft_float.hpp>

#include <concepts>
#include <cstdint>

namespace lowp::inline LOWP_ABI::ptx {

// Truth tables for lop3: write the wanted function of its operands with these in their place.
inline constexpr std::uint8_t lut_a = 0xf0;
inline constexpr std::uint8_t lut_b = 0xcc;
inline constexpr std::uint8_t lut_c = 0xaa;

template <std::uint8_t Lut>
LOWP_HD constexpr std::uint32_t lop3(std::uint32_t a, std::uint32_t b, std::uint32_t c) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) {
    std::uint32_t d = 0;
    asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(d) : "r"(a), "r"(b), "r"(c), "n"(static_cast<int>(Lut)));
    return d;
  }
#endif
  std::uint32_t d = 0;
  for (int row = 0; row < 8; ++row) {
    if ((Lut >> row & 1) != 0) d |= ((row & 4) != 0 ? a : ~a) & ((row & 2) != 0 ? b : ~b) & ((row & 1) != 0 ? c : ~c);
  }
  return d;
}

// Four bytes picked from the eight of (a, b): the low three bits of each nibble of `selector` say which (0..3 of a, 4..7
// of b); its high bit asks for the sign of that byte, eight times, instead. Bits 16..31 of the selector do not count.
LOWP_HD constexpr std::uint32_t prmt(std::uint32_t a, std::uint32_t b, std::uint32_t selector) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) {
    std::uint32_t d = 0;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(selector));
    return d;
  }
#endif
  const std::uint64_t bytes = std::uint64_t{b} << 32 | a;
  std::uint32_t d = 0;
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t nibble = selector >> (4 * i) & 15u;
    const auto byte = static_cast<std::uint32_t>(bytes >> (8 * (nibble & 7u)) & 0xffu);
    d |= ((nibble & 8u) == 0 ? byte : (byte & 0x80u) != 0 ? 0xffu : 0u) << (8 * i);
  }
  return d;
}

// Bits count .. count + 31 of the 64 bits high:low, for count in 0..31 (shf.r.wrap): codes that straddle two words.
LOWP_HD constexpr std::uint32_t funnel_shift(std::uint32_t low, std::uint32_t high, int count) noexcept {
  return static_cast<std::uint32_t>((std::uint64_t{high} << 32 | low) >> (count & 31));
}

// The storage types that are computed with in pairs: two 16-bit patterns in a word, the first in the low half.
template <class T>
concept packed_type = std::same_as<T, f16> || std::same_as<T, bf16>;

// Two patterns in one word.
LOWP_HD constexpr std::uint32_t pair(std::uint32_t low, std::uint32_t high) noexcept { return (low & 0xffffu) | high << 16; }

// x * y + z in each half, rounded once to nearest even; NaN results are 0x7fff. (bf16 needs sm_80 for the instruction.)
template <packed_type T>
LOWP_HD constexpr std::uint32_t fma2(std::uint32_t x, std::uint32_t y, std::uint32_t z) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) {
    std::uint32_t d = 0;
    if constexpr (std::same_as<T, f16>) {
      asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(x), "r"(y), "r"(z));
      return d;
    }
#if __CUDA_ARCH__ >= 800
    if constexpr (std::same_as<T, bf16>) {
      asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(x), "r"(y), "r"(z));
      return d;
    }
#endif
  }
#endif
  using soft = ::lowp::detail::soft_float<std::same_as<T, f16> ? 5 : 8, std::same_as<T, f16> ? 10 : 7>;
  return pair(soft::fma(x & 0xffffu, y & 0xffffu, z & 0xffffu), soft::fma(x >> 16, y >> 16, z >> 16));
}

// The same pattern in both halves, for constants: ptx::both<f16>(-1032.0f).
template <packed_type T>
LOWP_HD constexpr std::uint32_t both(float x) noexcept {
  return pair(T(x).code, T(x).code);
}

template <packed_type T>
LOWP_HD constexpr std::uint32_t add2(std::uint32_t x, std::uint32_t y) noexcept {
  constexpr std::uint32_t one = both<T>(1.0f);
  return fma2<T>(x, one, y);
}

template <packed_type T>
LOWP_HD constexpr std::uint32_t sub2(std::uint32_t x, std::uint32_t y) noexcept {
  constexpr std::uint32_t minus_one = both<T>(-1.0f);
  return fma2<T>(y, minus_one, x);
}

template <packed_type T>
LOWP_HD constexpr std::uint32_t mul2(std::uint32_t x, std::uint32_t y) noexcept {
  constexpr std::uint32_t minus_zero = both<T>(-0.0f);
  return fma2<T>(x, y, minus_zero);
}

}  // namespace lowp::inline LOWP_ABI::ptx
