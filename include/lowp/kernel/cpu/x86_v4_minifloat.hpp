// 8-bit floats of at most four exponent bits (E4M3) to floats with AVX-512, by shifts alone: sign and magnitude move to where a float has
// them, above an exponent that is never 0. So codes below the normal numbers come out wrong, and lines that have one take another way;
// there must be no NaN. Half the instructions of a conversion by way of halves. Source: Intel SDM volume 2.
#pragma once

#include <lowp/kernel/cpu/x86_v4.hpp>

#if LOWP_X86_64

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4::vnni {

template <code_kind Kind>
struct minifloat_columns {
  static constexpr bool exists = Kind.how == decoding::half && Kind.bits == 8 && Kind.shift >= 1;
  static constexpr int exponent_bits = 5 - Kind.shift;

  // Whether all codes of some lines are normal numbers.
  template <int P>
  LOWP_ALWAYS_INLINE static bool all_normal(const bits (&line)[P]) {
    const bits exponent = _mm512_set1_epi8(static_cast<char>(0x7f & (0x7f << (7 - exponent_bits))));
    __mmask64 low = 0;
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) low |= _mm512_testn_epi8_mask(line[p], exponent);
    return low == 0;
  }

  // Byte J of each lane, in units of the half that its bits spell.
  template <int J>
  LOWP_ALWAYS_INLINE static vec get(bits line) {
    constexpr std::uint32_t kept = 0x80000000u | 0x7fu << (21 - Kind.shift);
    bits b = J % 2 == 0 ? _mm512_slli_epi16(line, 8) : line;
    b = _mm512_srai_epi16(b, 3 + Kind.shift);
    if constexpr (J < 2) b = _mm512_slli_epi32(b, 16);
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(b, every(kept), every(112u << 23), 0xea));  // b & kept | exponent
  }
};

// Scales in 8-bit floats of which none is negative or NaN, in five instructions in place of eight.
template <number_format F>
struct quick_scales {
  static constexpr code_rule rule = code_rule_of<F>;
  static constexpr bool exists = rule.kind.how == decoding::half && rule.kind.bits == 8;
  static constexpr float unit = rule.unit;  // of what read() gives

  // The first code that is not simply a number.
  static constexpr std::uint32_t end = [] {
    std::uint32_t code = 0;
    while (exists && code < 128 && is_finite(decode<F>(code))) ++code;
    return code;
  }();

  // Whether read() takes each of `count` codes, a multiple of 16.
  LOWP_ALWAYS_INLINE static bool fit(const std::uint8_t* codes, std::size_t count) {
    __m128i most = _mm_setzero_si128();
    std::size_t i = 0;
    if (count >= 64) {
      bits wide = every(0);
      for (; i + 64 <= count; i += 64) wide = _mm512_max_epu8(wide, _mm512_loadu_si512(codes + i));
      const __m256i half = _mm256_max_epu8(_mm512_castsi512_si256(wide), _mm512_extracti64x4_epi64(wide, 1));
      most = _mm_max_epu8(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    }
    for (; i < count; i += 16) most = _mm_max_epu8(most, _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i)));
    return _mm_cmplt_epu8_mask(most, _mm_set1_epi8(static_cast<char>(end))) == 0xffff;
  }
  LOWP_ALWAYS_INLINE static vec read(const std::uint8_t* codes) {
    const __m256i words = _mm256_cvtepu8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(codes)));
    return _mm512_cvtph_ps(_mm256_slli_epi16(words, 8 - rule.kind.shift));
  }
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4::vnni
LOWP_TARGET_END
#endif
