// The laws of a layout: it is a bijection, and its tiles are as it says. Users run them on their own.
//
//   lowp::laws::layout<lowp::layout::tile16, 3>(40, 100);
#pragma once

#include <lowp/layout/layout.hpp>
#include <lowp/layout/tiles.hpp>

#include <cstddef>
#include <vector>

namespace lowp::inline LOWP_ABI::laws {

// In each whole tile of a rows x cols matrix, the codes lie where those of the first tile of a large matrix lie, word by word.
template <tiled_layout L, int Bits>
inline bool tiles(std::size_t rows, std::size_t cols) {
  using tile = lowp::detail::tile_words<L, Bits>;
  if constexpr (requires { L::template tiles<Bits>(rows, cols); }) {
    if (!L::template tiles<Bits>(rows, cols)) return true;
  }
  for (std::size_t r = 0; r + tile::shape.rows <= rows; r += tile::shape.rows) {
    for (std::size_t c = 0; c + tile::shape.cols <= cols; c += tile::shape.cols) {
      const auto at = tile::places(r, c, rows, cols);
      for (std::size_t i = 0; i < tile::map.piece_count; ++i) {
        const lowp::detail::tile_piece piece = tile::map.pieces[i];
        for (int p = 0; p < static_cast<int>(tile::planes.size()); ++p) {
          const bit_plane plane = tile::planes[static_cast<std::size_t>(p)];
          if (plane.first < piece.first || plane.first >= piece.first + piece.width) continue;
          const std::size_t expected = at[piece.word] + static_cast<std::size_t>(piece.shift + plane.first - piece.first);
          if (L::template bit<Bits>(r + piece.row, c + piece.col, p, rows, cols) != expected) return false;
        }
      }
    }
  }
  return true;
}

// Every bit of every code of a rows x cols matrix has a place of its own within the packed bytes, and tiles are as the layout says.
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
  if constexpr (tiled_layout<L>) return tiles<L, Bits>(rows, cols);
  else return true;
}

}  // namespace lowp::inline LOWP_ABI::laws
