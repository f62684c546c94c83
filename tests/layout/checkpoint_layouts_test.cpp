// The layouts of checkpoints: laws, round trips, and words as their packages write them.

#include "layout_checks.hpp"

#include <lowp/layout/awq.hpp>
#include <lowp/layout/bitsandbytes.hpp>
#include <lowp/layout/compressed_tensors.hpp>
#include <lowp/layout/gptq.hpp>
#include <lowp/layout/row_major.hpp>

#include <lowp_test.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace layout = lowp::layout;

namespace {

using byte_widths = std::integer_sequence<int, 1, 2, 3, 4, 5, 6, 7, 8>;

// The words of a matrix whose code at (row, col) is code(row, col).
template <class L, int Bits>
std::vector<std::uint32_t> words(std::size_t rows, std::size_t cols, auto code) {
  std::vector<std::uint8_t> codes(rows * cols);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) codes[r * cols + c] = static_cast<std::uint8_t>(code(r, c));
  }
  std::vector<std::uint8_t> bytes(L::template size<Bits>(rows, cols));
  lowp::pack_codes<L, Bits>(lowp::matrix_view<const std::uint8_t>{codes.data(), rows, cols}, std::span(bytes));
  std::vector<std::uint32_t> w(bytes.size() / 4);
  for (std::size_t i = 0; i < w.size() * 4; ++i) w[i / 4] |= std::uint32_t{bytes[i]} << (i % 4 * 8);
  return w;
}

using w32 = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("GPTQ: laws and round trips", "[layout]") {
  check_widths<layout::gptq>(byte_widths{});
  check_widths<layout::gptq_planes>(byte_widths{});
  check_widths<layout::gptq_zeros>(byte_widths{});
  check_widths<layout::gptq_planes_zeros>(byte_widths{});
}

TEST_CASE("AWQ: laws and round trips", "[layout]") {
  check_layout<layout::awq, 4>();
  check_layout<layout::awq_gemv, 4>();
}

TEST_CASE("compressed-tensors: laws and round trips", "[layout]") {
  check_widths<layout::compressed_tensors>(byte_widths{});
  check_widths<layout::compressed_tensors_padded>(byte_widths{});
  check_widths<layout::compressed_tensors_zeros>(byte_widths{});
  check_widths<layout::compressed_tensors_padded_zeros>(byte_widths{});
}

TEST_CASE("bitsandbytes: laws and round trips", "[layout]") { check_layout<layout::bitsandbytes, 4>(); }

TEST_CASE("GPTQ's words", "[layout]") {
  const auto ramp = [](std::size_t r, std::size_t c) { return r + c; };
  CHECK(words<layout::gptq, 4>(2, 16, ramp) == w32{0x76543210, 0x87654321, 0xfedcba98, 0x0fedcba9});
  CHECK(words<layout::gptq, 2>(2, 16, ramp) == w32{0xe4e4e4e4, 0x39393939});
  CHECK(words<layout::gptq, 8>(2, 8, ramp) == w32{0x03020100, 0x04030201, 0x07060504, 0x08070605});
  // One column's three words of 3 bits are as far apart as there are rows.
  const auto eights = [](std::size_t r, std::size_t c) { return (r == 0 ? c : 5 * c) % 8; };
  CHECK(words<layout::gptq, 3>(2, 32, eights) == w32{0x88fac688, 0xa878cea8, 0xc688fac6, 0xcea878ce, 0xfac688fa, 0x78cea878});
  // Planes: two words of the low two bits, then one of the high bit.
  CHECK(words<layout::gptq_planes, 3>(2, 32, eights) == w32{0xe4e4e4e4, 0xe4e4e4e4, 0xe4e4e4e4, 0xe4e4e4e4, 0xf0f0f0f0, 0x5a5a5a5a});
  CHECK(words<layout::gptq_planes, 4>(2, 16, ramp) == words<layout::gptq, 4>(2, 16, ramp));
  CHECK(words<layout::gptq_planes, 2>(3, 48, ramp) == words<layout::gptq, 2>(3, 48, ramp));
  CHECK(words<layout::gptq_planes, 8>(3, 20, ramp) == words<layout::gptq, 8>(3, 20, ramp));
  // Zero points: words along the rows, one line a group.
  CHECK(words<layout::gptq_zeros, 4>(8, 2, ramp) == w32{0x76543210, 0x87654321});
  CHECK(words<layout::gptq_zeros, 3>(32, 1, [](std::size_t r, std::size_t) { return r % 8; }) == w32{0x88fac688, 0xc688fac6, 0xfac688fa});
  CHECK(words<layout::gptq_planes_zeros, 3>(32, 2, [](std::size_t r, std::size_t c) { return (c == 0 ? r : 5 * r) % 8; }) ==
        w32{0xe4e4e4e4, 0xe4e4e4e4, 0xf0f0f0f0, 0xe4e4e4e4, 0xe4e4e4e4, 0x5a5a5a5a});
  CHECK(words<layout::gptq_planes_zeros, 4>(16, 2, ramp) == words<layout::gptq_zeros, 4>(16, 2, ramp));
}

TEST_CASE("AWQ's words", "[layout]") {
  CHECK(words<layout::awq, 4>(8, 1, [](std::size_t r, std::size_t) { return r; }) == w32{0x75316420});
  CHECK(words<layout::awq, 4>(16, 2, [](std::size_t r, std::size_t c) { return r / 8 + 2 * c; }) ==
        w32{0, 0x11111111, 0x22222222, 0x33333333});
  CHECK(words<layout::awq_gemv, 4>(2, 8, [](std::size_t r, std::size_t c) { return c + r; }) == w32{0x76543210, 0x87654321});
}

TEST_CASE("compressed-tensors' words", "[layout]") {
  const auto column = [](std::size_t, std::size_t c) { return c % 8; };
  CHECK(words<layout::compressed_tensors, 4>(1, 8, column) == w32{0x76543210});
  CHECK(words<layout::compressed_tensors, 4>(2, 9, column) == w32{0x76543210, 0, 0x76543210, 0});
  CHECK(words<layout::compressed_tensors, 3>(1, 32, column) == w32{0x88fac688, 0xc688fac6, 0xfac688fa});
  CHECK(words<layout::compressed_tensors_zeros, 4>(9, 2, [](std::size_t r, std::size_t c) { return r + c; }) ==
        w32{0x76543210, 0x87654321, 8, 9});
  CHECK(words<layout::compressed_tensors_zeros, 3>(32, 2, [](std::size_t r, std::size_t c) { return (c == 0 ? r : 5 * r) % 8; }) ==
        w32{0x88fac688, 0xa878cea8, 0xc688fac6, 0xcea878ce, 0xfac688fa, 0x78cea878});
  // Ten codes of 3 bits in each word, two bits to spare.
  CHECK(words<layout::compressed_tensors_padded, 3>(1, 12, column) == w32{0x08fac688, 0x1a});
  CHECK(words<layout::compressed_tensors_padded_zeros, 3>(12, 2, [](std::size_t r, std::size_t) { return r % 8; }) ==
        w32{0x08fac688, 0x08fac688, 0x1a, 0x1a});
}

TEST_CASE("bitsandbytes' bytes cross the ends of rows", "[layout]") {
  std::vector<std::uint8_t> bytes(layout::bitsandbytes::size<4>(3, 3));
  const std::vector<std::uint8_t> codes{1, 2, 3, 4, 5, 6, 7, 8, 9};
  lowp::pack_codes<layout::bitsandbytes, 4>(lowp::matrix_view<const std::uint8_t>{codes.data(), 3, 3}, std::span(bytes));
  CHECK(bytes == std::vector<std::uint8_t>{0x12, 0x34, 0x56, 0x78, 0x90});
}

TEST_CASE("matrices that a checkpoint cannot hold are errors", "[layout]") {
  const auto refused = []<class L, int Bits>(L, std::integral_constant<int, Bits>, std::size_t rows, std::size_t cols) {
    std::vector<std::uint8_t> codes(rows * cols, 1);
    std::vector<std::uint8_t> bytes(L::template size<Bits>(rows, cols), 0x55);
    const auto kept = bytes;
    CHECK_FALSE(L::template fits<Bits>(rows, cols));
    CHECK_THROWS_AS((lowp::pack_codes<L, Bits>(lowp::matrix_view<const std::uint8_t>{codes.data(), rows, cols}, std::span(bytes))),
                    lowp::error);
    CHECK(bytes == kept);
    CHECK_THROWS_AS(
        (lowp::unpack_codes<L, Bits>(std::span<const std::uint8_t>(bytes), lowp::matrix_view<std::uint8_t>{codes.data(), rows, cols})),
        lowp::error);
    CHECK(codes == std::vector<std::uint8_t>(rows * cols, 1));
  };
  refused(layout::gptq{}, width<4>, 3, 7);
  refused(layout::gptq{}, width<3>, 3, 16);
  refused(layout::gptq_planes{}, width<3>, 3, 16);
  refused(layout::gptq_planes{}, width<4>, 3, 12);
  refused(layout::gptq_zeros{}, width<4>, 7, 4);
  refused(layout::gptq_planes_zeros{}, width<3>, 16, 4);
  refused(layout::awq{}, width<4>, 7, 4);
  refused(layout::awq_gemv{}, width<4>, 4, 9);
}
