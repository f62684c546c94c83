// Codes of a codebook that is known when the program runs, and what a row's own range is for it.
//
//   const lowp::detail::codebook_search search;
//   search.places_of_row(x, zero, scale, 128, places);                  // (x - zero) / scale
//   search.codes(places, 128, thresholds, 7, codes);                    // how many of the thresholds lie below each, for codes of 3 bits
//   search.ranges(x, 128, kept).within                                  // the range of the numbers that are within `kept`
#pragma once

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cpu/isa.hpp>
#include <lowp/quantize/value_range.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lowp::inline LOWP_ABI::detail {

// The ranges of a stretch of numbers, and of those within another range; low above high where there are none.
struct stretch_ranges {
  value_range all;
  value_range within;
  bool finite;  // all of them
};

}  // namespace lowp::inline LOWP_ABI::detail

#if defined(__GNUC__)
#define LOWP_TARGET_LANES 4
#else
#define LOWP_TARGET_LANES 1
#endif
#define LOWP_TARGET search_portable
LOWP_LOOPS_BEGIN
#include <lowp/kernel/cpu/loops/codebook_search.hpp>
LOWP_LOOPS_END
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES

#if LOWP_X86_64
LOWP_TARGET_BEGIN("avx2,fma,f16c")
#define LOWP_TARGET search_v3
#define LOWP_TARGET_LANES 8
#include <lowp/kernel/cpu/loops/codebook_search.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES
LOWP_TARGET_END

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#define LOWP_TARGET search_v4
#define LOWP_TARGET_LANES 16
#include <lowp/kernel/cpu/loops/codebook_search.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES
LOWP_TARGET_END
#endif

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

struct codebook_search {
  void (*places_of_channels)(const float*, const float* offsets, const float* scales, std::size_t,
                             float*) = &search_portable::places_of_channels;
  void (*places_of_row)(const float*, float offset, float scale, std::size_t, float*) = &search_portable::places_of_row;
  void (*codes)(const float*, std::size_t, const float* thresholds, std::size_t, std::uint8_t*) = &search_portable::search;
  stretch_ranges (*ranges)(const float*, std::size_t, value_range kept) = &search_portable::ranges_of;

  explicit codebook_search(isa limit = newest_isa) {
#if LOWP_X86_64
    const isa best = best_isa(limit);
    if (best >= isa::x86_v4) {
      places_of_channels = &search_v4::places_of_channels;
      places_of_row = &search_v4::places_of_row;
      codes = &search_v4::search;
      ranges = &search_v4::ranges_of;
    } else if (best >= isa::x86_v3) {
      places_of_channels = &search_v3::places_of_channels;
      places_of_row = &search_v3::places_of_row;
      codes = &search_v3::search;
      ranges = &search_v3::ranges_of;
    }
#else
    static_cast<void>(limit);
#endif
  }
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
