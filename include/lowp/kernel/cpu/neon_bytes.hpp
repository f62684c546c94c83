// 8-bit dot products on 64-bit Arm: by multiplications that widen on every processor, by SDOT where there is one, by USDOT
// (FEAT_I8MM) where that is. The first two take signed bytes only, so weights whose bytes reach above 127 are counted from 128.
// Source: Arm ARM (DDI 0487), section C7.2, SDOT, SMULL, USDOT.
#pragma once

#include <lowp/kernel/cpu/byte_codes.hpp>
#include <lowp/kernel/cpu/narrow_product.hpp>
#include <lowp/kernel/cpu/neon.hpp>

#if LOWP_NEON

LOWP_LOOPS_BEGIN
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon {

inline constexpr int narrow_panels = 1;
inline constexpr int narrow_tile_rows = 4;
inline constexpr int narrow_dot_panels = 1;
inline constexpr std::size_t narrow_dot_tokens = 4;
inline constexpr std::size_t narrow_tokens = 128;  // that share decoded weights
inline constexpr bool dots_unsigned_bytes = false;  // those above 127 are counted from 128

// Four rows by four columns a register.
struct bits {
  uint8x16_t q[4];
};
LOWP_ALWAYS_INLINE bits load_bits(const std::uint8_t* p) { return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}}; }
LOWP_ALWAYS_INLINE void store_bits(std::uint8_t* p, bits b) {
  vst1q_u8(p, b.q[0]);
  vst1q_u8(p + 16, b.q[1]);
  vst1q_u8(p + 32, b.q[2]);
  vst1q_u8(p + 48, b.q[3]);
}
LOWP_ALWAYS_INLINE vec fused_add(vec a, vec b, vec c) { return fused_multiply_add(a, b, c); }
LOWP_ALWAYS_INLINE vec fused_subtract(vec a, vec b, vec c) { return fused_negative_multiply_add(a, b, c); }

inline std::int32_t sum_of_bytes(const std::int8_t* x, std::size_t count) {
  int32x4_t sum = vdupq_n_s32(0);
  for (; count >= 16; count -= 16, x += 16) sum = vpadalq_s16(sum, vpaddlq_s8(vld1q_s8(x)));
  std::int32_t total = vaddvq_s32(sum);
  for (; count != 0; --count, ++x) total += *x;
  return total;
}

// What dot products of bytes share, whatever multiplies.
struct byte_sums {
  // Four rows a register.
  struct sum_type {
    int32x4_t q[4];
  };
  static constexpr int parts = 1;
  static constexpr std::size_t column_bytes = 1;
  static constexpr std::size_t stretch = 512;

  LOWP_ALWAYS_INLINE static sum_type every(int32x4_t x) { return {{x, x, x, x}}; }
  LOWP_ALWAYS_INLINE static sum_type zero() { return every(vdupq_n_s32(0)); }
  LOWP_ALWAYS_INLINE static sum_type begin(const std::int32_t* start) { return every(vld1q_dup_s32(start)); }
  LOWP_ALWAYS_INLINE static sum_type merge(sum_type a, sum_type b) {
    return {{vaddq_s32(a.q[0], b.q[0]), vaddq_s32(a.q[1], b.q[1]), vaddq_s32(a.q[2], b.q[2]), vaddq_s32(a.q[3], b.q[3])}};
  }
  LOWP_ALWAYS_INLINE static void settle(sum_type& s) { __asm__("" : "+w"(s.q[0]), "+w"(s.q[1]), "+w"(s.q[2]), "+w"(s.q[3])); }
  LOWP_ALWAYS_INLINE static vec value(sum_type s) {
    return {{vcvtq_f32_s32(s.q[0]), vcvtq_f32_s32(s.q[1]), vcvtq_f32_s32(s.q[2]), vcvtq_f32_s32(s.q[3])}};
  }
};

template <bool Wide>
struct byte_dot : byte_sums {
  LOWP_ALWAYS_INLINE static int8x16_t operand(const std::uint8_t* x) {
    std::int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
  }
  LOWP_ALWAYS_INLINE static sum_type add(sum_type sum, bits w, int8x16_t x) {
    return {{dot(sum.q[0], w.q[0], x), dot(sum.q[1], w.q[1], x), dot(sum.q[2], w.q[2], x), dot(sum.q[3], w.q[3], x)}};
  }

 private:
  LOWP_ALWAYS_INLINE static int32x4_t dot(int32x4_t sum, uint8x16_t w, int8x16_t x) {
    const int8x16_t bytes = vreinterpretq_s8_u8(w);
    const int16x8_t low = vmull_s8(vget_low_s8(bytes), vget_low_s8(x));
    const int16x8_t high = vmull_high_s8(bytes, x);
    if constexpr (Wide) return vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
    else return vpadalq_s16(sum, vpaddq_s16(low, high));
  }
};

template <byte_kind Kind>
class byte_columns {
 public:
  static constexpr int code_bits = Kind.bits;

  LOWP_ALWAYS_INLINE explicit byte_columns(const void* table) : bytes_(static_cast<const std::uint8_t*>(table)) {
    if constexpr (in_registers) {
      LOWP_UNROLL
      for (int i = 0; i < registers; ++i) table_[i] = centred(vld1q_u8(bytes_ + 16 * i));
    }
  }

  // Step c of a unit: the bytes of four columns for each row.
  template <class Index>
  LOWP_ALWAYS_INLINE bits get(const std::uint8_t* unit, Index c, int) const {
    bits b;
    LOWP_UNROLL
    for (int q = 0; q < 4; ++q) b.q[q] = bytes_of<Index>(step_codes<Kind.bits>(unit + 16 * q, c));
    return b;
  }

 private:
  static constexpr bool in_registers = Kind.table && Kind.bits <= 6;
  static constexpr int registers = Kind.bits <= 4 ? 1 : Kind.bits == 5 ? 2 : 4;

  LOWP_ALWAYS_INLINE static uint8x16_t centred(uint8x16_t bytes) {
    if constexpr (Kind.wide) return veorq_u8(bytes, vdupq_n_u8(0x80));
    else return bytes;
  }

  template <class Index>
  LOWP_ALWAYS_INLINE uint8x16_t bytes_of(uint8x16_t codes) const {
    if constexpr (!Kind.table) {
      constexpr int flip = Kind.flip ^ (Kind.wide ? 0x80 : 0);
      if constexpr (Kind.bits != 8) codes = clean<Kind.bits, Index>(codes);
      if constexpr (flip != 0) codes = veorq_u8(codes, vdupq_n_u8(flip));
      return codes;
    } else if constexpr (in_registers) {
      codes = clean<Kind.bits, Index>(codes);
      if constexpr (registers == 1) return vqtbl1q_u8(table_[0], codes);
      else if constexpr (registers == 2) return vqtbl2q_u8(uint8x16x2_t{{table_[0], table_[1]}}, codes);
      else return vqtbl4q_u8(uint8x16x4_t{{table_[0], table_[1], table_[2], table_[3]}}, codes);
    } else {
      std::uint8_t each[16];
      vst1q_u8(each, codes);
      for (std::uint8_t& b : each) b = bytes_[b & low_mask(Kind.bits)];
      return centred(vld1q_u8(each));
    }
  }

  const std::uint8_t* bytes_;
  uint8x16_t table_[registers];
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon

#define LOWP_TARGET neon
#include <lowp/kernel/cpu/loops/steps.hpp>
#include <lowp/kernel/cpu/loops/multiply_steps.hpp>
#include <lowp/kernel/cpu/loops/byte_kernels.hpp>
#undef LOWP_TARGET

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon::dotprod {

inline constexpr int narrow_tile_rows = 5;
// Dot products by element: Signed, of signed bytes (SDOT); else of unsigned bytes of weights (USDOT).
template <bool Signed>
struct element_dot : byte_sums {
  // The four activations are the lowest of a register; the instruction repeats them.
  LOWP_ALWAYS_INLINE static float operand(const std::uint8_t* x) {
    float four;
    __builtin_memcpy(&four, x, sizeof four);
    return four;
  }
  LOWP_ALWAYS_INLINE static sum_type add(sum_type sum, bits w, float x) {
    return {{dot(sum.q[0], w.q[0], x), dot(sum.q[1], w.q[1], x), dot(sum.q[2], w.q[2], x), dot(sum.q[3], w.q[3], x)}};
  }

 private:
  // Files that may not use the instruction must spell it as a number: no target region serves here, since compilers differ
  // on when they have the intrinsic, assemblers on which architecture the instruction belongs to, and what is compiled for a
  // newer processor than the region's could not be inlined there.
  LOWP_ALWAYS_INLINE static int32x4_t dot(int32x4_t sum, uint8x16_t w, float x) {
    __asm__(
        ".ifndef .Llowp_v31\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        ".equ .Llowp_v\\n,\\n\n"
        ".endr\n"
        ".endif\n"
        ".inst %c3 | .Llowp_%2 << 16 | .Llowp_%1 << 5 | .Llowp_%0"
        : "+w"(sum)
        : "w"(w), "w"(x), "i"(Signed ? 0x4f80e000 : 0x4f80f000));
    return sum;
  }
};

template <bool>
struct byte_dot : element_dot<true> {};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon::dotprod

#define LOWP_TARGET neon::dotprod
#include <lowp/kernel/cpu/loops/walk.hpp>
#include <lowp/kernel/cpu/loops/steps.hpp>
#include <lowp/kernel/cpu/loops/multiply_steps.hpp>
#include <lowp/kernel/cpu/loops/byte_kernels.hpp>
#undef LOWP_TARGET

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon::i8mm {

inline constexpr int narrow_tile_rows = 5;
inline constexpr bool dots_unsigned_bytes = true;

template <bool>
struct byte_dot : dotprod::element_dot<false> {};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon::i8mm

#define LOWP_TARGET neon::i8mm
#include <lowp/kernel/cpu/loops/walk.hpp>
#include <lowp/kernel/cpu/loops/steps.hpp>
#include <lowp/kernel/cpu/loops/multiply_steps.hpp>
#include <lowp/kernel/cpu/loops/byte_kernels.hpp>
#undef LOWP_TARGET
LOWP_LOOPS_END
#endif
