// AVX-512 (F, BW, DQ, VL): codes to numbers, sixteen to a vector. Source of the instructions' meanings: Intel SDM volume 2.
#pragma once

#include <lowp/kernel/cpu/quantize_v4.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/tile16.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

#if LOWP_X86_64

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_v4 {

LOWP_ALWAYS_INLINE vec subtract(vec a, vec b) { return _mm512_sub_ps(a, b); }

// Sixteen or twice sixteen numbers, rounded to nearest.
template <bool MayBeNan>
LOWP_ALWAYS_INLINE void write(float* p, vec a) {
  _mm512_storeu_ps(p, a);
}
template <bool MayBeNan>
LOWP_ALWAYS_INLINE void write(f16* p, vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
// In the upper half of each lane.
template <bool MayBeNan>
LOWP_ALWAYS_INLINE bits to_bf16(vec a) {
  const bits u = as_bits(a);
  const bits rounded = sum(sum(u, every(0x7fffu)), both(shift_right<16>(u), every(1)));
  if constexpr (MayBeNan) return choose(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), either(u, every(0x00400000u)), rounded);
  else return rounded;
}
template <bool MayBeNan>
LOWP_ALWAYS_INLINE void write(bf16* p, vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(shift_right<16>(to_bf16<MayBeNan>(a))));
}
template <bool MayBeNan, class T>
LOWP_ALWAYS_INLINE void write(T* p, vec a, vec b) {
  if constexpr (std::is_same_v<T, bf16>) {
    alignas(cache_line) static constexpr std::uint16_t upper_halves[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                                                                           33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
    const bits order = _mm512_load_si512(upper_halves);
    _mm512_storeu_si512(static_cast<void*>(p), _mm512_permutex2var_epi16(to_bf16<MayBeNan>(a), order, to_bf16<MayBeNan>(b)));
  } else {
    write<MayBeNan>(p, a);
    write<MayBeNan>(p + 16, b);
  }
}

// A format's codes, one a byte, as floats.
template <table_format F>
class decoder {
  static constexpr code_kind kind = code_rule_of<F>.kind;
  static constexpr bool converts = kind.how == decoding::integer && (kind.bits == 8 || !kind.is_signed);
  static constexpr int registers = F::bits <= 4 ? 1 : F::bits == 5 ? 2 : 4;

 public:
  LOWP_ALWAYS_INLINE decoder() {
    if constexpr (F::bits <= 6) {
      LOWP_UNROLL
      for (int i = 0; i < registers; ++i) table_[i] = _mm512_load_ps(code_table_of<F>.value + 16 * i);
    }
  }

  LOWP_ALWAYS_INLINE vec operator()(const std::uint8_t* codes) const {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    if constexpr (converts) {
      bits number = kind.is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
      if constexpr (F::bits < 8) number = both(number, every(low_mask(F::bits)));
      const vec value = _mm512_cvtepi32_ps(number);
      if constexpr (kind.scaled) return multiply(value, splat(code_rule_of<F>.unit));
      else return value;
    } else {
      const bits code = _mm512_cvtepu8_epi32(bytes);
      if constexpr (F::bits <= 4) {
        return _mm512_permutexvar_ps(code, table_[0]);
      } else if constexpr (F::bits == 5) {
        return _mm512_permutex2var_ps(table_[0], code, table_[1]);
      } else if constexpr (F::bits == 6) {
        const vec lower = _mm512_permutex2var_ps(table_[0], code, table_[1]);
        const vec upper = _mm512_permutex2var_ps(table_[2], code, table_[3]);
        return _mm512_mask_mov_ps(lower, _mm512_test_epi32_mask(code, every(32)), upper);
      } else {
        return _mm512_i32gather_ps(both(code, every(low_mask(F::bits))), code_table_of<F>.value, 4);
      }
    }
  }

 private:
  vec table_[registers];
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_v4

#define LOWP_TARGET quantize_v4
#include <lowp/kernel/cpu/loops/decode.hpp>
#include <lowp/kernel/cpu/loops/dequantize.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
#endif
