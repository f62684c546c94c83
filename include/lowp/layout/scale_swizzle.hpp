// The order in which tensor cores of NVIDIA's Blackwell want block scales (MX and NVFP4): tiles of 128 rows by 4 scales, 512 bytes each,
// where the byte of (row, col) of a tile lies at row % 32 * 16 + row / 32 * 4 + col. Checkpoints hold scales in plain order.
//
//   byte     0 ... 3      4 ... 7      8 ... 11     12 ... 15    16 ... 19    ...
//            row 0        row 32       row 64       row 96       row 1
//
//   lowp::pack_codes<lowp::layout::scale_swizzle_128x4, 8>(q.scales().codes(), std::span(bytes));
//
// Tiles follow each other along the rows of scales; rows are padded to 128 and columns to 4, with codes 0.
//
// Source: cuBLAS 12.8, block scaling factors layout; CUTLASS, Blackwell scale factor layouts.
#pragma once

#include <lowp/layout/layout.hpp>
#include <lowp/layout/swizzled_offset.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

struct scale_swizzle_128x4 {
  template <int Bits>
  static constexpr std::array<bit_plane, 1> planes() noexcept {
    static_assert(Bits == 8, "block scales have 8 bits");
    return {bit_plane{0, Bits}};
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return swizzled_size(rows, cols);
  }

  template <int Bits>
  static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t, std::size_t cols) noexcept {
    return swizzled_offset(row, col, cols) * 8;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, 4};
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
