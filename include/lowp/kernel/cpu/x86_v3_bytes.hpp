// 8-bit dot products with AVX2, and with AVX-VNNI where a processor has it. Unsigned bytes of weights times signed bytes of
// activations: products in pairs where two fit 16 bits, by words where they may not. Source: Intel SDM volume 2.
#pragma once

#include <lowp/kernel/cpu/byte_codes.hpp>
#include <lowp/kernel/cpu/narrow_product.hpp>
#include <lowp/kernel/cpu/x86_v3.hpp>

#if LOWP_X86_64

LOWP_TARGET_BEGIN("avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v3 {

inline constexpr int narrow_panels = 1;
inline constexpr int narrow_dot_panels = 1;
inline constexpr int narrow_tile_rows = 4;
inline constexpr std::size_t narrow_tokens = 128;  // that share decoded weights
inline constexpr std::size_t narrow_dot_tokens = 4;
inline constexpr bool dots_unsigned_bytes = false;  // those above 127 need another way

LOWP_ALWAYS_INLINE vec fused_add(vec a, vec b, vec c) { return fused_multiply_add(a, b, c); }
LOWP_ALWAYS_INLINE vec fused_subtract(vec a, vec b, vec c) { return fused_negative_multiply_add(a, b, c); }

LOWP_ALWAYS_INLINE __m256i broadcast_four(const std::uint8_t* x) {
  int four;
  __builtin_memcpy(&four, x, sizeof four);
  return _mm256_set1_epi32(four);
}

// `count` is a multiple of four.
inline std::int32_t sum_of_bytes(const std::int8_t* x, std::size_t count) {
  __m256i sum = _mm256_setzero_si256();
  for (; count >= 32; count -= 32, x += 32) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes), _mm256_set1_epi16(1)));
  }
  __m128i q = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4e));
  std::int32_t total = _mm_cvtsi128_si32(_mm_add_epi32(q, _mm_shuffle_epi32(q, 0xb1)));
  for (; count != 0; --count, ++x) total += *x;
  return total;
}

struct byte_operand {
  __m256i bytes;
};
struct word_operand {
  __m256i even;
  __m256i odd;
};
LOWP_ALWAYS_INLINE __m256i dot_four(__m256i sum, __m256i w, byte_operand x) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x.bytes), _mm256_set1_epi16(1)));
}
LOWP_ALWAYS_INLINE __m256i dot_four(__m256i sum, __m256i w, word_operand x) {
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(w, _mm256_set1_epi16(0xff)), x.even);
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(w, 8), x.odd);
  return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

// What dot products of bytes share, whatever multiplies.
struct byte_sums {
  using sum_type = bits;
  static constexpr int parts = 1;
  static constexpr std::size_t column_bytes = 1;
  static constexpr std::size_t stretch = 512;

  LOWP_ALWAYS_INLINE static bits zero() { return every(0); }
  LOWP_ALWAYS_INLINE static bits begin(const std::int32_t* start) { return every(static_cast<std::uint32_t>(*start)); }
  LOWP_ALWAYS_INLINE static void settle(bits& sum) { __asm__("" : "+x"(sum.low), "+x"(sum.high)); }
  LOWP_ALWAYS_INLINE static bits merge(bits a, bits b) { return x86_v3::add(a, b); }
  LOWP_ALWAYS_INLINE static vec value(bits sum) { return to_floats(sum); }
};

template <bool Wide>
struct byte_dot : byte_sums {
  LOWP_ALWAYS_INLINE static auto operand(const std::uint8_t* x) {
    const __m256i four = broadcast_four(x);
    if constexpr (Wide) return word_operand{_mm256_srai_epi16(_mm256_slli_epi16(four, 8), 8), _mm256_srai_epi16(four, 8)};
    else return byte_operand{four};
  }
  template <class Operand>
  LOWP_ALWAYS_INLINE static bits add(bits sum, bits w, Operand x) {
    return {dot_four(sum.low, w.low, x), dot_four(sum.high, w.high, x)};
  }
};

template <byte_kind Kind>
class byte_columns {
 public:
  static constexpr int code_bits = Kind.bits;

  LOWP_ALWAYS_INLINE explicit byte_columns(const void* table) : bytes_(static_cast<const std::uint8_t*>(table)) {
    if constexpr (Kind.table && Kind.bits <= 6) {
      LOWP_UNROLL
      for (int i = 0; i < registers; ++i) {
        table_[i] = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes_ + 16 * i)));
      }
    }
  }

  // Step c of a unit: the bytes of four columns for each row.
  template <class Index>
  LOWP_ALWAYS_INLINE bits get(const std::uint8_t* unit, Index c, int) const {
    const bits codes = step_codes<Kind.bits>(unit, c);
    return {bytes_of(codes.low), bytes_of(codes.high)};
  }

 private:
  static constexpr int registers = Kind.bits <= 4 ? 1 : Kind.bits == 5 ? 2 : 4;

  LOWP_ALWAYS_INLINE __m256i bytes_of(__m256i codes) const {
    if constexpr (!Kind.table) {
      if constexpr (Kind.flip != 0) codes = _mm256_xor_si256(codes, _mm256_set1_epi8(static_cast<char>(Kind.flip)));
      if constexpr (Kind.bits != 8) codes = _mm256_and_si256(codes, _mm256_set1_epi8(static_cast<char>(low_mask(Kind.bits))));
      return codes;
    } else if constexpr (Kind.bits <= 6) {
      const __m256i low = _mm256_and_si256(codes, _mm256_set1_epi8(15));
      const __m256i first = _mm256_shuffle_epi8(table_[0], low);
      if constexpr (Kind.bits <= 4) return first;
      const __m256i bit4 = _mm256_slli_epi16(codes, 3);
      const __m256i lower = _mm256_blendv_epi8(first, _mm256_shuffle_epi8(table_[registers > 1 ? 1 : 0], low), bit4);
      if constexpr (Kind.bits == 5) return lower;
      const __m256i upper = _mm256_blendv_epi8(_mm256_shuffle_epi8(table_[registers > 2 ? 2 : 0], low),
                                               _mm256_shuffle_epi8(table_[registers > 3 ? 3 : 0], low), bit4);
      return _mm256_blendv_epi8(lower, upper, _mm256_slli_epi16(codes, 2));
    } else {
      alignas(32) std::uint8_t each[32];
      _mm256_store_si256(reinterpret_cast<__m256i*>(each), codes);
      for (std::uint8_t& b : each) b = bytes_[b & low_mask(Kind.bits)];
      return _mm256_load_si256(reinterpret_cast<const __m256i*>(each));
    }
  }

  const std::uint8_t* bytes_;
  __m256i table_[registers];
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v3

#define LOWP_TARGET x86_v3
#include <lowp/kernel/cpu/loops/steps.hpp>
#include <lowp/kernel/cpu/loops/multiply_steps.hpp>
#include <lowp/kernel/cpu/loops/byte_kernels.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END

LOWP_TARGET_BEGIN("avx2,fma,f16c,avxvnni")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v3::vnni {

inline constexpr bool dots_unsigned_bytes = true;

template <bool>
struct byte_dot : byte_sums {
  LOWP_ALWAYS_INLINE static __m256i operand(const std::uint8_t* x) { return broadcast_four(x); }
  LOWP_ALWAYS_INLINE static bits add(bits sum, bits w, __m256i x) {
    return {_mm256_dpbusd_avx_epi32(sum.low, w.low, x), _mm256_dpbusd_avx_epi32(sum.high, w.high, x)};
  }
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v3::vnni

#define LOWP_TARGET x86_v3::vnni
#include <lowp/kernel/cpu/loops/walk.hpp>
#include <lowp/kernel/cpu/loops/steps.hpp>
#include <lowp/kernel/cpu/loops/multiply_steps.hpp>
#include <lowp/kernel/cpu/loops/byte_kernels.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
#endif
