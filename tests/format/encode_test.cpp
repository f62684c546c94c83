// lowp::encode of formats that state only their values: ties, directions, positions between neighbours, overflow.
#include "user_formats.hpp"

#include <lowp/format/formats.hpp>

#include <lowp_test.hpp>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <random>
#include <vector>

namespace {

using namespace lowp;
using user::thirds;

static_assert(closed_form_format<e4m3> && closed_form_format<i4> && closed_form_format<bnb_fp4> && !closed_form_format<nf4>);
static_assert(std::same_as<code_t<e2m1>, std::uint8_t> && std::same_as<code_t<f16>, std::uint16_t> &&
              std::same_as<code_t<f32>, std::uint32_t>);
static_assert(noexcept(encode<user::log3>(1.0f)) && noexcept(decode<user::log3>(1)));
static_assert(encode<user::log3>(0.3f) == 1 && encode<user::log3>(-0.75f) == 4 && round_to<user::log3>(0.9f) == 1.0f);
static_assert(encode<unit>(17.0f) == 0 && decode<unit>(0) == 1.0f);
static_assert(encode<f16>(1e9f) == 0x7bff && encode<f16>(1e9f, nearest_even{}, overflow::propagate) == 0x7c00);

// The same values without a closed form.
template <class F>
struct derived {
  static constexpr int bits = F::bits;
  static constexpr tie ties = lowp::ties<F>;
  static constexpr float decode(std::uint32_t code) { return F::decode(code); }
};

// What a policy is asked.
struct question {
  std::uint32_t kept, fraction;
  bool sticky;
};
struct records {
  question* asked;
  constexpr bool away(std::uint32_t kept, std::uint32_t fraction, bool sticky) const noexcept {
    *asked = {kept, fraction, sticky};
    return false;
  }
};

template <class F>
question asked_about(float x) {
  question q{~0u, ~0u, false};
  encode<F>(x, records{&q});
  return q;
}

// No lambda: g++ would try to draw all of it at compile time.
template <class F>
double mean_of(float x, std::uint64_t seed) {
  constexpr int draws = 1 << 16;
  double sum = 0;
  for (std::uint64_t i = 0; i < draws; ++i) sum += static_cast<double>(round_to<F>(x, stochastic{.seed = seed, .index = i}));
  return sum / draws;
}

}  // namespace

TEST_CASE("A tie goes where the format says", "[format][encode]") {
  CHECK(encode<thirds<tie::lower>>(1.5f) == 2);
  CHECK(encode<thirds<tie::lower>>(-1.5f) == 0);
  CHECK(encode<thirds<tie::upper>>(1.5f) == 3);
  CHECK(encode<thirds<tie::upper>>(-1.5f) == 1);
  CHECK(encode<thirds<tie::toward_zero>>(1.5f) == 2);
  CHECK(encode<thirds<tie::toward_zero>>(-1.5f) == 1);
  CHECK(encode<thirds<tie::even>>(1.5f) == 2);
  CHECK(encode<thirds<tie::even>>(-1.5f) == 0);
  CHECK(encode<user::lazy>(0.9f) == 0);
  CHECK(encode<user::lazy>(std::nextafter(0.9f, 1.0f)) == 1);
}

TEST_CASE("An even tie goes to the even code; of two even ones toward zero, of two odd ones away from it", "[format][encode]") {
  CHECK(encode<user::log3>(0.75f) == 2);       // codes 2 and 3
  CHECK(encode<user::log3>(-0.75f) == 4);      // codes 4 and 5
  CHECK(encode<user::stride_two>(0.5f) == 0);  // codes 0 and 2
  CHECK(encode<user::stride_two>(2.5f) == 3);  // codes 1 and 3
  CHECK(encode<user::squares>(0.5f) == 0);     // codes 0 and 1
  CHECK(encode<user::squares>(2.5f) == 2);     // 1 and 4
  CHECK(encode<user::squares>(-2.5f) == 130);
}

TEST_CASE("A derived encoder gives the values of the closed form", "[format][encode]") {
  std::mt19937 generator(3);
  int wrong = 0;
  const auto compare = [&]<class F>() {
    for (int i = 0; i < 20000; ++i) {
      const float x = bit_cast<float>(static_cast<std::uint32_t>(generator()));
      if (is_nan(x)) continue;
      const stochastic s{.seed = 11, .index = static_cast<std::uint64_t>(i)};
      wrong += ordered(round_to<derived<F>>(x)) != ordered(round_to<F>(x));
      wrong += ordered(round_to<derived<F>>(x, half_away{})) != ordered(round_to<F>(x, half_away{}));
      wrong += ordered(round_to<derived<F>>(x, toward_zero{})) != ordered(round_to<F>(x, toward_zero{}));
      wrong += ordered(round_to<derived<F>>(x, away_from_zero{})) != ordered(round_to<F>(x, away_from_zero{}));
      wrong += ordered(round_to<derived<F>>(x, s)) != ordered(round_to<F>(x, s));
      const auto a = bit_cast<std::uint32_t>(round_to<derived<F>>(x, nearest_even{}, overflow::propagate));
      const auto b = bit_cast<std::uint32_t>(round_to<F>(x, nearest_even{}, overflow::propagate));
      wrong += a << 1 != b << 1;  // all but the sign, which a NaN or a zero may not have
    }
  };
  compare.operator()<e4m3>();
  compare.operator()<e5m2>();
  compare.operator()<e4m3fnuz>();
  compare.operator()<e2m1>();
  compare.operator()<e3m2>();
  compare.operator()<i4>();
  compare.operator()<u8>();
  CHECK(wrong == 0);
}

TEST_CASE("Overflow of a format with infinities, with NaN alone, and with neither", "[format][encode]") {
  constexpr auto propagate = overflow::propagate;
  CHECK(encode<user::with_infinities>(5.5f, nearest_even{}, propagate) == 2);
  CHECK(encode<user::with_infinities>(5.51f, nearest_even{}, propagate) == 3);
  CHECK(encode<user::with_infinities>(-1e30f, nearest_even{}, propagate) == 4);
  CHECK(encode<user::with_infinities>(1e30f, toward_zero{}, propagate) == 2);
  CHECK(encode<user::with_infinities>(infinity(), toward_zero{}, propagate) == 3);
  CHECK(encode<user::with_infinities>(infinity()) == 2);
  CHECK(encode<user::with_infinities>(-infinity()) == 5);
  CHECK(encode<user::with_infinities>(quiet_nan()) == 7);
  CHECK(encode<user::with_nan>(9.0f, nearest_even{}, propagate) == 3);
  CHECK(encode<user::with_nan>(9.0f) == 2);
  CHECK(encode<user::with_nan>(-infinity(), nearest_even{}, propagate) == 3);
  CHECK(encode<user::without_zero>(9.0f, nearest_even{}, propagate) == 3);
  CHECK(encode<user::without_zero>(quiet_nan(), nearest_even{}, propagate) == 3);
}

TEST_CASE("Minus zero and negative numbers that become zero get the lowest code of zero", "[format][encode]") {
  CHECK(encode<user::log3>(-0.0f) == 0);
  CHECK(encode<user::log3>(-0.01f) == 0);
  CHECK(encode<user::duplicate_zero>(-0.1f) == 1);
  CHECK(encode<user::duplicate_zero>(0.0f) == 1);
}

TEST_CASE("Without a zero, toward zero means the neighbour in the direction of zero", "[format][encode]") {
  CHECK(encode<user::without_zero>(0.5f, toward_zero{}) == 1);
  CHECK(encode<user::without_zero>(0.5f, away_from_zero{}) == 2);
  CHECK(encode<user::without_zero>(-0.5f, toward_zero{}) == 2);
  CHECK(encode<user::without_zero>(-0.5f, away_from_zero{}) == 1);
  CHECK(encode<user::sign_bit>(0.25f) == 0);
  CHECK(encode<user::sign_bit>(-0.25f) == 1);
  CHECK(encode<user::sign_bit>(0.25f, half_away{}) == 0);
}

TEST_CASE("A policy is told where a value lies between its neighbours", "[format][encode]") {
  const question three_eighths = asked_about<user::without_zero>(1.75f);
  CHECK(three_eighths.kept == 2);
  CHECK(three_eighths.fraction == 0x60000000u);
  CHECK_FALSE(three_eighths.sticky);
  const question mirrored = asked_about<user::without_zero>(-1.75f);
  CHECK(mirrored.kept == 1);
  CHECK(mirrored.fraction == 0x60000000u);
  const question across = asked_about<user::without_zero>(0.5f);  // from -1 to 1: three quarters of the way
  CHECK(across.kept == 1);
  CHECK(across.fraction == 0xc0000000u);
  const question third = asked_about<nf4>(decode<nf4>(8) / 3);
  CHECK(third.kept == 7);
  CHECK(third.fraction > 0x55555500u);
  CHECK(third.fraction < 0x555555ffu);
  CHECK(third.sticky);
}

TEST_CASE("Positions between neighbours of any size are exact about a half", "[format][encode]") {
  const auto position = [](float kept, float x, float farther) { return lowp::detail::position_between(kept, x, farther); };
  // Thirty decades apart: 0.5 is just below the middle of 2^-60 and 1, and just above that of -2^-60 and 1.
  CHECK(position(0x1p-60f, 0.5f, 1.0f).fraction == 0x7fffffffu);
  CHECK(position(0x1p-60f, 0.5f, 1.0f).sticky);
  CHECK(position(0x1p-60f, std::nextafter(0.5f, 1.0f), 1.0f).fraction == 0x800000ffu);
  CHECK(position(-0x1p-60f, 0.5f, 1.0f).fraction == 0x80000000u);
  CHECK(position(-0x1p-60f, 0.5f, 1.0f).sticky);
  CHECK(position(0.0f, 0.5f, 1.0f).fraction == 0x80000000u);
  CHECK_FALSE(position(0.0f, 0.5f, 1.0f).sticky);
  CHECK(position(0x1p-149f, 0x1p-148f, 0x1.fffffep127f).fraction == 0);
  CHECK(position(0x1p-149f, 0x1p-148f, 0x1.fffffep127f).sticky);
  CHECK(position(0x1p-149f, 0x1p-148f, 0x1.8p-148f).fraction == 0x80000000u);
  CHECK(position(-0x1.fffffep127f, 0x1p-149f, 0x1p-148f).fraction == 0xffffffffu);
  CHECK(position(-0x1.fffffep127f, 0.0f, 0x1.fffffep127f).fraction == 0x80000000u);
  CHECK_FALSE(position(-0x1.fffffep127f, 0.0f, 0x1.fffffep127f).sticky);
}

TEST_CASE("Positions agree with a quotient of doubles", "[format][encode]") {
  std::mt19937 generator(5);
  int wrong = 0;
  for (int i = 0; i < 200000; ++i) {
    // Three floats of exponents close enough for a double to hold their differences.
    const auto random_float = [&] {
      return bit_cast<float>(static_cast<std::uint32_t>((generator() & 0x007fffffu) | (120u + generator() % 20u) << 23));
    };
    float a = random_float();
    float b = random_float();
    float c = random_float();
    if (a > b) std::swap(a, b);
    if (b > c) std::swap(b, c);
    if (a > b) std::swap(a, b);
    if (a == b || b == c) continue;
    if (i % 2 == 1 && a < b) a = -a;
    const auto p = lowp::detail::position_between(a, b, c);
    const double exact =
        (static_cast<double>(b) - static_cast<double>(a)) / (static_cast<double>(c) - static_cast<double>(a)) * 4294967296.0;
    wrong += std::abs(exact - static_cast<double>(p.fraction)) > 1.0 + 1e-6;
    const bool past_half = static_cast<double>(b) - static_cast<double>(a) > static_cast<double>(c) - static_cast<double>(b);
    const bool says = p.fraction > 0x80000000u || (p.fraction == 0x80000000u && p.sticky);
    wrong += past_half != says;
  }
  CHECK(wrong == 0);
}

TEST_CASE("Stochastic rounding is unbiased, reproducible, and leaves exact values alone", "[format][encode]") {
  // Five standard deviations of the mean; the deviation of one draw is at most half a step.
  CHECK(std::abs(mean_of<e2m1>(2.6f, 1) - 2.6) < 5 * 0.5 / 256);
  CHECK(std::abs(mean_of<e2m1>(-0.1f, 2) + 0.1) < 5 * 0.25 / 256);
  CHECK(std::abs(mean_of<e4m3>(0.3f, 3) - 0.3) < 5 * 0.016 / 256);
  CHECK(std::abs(mean_of<i4>(-3.7f, 4) + 3.7) < 5 * 0.5 / 256);
  CHECK(std::abs(mean_of<user::log3>(0.7f, 5) - 0.7) < 5 * 0.25 / 256);
  CHECK(std::abs(mean_of<user::without_zero>(0.2f, 6) - 0.2) < 5 * 1.0 / 256);
  int moved = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    moved += encode<e4m3>(0.3125f, stochastic{.seed = 1, .index = i}) != 0x2a;
    moved += encode<user::log3>(0.5f, stochastic{.seed = 1, .index = i}) != 2;
  }
  CHECK(moved == 0);
  // Fixed for all time: a change of these codes changes users' files.
  std::vector<int> codes;
  for (std::uint64_t i = 0; i < 16; ++i) codes.push_back(encode<e2m1>(2.5f, stochastic{.seed = 2024, .index = i}));
  CHECK(codes == std::vector<int>{4, 5, 4, 5, 5, 4, 5, 4, 5, 5, 5, 5, 5, 4, 4, 5});
}
