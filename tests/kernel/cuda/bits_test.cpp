// lop3, prmt and shf against the sentences of the PTX manual, bit by bit and byte by byte.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/bits.hpp>

#include <cstdint>
#include <random>
#include <utility>

namespace {

namespace ptx = lowp::ptx;

template <std::size_t... Lut>
int wrong_bits(std::index_sequence<Lut...>) {
  // One column of a truth table in each bit position.
  const std::uint32_t a = 0xf0f0f0f0u;
  const std::uint32_t b = 0xccccccccu;
  const std::uint32_t c = 0xaaaaaaaau;
  return ((ptx::lop3<static_cast<std::uint8_t>(Lut)>(a, b, c) != static_cast<std::uint32_t>(Lut) * 0x01010101u) + ... + 0);
}

}  // namespace

TEST_CASE("lop3 computes each of the 256 functions of three bits", "[cuda]") {
  CHECK(wrong_bits(std::make_index_sequence<256>()) == 0);
  constexpr std::uint8_t lut = (ptx::lut_a & ptx::lut_b) ^ ptx::lut_c;
  static_assert(lut == 0x6a);
  CHECK(ptx::lop3<lut>(0x12345678u, 0x0f0f0f0fu, 0x64086408u) == ((0x12345678u & 0x0f0f0f0fu) ^ 0x64086408u));
}

TEST_CASE("prmt picks bytes and replicates signs", "[cuda]") {
  const std::uint32_t a = 0x83027100u;
  const std::uint32_t b = 0x7f86f504u;
  const std::uint8_t bytes[8] = {0x00, 0x71, 0x02, 0x83, 0x04, 0xf5, 0x86, 0x7f};
  int wrong = 0;
  for (std::uint32_t selector = 0; selector < 0x10000; ++selector) {
    std::uint32_t expected = 0;
    for (int i = 3; i >= 0; --i) {
      const std::uint32_t nibble = selector >> 4 * i & 15u;
      const std::uint8_t byte = bytes[nibble % 8];
      expected = expected * 256 + (nibble < 8 ? byte : byte >= 128 ? 255u : 0u);
    }
    wrong += ptx::prmt(a, b, selector) != expected || ptx::prmt(a, b, selector | 0xabcd0000u) != expected;
  }
  CHECK(wrong == 0);
}

TEST_CASE("funnel_shift reads 32 bits across two words", "[cuda]") {
  for (int n = 0; n < 32; ++n) {
    const std::uint32_t expected = n == 0 ? 0x89abcdefu : (0x89abcdefu >> n | 0x01234567u << (32 - n));
    CHECK(ptx::funnel_shift(0x89abcdefu, 0x01234567u, n) == expected);
  }
}
