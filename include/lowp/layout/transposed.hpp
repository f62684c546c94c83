// The layout L of the transposed matrix: what lies at (row, col) here lies at (col, row) there.
//
//   using columns = lowp::layout::transposed<lowp::layout::row_major>;      // a bit stream down each column
#pragma once

#include <lowp/layout/layout.hpp>

#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

template <layout_type L>
struct transposed {
  template <int Bits>
  static constexpr auto planes() noexcept {
    return L::template planes<Bits>();
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return L::template size<Bits>(cols, rows);
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t bit(std::size_t row, std::size_t col, int plane, std::size_t rows, std::size_t cols) noexcept {
    return L::template bit<Bits>(col, row, plane, cols, rows);
  }

  template <int Bits>
  requires tiled_layout<L>
  static constexpr tile_shape tile() noexcept {
    constexpr tile_shape shape = L::template tile<Bits>();
    return {shape.cols, shape.rows};
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
