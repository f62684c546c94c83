// What the tests of layouts share: widths, codes, the law over many shapes, and round trips.
#pragma once

#include <lowp/layout/convert.hpp>
#include <lowp/layout/laws.hpp>

#include <random_matrix.hpp>

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

// Packs into a buffer with canaries on both sides and unpacks again.
template <class L, int Bits>
bool round_trip(std::size_t rows, std::size_t cols) {
  constexpr std::size_t margin = 64;
  const auto codes = random_codes<Bits>(rows * cols, rows * 1000 + cols);
  const std::size_t size = L::template size<Bits>(rows, cols);
  std::vector<std::uint8_t> buffer(size + 2 * margin, 0xa5);
  const auto bytes = std::span(buffer).subspan(margin, size);
  lowp::pack_codes<L, Bits>(lowp::matrix_view<const std::uint32_t>{codes.data(), rows, cols}, bytes);
  for (std::size_t i = 0; i < margin; ++i) {
    if (buffer[i] != 0xa5 || buffer[buffer.size() - 1 - i] != 0xa5) return false;
  }
  const auto before = buffer;
  std::vector<std::uint32_t> back(rows * cols + 2, 0xdeadbeefu);
  lowp::unpack_codes<L, Bits>(std::span<const std::uint8_t>(bytes), lowp::matrix_view<std::uint32_t>{back.data() + 1, rows, cols});
  if (back.front() != 0xdeadbeefu || back.back() != 0xdeadbeefu || buffer != before) return false;
  return std::vector<std::uint32_t>(back.begin() + 1, back.end() - 1) == codes;
}
