// The references here are the standard library's: std::bit_cast, std::bit_width, std::ldexp, std::ilogb, std::isnan.
#include <lowp/core/bits.hpp>

#include <lowp_test.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace {

// Every sign, exponent and upper mantissa, each with the lower mantissa bits that matter for carries and ties.
template <class F>
void for_each_float(F f) {
  for (std::uint32_t high = 0; high < 0x10000u; ++high) {
    for (const std::uint32_t low : {0x0000u, 0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) f(high << 16 | low);
  }
}

}  // namespace

static_assert(lowp::bit_cast<std::uint32_t>(1.0f) == 0x3f800000u);
static_assert(lowp::bit_cast<float>(0xc0490fdbu) == -3.14159274f);
static_assert(lowp::low_mask(0) == 0 && lowp::low_mask(1) == 1 && lowp::low_mask(31) == 0x7fffffffu && lowp::low_mask(32) == 0xffffffffu);
static_assert(lowp::bit_width(0) == 0 && lowp::bit_width(1) == 1 && lowp::bit_width(255) == 8 && lowp::bit_width(256) == 9);
static_assert(lowp::ceil_div(0, 8) == 0 && lowp::ceil_div(1, 8) == 1 && lowp::ceil_div(8, 8) == 1 && lowp::ceil_div(9, 8) == 2);
static_assert(lowp::round_up(0, 24) == 0 && lowp::round_up(1, 24) == 24 && lowp::round_up(24, 24) == 24 && lowp::round_up(25, 24) == 48);
static_assert(lowp::is_nan(lowp::quiet_nan()) && !lowp::is_nan(lowp::infinity()) && !lowp::is_finite(lowp::infinity()));
static_assert(lowp::floor_log2(1.0f) == 0 && lowp::power_of_two(-149) == std::numeric_limits<float>::denorm_min());

TEST_CASE("low_mask has as many bits as asked for, all at the bottom", "[core][bits]") {
  for (int count = 0; count <= 32; ++count) {
    CAPTURE(count);
    CHECK(std::popcount(lowp::low_mask(count)) == count);
    CHECK(std::countr_one(lowp::low_mask(count)) == count);
  }
}

TEST_CASE("bit_width equals std::bit_width around every power of two", "[core][bits]") {
  int wrong = 0;
  for (int shift = 0; shift < 64; ++shift) {
    for (std::uint64_t near = 0; near < 5; ++near) {
      const std::uint64_t n = (std::uint64_t{1} << shift) + near - 2;
      wrong += lowp::bit_width(n) != static_cast<int>(std::bit_width(n));
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("ceil_div and round_up find the smallest multiple that is enough", "[core][bits]") {
  int wrong = 0;
  for (std::size_t a = 0; a <= 300; ++a) {
    for (std::size_t b = 1; b <= 65; ++b) {
      const std::size_t blocks = lowp::ceil_div(a, b);
      wrong += blocks * b < a || (blocks != 0 && (blocks - 1) * b >= a) || lowp::round_up(a, b) != blocks * b;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("bit_cast keeps every bit", "[core][bits]") {
  int wrong = 0;
  for_each_float([&](std::uint32_t bits) { wrong += std::bit_cast<std::uint32_t>(lowp::bit_cast<float>(bits)) != bits; });
  CHECK(wrong == 0);
}

TEST_CASE("the classification of floats equals the standard library's", "[core][bits]") {
  int wrong = 0;
  for_each_float([&](std::uint32_t bits) {
    const float x = std::bit_cast<float>(bits);
    wrong += lowp::is_nan(x) != std::isnan(x);
    wrong += lowp::is_finite(x) != std::isfinite(x);
    wrong += lowp::is_negative(x) != std::signbit(x);
    wrong += std::bit_cast<std::uint32_t>(lowp::magnitude(x)) != std::bit_cast<std::uint32_t>(std::fabs(x));
  });
  CHECK(wrong == 0);
  CHECK(std::isnan(lowp::quiet_nan()));
  CHECK(lowp::infinity() == std::numeric_limits<float>::infinity());
}

TEST_CASE("ordered compares as the floats do and counts the floats between", "[core][bits]") {
  int wrong = 0;
  float previous = -std::numeric_limits<float>::infinity();
  for (std::uint32_t high = 0xff80u; high >= 0x8000u; --high) {
    const float x = std::bit_cast<float>(high << 16);
    wrong += (lowp::ordered(previous) < lowp::ordered(x)) != (previous < x) || lowp::ordered(x) > 0;
    previous = x;
  }
  for (std::uint32_t high = 0; high <= 0x7f80u; ++high) {
    const float x = std::bit_cast<float>(high << 16);
    wrong += (lowp::ordered(previous) < lowp::ordered(x)) != (previous < x) || lowp::ordered(x) < 0;
    previous = x;
  }
  CHECK(wrong == 0);
  CHECK(lowp::ordered(-0.0f) == lowp::ordered(0.0f));
  CHECK(lowp::ordered(std::nextafter(1.0f, 2.0f)) == lowp::ordered(1.0f) + 1);
  CHECK(lowp::ordered(std::nextafter(-1.0f, -2.0f)) == lowp::ordered(-1.0f) - 1);
}

TEST_CASE("from_ordered undoes ordered", "[core][bits]") {
  int wrong = 0;
  for_each_float([&](std::uint32_t bits) {
    if (bits == 0x80000000u) bits = 0;
    wrong += std::bit_cast<std::uint32_t>(lowp::from_ordered(lowp::ordered(std::bit_cast<float>(bits)))) != bits;
  });
  CHECK(wrong == 0);
  CHECK_FALSE(std::signbit(lowp::from_ordered(lowp::ordered(-0.0f))));
}

TEST_CASE("power_of_two equals std::ldexp over its whole range", "[core][bits]") {
  for (int exponent = -149; exponent <= 127; ++exponent) {
    CAPTURE(exponent);
    CHECK(lowp::power_of_two(exponent) == std::ldexp(1.0f, exponent));
  }
}

TEST_CASE("floor_log2 equals std::ilogb for every exponent, subnormals included", "[core][bits]") {
  int wrong = 0;
  for_each_float([&](std::uint32_t bits) {
    const float x = std::bit_cast<float>(bits & 0x7fffffffu);
    if (x > 0 && std::isfinite(x)) wrong += lowp::floor_log2(x) != std::ilogb(x);
  });
  CHECK(wrong == 0);
}

TEST_CASE("a rounded product is added to as two operations, whatever the processor fuses", "[core][bits]") {
  constexpr float a = 1.0f + 0x1p-12f;  // its square needs one bit more than a float has
  static_assert(lowp::rounded(a * a) - (1.0f + 0x1p-11f) == 0.0f);
  volatile float factor = a;
  volatile float most = 1.0f + 0x1p-11f;
  CHECK(lowp::rounded(factor * factor) - most == 0.0f);
  volatile double wide = 1.0 + 0x1p-27;
  volatile double most_wide = 1.0 + 0x1p-26;
  CHECK(lowp::rounded(wide * wide) - most_wide == 0.0);
}
