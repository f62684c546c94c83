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

// planes<Bits>()                              the planes of a code, an array of bit_plane that covers each bit once
// size<Bits>(rows, cols)                      the bytes of a packed matrix
// bit<Bits>(row, col, plane, rows, cols)      where the lowest bit of that plane of that code lies
template <class L>
concept layout_type = requires(std::size_t n) {
  { L::template planes<4>()[0] } -> std::convertible_to<bit_plane>;
  { L::template size<4>(n, n) } -> std::convertible_to<std::size_t>;
  { L::template bit<4>(n, n, 0, n, n) } -> std::convertible_to<std::size_t>;
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
