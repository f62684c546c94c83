// The range of the values of a group.
//
//   value_range{-1.0f, 3.0f}.reach() == 3.0f
#pragma once

#include <lowp/core/bits.hpp>

namespace lowp::inline LOWP_ABI {

struct value_range {
  float low = 0;
  float high = 0;
  // A magnitude, so that minus zeros do not end up as a scale of minus zero.
  LOWP_HD constexpr float reach() const noexcept { return magnitude(-low > high ? -low : high); }
};

}  // namespace lowp::inline LOWP_ABI
