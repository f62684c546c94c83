// Who does what in a product of 8-bit numbers: tiles of the result over the blocks of one wave, and the tiles that are left over in
// parts. Constant expressions, so that a test can hold them for any shape and number of processors.
//
//   14 tiles over 4 blocks, K in 6 steps      a: 0 4 8     b: 1 5 9     c: 2 6 10    d: 3 7 11      each whole
//   and the last two in equal shares          a: 12 0..2   b: 12 3..5   c: 13 0..2   d: 13 3..5     steps of those tiles
//
// Neighbouring blocks have neighbouring tiles of the same time, so that what one reads lies in the second cache for others.
#pragma once

#include <lowp/kernel/cuda/gemm_schedule.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

struct w8a8_schedule {
  // Steps first .. last - 1 of a tile; `rest`: which of the tiles that are left over it is, if `shared` with other blocks.
  struct part {
    std::uint32_t token_tile;
    std::uint32_t row_tile;
    std::uint32_t first;
    std::uint32_t last;
    std::uint32_t rest;
    bool shared;
  };

  std::uint32_t token_tiles;
  std::uint32_t row_tiles;
  std::uint32_t steps;
  std::uint32_t blocks;
  std::uint32_t whole_tiles;
  gemm_schedule rest;

  // At most `blocks` blocks. splits: whether tiles may be shared, which takes a workspace; at most eight blocks share one, and each has
  // four steps or more.
  LOWP_HD static constexpr w8a8_schedule make(std::uint32_t token_tiles, std::uint32_t row_tiles, std::uint32_t steps, std::uint32_t blocks,
                                              bool splits) noexcept {
    const std::uint32_t tiles = token_tiles * row_tiles;
    const std::uint32_t most = steps / 4 < 1 ? 1 : steps / 4 > 8 ? 8 : steps / 4;
    const std::uint32_t left = splits && most > 1 ? tiles % blocks : 0;
    const std::uint32_t sharing = left * most < blocks ? left * most : blocks;
    const std::uint32_t whole = tiles - left;
    return {token_tiles, row_tiles, steps, whole == 0 ? sharing : whole < blocks ? whole : blocks, whole, {left, steps, sharing}};
  }

  // How many parts a block has, and each of them.
  LOWP_HD constexpr std::uint32_t parts(std::uint32_t block) const noexcept {
    const std::uint32_t whole = whole_parts(block);
    if (block >= rest.blocks) return whole;
    const std::uint64_t begin = rest.begin(block);
    const std::uint64_t end = rest.begin(block + 1);
    const gemm_schedule::part first = rest.part_at(begin, end);
    return whole + (begin + (first.last - first.first) == end ? 1 : 2);
  }
  LOWP_HD constexpr part part_of(std::uint32_t block, std::uint32_t index) const noexcept {
    const std::uint32_t whole = whole_parts(block);
    if (index < whole) return place(block + index * blocks, {0, 0, steps}, false);
    const std::uint64_t end = rest.begin(block + 1);
    gemm_schedule::part p = rest.part_at(rest.begin(block), end);
    if (index > whole) p = rest.part_at(rest.begin(block) + (p.last - p.first), end);
    return place(whole_tiles + p.panel, p, !rest.whole(p));
  }

 private:
  // Tiles follow each other along the tokens, in bands of sixteen of them.
  static constexpr std::uint32_t band = 16;

  LOWP_HD constexpr std::uint32_t whole_parts(std::uint32_t block) const noexcept {
    return block < whole_tiles ? (whole_tiles - block - 1) / blocks + 1 : 0;
  }
  LOWP_HD constexpr part place(std::uint32_t tile, gemm_schedule::part p, bool shared) const noexcept {
    const std::uint32_t first = tile / (band * row_tiles) * band;
    const std::uint32_t width = token_tiles - first < band ? token_tiles - first : band;
    const std::uint32_t at = tile - first * row_tiles;
    return {first + at % width, at / width, p.first, p.last, p.panel, shared};
  }
};

}  // namespace lowp::inline LOWP_ABI
