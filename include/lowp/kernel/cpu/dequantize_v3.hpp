// AVX2, FMA and F16C: codes to numbers, sixteen to two registers. Source of the instructions' meanings: Intel SDM volume 2.
#pragma once

#include <lowp/kernel/cpu/quantize_v3.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/tile16.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

#if LOWP_X86_64

LOWP_TARGET_BEGIN("avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_v3 {

LOWP_ALWAYS_INLINE vec subtract(vec a, vec b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }

// Sixteen or twice sixteen numbers, rounded to nearest.
template <bool MayBeNan>
LOWP_ALWAYS_INLINE void write(float* p, vec a) {
  _mm256_storeu_ps(p, a.low);
  _mm256_storeu_ps(p + 8, a.high);
}
template <bool MayBeNan>
LOWP_ALWAYS_INLINE void write(f16* p, vec a) {
  auto* to = reinterpret_cast<__m128i*>(p);
  _mm_storeu_si128(to, _mm256_cvtps_ph(a.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  _mm_storeu_si128(to + 1, _mm256_cvtps_ph(a.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
template <bool MayBeNan>
LOWP_ALWAYS_INLINE void write(bf16* p, vec a) {
  const bits u = as_bits(a);
  bits code = sum(sum(u, every(0x7fffu)), both(shift_right<16>(u), every(1)));
  if constexpr (MayBeNan) code = choose(not_at_most(a, splat(infinity())), either(u, every(0x00400000u)), code);
  code = shift_right<16>(code);
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(code.low, code.high), 0xd8);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), words);
}
template <bool MayBeNan, class T>
LOWP_ALWAYS_INLINE void write(T* p, vec a, vec b) {
  write<MayBeNan>(p, a);
  write<MayBeNan>(p + 16, b);
}

// A format's codes, one a byte, as floats.
template <table_format F>
class decoder {
  static constexpr code_kind kind = code_rule_of<F>.kind;
  static constexpr bool converts = kind.how == decoding::integer && (kind.bits == 8 || !kind.is_signed);

 public:
  LOWP_ALWAYS_INLINE decoder() {
    if constexpr (F::bits <= 4) table_ = read(code_table_of<F>.value);
  }

  LOWP_ALWAYS_INLINE vec operator()(const std::uint8_t* codes) const {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    return {eight(bytes), eight(_mm_unpackhi_epi64(bytes, bytes))};
  }

 private:
  LOWP_ALWAYS_INLINE __m256 eight(__m128i bytes) const {
    if constexpr (converts) {
      __m256i number = kind.is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
      if constexpr (F::bits < 8) number = _mm256_and_si256(number, _mm256_set1_epi32(static_cast<int>(low_mask(F::bits))));
      const __m256 value = _mm256_cvtepi32_ps(number);
      if constexpr (kind.scaled) return _mm256_mul_ps(value, _mm256_set1_ps(code_rule_of<F>.unit));
      else return value;
    } else {
      const __m256i code = _mm256_cvtepu8_epi32(bytes);
      if constexpr (F::bits <= 3) {
        return _mm256_permutevar8x32_ps(table_.low, code);
      } else if constexpr (F::bits == 4) {
        const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(code, 28));
        return _mm256_blendv_ps(_mm256_permutevar8x32_ps(table_.low, code), _mm256_permutevar8x32_ps(table_.high, code), upper);
      } else {
        const __m256i position = _mm256_and_si256(code, _mm256_set1_epi32(static_cast<int>(low_mask(F::bits))));
        return _mm256_i32gather_ps(code_table_of<F>.value, position, 4);
      }
    }
  }

  vec table_;
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_v3

#define LOWP_TARGET quantize_v3
#include <lowp/kernel/cpu/loops/decode.hpp>
#include <lowp/kernel/cpu/loops/dequantize.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
#endif
