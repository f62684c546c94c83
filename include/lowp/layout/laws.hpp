// The law of a layout: it is a bijection. Users run it on their own.
//
//   lowp::laws::layout<lowp::layout::tile16, 3>(40, 100);
#pragma once

#include <lowp/layout/layout.hpp>

#include <cstddef>
#include <vector>

namespace lowp::inline LOWP_ABI::laws {

// Every bit of every code of a rows x cols matrix has a place of its own within the packed bytes.
template <layout_type L, int Bits>
inline bool layout(std::size_t rows, std::size_t cols) {
  constexpr auto planes = L::template planes<Bits>();
  std::uint32_t covered = 0;
  for (const bit_plane plane : planes) {
    const std::uint32_t mask = low_mask(plane.width) << plane.first;
    if ((covered & mask) != 0) return false;
    covered |= mask;
  }
  if (covered != low_mask(Bits)) return false;
  std::vector<bool> taken(L::template size<Bits>(rows, cols) * 8, false);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      for (int p = 0; p < static_cast<int>(planes.size()); ++p) {
        const std::size_t first = L::template bit<Bits>(r, c, p, rows, cols);
        for (std::size_t b = first; b < first + static_cast<std::size_t>(planes[static_cast<std::size_t>(p)].width); ++b) {
          if (b >= taken.size() || taken[b]) return false;
          taken[b] = true;
        }
      }
    }
  }
  return true;
}

}  // namespace lowp::inline LOWP_ABI::laws
