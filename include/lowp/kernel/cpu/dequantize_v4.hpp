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

LOWP_ALWAYS_INLINE void write(float* p, vec a) { _mm512_storeu_ps(p, a); }
LOWP_ALWAYS_INLINE void write(f16* p, vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
LOWP_ALWAYS_INLINE void write(bf16* p, vec a) {
  const bits u = as_bits(a);
  const bits odd = both(shift_right<16>(u), every(1));
  const bits rounded = sum(sum(u, every(0x7fffu)), odd);
  const bits code = choose(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), either(u, every(0x00400000u)), rounded);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(shift_right<16>(code)));
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
