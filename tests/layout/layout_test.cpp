// The law of every layout, where bits lie, round trips, and buffers of the wrong size.

#include "layout_checks.hpp"

#include <lowp/layout/laws.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/row_major.hpp>
#include <lowp/layout/tile16.hpp>
#include <lowp/layout/transposed.hpp>

#include <lowp_test.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

using lowp::matrix_view;
namespace layout = lowp::layout;

namespace {

// A user's own: columns one after another, codes in reverse order of bits of significance between two planes.
struct by_columns {
  template <int Bits>
  static constexpr auto planes() {
    if constexpr (Bits == 1) return std::array{lowp::bit_plane{0, 1}};
    else return std::array{lowp::bit_plane{Bits - 1, 1}, lowp::bit_plane{0, Bits - 1}};
  }
  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) {
    return (rows * cols * Bits + 7) / 8;
  }
  template <int Bits>
  static constexpr std::size_t bit(std::size_t row, std::size_t col, int plane, std::size_t rows, std::size_t) {
    return (col * rows + row) * Bits + (plane == 0 ? 0u : 1u);
  }
};
static_assert(lowp::layout_type<by_columns>);
static_assert(lowp::layout_type<layout::row_major>);
static_assert(lowp::layout_type<layout::tile16>);
static_assert(lowp::panel_layout<layout::tile16>);
static_assert(!lowp::panel_layout<layout::row_major>);

// Not layouts: two codes in one place; a place outside; a bit of the code that is nowhere.
struct overlapping : by_columns {
  template <int Bits>
  static constexpr std::size_t bit(std::size_t, std::size_t col, int plane, std::size_t, std::size_t) {
    return col * Bits + (plane == 0 ? 0u : 1u);
  }
};
struct too_small : by_columns {
  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) {
    return rows * cols * Bits / 8;
  }
};
// Whose tiles are none: rows of odd length end in the middle of a byte, and the codes of a byte are turned in every other row.
struct mistiled {
  template <int Bits>
  static constexpr auto planes() {
    return std::array{lowp::bit_plane{0, Bits}};
  }
  template <int Bits>
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) {
    return (rows * cols + 1) / 2;
  }
  template <int Bits>
  static constexpr std::size_t bit(std::size_t row, std::size_t col, int, std::size_t, std::size_t cols) {
    return ((row * cols + col) ^ 1) * 4;
  }
  template <int Bits>
  static constexpr lowp::tile_shape tile() {
    return {1, 8};
  }
};
struct forgetful : by_columns {
  template <int Bits>
  static constexpr auto planes() {
    return std::array{lowp::bit_plane{0, Bits - 1}};
  }
};

}  // namespace

TEST_CASE("every layout is a bijection for every width and shape", "[layout]") {
  for_widths(
      []<int Bits>(std::integral_constant<int, Bits>) {
        CAPTURE(Bits);
        CHECK(law_holds_everywhere<layout::row_major, Bits>());
        CHECK(law_holds_everywhere<layout::tile16, Bits>());
        CHECK(law_holds_everywhere<by_columns, Bits>());
      },
      all_widths{});
}

TEST_CASE("the law of a layout sees what is wrong", "[layout]") {
  CHECK_FALSE(lowp::laws::layout<overlapping, 4>(2, 3));
  CHECK_FALSE(lowp::laws::layout<too_small, 3>(1, 3));
  CHECK_FALSE(lowp::laws::layout<mistiled, 4>(2, 9));
  CHECK(lowp::laws::layout<mistiled, 4>(2, 10));
  CHECK_FALSE(lowp::laws::layout<forgetful, 4>(2, 2));
}

TEST_CASE("what is packed is unpacked, and nothing around it is touched", "[layout]") {
  for_widths(
      []<int Bits>(std::integral_constant<int, Bits>) {
        CAPTURE(Bits);
        for (const auto& [rows, cols] : {std::pair<std::size_t, std::size_t>{0, 0},
                                         {0, 9},
                                         {9, 0},
                                         {1, 1},
                                         {3, 5},
                                         {16, 32},
                                         {17, 33},
                                         {40, 39},
                                         {1, 257},
                                         {100, 7}}) {
          CAPTURE(rows, cols);
          CHECK(round_trip<layout::row_major, Bits>(rows, cols));
          CHECK(round_trip<layout::tile16, Bits>(rows, cols));
          CHECK(round_trip<by_columns, Bits>(rows, cols));
          CHECK(round_trip<layout::transposed<layout::row_major>, Bits>(rows, cols));
        }
      },
      all_widths{});
  // Row by row, every length to 257.
  for (std::size_t cols = 0; cols <= 257; ++cols) {
    CHECK(round_trip<layout::row_major, 3>(2, cols));
    CHECK(round_trip<layout::tile16, 3>(2, cols));
    CHECK(round_trip<layout::row_major, 5>(2, cols));
    CHECK(round_trip<layout::tile16, 6>(2, cols));
  }
}

TEST_CASE("packed bytes do not depend on what the buffer held, nor on bits above the code", "[layout]") {
  for_widths(
      []<int Bits>(std::integral_constant<int, Bits>) {
        const auto codes = random_codes<Bits>(17 * 35, 7);
        auto noisy = codes;
        if (Bits < 32) {
          for (auto& c : noisy) c |= ~lowp::low_mask(Bits);
        }
        const auto pack = [](const std::vector<std::uint32_t>& from, std::uint8_t fill) {
          std::vector<std::uint8_t> bytes(layout::tile16::size<Bits>(17, 35), fill);
          lowp::pack_codes<layout::tile16, Bits>(matrix_view<const std::uint32_t>{from.data(), 17, 35}, std::span(bytes));
          return bytes;
        };
        CHECK(pack(codes, 0) == pack(noisy, 0xff));
      },
      all_widths{});
}

TEST_CASE("buffers of another size are errors", "[layout]") {
  std::vector<std::uint8_t> codes(12, 5);
  const matrix_view<const std::uint8_t> from{codes.data(), 3, 4};
  for (const std::size_t size : {0u, 5u, 7u, 64u}) {
    std::vector<std::uint8_t> bytes(size, 0x77);
    CHECK_THROWS_AS((lowp::pack_codes<layout::row_major, 4>(from, std::span(bytes))), lowp::error);
    CHECK(bytes == std::vector<std::uint8_t>(size, 0x77));
    CHECK_THROWS_AS(
        (lowp::unpack_codes<layout::row_major, 4>(std::span<const std::uint8_t>(bytes), matrix_view<std::uint8_t>{codes.data(), 3, 4})),
        lowp::error);
  }
  CHECK(codes == std::vector<std::uint8_t>(12, 5));
}

TEST_CASE("row_major is the bit stream of the field, least significant bit first", "[layout]") {
  const auto words = []<int bits>(std::integral_constant<int, bits>, std::size_t count, auto code) {
    std::vector<std::uint8_t> codes(count);
    for (std::size_t i = 0; i < count; ++i) codes[i] = static_cast<std::uint8_t>(code(i));
    std::vector<std::uint8_t> bytes(layout::row_major::size<bits>(1, count));
    lowp::pack_codes<layout::row_major, bits>(matrix_view<const std::uint8_t>{codes.data(), 1, count}, std::span(bytes));
    std::vector<std::uint32_t> w;
    for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
      w.push_back(static_cast<std::uint32_t>(bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16) | static_cast<std::uint32_t>(bytes[i + 3])
                                                                                                      << 24);
    }
    return w;
  };
  using w32 = std::vector<std::uint32_t>;
  // The words that GPTQ, MLX and compressed-tensors (dense) have for these codes.
  CHECK(words(width<3>, 32, [](std::size_t i) { return i % 8; }) == w32{0x88fac688, 0xc688fac6, 0xfac688fa});
  CHECK(words(width<3>, 32, [](std::size_t i) { return 5 * i % 8; }) == w32{0xa878cea8, 0xcea878ce, 0x78cea878});
  CHECK(words(width<4>, 8, [](std::size_t i) { return i; }) == w32{0x76543210});
  CHECK(words(width<8>, 4, [](std::size_t i) { return 0x11 * i; }) == w32{0x33221100});
  CHECK(words(width<2>, 16, [](std::size_t i) { return i % 4; }) == w32{0xe4e4e4e4});
  CHECK(words(width<1>, 32, [](std::size_t i) { return i == 0 || i == 31; }) == w32{0x80000001});
  // Rows start at whole bytes.
  CHECK(layout::row_major::size<3>(5, 3) == 10);
  CHECK(layout::row_major::bit<3>(2, 1, 0, 5, 3) == 35);
}

TEST_CASE("tile16 has each code where its picture says", "[layout]") {
  // 4 bits: a line holds 16 rows by 8 columns; byte 4 n + i holds the columns i (low) and 4 + i (high) of row n.
  constexpr std::size_t rows = 40;
  constexpr std::size_t cols = 50;
  const auto codes = random_codes<8>(rows * cols, 9);
  const matrix_view<const std::uint32_t> view{codes.data(), rows, cols};
  std::vector<std::uint8_t> nibbles(layout::tile16::size<4>(rows, cols));
  CHECK(nibbles.size() == 3 * 7 * 64);
  lowp::pack_codes<layout::tile16, 4>(view, std::span(nibbles));
  std::vector<std::uint8_t> whole(layout::tile16::size<8>(rows, cols));
  CHECK(whole.size() == 3 * 13 * 64);
  lowp::pack_codes<layout::tile16, 8>(view, std::span(whole));
  std::vector<std::uint8_t> pairs(layout::tile16::size<2>(rows, cols));
  CHECK(pairs.size() == 3 * 4 * 64);
  lowp::pack_codes<layout::tile16, 2>(view, std::span(pairs));
  std::vector<std::uint8_t> triples(layout::tile16::size<3>(rows, cols));
  CHECK(triples.size() == 3 * 2 * 192);
  lowp::pack_codes<layout::tile16, 3>(view, std::span(triples));

  std::size_t wrong = 0;
  for (std::size_t r = 0; r < 48; ++r) {
    for (std::size_t c = 0; c < 64; ++c) {
      const std::uint32_t code = r < rows && c < cols ? codes[r * cols + c] : 0;
      const std::size_t panel = r / 16;
      const std::size_t n = r % 16;
      if (c < 56) wrong += (nibbles[(panel * 7 + c / 8) * 64 + 4 * n + c % 4] >> (c % 8 < 4 ? 0 : 4) & 15u) != (code & 15u);
      if (c < 52) wrong += whole[(panel * 13 + c / 4) * 64 + 4 * n + c % 4] != code;
      wrong += (pairs[(panel * 4 + c / 16) * 64 + 4 * n + c % 4] >> (c % 16 / 4 * 2) & 3u) != (code & 3u);
      // 3 bits: per 32 columns two lines of the low 2 bits, then one of the high bit.
      const std::uint8_t* unit = triples.data() + (panel * 2 + c / 32) * 192;
      const auto low = static_cast<std::uint32_t>(unit[c % 32 / 16 * 64 + 4 * n + c % 4] >> (c % 16 / 4 * 2) & 3);
      const auto high = static_cast<std::uint32_t>(unit[128 + 4 * n + c % 4] >> (c % 32 / 4) & 1);
      wrong += (low | high << 2) != (code & 7u);
    }
  }
  CHECK(wrong == 0);
  // 16 bits: 2 columns a line, each code two bytes.
  std::vector<std::uint8_t> words(layout::tile16::size<16>(16, 4));
  const std::vector<std::uint32_t> sixteen{0x1111, 0x2222, 0x3333, 0x4444};
  std::vector<std::uint32_t> all(64);
  for (std::size_t i = 0; i < 64; ++i) all[i] = sixteen[i % 4];
  lowp::pack_codes<layout::tile16, 16>(matrix_view<const std::uint32_t>{all.data(), 16, 4}, std::span(words));
  CHECK(words[0] == 0x11);
  CHECK(words[2] == 0x22);
  CHECK(words[4] == 0x11);
  CHECK(words[64] == 0x33);
  CHECK(words[66] == 0x44);
}

TEST_CASE("codes are read one by one as well", "[layout]") {
  const auto codes = random_codes<5>(19 * 21, 10);
  std::vector<std::uint8_t> bytes(layout::tile16::size<5>(19, 21));
  for (std::size_t r = 0; r < 19; ++r) {
    for (std::size_t c = 0; c < 21; ++c) lowp::write_code<layout::tile16, 5>(bytes.data(), r, c, 19, 21, codes[r * 21 + c]);
  }
  std::size_t wrong = 0;
  for (std::size_t r = 0; r < 19; ++r) {
    for (std::size_t c = 0; c < 21; ++c) wrong += lowp::read_code<layout::tile16, 5>(bytes.data(), r, c, 19, 21) != codes[r * 21 + c];
  }
  CHECK(wrong == 0);
  constexpr auto at_compile_time = [] {
    std::array<std::uint8_t, 2> b{};
    lowp::write_code<layout::row_major, 3>(b.data(), 0, 2, 1, 5, 5);
    return lowp::read_code<layout::row_major, 3>(b.data(), 0, 2, 1, 5);
  }();
  CHECK(at_compile_time == 5);
}
