// NEON, which every 64-bit Arm processor has: the primitives of the CPU kernels and their loops over them. A vector is the
// sixteen rows of a panel in four registers. Source of the instructions' meanings: Arm ARM (DDI 0487), section C7.2.
#pragma once

#include <lowp/kernel/cpu/build.hpp>
#include <lowp/kernel/cpu/decoding.hpp>
#include <lowp/kernel/cpu/product.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#if LOWP_NEON
#include <arm_neon.h>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon {

// Rows 0 to 3, 4 to 7, 8 to 11 and 12 to 15.
struct vec {
  float32x4_t q[4];
};

inline constexpr int tile_rows = 5;  // with six, compilers run out of registers
inline constexpr int tile_panels = 1;
inline constexpr int dot_panels = 1;
inline constexpr std::size_t dot_rows = 4;        // rows of x for which decoding into a block does not pay
inline constexpr std::size_t quick_dot_rows = 4;  // and where codes decode quickly

LOWP_ALWAYS_INLINE vec load(const float* p) { return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}}; }
LOWP_ALWAYS_INLINE vec load_anywhere(const float* p) { return load(p); }
LOWP_ALWAYS_INLINE void store(float* p, vec v) {
  vst1q_f32(p, v.q[0]);
  vst1q_f32(p + 4, v.q[1]);
  vst1q_f32(p + 8, v.q[2]);
  vst1q_f32(p + 12, v.q[3]);
}
LOWP_ALWAYS_INLINE void store_anywhere(float* p, vec v) { store(p, v); }
LOWP_ALWAYS_INLINE vec splat(float x) {
  const float32x4_t q = vdupq_n_f32(x);
  return {{q, q, q, q}};
}
LOWP_ALWAYS_INLINE vec add(vec a, vec b) {
  return {{vaddq_f32(a.q[0], b.q[0]), vaddq_f32(a.q[1], b.q[1]), vaddq_f32(a.q[2], b.q[2]), vaddq_f32(a.q[3], b.q[3])}};
}
LOWP_ALWAYS_INLINE vec subtract(vec a, vec b) {
  return {{vsubq_f32(a.q[0], b.q[0]), vsubq_f32(a.q[1], b.q[1]), vsubq_f32(a.q[2], b.q[2]), vsubq_f32(a.q[3], b.q[3])}};
}
LOWP_ALWAYS_INLINE vec multiply(vec a, vec b) {
  return {{vmulq_f32(a.q[0], b.q[0]), vmulq_f32(a.q[1], b.q[1]), vmulq_f32(a.q[2], b.q[2]), vmulq_f32(a.q[3], b.q[3])}};
}
LOWP_ALWAYS_INLINE vec fused_multiply_add(vec a, vec b, vec c) {
  return {{vfmaq_f32(c.q[0], a.q[0], b.q[0]), vfmaq_f32(c.q[1], a.q[1], b.q[1]), vfmaq_f32(c.q[2], a.q[2], b.q[2]),
           vfmaq_f32(c.q[3], a.q[3], b.q[3])}};
}
LOWP_ALWAYS_INLINE vec fused_negative_multiply_add(vec a, vec b, vec c) {
  return {{vfmsq_f32(c.q[0], a.q[0], b.q[0]), vfmsq_f32(c.q[1], a.q[1], b.q[1]), vfmsq_f32(c.q[2], a.q[2], b.q[2]),
           vfmsq_f32(c.q[3], a.q[3], b.q[3])}};
}

LOWP_ALWAYS_INLINE vec settled(vec v) {
  __asm__("" : "+w"(v.q[0]), "+w"(v.q[1]), "+w"(v.q[2]), "+w"(v.q[3]));
  return v;
}

inline float sum_of(const float* x, std::size_t count) {
  float32x4_t s = vdupq_n_f32(0.0f);
  for (; count >= 4; count -= 4, x += 4) s = vaddq_f32(s, vld1q_f32(x));
  float sum = vaddvq_f32(s);
  for (; count != 0; --count, ++x) sum += *x;
  return sum;
}

// Codes at the top of 16 bits become halves.
template <code_kind Kind, int Code>
LOWP_ALWAYS_INLINE uint16x8_t mark_nan(uint16x8_t h) {
  if constexpr (Code < 0) return h;
  const auto pattern = half_pattern<Kind.bits>(static_cast<std::uint32_t>(Code), Kind.shift);
  const uint16x8_t found = vceqq_u16(h, vdupq_n_u16(static_cast<std::uint16_t>(pattern)));
  return vorrq_u16(h, vandq_u16(found, vdupq_n_u16(0x7e00)));
}
template <code_kind Kind>
LOWP_ALWAYS_INLINE uint16x8_t halves(uint16x8_t h) {
  constexpr unsigned magnitude = 0x7fffu & (0xffffu << (16 - Kind.bits));
  if constexpr (Kind.shift != 0) h = vreinterpretq_u16_s16(vshrq_n_s16(vreinterpretq_s16_u16(h), Kind.shift));
  if constexpr (Kind.bits != 16) h = vandq_u16(h, vdupq_n_u16(static_cast<std::uint16_t>(0x8000u | magnitude >> Kind.shift)));
  if constexpr (nan_by_carry(Kind)) {
    const uint16x8_t next = vaddq_u16(h, vdupq_n_u16(1u << (15 - Kind.bits)));
    return vorrq_u16(h, vandq_u16(next, vdupq_n_u16(0x4000)));
  }
  return mark_nan<Kind, Kind.special_two>(mark_nan<Kind, Kind.special_one>(h));
}
LOWP_ALWAYS_INLINE void widen_halves(uint16x8_t h, float32x4_t& low, float32x4_t& high) {
  low = vcvt_f32_f16(vget_low_f16(vreinterpretq_f16_u16(h)));
  high = vcvt_high_f32_f16(vreinterpretq_f16_u16(h));
}

// Integers, exponents and indices at the top of 32 bits become floats.
template <code_kind Kind, int Code>
LOWP_ALWAYS_INLINE float32x4_t mark(uint32x4_t top, float32x4_t value, const float* values) {
  if constexpr (Code < 0) return value;
  else
    return vbslq_f32(vceqq_u32(top, vdupq_n_u32(static_cast<std::uint32_t>(Code) << (32 - Kind.bits))), vdupq_n_f32(values[Code]), value);
}
template <code_kind Kind>
LOWP_ALWAYS_INLINE float32x4_t to_floats(uint32x4_t top, const float* values) {
  if constexpr (Kind.how == decoding::integer) {
    if constexpr (Kind.is_signed) return vcvtq_n_f32_s32(vreinterpretq_s32_u32(top), 32 - Kind.bits);
    else return vcvtq_n_f32_u32(top, 32 - Kind.bits);
  } else if constexpr (Kind.how == decoding::exponent) {
    const float32x4_t value = vreinterpretq_f32_u32(vshrq_n_u32(top, 1));
    return mark<Kind, Kind.special_two>(top, mark<Kind, Kind.special_one>(top, value, values), values);
  } else {
    const uint32x4_t i = vshrq_n_u32(top, 32 - Kind.bits);
    return float32x4_t{values[vgetq_lane_u32(i, 0)], values[vgetq_lane_u32(i, 1)], values[vgetq_lane_u32(i, 2)],
                       values[vgetq_lane_u32(i, 3)]};
  }
}

// The codes of step c of a unit, one a byte, of the four rows that begin at `rows` in each line; bits above a code are not cleared.
template <int Bits, int Plane, class Index>
LOWP_ALWAYS_INLINE uint8x16_t plane_of(const std::uint8_t* rows, Index c) {
  constexpr step_place at = step_place_of<Bits>(Plane);
  const uint8x16_t line = vld1q_u8(rows + at.offset + static_cast<std::size_t>(c) / at.steps * layout::tile16::line_bytes);
  if constexpr (at.steps > 1) {
    if constexpr (std::is_integral_v<Index>)
      return vshlq_u8(line, vdupq_n_s8(static_cast<std::int8_t>(-static_cast<int>(c % at.steps * at.width))));
    else if constexpr (Index::value % at.steps != 0) return vshrq_n_u8(line, static_cast<int>(Index::value % at.steps * at.width));
  }
  return line;
}
template <int Bits, class Index>
LOWP_ALWAYS_INLINE uint8x16_t step_codes(const std::uint8_t* rows, Index c) {
  constexpr auto planes = layout::tile16::planes<Bits>();
  uint8x16_t codes = plane_of<Bits, 0>(rows, c);
  if constexpr (planes.size() > 1) {
    constexpr int first = planes[1].first;
    const uint8x16_t upper = plane_of<Bits, 1>(rows, c);
    codes = vsliq_n_u8(codes, upper, first);
  }
  if constexpr (planes.size() > 2) {
    constexpr int first = planes[2].first;
    const uint8x16_t upper = plane_of<Bits, 2>(rows, c);
    codes = vsliq_n_u8(codes, upper, first);
  }
  return codes;
}
// Clears what lies above the codes of step Index, which is nothing in the last step of a line.
template <int Bits, class Index>
LOWP_ALWAYS_INLINE uint8x16_t clean(uint8x16_t codes) {
  if constexpr (!std::is_integral_v<Index> && 8 % Bits == 0) {
    if constexpr (Index::value % (8 / Bits) == 8 / Bits - 1) return codes;
  }
  return vandq_u8(codes, vdupq_n_u8(static_cast<std::uint8_t>(low_mask(Bits))));
}

// Codes of one kind as floats; the table of a small format stays in registers.
template <code_kind Kind>
class columns : public column_steps<Kind> {
 public:
  using column_steps<Kind>::step;
  using column_steps<Kind>::steps;

  static constexpr bool in_registers = Kind.how == decoding::table && Kind.bits <= 6;

  struct prepared {
    vec column[step];
  };

  // The table is cut into the first, second, third and fourth bytes of its floats, since look-ups give bytes.
  LOWP_ALWAYS_INLINE explicit columns(const float* values) : values_(values) {
    if constexpr (in_registers) {
      LOWP_UNROLL
      for (int i = 0; i < registers; ++i) {
        const uint8x16x4_t bytes = vld4q_u8(reinterpret_cast<const std::uint8_t*>(values + 16 * i));
        LOWP_UNROLL
        for (int b = first_byte; b < 4; ++b) table_[b - first_byte][i] = bytes.val[b];
      }
    }
  }

  // Step c of a unit; an integral_constant for c makes its shifts immediate.
  template <class Index>
  LOWP_ALWAYS_INLINE prepared prepare(const std::uint8_t* unit, Index c) const {
    prepared out;
    LOWP_UNROLL
    for (int q = 0; q < 4; q += together) {
      const part w = decode(unit + 16 * q, c);
      LOWP_UNROLL
      for (int j = 0; j < step * together; ++j) out.column[j / together].q[q + j % together] = w.value[j];
    }
    return out;
  }

  // Adds step c of unit u of P panels, times as many columns of M rows of x. A few rows of a panel are decoded at a time, since
  // all sixteen would leave no registers to the sums.
  template <class Index, int M, int P>
  LOWP_ALWAYS_INLINE void multiply_add_step(const std::uint8_t* const (&line)[P], std::size_t u, Index c, const float* const* x,
                                            vec (&sum)[M][P]) const {
    float32x4_t xs[M];
    LOWP_UNROLL
    for (int m = 0; m < M; ++m) xs[m] = load_step(x[m] + u * (step * steps) + static_cast<std::size_t>(c) * step);
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) {
      const std::uint8_t* unit = line[p] + u * layout::tile16::unit_bytes<Kind.bits>;
      LOWP_UNROLL
      for (int q = 0; q < 4; q += together) {
        const part w = decode(unit + 16 * q, c);
        LOWP_UNROLL
        for (int m = 0; m < M; ++m) {
          LOWP_UNROLL
          for (int t = 0; t < together; ++t) multiply_add<0>(w, t, xs[m], sum[m][p].q[q + t]);
          // Otherwise compilers decode what follows first, and spill.
          if constexpr (M > 2) __asm__("" : "+r"(unit) : "w"(sum[m][p].q[q]));
        }
      }
    }
  }

  // Column J of a step, before the unit's factor.
  template <int J>
  LOWP_ALWAYS_INLINE vec get(const prepared& from) const {
    return from.column[J];
  }

  // Sixteen codes, a byte each.
  LOWP_ALWAYS_INLINE vec of_bytes(uint8x16_t codes) const {
    if constexpr (in_registers) {
      codes = clean<Kind.bits, unsigned>(codes);
      const uint16x8x2_t low = zip(look_up<0>(codes), look_up<1>(codes));
      const uint16x8x2_t high = zip(look_up<2>(codes), look_up<3>(codes));
      return {{floats(vzip1q_u16(low.val[0], high.val[0])), floats(vzip2q_u16(low.val[0], high.val[0])),
               floats(vzip1q_u16(low.val[1], high.val[1])), floats(vzip2q_u16(low.val[1], high.val[1]))}};
    } else {
      const uint16x8x2_t half = zip(vdupq_n_u8(0), at_top(codes));
      const uint16x8_t zero = vdupq_n_u16(0);
      return {{to_floats<Kind>(vreinterpretq_u32_u16(vzip1q_u16(zero, half.val[0])), values_),
               to_floats<Kind>(vreinterpretq_u32_u16(vzip2q_u16(zero, half.val[0])), values_),
               to_floats<Kind>(vreinterpretq_u32_u16(vzip1q_u16(zero, half.val[1])), values_),
               to_floats<Kind>(vreinterpretq_u32_u16(vzip2q_u16(zero, half.val[1])), values_)}};
    }
  }

 private:
  static constexpr int registers = Kind.bits <= 4 ? 1 : Kind.bits == 5 ? 2 : 4;
  static constexpr int first_byte = Kind.narrow ? 2 : 0;

  // Four rows of each column of a step, or eight where codes lie two in the space of a float: [column][together].
  static constexpr int together = Kind.how == decoding::half ? 2 : 1;
  struct part {
    float32x4_t value[step * together];
  };

  template <class Index>
  LOWP_ALWAYS_INLINE part decode(const std::uint8_t* rows, Index c) const {
    if constexpr (Kind.how == decoding::half) {
      return split_halves(rows);
    } else if constexpr (Kind.how == decoding::f32) {
      return {{vld1q_f32(reinterpret_cast<const float*>(rows))}};
    } else if constexpr (Kind.how == decoding::bf16) {
      const uint32x4_t codes = vreinterpretq_u32_u8(vld1q_u8(rows));
      return {{vreinterpretq_f32_u32(vshlq_n_u32(codes, 16)), vreinterpretq_f32_u32(vandq_u32(codes, vdupq_n_u32(0xffff0000u)))}};
    } else if constexpr (in_registers) {
      return spread(clean<Kind.bits, Index>(step_codes<Kind.bits>(rows, c)));
    } else {
      const uint8x16_t codes = at_top(step_codes<Kind.bits>(rows, c));
      return {{to_floats<Kind>(byte_at_top<0>(codes), values_), to_floats<Kind>(byte_at_top<1>(codes), values_),
               to_floats<Kind>(byte_at_top<2>(codes), values_), to_floats<Kind>(byte_at_top<3>(codes), values_)}};
    }
  }

  template <int J>
  LOWP_ALWAYS_INLINE static void multiply_add(const part& w, int t, float32x4_t x, float32x4_t& sum) {
    sum = vfmaq_laneq_f32(sum, w.value[J * together + t], x, J);
    if constexpr (J + 1 < step) multiply_add<J + 1>(w, t, x, sum);
  }
  LOWP_ALWAYS_INLINE static float32x4_t load_step(const float* x) {
    if constexpr (step == 4) return vld1q_f32(x);
    else if constexpr (step == 2) return vcombine_f32(vld1_f32(x), vdup_n_f32(0.0f));
    else return vdupq_n_f32(*x);
  }

  LOWP_ALWAYS_INLINE static float32x4_t floats(uint16x8_t words) { return vreinterpretq_f32_u16(words); }
  LOWP_ALWAYS_INLINE static uint16x8x2_t zip(uint8x16_t a, uint8x16_t b) {
    return {{vreinterpretq_u16_u8(vzip1q_u8(a, b)), vreinterpretq_u16_u8(vzip2q_u8(a, b))}};
  }

  // Byte B of the value of each code.
  template <int B>
  LOWP_ALWAYS_INLINE uint8x16_t look_up(uint8x16_t codes) const {
    if constexpr (B < first_byte) {
      return vdupq_n_u8(0);
    } else {
      const auto& table = table_[B - first_byte];
      if constexpr (registers == 1) return vqtbl1q_u8(table[0], codes);
      else if constexpr (registers == 2) return vqtbl2q_u8(uint8x16x2_t{{table[0], table[1]}}, codes);
      else return vqtbl4q_u8(uint8x16x4_t{{table[0], table[1], table[2], table[3]}}, codes);
    }
  }

  // Four rows by four columns of codes become four columns of floats: the bytes looked up are transposed within each row.
  LOWP_ALWAYS_INLINE part spread(uint8x16_t codes) const {
    const uint8x16_t byte[4] = {look_up<0>(codes), look_up<1>(codes), look_up<2>(codes), look_up<3>(codes)};
    const auto even = [](uint8x16_t a, uint8x16_t b) LOWP_INLINE_LAMBDA { return vreinterpretq_u16_u8(vtrn1q_u8(a, b)); };
    const auto odd = [](uint8x16_t a, uint8x16_t b) LOWP_INLINE_LAMBDA { return vreinterpretq_u16_u8(vtrn2q_u8(a, b)); };
    const uint16x8_t even_low = Kind.narrow ? vdupq_n_u16(0) : even(byte[0], byte[1]);
    const uint16x8_t odd_low = Kind.narrow ? vdupq_n_u16(0) : odd(byte[0], byte[1]);
    const uint16x8_t even_high = even(byte[2], byte[3]);
    const uint16x8_t odd_high = odd(byte[2], byte[3]);
    return {{floats(vtrn1q_u16(even_low, even_high)), floats(vtrn1q_u16(odd_low, odd_high)), floats(vtrn2q_u16(even_low, even_high)),
             floats(vtrn2q_u16(odd_low, odd_high))}};
  }

  LOWP_ALWAYS_INLINE static part split_halves(const std::uint8_t* rows) {
    const uint16x8_t a = vreinterpretq_u16_u8(vld1q_u8(rows));
    const uint16x8_t b = vreinterpretq_u16_u8(vld1q_u8(rows + 16));
    part w;
    const auto widen = [&w](uint16x8_t first, uint16x8_t second, int even, int odd) LOWP_INLINE_LAMBDA {
      widen_halves(vuzp1q_u16(first, second), w.value[2 * even], w.value[2 * even + 1]);
      widen_halves(vuzp2q_u16(first, second), w.value[2 * odd], w.value[2 * odd + 1]);
    };
    if constexpr (Kind.bits == 16) {
      widen(a, b, 0, 1);
    } else {
      widen(halves<Kind>(vshlq_n_u16(a, 8)), halves<Kind>(vshlq_n_u16(b, 8)), 0, 2);
      widen(halves<Kind>(a), halves<Kind>(b), 1, 3);
    }
    return w;
  }

  LOWP_ALWAYS_INLINE static uint8x16_t at_top(uint8x16_t codes) {
    if constexpr (Kind.bits != 8) codes = vshlq_n_u8(codes, 8 - Kind.bits);
    if constexpr (Kind.flip) codes = veorq_u8(codes, vdupq_n_u8(0x80));
    return codes;
  }
  // Byte J of each row at the top of 32 bits, over zeros: look-ups beyond a register give zero.
  template <unsigned J>
  LOWP_ALWAYS_INLINE static uint32x4_t byte_at_top(uint8x16_t codes) {
    const uint32x4_t place = {0x00ffffffu | J << 24, 0x00ffffffu | (4 + J) << 24, 0x00ffffffu | (8 + J) << 24,
                              0x00ffffffu | (12 + J) << 24};
    return vreinterpretq_u32_u8(vqtbl1q_u8(codes, vreinterpretq_u8_u32(place)));
  }

  const float* values_;
  uint8x16_t table_[4 - first_byte][registers];
};

template <code_kind Kind>
LOWP_ALWAYS_INLINE vec read_codes(const void* codes, const float* values) {
  const auto* bytes = static_cast<const std::uint8_t*>(codes);
  if constexpr (Kind.how == decoding::f32) {
    return load(static_cast<const float*>(codes));
  } else if constexpr (Kind.bits == 16) {
    const uint16x8_t low = vreinterpretq_u16_u8(vld1q_u8(bytes));
    const uint16x8_t high = vreinterpretq_u16_u8(vld1q_u8(bytes + 16));
    vec v;
    if constexpr (Kind.how == decoding::half) {
      widen_halves(low, v.q[0], v.q[1]);
      widen_halves(high, v.q[2], v.q[3]);
    } else {
      const uint16x8_t zero = vdupq_n_u16(0);
      v = {{vreinterpretq_f32_u16(vzip1q_u16(zero, low)), vreinterpretq_f32_u16(vzip2q_u16(zero, low)),
            vreinterpretq_f32_u16(vzip1q_u16(zero, high)), vreinterpretq_f32_u16(vzip2q_u16(zero, high))}};
    }
    return v;
  } else if constexpr (Kind.how == decoding::half) {
    const uint8x16_t all = vld1q_u8(bytes);
    vec v;
    widen_halves(halves<Kind>(vreinterpretq_u16_u8(vzip1q_u8(vdupq_n_u8(0), all))), v.q[0], v.q[1]);
    widen_halves(halves<Kind>(vreinterpretq_u16_u8(vzip2q_u8(vdupq_n_u8(0), all))), v.q[2], v.q[3]);
    return v;
  } else {
    return columns<Kind>(values).of_bytes(vld1q_u8(bytes));
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::neon

#define LOWP_TARGET neon
LOWP_LOOPS_BEGIN
#include <lowp/kernel/cpu/loops/walk.hpp>
#include <lowp/kernel/cpu/loops/scalar.hpp>
#include <lowp/kernel/cpu/loops/tile.hpp>
#include <lowp/kernel/cpu/loops/dot.hpp>
#include <lowp/kernel/cpu/loops/block.hpp>
#include <lowp/kernel/cpu/loops/multiply.hpp>
LOWP_LOOPS_END
#undef LOWP_TARGET
#endif
