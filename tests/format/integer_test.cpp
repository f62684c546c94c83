// Integers against std::nearbyint, std::round and std::trunc, which round floats in the processor's own way.
#include "reference.hpp"

#include <lowp/format/encode.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/format/laws.hpp>

#include <lowp_test.hpp>

#include <cmath>
#include <cstdint>

namespace {

using namespace lowp;

using u1 = integer<1, false>;
using i5 = integer<5, true>;
using u7 = integer<7, false>;
using mxint8 = integer<8, true, 6>;
using deep = integer<4, true, 64>;

static_assert(laws::format<i2>() && laws::format<i3>() && laws::format<i4>());
static_assert(laws::format<u2>() && laws::format<u3>() && laws::format<u4>() && laws::format<u1>());
static_assert(limits<i4>.lowest == -8 && limits<i4>.largest == 7 && limits<i4>.reach == 7 && !limits<i4>.has_nan);
static_assert(limits<u8>.lowest == 0 && limits<u8>.largest == 255 && limits<u8>.reach == 255);
static_assert(limits<mxint8>.largest == 1.984375f && limits<mxint8>.lowest == -2.0f);
static_assert(integer_format<i2> && integer_format<i8> && integer_format<u1> && integer_format<u8> && !integer_format<mxint8>);
static_assert(decode<i4>(0b1111) == -1.0f && decode<i4>(0b1000) == -8.0f && decode<u4>(0b1111) == 15.0f && decode<i8>(0x80) == -128.0f);
static_assert(encode<i4>(-1.0f) == 0xf && encode<i8>(-128.0f) == 0x80 && encode<u4>(-3.0f) == 0 && encode<u4>(99.0f) == 15);

template <class F, class R, class Round>
int count_wrong(R rounding, Round round) {
  int wrong = 0;
  const auto compare = [&](float x) {
    if (std::isnan(x)) {
      wrong += encode<F>(x, rounding) != static_cast<code_t<F>>(F::max);
      return;
    }
    double scaled = round(static_cast<double>(x));
    scaled = std::fmin(std::fmax(scaled, F::min), F::max);
    const auto code = static_cast<std::uint32_t>(static_cast<int>(scaled)) & ((1u << F::bits) - 1);
    wrong += encode<F>(x, rounding) != code || encode<F>(x, rounding, overflow::propagate) != code;
  };
  reference::for_each_input(compare);
  for (int quarter = 4 * F::min - 9; quarter <= 4 * F::max + 9; ++quarter) {
    const float x = static_cast<float>(quarter) / 4;
    for (const float y : {x, std::nextafter(x, -1e9f), std::nextafter(x, 1e9f)}) compare(y);
  }
  return wrong;
}

template <class F>
void check() {
  CAPTURE(F::bits);
  CHECK(count_wrong<F>(nearest_even{}, [](double x) { return std::nearbyint(x); }) == 0);
  CHECK(count_wrong<F>(half_away{}, [](double x) { return std::round(x); }) == 0);
  CHECK(count_wrong<F>(toward_zero{}, [](double x) { return std::trunc(x); }) == 0);
  CHECK(count_wrong<F>(away_from_zero{}, [](double x) { return x < 0 ? std::floor(x) : std::ceil(x); }) == 0);
  int wrong = 0;
  for (int v = F::min; v <= F::max; ++v) wrong += decode<F>(static_cast<std::uint32_t>(v)) != static_cast<float>(v);
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("Signed integers round and saturate as the processor's own", "[format][integer]") {
  check<i2>();
  check<i3>();
  check<i4>();
  check<i5>();
  check<i8>();
}

TEST_CASE("Unsigned integers round and saturate as the processor's own", "[format][integer]") {
  check<u1>();
  check<u2>();
  check<u3>();
  check<u4>();
  check<u7>();
  check<u8>();
}

TEST_CASE("A binary point divides the integers", "[format][integer]") {
  int wrong = 0;
  for (int v = -128; v <= 127; ++v) {
    const float x = static_cast<float>(v) / 64;
    const auto code = static_cast<std::uint8_t>(v);
    wrong += decode<mxint8>(code) != x || encode<mxint8>(x) != code;
    if (v < 127) wrong += encode<mxint8>(x + 0x1p-7f) != static_cast<std::uint8_t>(v % 2 == 0 ? v : v + 1);
  }
  CHECK(wrong == 0);
  CHECK(laws::format_at_run_time<mxint8>());
  CHECK(laws::format_at_run_time<deep>());
  CHECK(decode<deep>(7) == 0x7p-64f);
  CHECK(encode<deep>(0x5p-65f) == 2);
  CHECK(encode<deep>(1.0f) == 7);
}

TEST_CASE("Laws of the 8-bit integers", "[format][integer][laws]") {
  CHECK(laws::format_at_run_time<i8>());
  CHECK(laws::format_at_run_time<u8>());
}

TEST_CASE("Minus zero and what rounds to it is the code of zero", "[format][integer]") {
  CHECK(encode<i4>(-0.0f) == 0);
  CHECK(encode<i4>(-0.3f) == 0);
  CHECK(encode<i4>(-0x1p-149f) == 0);
  CHECK(encode<i4>(-0x1p-149f, away_from_zero{}) == 0xf);
  CHECK(encode<u4>(-0x1p-149f, away_from_zero{}) == 0);
}
