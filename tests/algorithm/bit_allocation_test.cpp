#include <lowp/algorithm/bit_allocation.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

struct total {
  std::uint64_t bytes = 0;
  double loss = 0;
};
total sum(const std::vector<lowp::layer_choices>& layers, const std::vector<std::size_t>& chosen) {
  total t;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    t.bytes += layers[i][chosen[i]].bytes;
    t.loss += layers[i][chosen[i]].loss;
  }
  return t;
}

}  // namespace

TEST_CASE("bits go where they lower the loss most", "[algorithm]") {
  // Layers of 2, 3, 4 and 8 bits, whose losses fall by a factor of about four a bit; all combinations are tried.
  constexpr std::size_t count = 6;
  std::vector<lowp::layer_choices> layers(count);
  double largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double importance = std::exp(2 * random_normal(81, i));
    const std::uint64_t weights = 1000 + random_bits(82, i) % 4000;
    for (const int bits : {2, 3, 4, 8}) {
      layers[i].push_back({weights * static_cast<std::uint64_t>(bits) / 8, importance * std::pow(0.25, bits)});
      largest = std::fmax(largest, layers[i].back().loss);
    }
  }
  const std::uint64_t least = sum(layers, std::vector<std::size_t>(count, 0)).bytes;
  const std::uint64_t most = sum(layers, std::vector<std::size_t>(count, 3)).bytes;
  for (std::uint64_t budget = least; budget <= most; budget += (most - least) / 17) {
    CAPTURE(budget);
    const total found = sum(layers, lowp::allocate_bits(layers, budget));
    CHECK(found.bytes <= budget);
    double best = std::numeric_limits<double>::infinity();
    for (std::size_t code = 0; code < 4096; ++code) {
      std::vector<std::size_t> chosen(count);
      for (std::size_t i = 0; i < count; ++i) chosen[i] = code >> (2 * i) & 3;
      const total t = sum(layers, chosen);
      if (t.bytes <= budget && t.loss < best) best = t.loss;
    }
    CHECK(found.loss >= best - 1e-12);
    CHECK(found.loss <= best + largest);
    // And better than one width for all of them.
    for (std::size_t j = 0; j < 4; ++j) {
      const total same = sum(layers, std::vector<std::size_t>(count, j));
      if (same.bytes <= budget) CHECK(found.loss <= same.loss + 1e-12);
    }
  }
  CHECK(lowp::allocate_bits(layers, most) == std::vector<std::size_t>(count, 3));
  CHECK_THROWS_AS(lowp::allocate_bits(layers, least - 1), lowp::error);
}

TEST_CASE("an allocation refuses layers without choices and losses that are none", "[algorithm]") {
  CHECK(lowp::allocate_bits({}, 0).empty());
  CHECK_THROWS_AS(lowp::allocate_bits({{}}, 100), lowp::error);
  CHECK_THROWS_AS(lowp::allocate_bits({{{8, std::numeric_limits<double>::quiet_NaN()}}}, 100), lowp::error);
  CHECK_THROWS_AS(lowp::allocate_bits({{{8, -1}}}, 100), lowp::error);
}
