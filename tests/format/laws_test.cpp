// The laws hold for every format the library names and for formats that users write, and do not hold for a wrong one.
#include "user_formats.hpp"

#include <lowp/format/formats.hpp>
#include <lowp/format/laws.hpp>

#include <lowp_test.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace lowp;

static_assert(laws::format<user::log3>());
static_assert(laws::format<user::duplicate_zero>());
static_assert(laws::format<user::with_infinities>());
static_assert(laws::format<user::with_nan>());
static_assert(laws::format<user::without_zero>());
static_assert(laws::format<user::sign_bit>());
static_assert(laws::format<user::only_negative>());
static_assert(laws::format<user::thirds<tie::even>>() && laws::format<user::thirds<tie::lower>>());
static_assert(laws::format<user::thirds<tie::upper>>() && laws::format<user::thirds<tie::toward_zero>>());
static_assert(laws::format<user::lazy>());
static_assert(laws::format<unit>());
static_assert(laws::format<e2m1>() && laws::format<e4m3>());

static_assert(!laws::nearest<user::wrong_at_one_tie>() && !laws::format<user::wrong_at_one_tie>());

// Each breaks one law.
struct too_wide : e2m1 {
  template <class R>
  static constexpr std::uint32_t encode(float x, R r, overflow o) {
    return e2m1::encode(x, r, o) | 16u;
  }
};
struct drops_nan : e5m2 {
  template <class R>
  static constexpr std::uint32_t encode(float x, R r, overflow o) {
    return is_nan(x) ? 0u : e5m2::encode(x, r, o);
  }
};
struct wraps : i4 {
  template <class R>
  static constexpr std::uint32_t encode(float x, R r, overflow o) {
    return ordered(x) > ordered(8.0f) ? 0u : i4::encode(x, r, o);
  }
};
struct never_toward_zero : u4 {
  template <class R>
  static constexpr std::uint32_t encode(float x, R, overflow o) {
    return u4::encode(x, nearest_even{}, o);
  }
};
struct reads_high_bits {
  static constexpr int bits = 2;
  static constexpr float decode(std::uint32_t code) { return static_cast<float>(code & 7); }
};
struct loses_a_value {
  static constexpr int bits = 1;
  static constexpr float decode(std::uint32_t code) { return static_cast<float>(code & 1); }
  template <class R>
  static constexpr std::uint32_t encode(float, R, overflow) {
    return 0u;
  }
};
static_assert(!laws::total<too_wide>() && !laws::total<reads_high_bits>());
static_assert(!laws::nan_policy<drops_nan>() && laws::nearest<drops_nan>());
static_assert(!laws::range<wraps>() && !laws::monotone<wraps>());
static_assert(!laws::directed<never_toward_zero>() && laws::nearest<never_toward_zero>());
static_assert(!laws::round_trip<loses_a_value>());

}  // namespace

TEST_CASE("The laws hold for every named format", "[format][laws]") {
  int formats = 0;
  for_each_format([&]<class F>(std::string_view name) {
    ++formats;
    const std::string format(name);
    CAPTURE(format);
    CHECK(laws::total<F>());
    CHECK(laws::round_trip<F>());
    CHECK(laws::nearest<F>());
    CHECK(laws::directed<F>());
    CHECK(laws::monotone<F>());
    CHECK(laws::range<F>());
    CHECK(laws::nan_policy<F>());
  });
  CHECK(formats == 20);
}

TEST_CASE("The laws hold for users' wide formats", "[format][laws]") {
  CHECK(laws::format_at_run_time<user::squares>());
  CHECK(laws::format_at_run_time<user::wide>());
}
