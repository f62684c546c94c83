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
#define LOWP_TARGET split_v4
#define LOWP_TARGET_LANES 16
#include <lowp/kernel/cpu/loops/split_row.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES
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

  // The scale. A row with NaN or infinity becomes zeros with a scale of NaN.
  float operator()(const float* x, std::size_t count, std::int8_t* high, std::int8_t* low) const {
    constexpr float reach = 127 * 256 + 127;
    const std::size_t whole = count / split_step * split_step, rest = count - whole;
    float tail[split_step] = {};
    std::uint32_t most = largest(x, whole);
    if (rest != 0) {
      std::memcpy(tail, x + whole, rest * sizeof(float));
      most = (std::max)(most, largest(tail, split_step));
    }
    if (most >= 0x7f800000u) {
      std::memset(high, 0, count);
      std::memset(low, 0, count);
      return quiet_nan();
    }
    // A scale whose inverse is no normal number would lose what it divides.
    const float fitting = bit_cast<float>(most) / reach;
    const float scale = fitting < power_of_two(-126) ? power_of_two(-126) : fitting;
    split(x, whole, 1 / scale, high, low);
    if (rest != 0) {
      std::int8_t tail_high[split_step], tail_low[split_step];
      split(tail, split_step, 1 / scale, tail_high, tail_low);
      std::memcpy(high + whole, tail_high, rest);
      std::memcpy(low + whole, tail_low, rest);
    }
    return scale;
  }
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
