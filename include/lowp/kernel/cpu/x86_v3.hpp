// AVX2, FMA and F16C: the primitives of the CPU kernels and their loops over them. A vector is the sixteen rows of a panel
// in two registers. Source of the instructions' meanings: Intel SDM volume 2.
#pragma once

#include <lowp/kernel/cpu/build.hpp>
#include <lowp/kernel/cpu/decoding.hpp>
#include <lowp/kernel/cpu/product.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#if LOWP_X86_64
#include <immintrin.h>

LOWP_TARGET_BEGIN("avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v3 {

// Rows 0 to 7 and rows 8 to 15.
struct vec {
  __m256 low;
  __m256 high;
};
struct bits {
  __m256i low;
  __m256i high;
};

inline constexpr int tile_rows = 6;
inline constexpr int tile_panels = 1;
inline constexpr int dot_panels = 2;
inline constexpr std::size_t dot_rows = 2;        // rows of x for which decoding into a block does not pay
inline constexpr std::size_t quick_dot_rows = 2;  // and where codes decode quickly

LOWP_ALWAYS_INLINE vec load(const float* p) { return {_mm256_load_ps(p), _mm256_load_ps(p + 8)}; }
LOWP_ALWAYS_INLINE vec load_anywhere(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
LOWP_ALWAYS_INLINE void store(float* p, vec v) {
  _mm256_store_ps(p, v.low);
  _mm256_store_ps(p + 8, v.high);
}
LOWP_ALWAYS_INLINE void store_anywhere(float* p, vec v) {
  _mm256_storeu_ps(p, v.low);
  _mm256_storeu_ps(p + 8, v.high);
}
LOWP_ALWAYS_INLINE vec splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
LOWP_ALWAYS_INLINE vec add(vec a, vec b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
LOWP_ALWAYS_INLINE vec subtract(vec a, vec b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
LOWP_ALWAYS_INLINE vec multiply(vec a, vec b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
LOWP_ALWAYS_INLINE vec fused_multiply_add(vec a, vec b, vec c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
LOWP_ALWAYS_INLINE vec fused_negative_multiply_add(vec a, vec b, vec c) {
  return {_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)};
}

LOWP_ALWAYS_INLINE bits load_bits(const std::uint8_t* p) {
  return {_mm256_load_si256(reinterpret_cast<const __m256i*>(p)), _mm256_load_si256(reinterpret_cast<const __m256i*>(p + 32))};
}
LOWP_ALWAYS_INLINE bits every(std::uint32_t x) { return {_mm256_set1_epi32(static_cast<int>(x)), _mm256_set1_epi32(static_cast<int>(x))}; }
LOWP_ALWAYS_INLINE bits operator&(bits a, bits b) { return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)}; }
LOWP_ALWAYS_INLINE bits operator|(bits a, bits b) { return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)}; }
LOWP_ALWAYS_INLINE bits and_not(bits a, bits b) { return {_mm256_andnot_si256(a.low, b.low), _mm256_andnot_si256(a.high, b.high)}; }
LOWP_ALWAYS_INLINE bits operator^(bits a, bits b) { return {_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)}; }
LOWP_ALWAYS_INLINE bits operator<<(bits a, int n) { return {_mm256_slli_epi32(a.low, n), _mm256_slli_epi32(a.high, n)}; }
LOWP_ALWAYS_INLINE bits operator>>(bits a, int n) { return {_mm256_srli_epi32(a.low, n), _mm256_srli_epi32(a.high, n)}; }
LOWP_ALWAYS_INLINE bits shift_right_signed(bits a, int n) { return {_mm256_srai_epi32(a.low, n), _mm256_srai_epi32(a.high, n)}; }
LOWP_ALWAYS_INLINE vec as_floats(bits a) { return {_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)}; }
LOWP_ALWAYS_INLINE vec to_floats(bits a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }

LOWP_ALWAYS_INLINE void store_bits(std::uint8_t* p, bits b) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(p), b.low);
  _mm256_store_si256(reinterpret_cast<__m256i*>(p + 32), b.high);
}
LOWP_ALWAYS_INLINE bits add(bits a, bits b) { return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
LOWP_ALWAYS_INLINE vec settled(vec v) {
  __asm__("" : "+x"(v.low), "+x"(v.high));
  return v;
}

inline float sum_of(const float* x, std::size_t count) {
  __m256 s = _mm256_setzero_ps();
  for (; count >= 8; count -= 8, x += 8) s = _mm256_add_ps(s, _mm256_loadu_ps(x));
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  float sum = _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
  for (; count != 0; --count, ++x) sum += *x;
  return sum;
}

template <int P>
LOWP_ALWAYS_INLINE void multiply_add(const float* x, const vec (&w)[P], vec (&sum)[P]) {
  const vec xk = splat(*x);
  LOWP_UNROLL
  for (int p = 0; p < P; ++p) sum[p] = fused_multiply_add(w[p], xk, sum[p]);
}

// Sixteen bits of two neighbouring columns side by side become halves, then floats, then the two columns.
struct column_pair {
  vec first;
  vec second;
};
template <code_kind Kind, int Code>
LOWP_ALWAYS_INLINE __m256i mark_nan(__m256i h) {
  if constexpr (Code < 0) return h;
  const auto pattern = half_pattern<Kind.bits>(static_cast<std::uint32_t>(Code), Kind.shift);
  const __m256i found = _mm256_cmpeq_epi16(h, _mm256_set1_epi16(static_cast<short>(pattern)));
  return _mm256_or_si256(h, _mm256_and_si256(found, _mm256_set1_epi16(0x7e00)));
}
template <code_kind Kind>
LOWP_ALWAYS_INLINE __m256i halves(__m256i h) {
  constexpr int magnitude = 0x7fff & (0xffff << (16 - Kind.bits));
  if constexpr (Kind.shift != 0) h = _mm256_srai_epi16(h, Kind.shift);
  if constexpr (Kind.bits != 16) h = _mm256_and_si256(h, _mm256_set1_epi16(static_cast<short>(0x8000 | magnitude >> Kind.shift)));
  if constexpr (nan_by_carry(Kind)) {
    const __m256i next = _mm256_add_epi16(h, _mm256_set1_epi16(1 << (15 - Kind.bits)));
    return _mm256_or_si256(h, _mm256_and_si256(next, _mm256_set1_epi16(0x4000)));
  }
  return mark_nan<Kind, Kind.special_two>(mark_nan<Kind, Kind.special_one>(h));
}
LOWP_ALWAYS_INLINE __m256 in_order(__m256 pairs) { return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(pairs), 0xd8)); }
template <code_kind Kind>
LOWP_ALWAYS_INLINE void split_halves(__m256i codes, __m256& first, __m256& second) {
  const __m256i h = halves<Kind>(codes);
  const __m256 a = _mm256_cvtph_ps(_mm256_castsi256_si128(h));
  const __m256 b = _mm256_cvtph_ps(_mm256_extracti128_si256(h, 1));
  first = in_order(_mm256_shuffle_ps(a, b, 0x88));
  second = in_order(_mm256_shuffle_ps(a, b, 0xdd));
}
template <code_kind Kind>
LOWP_ALWAYS_INLINE column_pair split_halves(bits codes) {
  column_pair pair;
  split_halves<Kind>(codes.low, pair.first.low, pair.second.low);
  split_halves<Kind>(codes.high, pair.first.high, pair.second.high);
  return pair;
}

// A plane of the codes of step c, in its place in each byte; other bits are not cleared.
template <int Bits, int Plane, class Index>
LOWP_ALWAYS_INLINE bits plane_of(const std::uint8_t* unit, Index c) {
  constexpr step_place at = step_place_of<Bits>(Plane);
  const bits line = load_bits(unit + at.offset + static_cast<std::size_t>(c) / at.steps * layout::tile16::line_bytes);
  bits codes = line;
  if constexpr (at.steps > 1) {
    if constexpr (std::is_integral_v<Index>) {
      const __m128i count = _mm_cvtsi32_si128(static_cast<int>(c % at.steps * at.width));
      codes = {_mm256_srl_epi32(line.low, count), _mm256_srl_epi32(line.high, count)};
    } else if constexpr (Index::value % at.steps != 0) {
      codes = line >> static_cast<int>(Index::value % at.steps * at.width);
    }
  }
  return at.first == 0 ? codes : codes << at.first;
}
// The bits of the mask, in each byte, from the first.
LOWP_ALWAYS_INLINE bits select(std::uint32_t mask, bits from_first, bits from_second) {
  const bits m = every(0x01010101u * mask);
  return (from_first & m) | and_not(m, from_second);
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v3

#define LOWP_TARGET x86_v3
#include <lowp/kernel/cpu/loops/planes.hpp>
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v3 {

// Codes of one kind as floats; the table of a small format stays in registers.
template <code_kind Kind>
class columns : public column_steps<Kind> {
 public:
  using column_steps<Kind>::step;

  static constexpr bool in_registers = Kind.how == decoding::table && Kind.bits <= 4;
  static constexpr bool in_words = Kind.how == decoding::integer && Kind.is_signed && Kind.bits == 8;

  struct float_columns {
    vec column[step];
  };
  struct word_columns {
    bits even;
    bits odd;
  };
  struct code_columns {
    bits codes;
  };
  // What the columns of a step share: for most kinds, their codes in the bytes of each row's lane.
  using prepared = std::conditional_t<Kind.how == decoding::half, float_columns, std::conditional_t<in_words, word_columns, code_columns>>;

  LOWP_ALWAYS_INLINE explicit columns(const float* values) : values_(values) {
    if constexpr (in_registers) table_ = load(values);
  }

  // Step c of a unit; an integral_constant for c makes its shifts immediate.
  template <class Index>
  LOWP_ALWAYS_INLINE prepared prepare(const std::uint8_t* unit, Index c) const {
    if constexpr (Kind.how == decoding::half) {
      const bits line = load_bits(unit);
      const column_pair odd = split_halves<Kind>(line);
      if constexpr (Kind.bits == 16) return {{odd.first, odd.second}};
      const column_pair even = split_halves<Kind>(line << 8);
      if constexpr (Kind.bits == 8) return {{even.first, odd.first, even.second, odd.second}};
    } else {
      return from_bytes(step_codes<Kind.bits>(unit, c));
    }
  }

  // The same from codes that lie in the bytes of each lane already.
  LOWP_ALWAYS_INLINE static prepared from_bytes(bits codes) {
    if constexpr (Kind.flip) codes = codes ^ every(0x01010101u << (Kind.bits - 1));
    if constexpr (in_words) {
      const bits even{_mm256_slli_epi16(codes.low, 8), _mm256_slli_epi16(codes.high, 8)};
      return {{_mm256_srai_epi16(even.low, 8), _mm256_srai_epi16(even.high, 8)},
              {_mm256_srai_epi16(codes.low, 8), _mm256_srai_epi16(codes.high, 8)}};
    } else {
      return {codes};
    }
  }

  // Column J of a step, before the unit's factor.
  template <int J>
  LOWP_ALWAYS_INLINE vec get(const prepared& from) const {
    if constexpr (Kind.how == decoding::half) {
      return from.column[J];
    } else if constexpr (Kind.how == decoding::f32) {
      return as_floats(from.codes);
    } else if constexpr (Kind.how == decoding::bf16) {
      return as_floats(J == 0 ? from.codes << 16 : from.codes & every(0xffff0000u));
    } else if constexpr (in_words) {
      // Multiplying one of two words by one and the other by zero widens it where shifts have enough to do.
      const bits& words = J % 2 == 0 ? from.even : from.odd;
      const __m256i one = _mm256_set1_epi32(J < 2 ? 1 : 1 << 16);
      return to_floats({_mm256_madd_epi16(words.low, one), _mm256_madd_epi16(words.high, one)});
    } else if constexpr (Kind.how == decoding::integer && Kind.is_signed) {
      constexpr int up = 32 - Kind.bits - 8 * J;
      return to_floats(shift_right_signed(up == 0 ? from.codes : from.codes << up, 32 - Kind.bits));
    } else {
      // Look-ups in registers read the three bits below, and the choice between their halves a sign.
      const bits code = J == 0 ? from.codes : from.codes >> (8 * J);
      if constexpr (in_registers) return look_up(code, from.codes << (28 - 8 * J));
      const bits low = code & every(low_mask(Kind.bits));
      if constexpr (Kind.how == decoding::integer) return to_floats(low);
      else if constexpr (Kind.how == decoding::exponent)
        return mark<Kind.special_two>(low, mark<Kind.special_one>(low, as_floats(low << 23)));
      else return {_mm256_i32gather_ps(values_, low.low, 4), _mm256_i32gather_ps(values_, low.high, 4)};
    }
  }

 private:
  LOWP_ALWAYS_INLINE vec look_up(bits code, bits upper) const {
    const vec lower_half{_mm256_permutevar8x32_ps(table_.low, code.low), _mm256_permutevar8x32_ps(table_.low, code.high)};
    if constexpr (Kind.bits < 4) return lower_half;
    const vec upper_half{_mm256_permutevar8x32_ps(table_.high, code.low), _mm256_permutevar8x32_ps(table_.high, code.high)};
    return {_mm256_blendv_ps(lower_half.low, upper_half.low, _mm256_castsi256_ps(upper.low)),
            _mm256_blendv_ps(lower_half.high, upper_half.high, _mm256_castsi256_ps(upper.high))};
  }

  // Codes that a rule misses, from the table.
  template <int Code>
  LOWP_ALWAYS_INLINE vec mark(bits code, vec value) const {
    if constexpr (Code < 0) return value;
    const __m256i wanted = _mm256_set1_epi32(Code);
    const __m256 special = _mm256_set1_ps(values_[Code < 0 ? 0 : Code]);
    return {_mm256_blendv_ps(value.low, special, _mm256_castsi256_ps(_mm256_cmpeq_epi32(code.low, wanted))),
            _mm256_blendv_ps(value.high, special, _mm256_castsi256_ps(_mm256_cmpeq_epi32(code.high, wanted)))};
  }

  const float* values_;
  vec table_;
};

template <code_kind Kind>
LOWP_ALWAYS_INLINE vec read_codes(const void* codes, const float* values) {
  const auto* bytes = static_cast<const __m128i*>(codes);
  if constexpr (Kind.how == decoding::f32) {
    return load(static_cast<const float*>(codes));
  } else if constexpr (Kind.how == decoding::half && Kind.bits == 16) {
    return {_mm256_cvtph_ps(_mm_load_si128(bytes)), _mm256_cvtph_ps(_mm_load_si128(bytes + 1))};
  } else if constexpr (Kind.how == decoding::bf16) {
    return as_floats(bits{_mm256_cvtepu16_epi32(_mm_load_si128(bytes)), _mm256_cvtepu16_epi32(_mm_load_si128(bytes + 1))} << 16);
  } else if constexpr (Kind.how == decoding::half) {
    const __m256i h = halves<Kind>(_mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_load_si128(bytes)), 8));
    return {_mm256_cvtph_ps(_mm256_castsi256_si128(h)), _mm256_cvtph_ps(_mm256_extracti128_si256(h, 1))};
  } else {
    const __m128i all = _mm_load_si128(bytes);
    const bits lanes{_mm256_cvtepu8_epi32(all), _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(all, all))};
    return columns<Kind>(values).template get<0>(columns<Kind>::from_bytes(lanes));
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v3

#include <lowp/kernel/cpu/loops/walk.hpp>
#include <lowp/kernel/cpu/loops/scalar.hpp>
#include <lowp/kernel/cpu/loops/tile.hpp>
#include <lowp/kernel/cpu/loops/dot.hpp>
#include <lowp/kernel/cpu/loops/block.hpp>
#include <lowp/kernel/cpu/loops/multiply.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
#endif
