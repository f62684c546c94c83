// E8M0 against exponents taken by std::frexp, and the OCP MX rule for scales against its published cases.
#include "reference.hpp"

#include <lowp/format/e8m0.hpp>
#include <lowp/format/encode.hpp>
#include <lowp/format/laws.hpp>

#include <lowp_test.hpp>

#include <cmath>
#include <cstdint>

namespace {

using namespace lowp;

static_assert(number_format<e8m0> && table_format<e8m0>);
static_assert(decode<e8m0>(127) == 1.0f && decode<e8m0>(0) == 0x1p-127f && decode<e8m0>(1) == 0x1p-126f && decode<e8m0>(254) == 0x1p127f);
static_assert(is_nan(decode<e8m0>(255)) && limits<e8m0>.has_nan && limits<e8m0>.lowest == 0x1p-127f && limits<e8m0>.largest == 0x1p127f);
static_assert(encode<e8m0>(3.0f, e8m0::floor{}) == 128 && encode<e8m0>(3.0f) == 129 && encode<e8m0>(3.0f, e8m0::ceiling{}) == 129);
static_assert(encode<e8m0>(2.9f) == 128 && encode<e8m0>(2.9f, e8m0::ceiling{}) == 129);

enum class direction { floor, nearest, ceiling };

std::uint32_t expected(float x, direction d, overflow mode) {
  const bool propagate = mode == overflow::propagate;
  if (std::isnan(x)) return 255;
  if (x <= 0) return propagate ? 255 : 0;
  if (std::isinf(x)) return propagate ? 255 : 254;
  int exponent = 0;
  const double mantissa = 2 * std::frexp(static_cast<double>(x), &exponent);  // 1 <= mantissa < 2
  --exponent;
  if (exponent < -127) return 0;
  const bool up = d == direction::ceiling ? mantissa > 1 : d == direction::nearest && mantissa >= 1.5;
  const int code = exponent + 127 + (up ? 1 : 0);
  return code <= 254 ? static_cast<std::uint32_t>(code) : propagate ? 255 : 254;
}

template <class R>
int count_wrong(direction d) {
  int wrong = 0;
  reference::for_each_input([&](float x) {
    for (const overflow mode : {overflow::saturate, overflow::propagate}) wrong += encode<e8m0>(x, R{}, mode) != expected(x, d, mode);
  });
  return wrong;
}

}  // namespace

TEST_CASE("Each rounding of e8m0 is the exponent that std::frexp gives", "[format][e8m0]") {
  CHECK(count_wrong<e8m0::floor>(direction::floor) == 0);
  CHECK(count_wrong<e8m0::nearest>(direction::nearest) == 0);
  CHECK(count_wrong<nearest_even>(direction::nearest) == 0);
  CHECK(count_wrong<e8m0::ceiling>(direction::ceiling) == 0);
}

TEST_CASE("Laws of e8m0", "[format][e8m0][laws]") { CHECK(laws::format_at_run_time<e8m0>()); }

TEST_CASE("Every power of two is a code", "[format][e8m0]") {
  int wrong = 0;
  for (int e = -127; e <= 127; ++e) {
    const float x = std::ldexp(1.0f, e);
    const auto code = static_cast<std::uint32_t>(e + 127);
    wrong += decode<e8m0>(code) != x || encode<e8m0>(x) != code || encode<e8m0>(x, e8m0::floor{}) != code ||
             encode<e8m0>(x, e8m0::ceiling{}) != code;
  }
  CHECK(wrong == 0);
}

// floor(log2f(x)) rounds up just below a power of two; reading the exponent does not.
TEST_CASE("The float below a power of two has the exponent below it", "[format][e8m0]") {
  int wrong = 0;
  for (int e = -126; e <= 127; ++e) {
    const float below = std::nextafter(std::ldexp(1.0f, e), 0.0f);
    wrong += encode<e8m0>(below, e8m0::floor{}) != static_cast<std::uint32_t>(e + 126);
    wrong += encode<e8m0>(below) != static_cast<std::uint32_t>(e + 127);
  }
  CHECK(wrong == 0);
}

TEST_CASE("Zero, negative numbers, infinity and NaN have no power", "[format][e8m0]") {
  for (const float x : {0.0f, -0.0f, -1.0f, -0x1p-149f, -infinity()}) {
    CAPTURE(x);
    CHECK(encode<e8m0>(x) == 0);
    CHECK(encode<e8m0>(x, nearest_even{}, overflow::propagate) == 255);
  }
  CHECK(encode<e8m0>(infinity()) == 254);
  CHECK(encode<e8m0>(infinity(), nearest_even{}, overflow::propagate) == 255);
  CHECK(encode<e8m0>(quiet_nan()) == 255);
  CHECK(encode<e8m0>(0x1.8p127f) == 254);
  CHECK(encode<e8m0>(0x1.8p127f, nearest_even{}, overflow::propagate) == 255);
  CHECK(encode<e8m0>(0x1.8p127f, e8m0::floor{}, overflow::propagate) == 254);
  CHECK(encode<e8m0>(0x1p-149f, e8m0::ceiling{}) == 0);
}

TEST_CASE("Stochastic e8m0 picks between neighbouring powers", "[format][e8m0]") {
  int up = 0;
  for (std::uint64_t i = 0; i < 4096; ++i) up += encode<e8m0>(1.25f, stochastic{.seed = 1, .index = i}) == 128;
  CHECK(up > 1024 - 139);  // five standard deviations
  CHECK(up < 1024 + 139);
}
