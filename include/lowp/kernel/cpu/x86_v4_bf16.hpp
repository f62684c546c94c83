// Dot products of bf16 with AVX-512 BF16: pairs of columns, summed in f32. The instruction takes subnormals as zeros, and rounds each
// of its two additions to the nearest. Source: Intel SDM volume 2, VDPBF16PS.
#pragma once

#include <lowp/kernel/cpu/narrow_product.hpp>
#include <lowp/kernel/cpu/pair_codes.hpp>
#include <lowp/kernel/cpu/x86_v4.hpp>

#if LOWP_X86_64

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4::pairs {

inline constexpr int narrow_panels = 2;
inline constexpr int narrow_dot_panels = 4;
inline constexpr int narrow_tile_rows = 7;
inline constexpr std::size_t narrow_tokens = 128;  // that share decoded weights
inline constexpr std::size_t narrow_dot_tokens = 4;

LOWP_ALWAYS_INLINE vec fused_add(vec a, vec b, vec c) { return fused_multiply_add(a, b, c); }
LOWP_ALWAYS_INLINE vec fused_subtract(vec a, vec b, vec c) { return fused_negative_multiply_add(a, b, c); }

struct pair_dot {
  using sum_type = vec;
  static constexpr int parts = 2;
  static constexpr std::size_t column_bytes = 2;
  static constexpr std::size_t stretch = 256;

  LOWP_ALWAYS_INLINE static vec zero() { return splat(0.0f); }
  LOWP_ALWAYS_INLINE static vec begin(const std::int32_t*) { return splat(0.0f); }
  LOWP_ALWAYS_INLINE static bits operand(const std::uint8_t* x) {
    int pair;
    __builtin_memcpy(&pair, x, sizeof pair);
    return _mm512_set1_epi32(pair);
  }
  LOWP_ALWAYS_INLINE static vec add(vec sum, bits w, bits x) {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
    return sum;
  }
  LOWP_ALWAYS_INLINE static void settle(vec& sum) { __asm__("" : "+v"(sum)); }
  LOWP_ALWAYS_INLINE static vec merge(vec a, vec b) { return x86_v4::add(a, b); }
  LOWP_ALWAYS_INLINE static vec value(vec sum) { return sum; }
};

// Steps of four columns as two vectors of bf16 pairs: columns 0 and 2, then 1 and 3, which lie in the same bytes of a row's two words.
// Small tables are looked up by words; other formats go by their floats, whose upper halves they are.
template <code_kind Kind>
class pair_columns {
 public:
  static constexpr int code_bits = Kind.bits;

  LOWP_ALWAYS_INLINE explicit pair_columns(const void* table) : floats_(static_cast<const float*>(table)) {
    if constexpr (by_words) table_ = _mm512_load_si512(table);
  }

  template <class Index>
  LOWP_ALWAYS_INLINE bits get(const std::uint8_t* unit, Index c, int part) const {
    if constexpr (by_words) {
      const bits codes = step_codes<Kind.bits>(unit, c);
      return _mm512_permutexvar_epi16(part == 0 ? codes : _mm512_srli_epi16(codes, 8), table_);
    } else {
      const auto prepared = floats_.prepare(unit, c);
      return part == 0 ? upper_halves(floats_.template get<0>(prepared), floats_.template get<2>(prepared))
                       : upper_halves(floats_.template get<1>(prepared), floats_.template get<3>(prepared));
    }
  }

 private:
  static constexpr bool by_words = pair_table_kind(Kind);

  LOWP_ALWAYS_INLINE static bits upper_halves(vec low, vec high) {
    const bits shifted = _mm512_srli_epi32(_mm512_castps_si512(low), 16);
    return _mm512_ternarylogic_epi32(shifted, _mm512_castps_si512(high), every(0xffff0000u), 0xf8);  // shifted | (high & mask)
  }

  columns<Kind> floats_;
  bits table_;
};

// Rounds four columns after four to bf16 and puts them in the order 0 2 1 3; those from `count` to the next multiple of four are zeros.
inline void round_to_pairs(const float* x, std::size_t count, std::uint8_t* out) {
  const __m256i order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
  for (std::size_t k = 0; k < count; k += 16) {
    const std::size_t left = count - k < 16 ? count - k : 16;
    const vec v = _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << left) - 1u), x + k);
    const __m256i rounded = _mm256_shuffle_epi8(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)), order);
    const auto written = static_cast<__mmask16>((1u << round_up(left, step_columns)) - 1u);
    _mm256_mask_storeu_epi16(out + 2 * k, written, rounded);
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4::pairs

#define LOWP_TARGET x86_v4::pairs
#include <lowp/kernel/cpu/loops/walk.hpp>
#include <lowp/kernel/cpu/loops/steps.hpp>
#include <lowp/kernel/cpu/loops/multiply_steps.hpp>
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4::pairs {

// Completes a product of bf16 activations with weights in F.
template <number_format F, class Scale, class Zero, term Term>
void choose_pair_kernels(narrow_product& a) {
  constexpr bool centred = Term == term::zero;
  constexpr code_rule rule = code_rule_of<F, centred>;
  if constexpr (pair_table_kind(rule.kind)) a.table = pair_table_of<F, centred>.value;
  else a.table = code_values<F, centred>();
  choose_step_kernels<pair_columns<rule.kind>, pair_dot, Scale, Zero, Term, false>(a, code_centre<F>());
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4::pairs
#undef LOWP_TARGET
LOWP_TARGET_END
#endif
