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

namespace detail {

#if defined(__CUDA_ARCH__)
__device__ inline float widen_half(std::uint32_t code) {
  float x = 0;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(static_cast<std::uint16_t>(code)));
  return x;
}
#endif

}  // namespace detail

// The value of a code: decode<F>(code), of which only the low F::bits bits count.
template <number_format F>
LOWP_HD constexpr float widen(std::uint32_t code) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) {
    if constexpr (std::same_as<F, f16>) return detail::widen_half(code);
    if constexpr (std::same_as<F, e5m2>) return detail::widen_half(code << 8);
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

}  // namespace lowp::inline LOWP_ABI::ptx
