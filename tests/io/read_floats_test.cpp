#include "error_message.hpp"

#include <lowp/io/read_floats.hpp>
#include <lowp_test.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

namespace {

std::string little(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i != bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::vector<float> read(lowp::dtype type, const std::string& bytes, std::size_t count) {
  std::vector<float> out(count);
  lowp::read_floats(type, std::as_bytes(std::span(bytes)), out);
  return out;
}

}  // namespace

TEST_CASE("integers and booleans are read as floats", "[io]") {
  CHECK(read(lowp::dtype::boolean, std::string("\0\1", 2), 2) == std::vector<float>{0, 1});
  CHECK(read(lowp::dtype::u8, "\xff", 1) == std::vector<float>{255});
  CHECK(read(lowp::dtype::i8, "\xff\x80", 2) == std::vector<float>{-1, -128});
  CHECK(read(lowp::dtype::u16, "\xff\xff", 1) == std::vector<float>{65535});
  CHECK(read(lowp::dtype::i16, little(0x8000, 2), 1) == std::vector<float>{-32768});
  CHECK(read(lowp::dtype::u32, little(0xffffffff, 4), 1) == std::vector<float>{0x1p32f});
  CHECK(read(lowp::dtype::i32, little(0xffffffff, 4) + little(16777217, 4) + little(16777219, 4), 3) ==
        std::vector<float>{-1, 16777216, 16777220});
  CHECK(read(lowp::dtype::u64, little(~std::uint64_t{0}, 8), 1) == std::vector<float>{0x1p64f});
  CHECK(read(lowp::dtype::i64, little(std::uint64_t{1} << 63, 8), 1) == std::vector<float>{-0x1p63f});
}

TEST_CASE("doubles are read to the nearest float", "[io]") {
  std::string bytes;
  const double values[] = {0.1, -0.0, 1e300, 1e-46, 5e-324, 1 + 0x1p-24, 1 + 0x1.8p-23};
  for (const double x : values) bytes += little(std::bit_cast<std::uint64_t>(x), 8);
  const auto floats = read(lowp::dtype::f64, bytes, std::size(values));
  CHECK(floats[0] == 0.1f);
  CHECK(std::signbit(floats[1]));
  CHECK(floats[2] == std::numeric_limits<float>::infinity());
  CHECK(floats[3] == 0.0f);
  CHECK(floats[4] == 0.0f);
  CHECK(floats[5] == 1.0f);
  CHECK(floats[6] == 1.0f + 0x1p-22f);
}

TEST_CASE("eight-bit floats, every code", "[io]") {
  std::string codes;
  for (int i = 0; i != 256; ++i) codes += static_cast<char>(i);
  const auto check = [&]<class F>(lowp::dtype type, F) {
    const auto floats = read(type, codes, 256);
    int wrong = 0;
    for (std::uint32_t code = 0; code != 256; ++code)
      wrong += std::bit_cast<std::uint32_t>(floats[code]) != std::bit_cast<std::uint32_t>(F::decode(code));
    CHECK(wrong == 0);
  };
  check(lowp::dtype::f8_e4m3, lowp::e4m3{});
  check(lowp::dtype::f8_e5m2, lowp::e5m2{});
  check(lowp::dtype::f8_e4m3fnuz, lowp::e4m3fnuz{});
  check(lowp::dtype::f8_e5m2fnuz, lowp::e5m2fnuz{});
  check(lowp::dtype::f8_e8m0, lowp::e8m0{});
}

TEST_CASE("floats of four and six bits", "[io]") {
  // The first element lies in the low half: 0x21 is 0.5, 1.
  CHECK(read(lowp::dtype::f4, "\x21\x43\x65\xf7", 8) == std::vector<float>{0.5f, 1, 1.5f, 2, 3, 4, 6, -6});
  // A stream of bits: codes 1, 2, 3, 63 are 1 | 2 << 6 | 3 << 12 | 63 << 18.
  const std::string six = little(1 | 2 << 6 | 3 << 12 | 63 << 18, 3);
  CHECK(read(lowp::dtype::f6_e2m3, six + six, 8) == std::vector<float>{0.125f, 0.25f, 0.375f, -7.5f, 0.125f, 0.25f, 0.375f, -7.5f});
  CHECK(read(lowp::dtype::f6_e3m2, six, 4) == std::vector<float>{0.0625f, 0.125f, 0.1875f, -28.0f});
}

TEST_CASE("what is no real number, or of another size, is refused", "[io]") {
  CHECK(contains(error_message([] { read(lowp::dtype::c64, little(0, 8), 1); }), "type C64 are no real numbers"));
  CHECK(contains(error_message([] { read(lowp::dtype::f32, little(0, 8), 1); }), "8 bytes do not hold 1 elements of type F32"));
  CHECK(contains(error_message([] { read(lowp::dtype::f4, "x", 3); }), "1 bytes do not hold 3 elements of type F4"));
}
