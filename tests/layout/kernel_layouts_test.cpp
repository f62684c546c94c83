// HQQ, SpQR, and the layouts that GPU kernels of other libraries read: laws, round trips and places.

#include "layout_checks.hpp"

#include <lowp/layout/hqq.hpp>
#include <lowp/layout/marlin.hpp>
#include <lowp/layout/scale_swizzle.hpp>
#include <lowp/layout/spqr.hpp>
#include <lowp/layout/tinygemm.hpp>

#include <lowp_test.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace layout = lowp::layout;

TEST_CASE("HQQ: laws and round trips", "[layout]") {
  using widths = std::integer_sequence<int, 1, 2, 3, 4, 8>;
  check_widths<layout::hqq<>>(widths{});
  check_widths<layout::hqq<8>>(widths{});
  check_widths<layout::hqq<8, 0>>(widths{});
  check_layout<layout::hqq<64>, 3>();
  check_layout<layout::hqq<7, 0>, 3>();
}

TEST_CASE("HQQ's bytes", "[layout]") {
  const auto packed = []<int Bits>(std::integral_constant<int, Bits>) {
    std::vector<std::uint8_t> codes(20);
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i % 16);
    std::vector<std::uint8_t> bytes(layout::hqq<>::size<Bits>(20, 1));
    lowp::pack_codes<layout::hqq<>, Bits>(lowp::matrix_view<const std::uint8_t>{codes.data(), 20, 1}, std::span(bytes));
    return bytes;
  };
  using bytes = std::vector<std::uint8_t>;
  CHECK(packed(width<4>) == bytes{10, 27, 44, 61, 78, 95, 96, 113, 130, 147});
  CHECK(packed(width<2>) == bytes{27, 108, 177, 198, 27});
  CHECK(packed(width<3>) == bytes{0x82, 0x29, 0x98, 0x02, 0xcb, 0xbb, 0xbc, 0x0b});
  // Rows that are padded to tenths: 11 rows of two make two rows of ten.
  CHECK(layout::hqq<2>::size<3>(11, 2) == 2 * 2 * 4);
  CHECK(layout::hqq<2>::bit<3>(1, 1, 0, 11, 2) == 3 * 32 + 27);
  CHECK(layout::hqq<2>::bit<3>(2, 0, 0, 11, 2) == 0 * 32 + 24);
  // Along the other axis, the same matrix is two rows of 11 and padded to ten.
  CHECK(layout::hqq<2, 0>::size<3>(11, 2) == 11 * 4);
  CHECK(layout::hqq<2, 0>::bit<3>(5, 1, 0, 11, 2) == 0 * 32 + 24);
}

TEST_CASE("tinygemm: laws, round trips and places", "[layout]") {
  check_layout<layout::tinygemm<>, 4>();
  check_layout<layout::tinygemm<2>, 4>();
  check_layout<layout::tinygemm<4>, 4>();
  CHECK(lowp::laws::layout<layout::tinygemm<>, 4>(17, 2049));
  CHECK(layout::tinygemm<>::size<4>(9, 1025) == 16 * 2048 / 2);
  // The first word: columns 0, 8, 16, 24, then 1, 9, 17, 25 of row 0; the next one 32 columns on.
  const std::size_t columns[8] = {0, 8, 16, 24, 1, 9, 17, 25};
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(layout::tinygemm<>::bit<4>(0, columns[i], 0, 8, 1024) == 4 * i);
    CHECK(layout::tinygemm<>::bit<4>(0, 32 + columns[i], 0, 8, 1024) == 32 + 4 * i);
    // Thread 6 has the columns 4 and 5 of row 1; 128 columns make a tile of 512 bytes.
    CHECK(layout::tinygemm<>::bit<4>(1, 128 + 4 + columns[i], 0, 8, 1024) == 512 * 8 + 6 * 4 * 32 + 4 * i);
  }
}

TEST_CASE("Marlin: laws, round trips and places", "[layout]") {
  check_layout<layout::marlin, 4>();
  check_layout<layout::marlin, 8>();
  const std::size_t rows[8] = {0, 0, 8, 8, 0, 0, 8, 8};
  const std::size_t cols[8] = {0, 8, 0, 8, 1, 9, 1, 9};
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(layout::marlin::bit<4>(rows[i], cols[i], 0, 128, 32) == 4 * i);
    // Thread 5 has row 1 and columns 2, 3, 10 and 11 of each of the four sub-tiles; here that of the rows 32 to 47 of the second tile.
    CHECK(layout::marlin::bit<4>(64 + 32 + 1 + rows[i], 16 + 2 + cols[i], 0, 128, 32) == (3 * 128 + 5 * 4 + 2) * 32 + 4 * i);
    CHECK(layout::marlin::bit<8>(rows[i], cols[i], 0, 128, 32) == rows[i] / 8 * 32 + (cols[i] % 2 * 2 + cols[i] / 8) * 8);
  }
}

TEST_CASE("SpQR: laws, round trips and the fields of a word", "[layout]") {
  check_layout<layout::spqr, 3>();
  check_layout<layout::spqr_scales, 3>();
  check_layout<layout::spqr_zeros, 3>();
  // A word of row 1: scale 5, zero 6, columns 1, 2, 3, ..., a byte 0xa9.
  std::vector<std::uint8_t> bytes(layout::spqr::size<3>(16, 16));
  std::uint64_t word = 5 | 6 << 3;
  for (std::uint64_t c = 0; c < 16; ++c) word |= (c + 1) % 8 << (6 + 3 * c);
  word |= std::uint64_t{0xa9} << 54;
  for (std::size_t i = 0; i < 8; ++i) bytes[8 + i] = static_cast<std::uint8_t>(word >> (8 * i));
  std::vector<std::uint8_t> codes(16 * 16);
  std::vector<std::uint8_t> scales(16);
  std::vector<std::uint8_t> zeros(16);
  const std::span<const std::uint8_t> from(bytes);
  lowp::unpack_codes<layout::spqr, 3>(from, lowp::matrix_view<std::uint8_t>{codes.data(), 16, 16});
  lowp::unpack_codes<layout::spqr_scales, 3>(from, lowp::matrix_view<std::uint8_t>{scales.data(), 16, 1});
  lowp::unpack_codes<layout::spqr_zeros, 3>(from, lowp::matrix_view<std::uint8_t>{zeros.data(), 16, 1});
  for (std::size_t c = 0; c < 16; ++c) CHECK(codes[16 + c] == (c + 1) % 8);
  CHECK(scales[1] == 5);
  CHECK(zeros[1] == 6);
  CHECK(lowp::detail::read_bits(bytes.data(), layout::spqr::second_order_bit(1, 0, 1), 8) == 0xa9);
  // Tiles of 16 rows follow each other along the columns.
  CHECK(layout::spqr::bit<3>(17, 35, 0, 32, 48) == ((3 + 2) * 16 + 1) * 64 + 6 + 9);
}

TEST_CASE("swizzled block scales: laws, round trips and places", "[layout]") {
  using swizzle = layout::scale_swizzle_128x4;
  check_layout<swizzle, 8>();
  CHECK(lowp::laws::layout<swizzle, 8>(300, 13));
  CHECK(swizzle::size<8>(129, 5) == 256 * 8);
  CHECK(swizzle::bit<8>(0, 3, 0, 256, 8) == 3 * 8);
  CHECK(swizzle::bit<8>(1, 0, 0, 256, 8) == 16 * 8);
  CHECK(swizzle::bit<8>(33, 2, 0, 256, 8) == (16 + 4 + 2) * 8);
  CHECK(swizzle::bit<8>(127, 3, 0, 256, 8) == 511 * 8);
  CHECK(swizzle::bit<8>(0, 4, 0, 256, 8) == 512 * 8);
  CHECK(swizzle::bit<8>(128, 0, 0, 256, 8) == 1024 * 8);
}

TEST_CASE("matrices that these layouts do not take", "[layout]") {
  CHECK_FALSE(layout::marlin::fits<4>(63, 16));
  CHECK_FALSE(layout::marlin::fits<8>(64, 24));
  CHECK_FALSE(layout::hqq<>::fits<4>(3, 8));
  CHECK(layout::hqq<>::fits<3>(3, 8));
  CHECK(layout::hqq<8>::fits<4>(6, 8));
  CHECK_FALSE(layout::hqq<8>::fits<4>(3, 8));
  CHECK_FALSE(layout::hqq<64>::fits<3>(3, 8));
  CHECK((layout::hqq<8, 0>::fits<4>(3, 8)));
  CHECK_FALSE((layout::hqq<7, 0>::fits<4>(7, 8)));
}
