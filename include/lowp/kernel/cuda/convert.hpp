// Single numbers between float and the storage formats, by the shortest instructions on the device and with the values of
// decode and encode everywhere: scales, activations, results.
//
//   float s = lowp::ptx::widen<lowp::e4m3>(scale_code);
//   std::uint32_t h = lowp::ptx::narrow<lowp::f16>(x);
#pragma once

#include <lowp/format/e8m0.hpp>
#include <lowp/format/minifloat.hpp>
#include <lowp/kernel/cuda/bits.hpp>

#include <concepts>
#include <cstdint>

namespace lowp::inline LOWP_ABI::ptx {

// x * y + z, rounded once, denormals kept under every compiler flag.
LOWP_HD inline float fma(float x, float y, float z) noexcept {
#if defined(__CUDA_ARCH__)
  float d = 0;
  asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(d) : "f"(x), "f"(y), "f"(z));
  return d;
#else
  return __builtin_fmaf(x, y, z);
#endif
}

// Formats of which devices from sm_89 on convert two codes to f16 in one instruction.
template <class F>
inline constexpr bool native_byte_float = std::same_as<F, e4m3> || std::same_as<F, e5m2>;

#if defined(__CUDA_ARCH__)
namespace detail {

__device__ inline float widen_half(std::uint32_t code) {
  float x = 0;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(static_cast<std::uint16_t>(code)));
  return x;
}

}  // namespace detail

#if __CUDA_ARCH__ >= 890
// The two codes in the low bytes as a pair of f16.
template <class F>
__device__ inline std::uint32_t widen_bytes(std::uint32_t codes) {
  std::uint32_t d = 0;
  if constexpr (std::same_as<F, e4m3>) asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(d) : "h"(static_cast<std::uint16_t>(codes)));
  else asm("cvt.rn.f16x2.e5m2x2 %0, %1;" : "=r"(d) : "h"(static_cast<std::uint16_t>(codes)));
  return d;
}
#endif
#endif

// The value of a code: decode<F>(code), of which only the low F::bits bits count.
template <number_format F>
LOWP_HD constexpr float widen(std::uint32_t code) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) {
    if constexpr (std::same_as<F, f16>) return detail::widen_half(code);
    if constexpr (std::same_as<F, e5m2>) return detail::widen_half(code << 8);
#if __CUDA_ARCH__ >= 890
    if constexpr (std::same_as<F, e4m3>) return detail::widen_half(widen_bytes<e4m3>(code));
#endif
  }
#endif
  if constexpr (std::same_as<F, e4m3>) {
    // The same exponent and mantissa in f16, 8 binades too low; only NaN is not the number next to 448.
    const float x = widen<f16>((code & 0x80u) << 8 | (code & 0x7fu) << 7) * 256.0f;
    return (code & 0x7fu) == 0x7fu ? bit_cast<float>((code & 0x80u) << 24 | 0x7fc00000u) : x;
  } else {
    return decode<F>(code);
  }
}

// Both numbers of a pair. (Naming the halves saves the device a shift for the second.)
struct two_floats {
  float low;
  float high;
};
template <packed_type T>
LOWP_HD constexpr two_floats widen2(std::uint32_t word) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) {
    if constexpr (std::same_as<T, f16>) {
      two_floats f{};
      asm("{.reg .b16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h;}" : "=f"(f.low), "=f"(f.high) : "r"(word));
      return f;
    }
  }
#endif
  return {widen<T>(word & 0xffffu), widen<T>(word >> 16)};
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
__device__ inline std::uint32_t pair_of_bf16(two_floats x) {
  std::uint32_t d = 0;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(x.high), "f"(x.low));
  return d;
}
#endif

// The bit pattern of x in T, to nearest even: T(x).code.
template <packed_type T>
LOWP_HD constexpr std::uint32_t narrow(float x) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) {
    if constexpr (std::same_as<T, f16>) {
      if (is_nan(x)) return is_negative(x) ? 0xfe00u : 0x7e00u;
      std::uint16_t code = 0;
      asm("cvt.rn.f16.f32 %0, %1;" : "=h"(code) : "f"(x));
      return code;
    }
  }
#endif
  return T(x).code;
}

// A scale in both halves of a word, as packed arithmetic wants it: narrow<Out>(widen<F>(code)) twice, NaN as 0x7fff. A positive scale
// is one whose code has no sign bit set (NVFP4's), which saves e4m3 the care for it.
template <number_format F, packed_type Out, bool Positive = false>
LOWP_HD constexpr std::uint32_t scale_pair(std::uint32_t code) noexcept {
  if constexpr (std::same_as<F, Out>) {
    return prmt(code, code, 0x1010);
  } else if constexpr (std::same_as<F, e8m0> && std::same_as<Out, bf16>) {
    const std::uint32_t c = code & 0xffu;
    return (c == 0 ? 0x0040u : c == e8m0::nan ? 0x7fffu : c << 7) * 0x00010001u;
  } else if constexpr (std::same_as<F, e4m3>) {
    constexpr int up = std::same_as<Out, f16> ? 7 : 4;
    constexpr std::uint32_t power = both<Out>(std::same_as<Out, f16> ? 0x1p8f : 0x1p120f);
    const std::uint32_t sign = Positive ? 0u : (code & 0x80u) << 8;
    const std::uint32_t number = mul2<Out>((sign | (code & 0x7fu) << up) * 0x00010001u, power);
    return (code & 0x7fu) == 0x7fu ? 0x7fff7fffu : number;
  } else {
    const float x = widen<F>(code);
    return is_nan(x) ? 0x7fff7fffu : narrow<Out>(x) * 0x00010001u;
  }
}

}  // namespace lowp::inline LOWP_ABI::ptx
