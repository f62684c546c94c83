// The layout of SpQR's 3-bit weights: a 64-bit word for each row of 16 columns, in tiles of 16 rows by 16 columns, with the row's quantized
// scale and zero point before the codes and a part of the tile's second-order parameters behind them.
//
//   bit     0 1 2 | 3 4 5 | 6 7 8 | ... | 51 52 53 | 54 ... 61 | 62 63
//           scale | zero  | col 0 | ... | col 15   | a byte    | unused
//
// The bytes of the rows 0, 2, 4, ... 14 of a tile (and of 1, 3, ... again) are four 16-bit floats: the scale of the scales, the scale of
// the zero points, the zero point of the scales, the zero point of the zero points.
//
//   lowp::unpack_codes<lowp::layout::spqr, 3>(bytes, codes);                  // [rows, cols]
//   lowp::unpack_codes<lowp::layout::spqr_scales, 3>(bytes, scales);          // [rows, cols / 16], out of the same bytes
//   lowp::unpack_codes<lowp::layout::spqr_zeros, 3>(bytes, zeros);
//
// Source: SpQR, inference_lib, tensor_compress_interleaved.
#pragma once

#include <lowp/layout/layout.hpp>

#include <array>
#include <cstddef>

namespace lowp::inline LOWP_ABI {
namespace detail {

// 3-bit fields at bit First of the words, `Count` of them in each.
template <std::size_t First, std::size_t Count>
struct spqr_fields {
  template <int Bits>
  static constexpr single_plane planes() noexcept {
    static_assert(Bits == 3, "SpQR holds 3-bit codes");
    return {bit_plane{0, Bits}};
  }

  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return round_up(rows, std::size_t{16}) * ceil_div(cols, Count) * 8;
  }

  template <int Bits>
  static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t, std::size_t cols) noexcept {
    const std::size_t tile = row / 16 * ceil_div(cols, Count) + col / Count;
    return (tile * 16 + row % 16) * 64 + First + col % Count * Bits;
  }

  template <int Bits>
  static constexpr tile_shape tile() noexcept {
    return {1, Count};
  }
};

}  // namespace detail

namespace layout {

struct spqr : detail::spqr_fields<6, 16> {
  // The bit where the byte of second-order parameters of a row of a tile begins, 16 columns a group.
  static constexpr std::size_t second_order_bit(std::size_t row, std::size_t group, std::size_t groups) noexcept {
    return detail::spqr_fields<54, 1>::bit<3>(row, group, 0, 0, groups);
  }
};

struct spqr_scales : detail::spqr_fields<0, 1> {};
struct spqr_zeros : detail::spqr_fields<3, 1> {};

}  // namespace layout
}  // namespace lowp::inline LOWP_ABI
