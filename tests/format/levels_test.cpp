// What is derived from decode: order, codes, thresholds, extremes.
#include "user_formats.hpp"

#include <lowp/format/formats.hpp>

#include <lowp_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lowp;

static_assert(levels<user::log3>.count == 7 && levels<user::log3>.value[0] == -1 && levels<user::log3>.code[0] == 4);
static_assert(levels<user::log3>.value[3] == 0 && levels<user::log3>.code[3] == 0 && !levels<user::log3>.codes_ascend);
static_assert(levels<user::duplicate_zero>.count == 3 && levels<user::duplicate_zero>.code[1] == 1);
static_assert(levels<user::with_infinities>.count == 5 && levels<user::with_infinities>.nan_code == 7);
static_assert(levels<user::with_infinities>.infinity_code[0] == 3 && levels<user::with_infinities>.infinity_code[1] == 4);
static_assert(levels<user::without_zero>.codes_ascend && levels<user::sign_bit>.count == 2);
static_assert(limits<user::only_negative>.lowest == -4 && limits<user::only_negative>.largest == -1 &&
              limits<user::only_negative>.reach == 4);
static_assert(limits<user::with_infinities>.largest == 4 && limits<user::with_infinities>.has_nan &&
              limits<user::wide>.reach == 0x1.fffffep127f);
static_assert(limits<user::duplicate_zero>.reach == 1 && limits<unit>.largest == 1 && limits<unit>.lowest == 1 && levels<unit>.count == 1);
static_assert(limits<f16>.reach == 65504.0f && limits<bf16>.reach == 0x1.fep127f && limits<f32>.largest == 0x1.fffffep127f);
static_assert(integer_format<user::lazy> && !integer_format<user::log3> && !integer_format<user::wide> && !integer_format<e8m0>);
static_assert(!integer_format<user::sign_bit> && !integer_format<unit> && !integer_format<e2m1>);

// Where a format's outermost step, repeated once more, would put the next number, a value beyond half of it overflows.
static_assert(levels<e4m3>.last[0] == ordered(464.0f) && levels<e4m3>.last[1] == ordered(-464.0f));
static_assert(levels<e5m2>.last[0] == ordered(61440.0f) - 1 && levels<e5m2>.last[1] == ordered(-61440.0f) + 1);
static_assert(levels<user::with_infinities>.last[0] == ordered(5.5f) && levels<user::with_infinities>.last[1] == ordered(-5.5f) + 1);
static_assert(levels<user::wide>.last[0] == 0x7f7fffff && levels<user::wide>.last[1] == -0x7f7fffff);

}  // namespace

TEST_CASE("Levels are the distinct finite values in order, each with its lowest code", "[format][levels]") {
  const auto check = []<class F>(std::string_view name) {
    const std::string format(name);
    CAPTURE(format);
    std::vector<float> values;
    int nans = 0;
    int infinities = 0;
    for (std::uint32_t c = 0; c < (1u << F::bits); ++c) {
      const float v = F::decode(c);
      nans += std::isnan(v);
      infinities += std::isinf(v);
      if (std::isfinite(v)) values.push_back(v);
    }
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    const auto& t = levels<F>;
    REQUIRE(t.count == static_cast<int>(values.size()));
    CHECK((t.nan_code >= 0) == (nans > 0));
    CHECK((t.infinity_code[0] >= 0) + (t.infinity_code[1] >= 0) == infinities);
    int wrong = 0;
    for (int i = 0; i < t.count; ++i) {
      wrong += t.value[i] != values[static_cast<std::size_t>(i)];
      std::uint32_t lowest = 0;
      while (F::decode(lowest) != t.value[i]) ++lowest;
      wrong += t.code[i] != lowest;
    }
    CHECK(wrong == 0);
    CHECK(limits<F>.lowest == values.front());
    CHECK(limits<F>.largest == values.back());
  };
  for_each_format(check);
  check.operator()<user::log3>("log3");
  check.operator()<user::duplicate_zero>("duplicate_zero");
  check.operator()<user::with_infinities>("with_infinities");
  check.operator()<user::without_zero>("without_zero");
  check.operator()<user::sign_bit>("sign_bit");
  check.operator()<user::wide>("wide");
  check.operator()<user::squares>("squares");
}

TEST_CASE("Every float on the lower side of a threshold is nearer to the lower value", "[format][levels]") {
  const auto check = []<class F>(std::string_view name) {
    const std::string format(name);
    CAPTURE(format);
    const auto& t = levels<F>;
    int wrong = 0;
    for (int i = 0; i + 1 < t.count; ++i) {
      // long double holds the difference of any two floats that lie this close exactly.
      const auto low = static_cast<long double>(t.value[i]);
      const auto high = static_cast<long double>(t.value[i + 1]);
      const auto last = static_cast<long double>(from_ordered(t.threshold[i]));
      const auto next = static_cast<long double>(from_ordered(t.threshold[i] + 1));
      // A rounded midpoint may be up to half a unit past the true one, in the formats that publish it so.
      const auto slack = ties<F> == tie::lower ? (next - last) : 0.0L;
      wrong += last - low > high - last + slack || next - low < high - next;
    }
    CHECK(wrong == 0);
  };
  for_each_format([&]<class F>(std::string_view name) {
    if constexpr (!requires { F::threshold(0); }) check.template operator()<F>(name);
  });
  check.operator()<user::log3>("log3");
  check.operator()<user::without_zero>("without_zero");
  check.operator()<user::squares>("squares");
}
