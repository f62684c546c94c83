// AVX2, FMA and F16C: the primitives of quantizing and its loops over them, sixteen numbers to two registers. Source of the
// instructions' meanings: Intel SDM volume 2.
#pragma once

#include <lowp/kernel/cpu/encoding.hpp>
#include <lowp/kernel/cpu/quantizing.hpp>
#include <lowp/kernel/cpu/quick_parameters.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

#if LOWP_X86_64
#include <immintrin.h>

LOWP_TARGET_BEGIN("avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_v3 {

struct vec {
  __m256 low;
  __m256 high;
};
struct bits {
  __m256i low;
  __m256i high;
};
using mask = bits;
using byte_codes = __m128i;

LOWP_ALWAYS_INLINE vec read(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
LOWP_ALWAYS_INLINE vec read(const f16* p) {
  const auto* halves = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
}
LOWP_ALWAYS_INLINE __m256 from_bf16(__m128i codes) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(codes), 16)); }
LOWP_ALWAYS_INLINE vec read(const bf16* p) {
  const auto* codes = reinterpret_cast<const __m128i*>(p);
  return {from_bf16(_mm_loadu_si128(codes)), from_bf16(_mm_loadu_si128(codes + 1))};
}
LOWP_ALWAYS_INLINE vec splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
LOWP_ALWAYS_INLINE vec add(vec a, vec b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
LOWP_ALWAYS_INLINE vec multiply(vec a, vec b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
LOWP_ALWAYS_INLINE vec divide(vec a, vec b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
// The second operand where either is NaN.
LOWP_ALWAYS_INLINE vec minimum(vec a, vec b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
LOWP_ALWAYS_INLINE vec maximum(vec a, vec b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
LOWP_ALWAYS_INLINE float smallest(vec a) {
  const __m256 eight = _mm256_min_ps(a.low, a.high);
  __m128 x = _mm_min_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  x = _mm_min_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_min_ss(x, _mm_movehdup_ps(x)));
}
LOWP_ALWAYS_INLINE float largest(vec a) {
  const __m256 eight = _mm256_max_ps(a.low, a.high);
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
LOWP_ALWAYS_INLINE mask not_at_most(vec a, vec b) {
  return {_mm256_castps_si256(_mm256_cmp_ps(a.low, b.low, _CMP_NLE_UQ)), _mm256_castps_si256(_mm256_cmp_ps(a.high, b.high, _CMP_NLE_UQ))};
}

LOWP_ALWAYS_INLINE bits every(std::uint32_t x) { return {_mm256_set1_epi32(static_cast<int>(x)), _mm256_set1_epi32(static_cast<int>(x))}; }
LOWP_ALWAYS_INLINE bits as_bits(vec a) { return {_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)}; }
LOWP_ALWAYS_INLINE vec as_floats(bits a) { return {_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)}; }
LOWP_ALWAYS_INLINE bits both(bits a, bits b) { return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)}; }
LOWP_ALWAYS_INLINE bits either(bits a, bits b) { return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)}; }
LOWP_ALWAYS_INLINE bits sum(bits a, bits b) { return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
LOWP_ALWAYS_INLINE bits difference(bits a, bits b) { return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)}; }
template <int Count>
LOWP_ALWAYS_INLINE bits shift_right(bits a) {
  return {_mm256_srli_epi32(a.low, Count), _mm256_srli_epi32(a.high, Count)};
}
// Comparisons are signed.
LOWP_ALWAYS_INLINE bits smaller(bits a, bits b) { return {_mm256_min_epi32(a.low, b.low), _mm256_min_epi32(a.high, b.high)}; }
LOWP_ALWAYS_INLINE bits larger(bits a, bits b) { return {_mm256_max_epi32(a.low, b.low), _mm256_max_epi32(a.high, b.high)}; }
LOWP_ALWAYS_INLINE int largest(bits a) {
  const __m256i eight = _mm256_max_epi32(a.low, a.high);
  __m128i x = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  x = _mm_max_epi32(x, _mm_shuffle_epi32(x, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(x, _mm_shuffle_epi32(x, 0xb1)));
}
LOWP_ALWAYS_INLINE mask above(bits a, bits b) { return {_mm256_cmpgt_epi32(a.low, b.low), _mm256_cmpgt_epi32(a.high, b.high)}; }
LOWP_ALWAYS_INLINE bits choose(mask m, bits a, bits b) {
  return {_mm256_blendv_epi8(b.low, a.low, m.low), _mm256_blendv_epi8(b.high, a.high, m.high)};
}
LOWP_ALWAYS_INLINE bits double_and_count(bits a, mask m) { return difference(sum(a, a), m); }
LOWP_ALWAYS_INLINE __m256i round_to_integers(__m256 a) {
  return _mm256_cvtps_epi32(_mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
LOWP_ALWAYS_INLINE bits round_to_integers(vec a) { return {round_to_integers(a.low), round_to_integers(a.high)}; }

// By positions below eight.
LOWP_ALWAYS_INLINE vec look_up(const float* table, bits position) {
  const __m256 values = _mm256_load_ps(table);
  return {_mm256_permutevar8x32_ps(values, position.low), _mm256_permutevar8x32_ps(values, position.high)};
}

LOWP_ALWAYS_INLINE byte_codes low_bytes(bits a) {
  const bits low = both(a, every(0xffu));
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(low.low, low.high), 0xd8);
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}
LOWP_ALWAYS_INLINE byte_codes look_up_bytes(const std::uint8_t* table, byte_codes position) {
  return _mm_shuffle_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(table)), position);
}
LOWP_ALWAYS_INLINE void store(std::uint8_t* p, byte_codes a) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), a); }

// Fewer than sixteen numbers; the rest becomes `filler`.
template <class T>
LOWP_ALWAYS_INLINE vec read_some(const T* p, std::size_t count, T filler) {
  T all[16];
  for (T& x : all) x = filler;
  std::memcpy(static_cast<void*>(all), p, count * sizeof(T));
  return read(all);
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_v3

#define LOWP_TARGET quantize_v3
#include <lowp/kernel/cpu/loops/encode.hpp>
#include <lowp/kernel/cpu/loops/quantize.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
#endif
