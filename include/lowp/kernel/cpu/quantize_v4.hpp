// AVX-512 (F, BW, DQ, VL): the primitives of quantizing and its loops over them, sixteen numbers to a vector. Source of the
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

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_v4 {

using vec = __m512;
using bits = __m512i;
using mask = __mmask16;
using byte_codes = __m128i;

LOWP_ALWAYS_INLINE vec read(const float* p) { return _mm512_loadu_ps(p); }
LOWP_ALWAYS_INLINE vec read(const f16* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
LOWP_ALWAYS_INLINE vec read(const bf16* p) {
  const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(codes), 16));
}
LOWP_ALWAYS_INLINE vec splat(float x) { return _mm512_set1_ps(x); }
LOWP_ALWAYS_INLINE vec add(vec a, vec b) { return _mm512_add_ps(a, b); }
LOWP_ALWAYS_INLINE vec multiply(vec a, vec b) { return _mm512_mul_ps(a, b); }
LOWP_ALWAYS_INLINE vec divide(vec a, vec b) { return _mm512_div_ps(a, b); }
// The second operand where either is NaN.
LOWP_ALWAYS_INLINE vec minimum(vec a, vec b) { return _mm512_min_ps(a, b); }
LOWP_ALWAYS_INLINE vec maximum(vec a, vec b) { return _mm512_max_ps(a, b); }
LOWP_ALWAYS_INLINE float smallest(vec a) { return _mm512_reduce_min_ps(a); }
LOWP_ALWAYS_INLINE float largest(vec a) { return _mm512_reduce_max_ps(a); }
LOWP_ALWAYS_INLINE mask not_at_most(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLE_UQ); }

LOWP_ALWAYS_INLINE bits every(std::uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
LOWP_ALWAYS_INLINE bits as_bits(vec a) { return _mm512_castps_si512(a); }
LOWP_ALWAYS_INLINE vec as_floats(bits a) { return _mm512_castsi512_ps(a); }
LOWP_ALWAYS_INLINE bits both(bits a, bits b) { return _mm512_and_si512(a, b); }
LOWP_ALWAYS_INLINE bits either(bits a, bits b) { return _mm512_or_si512(a, b); }
LOWP_ALWAYS_INLINE bits sum(bits a, bits b) { return _mm512_add_epi32(a, b); }
LOWP_ALWAYS_INLINE bits difference(bits a, bits b) { return _mm512_sub_epi32(a, b); }
template <int Count>
LOWP_ALWAYS_INLINE bits shift_right(bits a) {
  return _mm512_srli_epi32(a, Count);
}
// Comparisons are signed.
LOWP_ALWAYS_INLINE bits smaller(bits a, bits b) { return _mm512_min_epi32(a, b); }
LOWP_ALWAYS_INLINE bits larger(bits a, bits b) { return _mm512_max_epi32(a, b); }
LOWP_ALWAYS_INLINE int largest(bits a) { return _mm512_reduce_max_epi32(a); }
LOWP_ALWAYS_INLINE mask above(bits a, bits b) { return _mm512_cmpgt_epi32_mask(a, b); }
LOWP_ALWAYS_INLINE bits choose(mask m, bits a, bits b) { return _mm512_mask_mov_epi32(b, m, a); }
LOWP_ALWAYS_INLINE bits double_and_count(bits a, mask m) {
  const bits twice = _mm512_add_epi32(a, a);
  return _mm512_mask_add_epi32(twice, m, twice, _mm512_set1_epi32(1));
}
LOWP_ALWAYS_INLINE bits round_to_integers(vec a) { return _mm512_cvt_roundps_epi32(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

// By positions below eight.
LOWP_ALWAYS_INLINE vec look_up(const float* table, bits position) { return _mm512_permutexvar_ps(position, _mm512_load_ps(table)); }

LOWP_ALWAYS_INLINE byte_codes low_bytes(bits a) { return _mm512_cvtepi32_epi8(a); }
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

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_v4

#define LOWP_TARGET quantize_v4
#include <lowp/kernel/cpu/loops/encode.hpp>
#include <lowp/kernel/cpu/loops/quantize.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
#endif
