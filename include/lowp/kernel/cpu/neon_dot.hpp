// Dot products of bytes on 64-bit Arm: sixteen rows by four columns of 8-bit weights times four activations, added up in 32-bit
// integers without rounding. In `neon` for every processor, in `neon_dotprod` for those with the dot product instructions; both
// give the bits of plain C++. Source: Arm ARM (DDI 0487), section C7.2, SDOT, SMULL, SADALP.
//
//   dot_sums sums = no_sums();                          // of one of the two namespaces
//   multiply_add(signed_line_at(w), four(x), sums);     // a line of layout::tile16, and x[0..4)
//   store(out, total(sums));                            // sixteen int32
//
// Weights are signed bytes, or unsigned ones; unsigned codes below 128 are signed bytes too, which costs less. Activations
// are signed. Sums wrap as int32 does.
#pragma once

#include <lowp/kernel/cpu/neon.hpp>

#if LOWP_NEON

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon {

// Four rows by four columns a register.
struct signed_line {
  int8x16_t q[4];
};
struct unsigned_line {
  uint8x16_t q[4];
};
// Sixteen rows.
struct int_vec {
  int32x4_t q[4];
};

LOWP_ALWAYS_INLINE signed_line signed_line_at(const void* p) {
  const auto* bytes = static_cast<const std::int8_t*>(p);
  return {{vld1q_s8(bytes), vld1q_s8(bytes + 16), vld1q_s8(bytes + 32), vld1q_s8(bytes + 48)}};
}
LOWP_ALWAYS_INLINE unsigned_line unsigned_line_at(const void* p) {
  const auto* bytes = static_cast<const std::uint8_t*>(p);
  return {{vld1q_u8(bytes), vld1q_u8(bytes + 16), vld1q_u8(bytes + 32), vld1q_u8(bytes + 48)}};
}
// Four activations, for every row.
LOWP_ALWAYS_INLINE int8x16_t four(const std::int8_t* x) {
  std::int32_t word = 0;
  __builtin_memcpy(&word, x, sizeof word);
  return vreinterpretq_s8_s32(vdupq_n_s32(word));
}
LOWP_ALWAYS_INLINE void store(std::int32_t* p, int_vec v) {
  vst1q_s32(p, v.q[0]);
  vst1q_s32(p + 4, v.q[1]);
  vst1q_s32(p + 8, v.q[2]);
  vst1q_s32(p + 12, v.q[3]);
}
// Unsigned bytes less 128.
LOWP_ALWAYS_INLINE signed_line around_zero(unsigned_line w) {
  signed_line s;
  LOWP_UNROLL
  for (int q = 0; q < 4; ++q) s.q[q] = vreinterpretq_s8_u8(veorq_u8(w.q[q], vdupq_n_u8(0x80)));
  return s;
}

// Each row's sums of even and of odd pairs of columns, two rows a register, since 16 bits do not hold more than one product.
// What unsigned weights lost with their 128 is kept in halves, since 128 is no signed byte.
struct dot_sums {
  int32x4_t two_rows[8];
  int32x4_t lost;
};

LOWP_ALWAYS_INLINE dot_sums no_sums() {
  const int32x4_t zero = vdupq_n_s32(0);
  return {{zero, zero, zero, zero, zero, zero, zero, zero}, zero};
}
LOWP_ALWAYS_INLINE void multiply_add(signed_line w, int8x16_t x, dot_sums& sums) {
  LOWP_UNROLL
  for (int q = 0; q < 4; ++q) {
    sums.two_rows[2 * q] = vpadalq_s16(sums.two_rows[2 * q], vmull_s8(vget_low_s8(w.q[q]), vget_low_s8(x)));
    sums.two_rows[2 * q + 1] = vpadalq_s16(sums.two_rows[2 * q + 1], vmull_high_s8(w.q[q], x));
  }
}
LOWP_ALWAYS_INLINE void multiply_add(unsigned_line w, int8x16_t x, dot_sums& sums) {
  multiply_add(around_zero(w), x, sums);
  sums.lost = vpadalq_s16(sums.lost, vmull_s8(vdup_n_s8(64), vget_low_s8(x)));
}
LOWP_ALWAYS_INLINE int_vec total(const dot_sums& sums) {
  const int32x4_t lost = vshlq_n_s32(vpaddq_s32(sums.lost, sums.lost), 1);
  int_vec v;
  LOWP_UNROLL
  for (int q = 0; q < 4; ++q) v.q[q] = vaddq_s32(vpaddq_s32(sums.two_rows[2 * q], sums.two_rows[2 * q + 1]), lost);
  return v;
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon_dotprod {

using neon::around_zero;
using neon::four;
using neon::int_vec;
using neon::signed_line;
using neon::signed_line_at;
using neon::store;
using neon::unsigned_line;
using neon::unsigned_line_at;

// Sixteen rows, and half of what unsigned weights lost with their 128, since 128 is no signed byte.
struct dot_sums {
  int32x4_t row[4];
  int32x4_t lost;
};

LOWP_ALWAYS_INLINE dot_sums no_sums() {
  const int32x4_t zero = vdupq_n_s32(0);
  return {{zero, zero, zero, zero}, zero};
}
// sum[n] += a[4n..4n+3] * b[4n..4n+3]. A file that may not use the instruction must spell it as a number: no target region will
// do, since the compilers disagree on the intrinsic's, the assembler wants a newer architecture than the instruction's,
// and functions of a newer file could not be inlined there.
LOWP_ALWAYS_INLINE void dot(int8x16_t a, int8x16_t b, int32x4_t& sum) {
#if defined(__ARM_FEATURE_DOTPROD)
  sum = vdotq_s32(sum, a, b);
#else
  __asm__(
      ".ifndef .Llowp_v31\n.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
      ".equ .Llowp_v\\n,\\n\n.endr\n.endif\n"
      ".inst 0x4e809400 | .Llowp_%2 << 16 | .Llowp_%1 << 5 | .Llowp_%0"
      : "+w"(sum)
      : "w"(a), "w"(b));
#endif
}
LOWP_ALWAYS_INLINE void multiply_add(signed_line w, int8x16_t x, dot_sums& sums) {
  LOWP_UNROLL
  for (int q = 0; q < 4; ++q) dot(w.q[q], x, sums.row[q]);
}
LOWP_ALWAYS_INLINE void multiply_add(unsigned_line w, int8x16_t x, dot_sums& sums) {
  multiply_add(around_zero(w), x, sums);
  dot(vdupq_n_s8(64), x, sums.lost);
}
LOWP_ALWAYS_INLINE int_vec total(const dot_sums& sums) {
  const int32x4_t lost = vshlq_n_s32(sums.lost, 1);
  return {{vaddq_s32(sums.row[0], lost), vaddq_s32(sums.row[1], lost), vaddq_s32(sums.row[2], lost), vaddq_s32(sums.row[3], lost)}};
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon_dotprod
#endif
