#include <lowp/algorithm/statistics.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <limits>
#include <vector>

TEST_CASE("statistics of shards add up", "[algorithm]") {
  constexpr std::size_t tokens = 300, features = 17;
  const auto x = normal_numbers(tokens * features, 41);
  const auto view = view_of(x, tokens, features);
  lowp::channel_statistics whole(features), first(features), second(features);
  lowp::magnitude_histogram all, left, right;
  whole.add(view);
  first.add(view.block(0, 0, 100, features));
  second.add(view.block(100, 0, 200, features));
  first.merge(second);
  all.add(view);
  left.add(view.block(0, 0, 100, features));
  right.add(view.block(100, 0, 200, features));
  left.merge(right);
  CHECK(first.samples() == tokens);
  for (std::size_t c = 0; c < features; ++c) {
    CHECK(first.absmax()[c] == whole.absmax()[c]);
    CHECK(first.low()[c] == whole.low()[c]);
    CHECK(first.high()[c] == whole.high()[c]);
    CHECK(first.absmax()[c] == (-first.low()[c] > first.high()[c] ? -first.low()[c] : first.high()[c]));
    CHECK(first.mean_magnitude()[c] == whole.mean_magnitude()[c]);
  }
  for (std::size_t i = 0; i < lowp::magnitude_histogram::bins; ++i) REQUIRE(left.counts()[i] == all.counts()[i]);
  lowp::channel_state state = whole.state();
  CHECK(lowp::channel_statistics(state).mean_square() == whole.mean_square());
  state.squares.pop_back();
  CHECK_THROWS_AS(lowp::channel_statistics(state), lowp::error);
  CHECK(all.percentile(50) > 0.63f);
  CHECK(all.percentile(50) < 0.72f);
  CHECK(all.percentile(100) >= all.percentile(99.9));
  CHECK(lowp::magnitude_histogram(std::vector<std::uint64_t>(all.counts().begin(), all.counts().end())).percentile(90) ==
        all.percentile(90));
}

TEST_CASE("what statistics do not take leaves them alone", "[algorithm]") {
  lowp::channel_statistics s(4);
  lowp::magnitude_histogram m;
  CHECK_THROWS_AS(s.absmax(), lowp::error);
  CHECK_THROWS_AS(s.mean_square(), lowp::error);
  CHECK_THROWS_AS(m.percentile(50), lowp::error);
  std::vector<float> x(12, 1.0f);
  s.add(view_of(x, 3, 4));
  CHECK_THROWS_AS(s.add(view_of(x, 4, 3)), lowp::error);
  CHECK_THROWS_AS(s.merge(lowp::channel_statistics(5)), lowp::error);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    x[11] = bad;
    CHECK_THROWS_AS(s.add(view_of(x, 3, 4)), lowp::error);
    CHECK_THROWS_AS(m.add(view_of(x, 3, 4)), lowp::error);
  }
  CHECK(s.samples() == 3);
  CHECK(s.absmax()[0] == 1.0f);
  CHECK_THROWS_AS(m.percentile(50), lowp::error);
  CHECK_THROWS_AS(m.percentile(101), lowp::error);
  CHECK_THROWS_AS(lowp::magnitude_histogram(std::vector<std::uint64_t>(7)), lowp::error);
}
