// What the tests of layouts share: widths, codes, the law over many shapes, and round trips.
#pragma once

#include <lowp/layout/convert.hpp>
#include <lowp/layout/laws.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

template <class F, int... Bits>
void for_widths(F&& f, std::integer_sequence<int, Bits...>) {
  (f(std::integral_constant<int, Bits>{}), ...);
}
template <int Bits>
inline constexpr std::integral_constant<int, Bits> width{};
using all_widths = std::integer_sequence<int, 1, 2, 3, 4, 5, 6, 7, 8, 16, 32>;

template <class L, int Bits>
bool law_holds_everywhere() {
  for (std::size_t rows = 0; rows <= 40; ++rows) {
    for (std::size_t cols = 0; cols <= 40; ++cols) {
      if (!lowp::laws::layout<L, Bits>(rows, cols)) return false;
    }
  }
  return lowp::laws::layout<L, Bits>(1, 257) && lowp::laws::layout<L, Bits>(257, 1) && lowp::laws::layout<L, Bits>(33, 130);
}

template <int Bits>
std::vector<std::uint32_t> random_codes(std::size_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> codes(count);
  for (std::size_t i = 0; i < count; ++i) codes[i] = static_cast<std::uint32_t>(random_bits(seed, i)) & lowp::low_mask(Bits);
  return codes;
}

// Packs into a buffer with canaries on both sides and unpacks again; each bit has to be where the layout says.
template <class L, int Bits, class Code>
bool round_trip_of(std::size_t rows, std::size_t cols) {
  constexpr std::size_t margin = 64;
  const auto numbers = random_codes<Bits>(rows * cols, rows * 1000 + cols);
  const std::vector<Code> codes(numbers.begin(), numbers.end());
  const std::size_t size = L::template size<Bits>(rows, cols);
  std::vector<std::uint8_t> buffer(size + 2 * margin, 0xa5);
  const auto bytes = std::span(buffer).subspan(margin, size);
  lowp::pack_codes<L, Bits>(lowp::matrix_view<const Code>{codes.data(), rows, cols}, bytes);
  for (std::size_t i = 0; i < margin; ++i) {
    if (buffer[i] != 0xa5 || buffer[buffer.size() - 1 - i] != 0xa5) return false;
  }
  std::vector<std::uint8_t> one_by_one(size);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) lowp::write_code<L, Bits>(one_by_one.data(), r, c, rows, cols, numbers[r * cols + c]);
  }
  if (!std::equal(bytes.begin(), bytes.end(), one_by_one.begin())) return false;
  const auto before = buffer;
  constexpr auto canary = static_cast<Code>(0xdeadbeefu);
  std::vector<Code> back(rows * cols + 2, canary);
  lowp::unpack_codes<L, Bits>(std::span<const std::uint8_t>(bytes), lowp::matrix_view<Code>{back.data() + 1, rows, cols});
  if (back.front() != canary || back.back() != canary || buffer != before) return false;
  return std::equal(codes.begin(), codes.end(), back.begin() + 1);
}

// Codes of one byte go by eights where they can, wider ones never; for those a few widths stand for all.
template <class L, int Bits>
bool round_trip(std::size_t rows, std::size_t cols) {
  bool right = true;
  if constexpr (Bits <= 8) right = round_trip_of<L, Bits, std::uint8_t>(rows, cols);
  if constexpr (Bits > 8 || Bits == 3 || Bits == 4) right = right && round_trip_of<L, Bits, std::uint32_t>(rows, cols);
  return right;
}

template <class L, int Bits>
bool fits(std::size_t rows, std::size_t cols) {
  if constexpr (lowp::limited_layout<L>) return L::template fits<Bits>(rows, cols);
  else return true;
}

// The law everywhere, and round trips where the layout takes the matrix.
template <class L, int Bits>
void check_layout() {
  CAPTURE(Bits);
  CHECK(law_holds_everywhere<L, Bits>());
  std::size_t trips = 0;
  for (const std::size_t rows : {0u, 1u, 2u, 3u, 8u, 16u, 17u, 24u, 64u, 65u, 96u, 128u, 160u}) {
    for (const std::size_t cols : {0u, 1u, 2u, 5u, 7u, 8u, 16u, 31u, 32u, 33u, 64u, 96u, 100u, 257u, 288u, 320u}) {
      if (!fits<L, Bits>(rows, cols)) continue;
      CAPTURE(rows, cols);
      CHECK(round_trip<L, Bits>(rows, cols));
      ++trips;
    }
  }
  CHECK(trips > 20);
}

template <class L>
void check_widths(auto widths) {
  for_widths([]<int Bits>(std::integral_constant<int, Bits>) { check_layout<L, Bits>(); }, widths);
}
