// The concept of a layout: in which byte and at which bit the code of (row, column) lies. Nothing else in the library
// knows how bits are stored. From the map come pack, unpack, repack between any two layouts, and the test that it is a
// bijection (laws::layout).
//
// A code may be split into planes (a 3-bit code into two bits here and one bit there). Bits are counted from the start of
// the packed bytes, least significant bit of the first byte first.
//
//   struct by_rows {                                                   // the simplest layout: a bit stream
//     template <int Bits> static constexpr auto planes() { return std::array{lowp::bit_plane{0, Bits}}; }
//     template <int Bits> static constexpr std::size_t size(std::size_t rows, std::size_t cols) { return (rows * cols * Bits + 7) / 8; }
//     template <int Bits> static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t, std::size_t cols) {
//       return (row * cols + col) * Bits;
//     }
//   };
//   static_assert(lowp::layout_type<by_rows>);
#pragma once

#include <lowp/core/bits.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// Bits first .. first + width - 1 of a code, which lie next to each other.
struct bit_plane {
  int first;
  int width;
};
using single_plane = std::array<bit_plane, 1>;

// Widths that are no power of two as planes that are, low bits first: 3 = 2 + 1, 5 = 4 + 1, 6 = 4 + 2, 7 = 4 + 2 + 1.
template <int Bits>
constexpr auto power_of_two_planes() noexcept {
  if constexpr (Bits == 3) return std::array{bit_plane{0, 2}, bit_plane{2, 1}};
  else if constexpr (Bits == 5) return std::array{bit_plane{0, 4}, bit_plane{4, 1}};
  else if constexpr (Bits == 6) return std::array{bit_plane{0, 4}, bit_plane{4, 2}};
  else if constexpr (Bits == 7) return std::array{bit_plane{0, 4}, bit_plane{4, 2}, bit_plane{6, 1}};
  else return std::array{bit_plane{0, Bits}};
}

// planes<Bits>()                              the planes of a code, an array of bit_plane that covers each bit once
// size<Bits>(rows, cols)                      the bytes of a packed matrix
// bit<Bits>(row, col, plane, rows, cols)      where the lowest bit of that plane of that code lies
template <class L>
concept layout_type = requires(std::size_t n) {
  { L::template planes<4>()[0] } -> std::convertible_to<bit_plane>;
  { L::template size<4>(n, n) } -> std::convertible_to<std::size_t>;
  { L::template bit<4>(n, n, 0, n, n) } -> std::convertible_to<std::size_t>;
};

// A layout whose source knows only some shapes says which, and why; `size` and `bit` are right for every other one too, but pack and
// unpack refuse it:
//
// fits<Bits>(rows, cols)                      whether its source stores such a matrix
// fits_rule                                   what that takes, in words
template <class L>
concept limited_layout = layout_type<L> && requires(std::size_t n) {
  { L::template fits<4>(n, n) } -> std::convertible_to<bool>;
  { L::fits_rule } -> std::convertible_to<const char*>;
};

struct tile_shape {
  std::size_t rows;
  std::size_t cols;
};

// A layout may say after how many rows and columns its pattern of bits repeats; pack and unpack then move whole words of codes:
//
// tile<Bits>()                                the shape of a tile
// tiles<Bits>(rows, cols)                     optional: whether such a matrix is made of them (default: true)
//
// Within each tile that begins at a multiple of its shape and lies whole in the matrix, the codes that share 64 aligned bits in the
// first tile of a large matrix keep their distances. laws::tiles proves it.
template <class L>
concept tiled_layout = layout_type<L> && requires {
  { L::template tile<4>() } -> std::convertible_to<tile_shape>;
};

namespace detail {

// Reads `width` bits from bit position `at`; width in 1..32.
constexpr std::uint32_t read_bits(const std::uint8_t* bytes, std::size_t at, int width) noexcept {
  std::uint64_t window = 0;
  const int offset = static_cast<int>(at % 8);
  const int count = (offset + width + 7) / 8;
  for (int i = 0; i < count; ++i) window |= std::uint64_t{bytes[at / 8 + static_cast<std::size_t>(i)]} << (8 * i);
  return static_cast<std::uint32_t>(window >> offset) & low_mask(width);
}

// Sets bits that are still zero.
constexpr void write_bits(std::uint8_t* bytes, std::size_t at, int width, std::uint32_t value) noexcept {
  const int offset = static_cast<int>(at % 8);
  const std::uint64_t window = std::uint64_t{value & low_mask(width)} << offset;
  const int count = (offset + width + 7) / 8;
  for (int i = 0; i < count; ++i) {
    auto& byte = bytes[at / 8 + static_cast<std::size_t>(i)];
    byte = static_cast<std::uint8_t>(byte | (window >> (8 * i)));
  }
}

}  // namespace detail

// The code at (row, col) of a matrix [rows, cols] packed in `bytes`.
template <layout_type L, int Bits>
constexpr std::uint32_t read_code(const std::uint8_t* bytes, std::size_t row, std::size_t col, std::size_t rows,
                                  std::size_t cols) noexcept {
  constexpr auto planes = L::template planes<Bits>();
  std::uint32_t code = 0;
  for (int p = 0; p < static_cast<int>(planes.size()); ++p) {
    const bit_plane plane = planes[static_cast<std::size_t>(p)];
    code |= detail::read_bits(bytes, L::template bit<Bits>(row, col, p, rows, cols), plane.width) << plane.first;
  }
  return code;
}

// Writes the code at (row, col) where the bytes still hold zeros.
template <layout_type L, int Bits>
constexpr void write_code(std::uint8_t* bytes, std::size_t row, std::size_t col, std::size_t rows, std::size_t cols,
                          std::uint32_t code) noexcept {
  constexpr auto planes = L::template planes<Bits>();
  for (int p = 0; p < static_cast<int>(planes.size()); ++p) {
    const bit_plane plane = planes[static_cast<std::size_t>(p)];
    detail::write_bits(bytes, L::template bit<Bits>(row, col, p, rows, cols), plane.width, code >> plane.first);
  }
}

}  // namespace lowp::inline LOWP_ABI
