// 8-bit dot products with AVX-512 VNNI: unsigned bytes of weights times signed bytes of activations, four at a time.
// Source: Intel SDM volume 2, VPDPBUSD.
#pragma once

#include <lowp/kernel/cpu/byte_codes.hpp>
#include <lowp/kernel/cpu/narrow_product.hpp>
#include <lowp/kernel/cpu/x86_v4.hpp>

#if LOWP_X86_64

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4::vnni {

inline constexpr int narrow_panels = 2;
inline constexpr int narrow_dot_panels = 4;
inline constexpr int narrow_tile_rows = 7;
inline constexpr std::size_t narrow_tokens = 128;  // that share decoded weights
inline constexpr std::size_t narrow_dot_tokens = 4;
inline constexpr bool dots_unsigned_bytes = true;

LOWP_ALWAYS_INLINE vec fused_add(vec a, vec b, vec c) { return fused_multiply_add(a, b, c); }
LOWP_ALWAYS_INLINE vec fused_subtract(vec a, vec b, vec c) { return fused_negative_multiply_add(a, b, c); }

inline std::int32_t sum_of_bytes(const std::int8_t* x, std::size_t count) {
  bits sum = every(0);
  const bits ones = _mm512_set1_epi8(1);
  for (; count >= 64; count -= 64, x += 64) sum = _mm512_dpbusd_epi32(sum, ones, _mm512_loadu_si512(x));
  const __mmask64 rest = (std::uint64_t{1} << count) - 1;
  sum = _mm512_dpbusd_epi32(sum, ones, _mm512_maskz_loadu_epi8(rest, x));
  return _mm512_reduce_add_epi32(sum);
}

template <bool>
struct byte_dot {
  using sum_type = bits;
  static constexpr int parts = 1;
  static constexpr std::size_t column_bytes = 1;
  static constexpr std::size_t stretch = 512;

  LOWP_ALWAYS_INLINE static bits zero() { return every(0); }
  LOWP_ALWAYS_INLINE static bits begin(const std::int32_t* start) {
    // A load for each sum, which costs nothing, where a copy in a register would take an arithmetic unit.
    bits sum;
    __asm__ volatile("vpbroadcastd %1, %0" : "=v"(sum) : "m"(*start));
    return sum;
  }
  LOWP_ALWAYS_INLINE static bits operand(const std::uint8_t* x) {
    int four;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
  }
  LOWP_ALWAYS_INLINE static bits add(bits sum, bits w, bits x) {
    // As an instruction, since g++ 12 keeps copies of the sums around the intrinsic, which halves the speed.
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
    return sum;
  }
  LOWP_ALWAYS_INLINE static void settle(bits& sum) { __asm__("" : "+v"(sum)); }
  LOWP_ALWAYS_INLINE static bits merge(bits a, bits b) { return x86_v4::add(a, b); }
  LOWP_ALWAYS_INLINE static vec value(bits sum) { return to_floats(sum); }
};

template <byte_kind Kind>
class byte_columns {
 public:
  static constexpr int code_bits = Kind.bits;

  LOWP_ALWAYS_INLINE explicit byte_columns(const void* table) : bytes_(static_cast<const std::uint8_t*>(table)) {
    if constexpr (Kind.table && Kind.bits <= 6) {
      LOWP_UNROLL
      for (int i = 0; i < registers; ++i) {
        table_[i] = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes_ + 16 * i)));
      }
    }
  }

  // Step c of a unit: the bytes of four columns for each row.
  template <class Index>
  LOWP_ALWAYS_INLINE bits get(const std::uint8_t* unit, Index c, int) const {
    const bits codes = step_codes<Kind.bits>(unit, c);
    if constexpr (!Kind.table) {
      constexpr auto flip = static_cast<std::uint32_t>(Kind.flip) * 0x01010101u;
      if constexpr (Kind.bits == 8) return Kind.flip == 0 ? codes : _mm512_xor_si512(codes, every(flip));
      constexpr std::uint32_t mask = low_mask(Kind.bits) * 0x01010101u;
      return _mm512_ternarylogic_epi32(codes, every(flip), every(mask), 0x28);  // (codes ^ flip) & mask
    } else if constexpr (Kind.bits <= 6) {
      const bits low = _mm512_and_si512(codes, _mm512_set1_epi8(15));
      const bits first = _mm512_shuffle_epi8(table_[0], low);
      if constexpr (Kind.bits <= 4) return first;
      const __mmask64 bit4 = _mm512_test_epi8_mask(codes, _mm512_set1_epi8(16));
      const bits lower = _mm512_mask_shuffle_epi8(first, bit4, table_[registers > 1 ? 1 : 0], low);
      if constexpr (Kind.bits == 5) return lower;
      const bits upper = _mm512_mask_shuffle_epi8(_mm512_shuffle_epi8(table_[registers > 2 ? 2 : 0], low), bit4,
                                                  table_[registers > 3 ? 3 : 0], low);
      return _mm512_mask_mov_epi8(lower, _mm512_test_epi8_mask(codes, _mm512_set1_epi8(32)), upper);
    } else {
      alignas(64) std::uint8_t each[64];
      store_bits(each, codes);
      for (std::uint8_t& b : each) b = bytes_[b & low_mask(Kind.bits)];
      return load_bits(each);
    }
  }

 private:
  static constexpr int registers = Kind.bits <= 4 ? 1 : Kind.bits == 5 ? 2 : 4;

  const std::uint8_t* bytes_;
  bits table_[registers];
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4::vnni

#define LOWP_TARGET x86_v4::vnni
#include <lowp/kernel/cpu/loops/walk.hpp>
#include <lowp/kernel/cpu/loops/steps.hpp>
#include <lowp/kernel/cpu/loops/multiply_steps.hpp>
#include <lowp/kernel/cpu/loops/byte_kernels.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
#endif
