// The layout of tinygemm's 4-bit weights (torchao's Int4TilePackedTo4d): int32 [rows / 8, cols / (16 * InnerTiles), 32, InnerTiles / 2].
//
// The 32 words of a tile belong to the 32 threads of a warp, four to each of 8 rows. A word of thread t holds eight columns of row t / 4,
// two neighbours out of each 8, as the tensor core's fragments want them:
//
//   bit                     28        24        20        16        12         8         4         0
//   column, from 2(t % 4)  + 25      + 17       + 9       + 1      + 24      + 16       + 8       + 0
//
// Columns are padded to 1024 and rows to 8, with codes 0.
//
//   lowp::unpack_codes<lowp::layout::tinygemm<>, 4>(qdata, codes);
//
// Source: PyTorch, _convert_weight_to_int4pack (CUDA); torchao, Int4TilePackedTo4dTensor.
#pragma once

#include <lowp/layout/layout.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI::layout {

template <std::size_t InnerTiles = 8>
struct tinygemm {
  static_assert(InnerTiles == 2 || InnerTiles == 4 || InnerTiles == 8, "tinygemm has 2, 4 or 8 inner tiles");

  template <int Bits>
  static constexpr single_plane planes() noexcept {
    static_assert(Bits == 4, "tinygemm holds 4-bit codes");
    return {bit_plane{0, Bits}};
  }

  LOWP_HD static constexpr std::size_t padded_cols(std::size_t cols) noexcept { return round_up(cols, std::size_t{1024}); }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return round_up(rows, std::size_t{8}) * padded_cols(cols) / 2;
  }

  template <int Bits>
  LOWP_HD static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t, std::size_t cols) noexcept {
    constexpr std::size_t tile_cols = 16 * InnerTiles;
    const std::size_t tile = row / 8 * (padded_cols(cols) / tile_cols) + col / tile_cols;
    const std::size_t thread = row % 8 * 4 + col % 8 / 2;
    const std::size_t word = (tile * 32 + thread) * (InnerTiles / 2) + col % tile_cols / 32;
    return word * 32 + (col % 32 / 8 + col % 2 * 4) * Bits;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, 32};
  }
};

}  // namespace lowp::inline LOWP_ABI::layout
