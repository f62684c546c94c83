// Rounding policies: what each decides, the splitting of a number into what it keeps and what it drops, and the
// generator behind stochastic rounding against its published answers.
#include <lowp/core/rounding.hpp>

#include <lowp_test.hpp>

#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace {

using lowp::away_from_zero;
using lowp::half_away;
using lowp::nearest_even;
using lowp::stochastic;
using lowp::toward_zero;

constexpr std::uint32_t half = 0x80000000u;

struct asks_for_odd {
  constexpr bool away(std::uint32_t kept, std::uint32_t fraction, bool sticky) const noexcept {
    return (kept & 1u) == 0 && (fraction != 0 || sticky);
  }
};
struct not_a_policy {
  int away(std::uint32_t, std::uint32_t, bool) const { return 0; }
};

}  // namespace

static_assert(lowp::rounding_policy<nearest_even> && lowp::rounding_policy<half_away> && lowp::rounding_policy<stochastic>);
static_assert(lowp::rounding_policy<asks_for_odd> && !lowp::rounding_policy<not_a_policy> && !lowp::rounding_policy<int>);

TEST_CASE("Policies decide from the fraction, the sticky bit and the parity", "[core][rounding]") {
  for (const std::uint32_t kept : {0u, 1u, 6u, 7u}) {
    CAPTURE(kept);
    const bool odd = (kept & 1u) != 0;
    for (const bool sticky : {false, true}) {
      CAPTURE(sticky);
      CHECK_FALSE(nearest_even{}.away(kept, 0, sticky));
      CHECK_FALSE(nearest_even{}.away(kept, half - 1, sticky));
      CHECK(nearest_even{}.away(kept, half, sticky) == (sticky || odd));
      CHECK(nearest_even{}.away(kept, half + 1, sticky));
      CHECK_FALSE(half_away{}.away(kept, half - 1, sticky));
      CHECK(half_away{}.away(kept, half, sticky));
      CHECK_FALSE(toward_zero{}.away(kept, 0xffffffffu, sticky));
      CHECK(away_from_zero{}.away(kept, 0, sticky) == sticky);
      CHECK(away_from_zero{}.away(kept, 1, sticky));
      CHECK_FALSE(stochastic{.seed = 5, .index = kept}.away(kept, 0, sticky));
    }
  }
}

TEST_CASE("split keeps the integer part and the rest exactly", "[core][rounding]") {
  int wrong = 0;
  for (const std::uint32_t s : {0u, 1u, 2u, 3u, 0x000fffu, 0x400000u, 0x7fffffu, 0x800000u, 0x800001u, 0xaaaaaau, 0xffffffu}) {
    for (int shift = 0; shift <= 320; ++shift) {
      const auto part = lowp::detail::split(s, shift);
      const double exact = std::ldexp(s, -shift);
      const double kept = std::floor(exact);
      const double rest = std::ldexp(exact - kept, 32);
      const double fraction = std::floor(rest);
      wrong += part.kept != kept || part.fraction != fraction || part.sticky != (rest > fraction);
    }
  }
  CHECK(wrong == 0);
}

// The vectors of Random123's own test file for philox2x32-10: counter, key and the first word of the answer.
TEST_CASE("The generator gives the published answers of Philox 2x32-10", "[core][rounding]") {
  CHECK(lowp::detail::philox(0x00000000u, 0x0000000000000000u) == 0xff1dae59u);
  CHECK(lowp::detail::philox(0xffffffffu, 0xffffffffffffffffu) == 0x2c3f628bu);
  CHECK(lowp::detail::philox(0x13198a2eu, 0x85a308d3243f6a88u) == 0xdd7ce038u);
}

TEST_CASE("Stochastic rounding goes away as often as the fraction says", "[core][rounding]") {
  constexpr int draws = 1 << 18;
  for (const double p : {0.001, 0.1, 0.25, 0.5, 0.75, 0.999}) {
    CAPTURE(p);
    const auto fraction = static_cast<std::uint32_t>(p * 4294967296.0);
    int away = 0;
    for (std::uint64_t i = 0; i < draws; ++i) away += stochastic{.seed = 42, .index = i}.away(0, fraction, false);
    // Five standard deviations of a binomial: a right generator fails one time in two million.
    const double deviation = std::sqrt(p * (1 - p) * draws);
    CHECK(std::abs(away - p * draws) < 5 * deviation);
  }
}

TEST_CASE("Draws of different seeds and of neighbouring elements are unrelated", "[core][rounding]") {
  constexpr int draws = 1 << 16;
  int same_as_neighbour = 0;
  int same_as_other_seed = 0;
  for (std::uint64_t i = 0; i < draws; ++i) {
    const bool now = stochastic{.seed = 1, .index = i}.away(0, half, false);
    same_as_neighbour += now == stochastic{.seed = 1, .index = i + 1}.away(0, half, false);
    same_as_other_seed += now == stochastic{.seed = 2, .index = i}.away(0, half, false);
  }
  CHECK(std::abs(same_as_neighbour - draws / 2) < 5 * 128);
  CHECK(std::abs(same_as_other_seed - draws / 2) < 5 * 128);
}

TEST_CASE("rounding_at moves the index of a stochastic policy and nothing else", "[core][rounding]") {
  const stochastic moved = lowp::detail::rounding_at(stochastic{.seed = 3, .index = 10}, 7);
  CHECK(moved.seed == 3);
  CHECK(moved.index == 17);
  CHECK(lowp::detail::rounding_at(nearest_even{}, 7).away(1, half, false));
}
