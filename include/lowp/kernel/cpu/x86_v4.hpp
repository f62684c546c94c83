// AVX-512 (F, BW, DQ, VL): the primitives of the CPU kernels and their loops over them. A vector is the sixteen rows of a
// panel. Source of the instructions' meanings: Intel SDM volume 2.
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

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4 {

using vec = __m512;
using bits = __m512i;

inline constexpr int tile_rows = 6;
inline constexpr int tile_panels = 4;
inline constexpr int dot_panels = 4;
inline constexpr std::size_t dot_rows = 8;         // rows of x for which decoding into a block does not pay
inline constexpr std::size_t quick_dot_rows = 16;  // and where codes decode quickly

LOWP_ALWAYS_INLINE vec load(const float* p) { return _mm512_load_ps(p); }
LOWP_ALWAYS_INLINE vec load_anywhere(const float* p) { return _mm512_loadu_ps(p); }
LOWP_ALWAYS_INLINE void store(float* p, vec v) { _mm512_store_ps(p, v); }
LOWP_ALWAYS_INLINE void store_anywhere(float* p, vec v) { _mm512_storeu_ps(p, v); }
LOWP_ALWAYS_INLINE vec splat(float x) { return _mm512_set1_ps(x); }
LOWP_ALWAYS_INLINE vec add(vec a, vec b) { return _mm512_add_ps(a, b); }
LOWP_ALWAYS_INLINE vec subtract(vec a, vec b) { return _mm512_sub_ps(a, b); }
LOWP_ALWAYS_INLINE vec multiply(vec a, vec b) { return _mm512_mul_ps(a, b); }
LOWP_ALWAYS_INLINE vec fused_multiply_add(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
LOWP_ALWAYS_INLINE vec fused_negative_multiply_add(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); }

LOWP_ALWAYS_INLINE bits load_bits(const std::uint8_t* p) { return _mm512_load_si512(p); }
LOWP_ALWAYS_INLINE void store_bits(std::uint8_t* p, bits b) { _mm512_store_si512(p, b); }
LOWP_ALWAYS_INLINE bits every(std::uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
LOWP_ALWAYS_INLINE bits add(bits a, bits b) { return _mm512_add_epi32(a, b); }
LOWP_ALWAYS_INLINE vec to_floats(bits b) { return _mm512_cvtepi32_ps(b); }
LOWP_ALWAYS_INLINE vec settled(vec v) {
  __asm__("" : "+v"(v));
  return v;
}

inline float sum_of(const float* x, std::size_t count) {
  vec s = _mm512_setzero_ps();
  for (; count >= 16; count -= 16, x += 16) s = add(s, load_anywhere(x));
  s = add(s, _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1u), x));
  return _mm512_reduce_add_ps(s);
}

// The activation is a memory operand of every multiplication, which costs nothing, where a broadcast into a register
// would take a shuffle. Hiding where the pointer comes from keeps the compiler from merging the loads.
template <int P>
LOWP_ALWAYS_INLINE void multiply_add(const float* x, const vec (&w)[P], vec (&sum)[P]) {
  LOWP_UNROLL
  for (int p = 0; p < P; ++p) {
    sum[p] = fused_multiply_add(w[p], splat(*x), sum[p]);
    __asm__("" : "+r"(x));
  }
}

// Codes at the top of 16 bits become halves.
template <code_kind Kind, int Code>
LOWP_ALWAYS_INLINE bits mark_nan(bits h) {
  if constexpr (Code < 0) return h;
  const auto pattern = half_pattern<Kind.bits>(static_cast<std::uint32_t>(Code), Kind.shift);
  return _mm512_mask_mov_epi16(h, _mm512_cmpeq_epi16_mask(h, _mm512_set1_epi16(static_cast<short>(pattern))), _mm512_set1_epi16(0x7e00));
}
template <code_kind Kind>
LOWP_ALWAYS_INLINE bits halves_of_shifted(bits h) {
  constexpr int magnitude = 0x7fff & (0xffff << (16 - Kind.bits));
  if constexpr (Kind.bits != 16) h = _mm512_and_si512(h, _mm512_set1_epi16(static_cast<short>(0x8000 | magnitude >> Kind.shift)));
  if constexpr (nan_by_carry(Kind)) {
    const bits next = _mm512_add_epi16(h, _mm512_set1_epi16(1 << (15 - Kind.bits)));
    return _mm512_ternarylogic_epi32(h, next, _mm512_set1_epi16(0x4000), 0xf8);  // h | (next & bit)
  }
  return mark_nan<Kind, Kind.special_two>(mark_nan<Kind, Kind.special_one>(h));
}
template <code_kind Kind>
LOWP_ALWAYS_INLINE bits halves(bits codes) {
  return halves_of_shifted<Kind>(Kind.shift == 0 ? codes : _mm512_srai_epi16(codes, Kind.shift));
}

// Halves of two neighbouring columns side by side become the two columns.
struct column_pair {
  vec first;
  vec second;
};
LOWP_ALWAYS_INLINE column_pair split_halves(bits h) {
  const vec low = _mm512_cvtph_ps(_mm512_castsi512_si256(h));
  const vec high = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(h, 1));
  const bits even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const bits odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return {_mm512_permutex2var_ps(low, even, high), _mm512_permutex2var_ps(low, odd, high)};
}

// A plane of the codes of step c, in its place in each byte; other bits are not cleared.
template <int Bits, int Plane, class Index>
LOWP_ALWAYS_INLINE bits plane_of(const std::uint8_t* unit, Index c) {
  constexpr step_place at = step_place_of<Bits>(Plane);
  const bits line = _mm512_load_si512(unit + at.offset + static_cast<std::size_t>(c) / at.steps * layout::tile16::line_bytes);
  bits codes = line;
  if constexpr (at.steps > 1) {
    if constexpr (std::is_integral_v<Index>)
      codes = _mm512_srlv_epi32(line, _mm512_set1_epi32(static_cast<int>(c % at.steps * at.width)));
    else if constexpr (Index::value % at.steps != 0) codes = _mm512_srli_epi32(line, Index::value % at.steps * at.width);
  }
  return at.first == 0 ? codes : _mm512_slli_epi32(codes, at.first);
}
// The bits of the mask, in each byte, from the first.
LOWP_ALWAYS_INLINE bits select(std::uint32_t mask, bits from_first, bits from_second) {
  return _mm512_ternarylogic_epi32(_mm512_set1_epi8(static_cast<char>(mask)), from_first, from_second, 0xca);
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4

#define LOWP_TARGET x86_v4
#include <lowp/kernel/cpu/loops/planes.hpp>
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4 {

// Codes of one kind as floats; the table of a small format stays in registers.
template <code_kind Kind>
class columns : public column_steps<Kind> {
 public:
  using column_steps<Kind>::step;

  static constexpr bool in_registers = Kind.how == decoding::table && Kind.bits <= 6;
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
    if constexpr (in_registers) {
      LOWP_UNROLL
      for (int i = 0; i < registers; ++i) table_[i] = load(values + 16 * i);
    }
  }

  // Step c of a unit; an integral_constant for c makes its shifts immediate.
  template <class Index>
  LOWP_ALWAYS_INLINE prepared prepare(const std::uint8_t* unit, Index c) const {
    if constexpr (Kind.how == decoding::half) {
      const bits line = _mm512_load_si512(unit);
      const column_pair odd = split_halves(halves<Kind>(line));
      if constexpr (Kind.bits == 16) return {{odd.first, odd.second}};
      const column_pair even = split_halves(halves<Kind>(_mm512_slli_epi16(line, 8)));
      if constexpr (Kind.bits == 8) return {{even.first, odd.first, even.second, odd.second}};
    } else {
      return from_bytes(step_codes<Kind.bits>(unit, c));
    }
  }

  // The same from codes that lie in the bytes of each lane already.
  LOWP_ALWAYS_INLINE static prepared from_bytes(bits codes) {
    if constexpr (Kind.flip) codes = _mm512_xor_si512(codes, _mm512_set1_epi8(static_cast<char>(1 << (Kind.bits - 1))));
    if constexpr (in_words) return {_mm512_srai_epi16(_mm512_slli_epi16(codes, 8), 8), _mm512_srai_epi16(codes, 8)};
    else return {codes};
  }

  // Column J of a step, before the unit's factor.
  template <int J>
  LOWP_ALWAYS_INLINE vec get(const prepared& from) const {
    constexpr int mask = static_cast<int>(low_mask(Kind.bits));
    if constexpr (Kind.how == decoding::half) {
      return from.column[J];
    } else if constexpr (Kind.how == decoding::f32) {
      return _mm512_castsi512_ps(from.codes);
    } else if constexpr (Kind.how == decoding::bf16) {
      return _mm512_castsi512_ps(J == 0 ? _mm512_slli_epi32(from.codes, 16) : _mm512_and_si512(from.codes, _mm512_set1_epi32(-0x10000)));
    } else if constexpr (in_words) {
      // Multiplying one of two words by one and the other by zero widens it where shifts have enough to do.
      return _mm512_cvtepi32_ps(_mm512_madd_epi16(J % 2 == 0 ? from.even : from.odd, _mm512_set1_epi32(J < 2 ? 1 : 1 << 16)));
    } else if constexpr (Kind.how == decoding::integer && Kind.is_signed) {
      constexpr int up = 32 - Kind.bits - 8 * J;
      return _mm512_cvtepi32_ps(_mm512_srai_epi32(up == 0 ? from.codes : _mm512_slli_epi32(from.codes, up), 32 - Kind.bits));
    } else {
      // What lies above a code does not disturb look-ups in registers.
      const bits code = J == 0 ? from.codes : _mm512_srli_epi32(from.codes, 8 * J);
      if constexpr (in_registers) return look_up(code);
      const bits low = _mm512_and_si512(code, _mm512_set1_epi32(mask));
      if constexpr (Kind.how == decoding::integer) return _mm512_cvtepi32_ps(low);
      else if constexpr (Kind.how == decoding::exponent)
        return mark<Kind.special_two>(low, mark<Kind.special_one>(low, _mm512_castsi512_ps(_mm512_slli_epi32(low, 23))));
      else return _mm512_i32gather_ps(low, values_, 4);
    }
  }

 private:
  static constexpr int registers = Kind.bits <= 4 ? 1 : Kind.bits == 5 ? 2 : 4;

  LOWP_ALWAYS_INLINE vec look_up(bits code) const {
    if constexpr (Kind.bits <= 4) {
      return _mm512_permutexvar_ps(code, table_[0]);
    } else if constexpr (Kind.bits == 5) {
      return _mm512_permutex2var_ps(table_[0], code, table_[1]);
    } else {
      const vec lower = _mm512_permutex2var_ps(table_[0], code, table_[1]);
      const vec upper = _mm512_permutex2var_ps(table_[2], code, table_[registers - 1]);
      return _mm512_mask_mov_ps(lower, _mm512_test_epi32_mask(code, _mm512_set1_epi32(32)), upper);
    }
  }

  // Codes that a rule misses, from the table.
  template <int Code>
  LOWP_ALWAYS_INLINE vec mark(bits code, vec value) const {
    if constexpr (Code < 0) return value;
    else return _mm512_mask_mov_ps(value, _mm512_cmpeq_epi32_mask(code, _mm512_set1_epi32(Code)), splat(values_[Code]));
  }

  const float* values_;
  vec table_[registers];
};

template <code_kind Kind>
LOWP_ALWAYS_INLINE vec read_codes(const void* codes, const float* values) {
  if constexpr (Kind.how == decoding::f32) {
    return load(static_cast<const float*>(codes));
  } else if constexpr (Kind.how == decoding::half && Kind.bits == 16) {
    return _mm512_cvtph_ps(_mm256_load_si256(static_cast<const __m256i*>(codes)));
  } else if constexpr (Kind.how == decoding::bf16) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_load_si256(static_cast<const __m256i*>(codes))), 16));
  } else {
    const __m128i bytes = _mm_load_si128(static_cast<const __m128i*>(codes));
    if constexpr (Kind.how == decoding::half) {
      const __m256i words = _mm256_slli_epi16(_mm256_cvtepi8_epi16(bytes), 8 - Kind.shift);
      return _mm512_cvtph_ps(_mm512_castsi512_si256(halves_of_shifted<Kind>(_mm512_castsi256_si512(words))));
    } else {
      return columns<Kind>(values).template get<0>(columns<Kind>::from_bytes(_mm512_cvtepu8_epi32(bytes)));
    }
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4

#include <lowp/kernel/cpu/loops/walk.hpp>
#include <lowp/kernel/cpu/loops/scalar.hpp>
#include <lowp/kernel/cpu/loops/tile.hpp>
#include <lowp/kernel/cpu/loops/dot.hpp>
#include <lowp/kernel/cpu/loops/block.hpp>
#include <lowp/kernel/cpu/loops/multiply.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
#endif
