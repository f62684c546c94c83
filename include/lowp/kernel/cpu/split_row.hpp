// A row of numbers as 16-bit integers times a scale, each in two signed bytes, so that dot products of bytes take it:
//
//   x = scale * (256 * high + low)          |error| <= scale / 2, and the largest magnitude is 32639 * scale
//
//   const lowp::detail::row_splitter split;
//   const float scale = split(x, 128, high, low);
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/kernel/cpu/isa.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if LOWP_X86_64
#include <immintrin.h>
#endif

namespace lowp::inline LOWP_ABI::detail {

inline constexpr std::size_t split_step = 16;

}  // namespace lowp::inline LOWP_ABI::detail

#if defined(__GNUC__)
#define LOWP_TARGET_LANES 4
#else
#define LOWP_TARGET_LANES 1
#endif
#define LOWP_TARGET split_portable
LOWP_LOOPS_BEGIN
#include <lowp/kernel/cpu/loops/split_row.hpp>
LOWP_LOOPS_END
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES

#if LOWP_X86_64
LOWP_TARGET_BEGIN("avx2,fma,f16c")
#define LOWP_TARGET split_v3
#define LOWP_TARGET_LANES 8
#include <lowp/kernel/cpu/loops/split_row.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES
LOWP_TARGET_END

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::split_v4 {

inline std::uint32_t largest_magnitude(const float* x, std::size_t count) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  __m512i most = _mm512_setzero_si512(), others = most;
  std::size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    most = _mm512_max_epi32(most, _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude));
    others = _mm512_max_epi32(others, _mm512_and_si512(_mm512_loadu_si512(x + i + 16), magnitude));
  }
  if (i < count) others = _mm512_max_epi32(others, _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude));
  return static_cast<std::uint32_t>(_mm512_reduce_max_epi32(_mm512_max_epi32(most, others)));
}

// Sixty-four numbers at a time become words, two of which share a lane, and the bytes of a lane go to their places by two permutations:
// a third of the instructions that narrowing sixteen at a time takes.
inline void split_numbers(const float* x, std::size_t count, float inverse, std::int8_t* high, std::int8_t* low) {
  const __m512 shifter = _mm512_set1_ps(12582912.0f), factor = _mm512_set1_ps(inverse);
  const auto whole = [&](const float* from) LOWP_INLINE_LAMBDA {
    return _mm512_castps_si512(_mm512_fmadd_ps(_mm512_loadu_ps(from), factor, shifter));  // of which the lower 16 bits are the number
  };
  const __m512i lower_words = _mm512_set1_epi32(0xffff), lower_bytes = _mm512_set1_epi16(0xff), half = _mm512_set1_epi16(128);
  const __m512i by_byte = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  const __m512i by_lane = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const auto place = [&](__m512i bytes, std::int8_t* to) LOWP_INLINE_LAMBDA {
    _mm512_storeu_si512(to, _mm512_permutexvar_epi32(by_lane, _mm512_shuffle_epi8(bytes, by_byte)));
  };
  std::size_t i = 0;
  for (; i + 64 <= count; i += 64) {
    // The words of numbers n and n + 32, and of n + 16 and n + 48: (a & mask) | b << 16.
    const __m512i even = _mm512_ternarylogic_epi32(lower_words, whole(x + i), _mm512_slli_epi32(whole(x + i + 32), 16), 0xca);
    const __m512i odd = _mm512_ternarylogic_epi32(lower_words, whole(x + i + 16), _mm512_slli_epi32(whole(x + i + 48), 16), 0xca);
    place(_mm512_ternarylogic_epi32(lower_bytes, even, _mm512_slli_epi16(odd, 8), 0xca), low + i);
    place(_mm512_ternarylogic_epi32(lower_bytes, _mm512_srli_epi16(_mm512_add_epi16(even, half), 8), _mm512_add_epi16(odd, half), 0xca),
          high + i);
  }
  for (; i < count; i += 16) {
    const __m512i n = whole(x + i), rounded = _mm512_add_epi32(n, _mm512_set1_epi32(128));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(high + i), _mm512_cvtepi32_epi8(_mm512_srli_epi32(rounded, 8)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(low + i), _mm512_cvtepi32_epi8(n));
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::split_v4
LOWP_TARGET_END
#endif

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

struct row_splitter {
  std::uint32_t (*largest)(const float*, std::size_t) = &split_portable::largest_magnitude;
  void (*split)(const float*, std::size_t, float, std::int8_t*, std::int8_t*) = &split_portable::split_numbers;

  explicit row_splitter(isa limit = newest_isa) {
#if LOWP_X86_64
    const isa best = best_isa(limit);
    if (best >= isa::x86_v4) {
      largest = &split_v4::largest_magnitude;
      split = &split_v4::split_numbers;
    } else if (best >= isa::x86_v3) {
      largest = &split_v3::largest_magnitude;
      split = &split_v3::split_numbers;
    }
#else
    static_cast<void>(limit);
#endif
  }

  // The scale of a row; NaN where the row has NaN or infinity.
  float scale(const float* x, std::size_t count) const {
    constexpr float reach = 127 * 256 + 127;
    const std::size_t whole = count / split_step * split_step;
    std::uint32_t most = largest(x, whole);
    if (whole != count) {
      float tail[split_step] = {};
      std::memcpy(tail, x + whole, (count - whole) * sizeof(float));
      most = (std::max)(most, largest(tail, split_step));
    }
    if (most >= 0x7f800000u) return quiet_nan();
    // A scale whose inverse is no normal number would lose what it divides.
    return (std::max)(bit_cast<float>(most) * (1 / reach), power_of_two(-126));
  }
  // The bytes of a row with that scale; zeros where it is NaN.
  void write(const float* x, std::size_t count, float scale, std::int8_t* high, std::int8_t* low) const {
    if (is_nan(scale)) {
      std::memset(high, 0, count);
      std::memset(low, 0, count);
      return;
    }
    const std::size_t whole = count / split_step * split_step, rest = count - whole;
    split(x, whole, 1 / scale, high, low);
    if (rest == 0) return;
    float tail[split_step] = {};
    std::int8_t tail_high[split_step], tail_low[split_step];
    std::memcpy(tail, x + whole, rest * sizeof(float));
    split(tail, split_step, 1 / scale, tail_high, tail_low);
    std::memcpy(high + whole, tail_high, rest);
    std::memcpy(low + whole, tail_low, rest);
  }

  // Both; the scale.
  float operator()(const float* x, std::size_t count, std::int8_t* high, std::int8_t* low) const {
    const float s = scale(x, count);
    write(x, count, s, high, low);
    return s;
  }
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
