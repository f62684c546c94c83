// Quantizing in plain C++, one number at a time: for every machine, and what the other versions are compared with.
#pragma once

#include <lowp/kernel/cpu/quantizing.hpp>
#include <lowp/kernel/cpu/quick_parameters.hpp>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_portable {

template <bool BothEnds, class T>
value_range range_of(const T* p, std::size_t count) {
  value_range r = empty_range;
  std::uint32_t reach = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = static_cast<float>(p[i]);
    const std::uint32_t a = bit_cast<std::uint32_t>(x) & 0x7fffffffu;
    reach = a > reach ? a : reach;
    if constexpr (BothEnds) {
      r.low = x < r.low ? x : r.low;
      r.high = x > r.high ? x : r.high;
    }
  }
  const auto most = bit_cast<float>(reach);
  if (!is_finite(most)) return {quiet_nan(), quiet_nan()};
  if constexpr (BothEnds) return r;
  else return {-most, most};
}

template <scheme_type S, class T>
void encode_stretch(const affine<S>& group, const T* p, std::size_t count, code_t<typename S::format>* codes) {
  const bool numbers = !is_nan(group.scale);
  for (std::size_t i = 0; i < count; ++i) {
    codes[i] = numbers ? group.encode(static_cast<float>(p[i])) : encode<typename S::format>(0.0f);
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_portable

#define LOWP_TARGET quantize_portable
LOWP_LOOPS_BEGIN
#include <lowp/kernel/cpu/loops/quantize.hpp>
LOWP_LOOPS_END
#undef LOWP_TARGET
