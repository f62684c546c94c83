#include <lowp/kernel/cpu/codebook_search.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

using namespace lowp;

constexpr std::size_t lengths[] = {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 100};

}  // namespace

TEST_CASE("places and codes of a codebook are those of one number at a time", "[kernel]") {
  const auto x = normal_numbers(100, 1), offsets = normal_numbers(100, 2);
  auto scales = normal_numbers(100, 3);
  for (float& s : scales) s = s * s + 0.1f;
  for_each_isa([&](isa version) {
    CAPTURE(name(version));
    const detail::codebook_search search(version);
    for (const std::size_t n : lengths) {
      CAPTURE(n);
      std::vector<float> places(n + 1, 7.0f), alike(n + 1, 7.0f), thresholds;
      search.places_of_channels(x.data(), offsets.data(), scales.data(), n, places.data());
      search.places_of_row(x.data(), 0.25f, 0.7f, n, alike.data());
      bool same = places[n] == 7 && alike[n] == 7;
      for (std::size_t i = 0; i < n; ++i) same = same && places[i] == (x[i] - offsets[i]) / scales[i] && alike[i] == (x[i] - 0.25f) / 0.7f;
      CHECK(same);
      // Some numbers are thresholds.
      for (std::size_t i = 0; i < 255; ++i) thresholds.push_back(i < n ? places[i] : static_cast<float>(i) / 50 - 2);
      for (const std::size_t steps : {std::size_t{1}, std::size_t{7}, std::size_t{255}}) {
        std::vector<std::uint8_t> codes(n + 1, 99);
        search.codes(places.data(), n, thresholds.data(), steps, codes.data());
        same = codes[n] == 99;
        for (std::size_t i = 0; i < n; ++i) {
          std::size_t below = 0;
          for (std::size_t s = 0; s < steps; ++s) below += places[i] > thresholds[s] ? 1u : 0u;
          same = same && codes[i] == below;
        }
        CHECK(same);
      }
    }
  });
}

TEST_CASE("ranges of a stretch, and of what is within another", "[kernel]") {
  const auto x = normal_numbers(100, 4);
  for_each_isa([&](isa version) {
    CAPTURE(name(version));
    const detail::codebook_search search(version);
    for (const std::size_t n : lengths) {
      for (const value_range kept : {value_range{-0.5f, 0.75f}, value_range{x[0], x[0]}, value_range{9.0f, 10.0f}}) {
        value_range all{f32::largest, -f32::largest}, within = all;
        for (std::size_t i = 0; i < n; ++i) {
          all = {std::min(all.low, x[i]), std::max(all.high, x[i])};
          if (x[i] >= kept.low && x[i] <= kept.high) within = {std::min(within.low, x[i]), std::max(within.high, x[i])};
        }
        const auto found = search.ranges(x.data(), n, kept);
        CHECK((found.all.low == all.low && found.all.high == all.high && found.finite));
        CHECK((found.within.low == within.low && found.within.high == within.high));
      }
      bool noticed = true;
      for (std::size_t at = 0; at < n; ++at) {
        for (const float special : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
          auto y = x;
          y[at] = special;
          noticed = noticed && !search.ranges(y.data(), n, {-1.0f, 1.0f}).finite;
        }
      }
      CHECK(noticed);
    }
  });
}
