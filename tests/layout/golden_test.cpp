// Packed bytes against those of compressed-tensors, bitsandbytes and torchao, of which data/packing_golden.txt holds digests
// (data/packing_golden.py made it): equality is checked where the packages are not installed.

#include <lowp/layout/bitsandbytes.hpp>
#include <lowp/layout/compressed_tensors.hpp>
#include <lowp/layout/convert.hpp>
#include <lowp/layout/row_major.hpp>
#include <lowp/layout/scale_swizzle.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace layout = lowp::layout;

namespace {

template <class L, int Bits>
std::string digest(std::size_t rows, std::size_t cols) {
  std::vector<std::uint8_t> codes(rows * cols);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(random_bits(0, i) & lowp::low_mask(Bits));
  std::vector<std::uint8_t> bytes(L::template size<Bits>(rows, cols));
  lowp::pack_codes<L, Bits>(lowp::matrix_view<const std::uint8_t>{codes.data(), rows, cols}, std::span(bytes));
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const std::uint8_t byte : bytes) h = (h ^ byte) * 0x100000001b3u;
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(h));
  return text;
}

template <class L, int... Bits>
std::string digest_of(int bits, std::size_t rows, std::size_t cols, std::integer_sequence<int, Bits...>) {
  std::string found;
  ((bits == Bits ? static_cast<void>(found = digest<L, Bits>(rows, cols)) : static_cast<void>(0)), ...);
  return found;
}

}  // namespace

TEST_CASE("packed bytes are those of compressed-tensors, bitsandbytes and torchao", "[layout]") {
  using all = std::integer_sequence<int, 1, 2, 3, 4, 5, 6, 7, 8>;
  using four = std::integer_sequence<int, 4>;
  using eight = std::integer_sequence<int, 8>;
  std::ifstream golden(LOWP_TEST_DATA "/packing_golden.txt");
  REQUIRE(golden.is_open());
  int compared = 0;
  for (std::string line; std::getline(golden, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string name, expected;
    int bits = 0;
    std::size_t rows = 0, cols = 0;
    words >> name >> bits >> rows >> cols >> expected;
    CAPTURE(line);
    if (name == "compressed_tensors") CHECK(digest_of<layout::compressed_tensors>(bits, rows, cols, all{}) == expected);
    else if (name == "compressed_tensors_zeros") CHECK(digest_of<layout::compressed_tensors_zeros>(bits, rows, cols, all{}) == expected);
    else if (name == "bitsandbytes") CHECK(digest_of<layout::bitsandbytes>(bits, rows, cols, four{}) == expected);
    else if (name == "row_major") CHECK(digest_of<layout::row_major>(bits, rows, cols, four{}) == expected);
    else if (name == "scale_swizzle_128x4") CHECK(digest_of<layout::scale_swizzle_128x4>(bits, rows, cols, eight{}) == expected);
    else continue;
    ++compared;
  }
  CHECK(compared == 37);
}
