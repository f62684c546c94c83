// The packed f16 and bf16 arithmetic against exact arithmetic in 113 bits, rounded by search among all numbers of the type.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/bits.hpp>

#include <algorithm>
#include <cfloat>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

namespace {

#if LDBL_MANT_DIG >= 113
using quad = long double;
#else
__extension__ typedef __float128 quad;
#endif

template <class T>
struct rounder {
  std::vector<quad> magnitude;  // of each code below infinity

  rounder() {
    for (std::uint16_t c = 0; T::decode(c) <= T::largest; ++c) magnitude.push_back(T::decode(c));
  }

  // Nearest, ties to even; v is exact and not zero.
  std::uint32_t operator()(quad v) const {
    const std::uint32_t sign = v < 0 ? 0x8000u : 0u;
    const quad a = v < 0 ? -v : v;
    const auto above = static_cast<std::size_t>(std::lower_bound(magnitude.begin(), magnitude.end(), a) - magnitude.begin());
    if (above == 0) return sign;
    const quad low = magnitude[above - 1];
    const quad high = above < magnitude.size() ? magnitude[above] : low + (low - magnitude[above - 2]);
    const bool up = a - low > high - a || (a - low == high - a && above % 2 == 0);
    return sign | static_cast<std::uint32_t>(up ? above : above - 1);
  }
};

template <class T>
std::uint32_t reference(const rounder<T>& round, std::uint16_t x, std::uint16_t y, std::uint16_t z) {
  const quad product = static_cast<quad>(T::decode(x)) * static_cast<quad>(T::decode(y));
  const quad sum = product + static_cast<quad>(T::decode(z));
  if (sum != 0) return round(sum);
  const bool negative = product == 0 && ((x ^ y) & 0x8000u) != 0 && (z & 0x8000u) != 0;
  return negative ? 0x8000u : 0u;
}

template <class T>
int count_differences(int tries, int spread) {
  const rounder<T> round;
  std::mt19937 random(7);
  const auto finite = [&] {
    std::uint32_t c = 0;
    do c = random() & 0xffffu;
    while (!lowp::is_finite(T::decode(c)));
    return static_cast<std::uint16_t>(c);
  };
  const auto logarithm = [](float v) { return lowp::floor_log2(v == 0 ? 1.0f : v); };
  int different = 0;
  for (int i = 0; i < tries; ++i) {
    const std::uint16_t x = finite();
    const std::uint16_t y = finite();
    std::uint16_t z = finite();
    // The sum must be exact in the reference, and interesting: close exponents more often than chance has them.
    const int exponent = logarithm(T::decode(x)) + logarithm(T::decode(y));
    for (int again = 0; again < 1000 && std::abs(logarithm(T::decode(z)) - exponent) > (i % 2 == 0 ? spread : 3); ++again) z = finite();
    if (std::abs(logarithm(T::decode(z)) - exponent) > spread) continue;
    const std::uint32_t both = lowp::ptx::fma2<T>(lowp::ptx::pair(x, 0), lowp::ptx::pair(y, 0), lowp::ptx::pair(z, 0x8000u));
    different += (both & 0xffffu) != reference(round, x, y, z) || both >> 16 != 0;
  }
  return different;
}

}  // namespace

TEST_CASE("f16 multiply-adds are rounded once", "[cuda]") { CHECK(count_differences<lowp::f16>(300000, 60) == 0); }

TEST_CASE("bf16 multiply-adds are rounded once", "[cuda]") { CHECK(count_differences<lowp::bf16>(100000, 85) == 0); }

TEST_CASE("an addend far below the product still decides a tie", "[cuda]") {
  // 1.0078125 * 1.5 = 193.5 / 128 lies halfway between two bf16 numbers; 2^-100 and -2^-100 decide.
  const std::uint32_t x = 0x3f81;
  const std::uint32_t y = 0x3fc0;
  const std::uint32_t tiny = 0x0d80;
  CHECK(lowp::ptx::fma2<lowp::bf16>(x, y, 0) == 0x3fc2u);
  CHECK(lowp::ptx::fma2<lowp::bf16>(x, y, tiny) == 0x3fc2u);
  CHECK(lowp::ptx::fma2<lowp::bf16>(x, y, tiny | 0x8000u) == 0x3fc1u);
}

TEST_CASE("NaN, infinity and zero in multiply-adds", "[cuda]") {
  using half = lowp::detail::soft_float<5, 10>;
  const std::uint32_t one = 0x3c00, minus_one = 0xbc00, infinity = 0x7c00, nan = 0x7e01, zero = 0, minus_zero = 0x8000, largest = 0x7bff;
  CHECK(half::fma(nan, one, one) == 0x7fffu);
  CHECK(half::fma(one, one, nan) == 0x7fffu);
  CHECK(half::fma(infinity, zero, one) == 0x7fffu);
  CHECK(half::fma(infinity, one, infinity | 0x8000u) == 0x7fffu);
  CHECK(half::fma(infinity, minus_one, one) == (infinity | 0x8000u));
  CHECK(half::fma(one, one, infinity) == infinity);
  CHECK(half::fma(largest, largest, one) == infinity);
  CHECK(half::fma(largest, one, 0x4c00) == infinity);  // 65504 + 16 lies halfway to 65536
  CHECK(half::fma(largest, one, 0x4bff) == largest);
  CHECK(half::fma(one, one, minus_one) == zero);
  CHECK(half::fma(minus_one, zero, minus_zero) == minus_zero);
  CHECK(half::fma(one, zero, minus_zero) == zero);
  CHECK(half::fma(0x0001, 0x3800, zero) == zero);  // half of the smallest subnormal: a tie, to even
  CHECK(half::fma(0x0003, 0x3800, zero) == 0x0002u);
}

TEST_CASE("sums, differences and products of pairs", "[cuda]") {
  namespace ptx = lowp::ptx;
  const std::uint32_t x = ptx::pair(0x3e00, 0xc100);  // 1.5, -2.5
  const std::uint32_t y = ptx::pair(0x3800, 0x4200);  // 0.5, 3
  CHECK(ptx::add2<lowp::f16>(x, y) == ptx::pair(0x4000, 0x3800));
  CHECK(ptx::sub2<lowp::f16>(x, y) == ptx::pair(0x3c00, 0xc580));
  CHECK(ptx::mul2<lowp::f16>(x, y) == ptx::pair(0x3a00, 0xc780));
  CHECK(ptx::mul2<lowp::f16>(0x8000u, 0x3c00u) == 0x8000u);
  CHECK(ptx::both<lowp::bf16>(1.0f) == 0x3f803f80u);
}
