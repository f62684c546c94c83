// Weights from any layout into that of the CUDA GEMM, one 32-bit word a thread, for the device (repack.cuh) and for the host alike:
// both ask the layouts themselves where a code lies.
//
//   lowp::repack_words<lowp::layout::gptq, 4>(block, {from, to, rows, cols}, block_index, blocks);
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/weight_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace lowp::inline LOWP_ABI {

namespace detail {

// The planes of a layout as constants, which device code can name.
template <class L, int Bits>
inline constexpr std::size_t plane_count_of = L::template planes<Bits>().size();
template <class L, int Bits, std::size_t Plane>
inline constexpr bit_plane plane_of = L::template planes<Bits>()[Plane];

// Up to eight bits from bit `at` on.
LOWP_HD inline std::uint32_t device_bits(const std::uint8_t* bytes, std::size_t at, int width) noexcept {
  const int offset = static_cast<int>(at % 8);
  std::uint32_t window = bytes[at / 8];
  if (offset + width > 8) window |= static_cast<std::uint32_t>(bytes[at / 8 + 1]) << 8;
  return window >> offset & low_mask(width);
}

template <class L, int Bits, std::size_t... Plane>
LOWP_HD std::uint32_t code_of_planes(const std::uint8_t* bytes, std::size_t row, std::size_t col, std::size_t rows, std::size_t cols,
                                     std::index_sequence<Plane...>) noexcept {
  return ((device_bits(bytes, L::template bit<Bits>(row, col, static_cast<int>(Plane), rows, cols), plane_of<L, Bits, Plane>.width)
           << plane_of<L, Bits, Plane>.first) |
          ...);
}

}  // namespace detail

// The code at (row, col) of a matrix [rows, cols] in layout L, on the device too: for layouts whose `bit` is LOWP_HD (row_major, gptq,
// awq, marlin, tinygemm, those of compressed-tensors, mma_a16). Codes of at most 8 bits.
template <layout_type L, int Bits>
LOWP_HD std::uint32_t device_code(const std::uint8_t* bytes, std::size_t row, std::size_t col, std::size_t rows,
                                  std::size_t cols) noexcept {
  return detail::code_of_planes<L, Bits>(bytes, row, col, rows, cols, std::make_index_sequence<detail::plane_count_of<L, Bits>>{});
}

struct repack_arguments {
  const std::uint8_t* from;
  std::uint32_t* to;  // layout::mma_a16::size<Bits>(rows, cols) bytes
  std::size_t rows;
  std::size_t cols;
};

namespace detail {

// The word of plane `Plane` that is number `in_plane` of lane `lane`, in the unit whose first row and column are given.
template <class From, int Bits, int Plane>
LOWP_HD std::uint32_t repacked_word(const repack_arguments& a, std::size_t row, std::size_t col, int lane, int in_plane) noexcept {
  using L = layout::mma_a16;
  constexpr bit_plane plane = L::plane<Bits, Plane>;
  constexpr int place = L::place_bits<Bits>;
  constexpr int together = place / plane.width;
  constexpr int places = 32 / place;
  std::uint32_t word = 0;
  for (int i = 0; i < together * places; ++i) {
    const int placed = in_plane * together + i % together;
    const int at = placed % (place / 4) * places + i / together;
    const mma_position p = L::weight_at(lane, L::place_of<Bits>(at));
    const std::size_t r = row + static_cast<std::size_t>(p.row);
    const std::size_t c = col + static_cast<std::size_t>(placed / (place / 4) * 16 + p.col);
    if (r >= a.rows || c >= a.cols) continue;
    const std::uint32_t code = device_code<From, Bits>(a.from, r, c, a.rows, a.cols);
    word |= (code >> plane.first & low_mask(plane.width)) << (i / together * place + i % together * plane.width);
  }
  return word;
}

}  // namespace detail

// The threads of all blocks write all words of `to`, padding included.
template <layout_type From, int Bits, class Block>
LOWP_HD void repack_words(const Block& block, const repack_arguments& a, std::uint32_t block_index, std::uint32_t blocks) {
  using L = layout::mma_a16;
  constexpr std::size_t unit_words = L::unit_bytes<Bits> / 4;
  const std::size_t words = ceil_div(a.rows, L::panel_rows) * L::units<Bits>(a.cols) * 4 * unit_words;
  block.each_thread([&](int thread) {
    for (std::size_t w = std::size_t{block_index} * Block::threads + static_cast<std::size_t>(thread); w < words;
         w += std::size_t{blocks} * Block::threads) {
      const std::size_t unit = w / unit_words;
      const std::size_t row = unit / 4 / L::units<Bits>(a.cols) * L::panel_rows + unit % 4 * L::unit_rows;
      const std::size_t col = unit / 4 % L::units<Bits>(a.cols) * L::unit_cols<Bits>;
      const auto in_unit = static_cast<int>(w % unit_words);
      const auto from_plane = [&]<int Plane>() {
        constexpr bit_plane plane = L::plane<Bits, Plane>;
        constexpr auto lane_words = static_cast<int>(L::plane_words<Bits>(plane));
        const int at = in_unit - static_cast<int>(L::plane_offset<Bits>(plane) / 4);
        a.to[w] = detail::repacked_word<From, Bits, Plane>(a, row, col, at / lane_words, at % lane_words);
      };
      constexpr int planes = L::plane_count<Bits>;
      if constexpr (planes > 2) {
        if (in_unit >= static_cast<int>(L::plane_offset<Bits>(L::plane<Bits, 2>) / 4)) {
          from_plane.template operator()<2>();
          continue;
        }
      }
      if constexpr (planes > 1) {
        if (in_unit >= static_cast<int>(L::plane_offset<Bits>(L::plane<Bits, 1>) / 4)) {
          from_plane.template operator()<1>();
          continue;
        }
      }
      from_plane.template operator()<0>();
    }
  });
}

}  // namespace lowp::inline LOWP_ABI
