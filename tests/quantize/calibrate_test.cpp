#include "odd_schemes.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace {

// For calibrators that do not search.
const auto no_trial = [](lowp::value_range) { return [](float x) { return x; }; };

template <class S>
double squared_error(const lowp::quantized<S>& q, const std::vector<float>& w, const std::vector<float>& importance = {}) {
  double sum = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double error = static_cast<double>(w[i]) - static_cast<double>(q.value(i / q.cols(), i % q.cols()));
    sum += error * error * (importance.empty() ? 1.0 : static_cast<double>(importance[i % q.cols()]));
  }
  return sum;
}

// Heavy tails, so that there is something to clip.
std::vector<float> heavy(std::size_t count, std::uint64_t seed) {
  auto w = normal_numbers(count, seed);
  for (float& x : w) x = x * x * x;
  return w;
}

}  // namespace

TEST_CASE("ranges of min-max and absmax", "[quantize]") {
  const std::vector<float> values{-1.5f, 0.25f, 1.0f};
  const auto m = lowp::min_max{}(values, {}, no_trial);
  CHECK(m.low == -1.5f);
  CHECK(m.high == 1.0f);
  const auto a = lowp::absmax{}(values, {}, no_trial);
  CHECK(a.low == -1.5f);
  CHECK(a.high == 1.5f);
  const auto none = lowp::min_max{}(std::span<const float>{}, {}, no_trial);
  CHECK(none.low == 0);
  CHECK(none.high == 0);
  // The range of a zero point that spends codes on both sides, and one that does not.
  const std::vector<float> positive{0.5f, 1, 2, 3};
  using S = lowp::scheme<lowp::u8, lowp::per_channel, lowp::asymmetric, lowp::f32>;
  CHECK(lowp::quantize<S>(view_of(positive, 1, 4)).zeros().codes()(0, 0) == 0);
  CHECK(lowp::quantize<S>(view_of(positive, 1, 4), lowp::recipe{lowp::absmax{}}).zeros().codes()(0, 0) == 128);
}

TEST_CASE("percentiles interpolate as numpy's do", "[quantize]") {
  std::vector<float> values(11);
  for (std::size_t i = 0; i < 11; ++i) values[10 - i] = static_cast<float>(i) - 5.0f;
  const auto r = lowp::percentile{95}(values, {}, no_trial);
  CHECK(r.low == -4.5f);
  CHECK(r.high == 4.5f);
  const auto whole = lowp::percentile{100}(values, {}, no_trial);
  CHECK(whole.low == -5);
  CHECK(whole.high == 5);
  const auto middle = lowp::percentile{50}(values, {}, no_trial);
  CHECK(middle.low == 0);
  CHECK(middle.high == 0);
  // numpy.percentile([3, 1, 4, 1, 5, 9, 2, 6], [0.1, 99.9]) == [1.0, 8.979]
  const std::vector<float> pi{3, 1, 4, 1, 5, 9, 2, 6};
  const auto p = lowp::percentile{99.9}(pi, {}, no_trial);
  CHECK(p.low == 1.0f);
  CHECK(std::fabs(p.high - 8.979f) < 1e-6f);
  CHECK_THROWS_AS(lowp::percentile{100.1}(values, {}, no_trial), lowp::error);
  CHECK_THROWS_AS(lowp::percentile{49}(values, {}, no_trial), lowp::error);
  CHECK_THROWS_AS(lowp::percentile{std::nan("")}(values, {}, no_trial), lowp::error);
}

TEST_CASE("a search is never worse than the full range, in the measure that it searches", "[quantize]") {
  const auto w = heavy(32 * 256, 51);
  odd::for_each_scheme([&]<class S>(std::string_view name) {
    // Scales of scales are rounded after the search, which may undo its gain.
    if constexpr (lowp::number_format<typename S::scale>) {
      CAPTURE(std::string(name));
      const double full = squared_error(lowp::quantize<S>(view_of(w, 32, 256)), w);
      const double searched = squared_error(lowp::quantize<S>(view_of(w, 32, 256), lowp::recipe{lowp::mse_search{.norm = 2}}), w);
      CHECK(searched <= full);
    }
  });
  // And it gains where there is something to gain.
  const double full = squared_error(lowp::quantize<lowp::int4_g128>(view_of(w, 32, 256)), w);
  CHECK(squared_error(lowp::quantize<lowp::int4_g128>(view_of(w, 32, 256), lowp::recipe{lowp::mse_search{.norm = 2}}), w) < 0.9 * full);
  CHECK(squared_error(lowp::quantize<lowp::int4_g128>(view_of(w, 32, 256), lowp::recipe{lowp::mse_search{}}), w) < 0.95 * full);
  CHECK(squared_error(lowp::quantize<lowp::nvfp4>(view_of(w, 32, 256), lowp::recipe{lowp::mse_search{}}), w) <
        squared_error(lowp::quantize<lowp::nvfp4>(view_of(w, 32, 256)), w));
}

TEST_CASE("a search with steps past zero stays with ranges that are there", "[quantize]") {
  const auto w = heavy(256, 52);
  const auto q = lowp::quantize<lowp::int4_g128>(view_of(w, 2, 128), lowp::recipe{lowp::mse_search{.steps = 1000, .step = 0.01f}});
  CHECK(q.scales().value(0, 0) > 0);
  CHECK(q.scales().value(1, 0) > 0);
  const lowp::mse_search none{.steps = 0};
  CHECK(lowp::quantize<lowp::int4_g128>(view_of(w, 2, 128), lowp::recipe{none}) == lowp::quantize<lowp::int4_g128>(view_of(w, 2, 128)));
}

TEST_CASE("a search finds the same whatever the size of the weights", "[quantize]") {
  using scheme = lowp::scheme<lowp::u3, lowp::per_group<32>, lowp::asymmetric, lowp::f32>;
  const auto w = heavy(8 * 64, 46);
  const auto q = lowp::quantize<scheme>(view_of(w, 8, 64), lowp::recipe{lowp::mse_search{}});
  CHECK_FALSE(q == lowp::quantize<scheme>(view_of(w, 8, 64)));
  for (const int power : {-90, -60, 60, 100}) {
    auto other = w;
    for (float& x : other) x *= lowp::power_of_two(power);
    const auto scaled = lowp::quantize<scheme>(view_of(other, 8, 64), lowp::recipe{lowp::mse_search{}});
    CAPTURE(power);
    for (std::size_t i = 0; i < w.size(); ++i) REQUIRE(scaled.codes()(i / 64, i % 64) == q.codes()(i / 64, i % 64));
  }
}

TEST_CASE("a weighted search minimizes the weighted error", "[quantize]") {
  const auto w = heavy(32 * 256, 53);
  std::vector<float> importance(256);
  for (std::size_t c = 0; c < 256; ++c) importance[c] = static_cast<float>(random_unit(54, c) * (c % 16 == 0 ? 100 : 1));
  const auto view = view_of(w, 32, 256);
  lowp::mse_search search{.norm = 2};
  const auto plain = lowp::quantize<lowp::int4_g128>(view, lowp::recipe{search});
  search.importance = importance;
  const auto weighted = lowp::quantize<lowp::int4_g128>(view, lowp::recipe{search});
  CHECK(squared_error(weighted, w, importance) < squared_error(plain, w, importance));
  CHECK(squared_error(weighted, w) > squared_error(plain, w));

  // A column without importance may hold anything finite.
  std::vector<float> spike(128, 0.0f);
  for (std::size_t c = 0; c < 128; ++c) spike[c] = c == 5 ? 2.5f : random_unit(55, c) < 0.5 ? -0.7f : 0.7f;
  std::vector<float> ignore(128, 1.0f);
  ignore[5] = 0;
  const lowp::mse_search ignoring{.importance = ignore};
  const auto q = lowp::quantize<lowp::int4_g128>(view_of(spike, 1, 128), lowp::recipe{ignoring});
  CHECK(std::fabs(q.value(0, 0)) > 0.69f);
  CHECK(std::fabs(q.value(0, 0)) < 0.71f);

  const lowp::mse_search wrong{.importance = std::span<const float>(ignore).first(127)};
  CHECK_THROWS_AS(lowp::quantize<lowp::int4_g128>(view_of(spike, 1, 128), lowp::recipe{wrong}), lowp::error);
}

TEST_CASE("entropy clips outliers, keeps what fills its range, and always ends", "[quantize]") {
  using S = lowp::scheme<lowp::i8, lowp::per_tensor, lowp::symmetric, lowp::f32>;
  auto w = normal_numbers(1 << 16, 56);
  w[77] = 60;
  const auto clipped = lowp::quantize<S>(view_of(w, 256, 256), lowp::recipe{lowp::entropy{}});
  CHECK(clipped.group({0, 0}).scale * 127 < 15);
  CHECK(clipped.group({0, 0}).scale * 127 > 3.5f);
  std::vector<float> even(1 << 16);
  for (std::size_t i = 0; i < even.size(); ++i) even[i] = static_cast<float>(random_unit(57, i) * 2 - 1);
  CHECK(lowp::quantize<S>(view_of(even, 256, 256), lowp::recipe{lowp::entropy{}}).group({0, 0}).scale * 127 > 0.95f);

  // All alike: clipping would lose everything.
  const std::vector<float> alike(256, -0.5f);
  const auto q = lowp::quantize<lowp::int4_g128>(view_of(alike, 2, 128), lowp::recipe{lowp::entropy{}});
  CHECK(std::fabs(q.value(1, 3) + 0.5f) < 1e-3f);
  // One sign only, under a zero point.
  std::vector<float> negative(1 << 12);
  for (std::size_t i = 0; i < negative.size(); ++i) negative[i] = i == 77 ? -1.0f : -std::fabs(w[i]);
  using A = lowp::scheme<lowp::u8, lowp::per_tensor, lowp::asymmetric, lowp::f32>;
  const auto n = lowp::quantize<A>(view_of(negative, 64, 64), lowp::recipe{lowp::entropy{}});
  CHECK(squared_error(n, negative) < 1e-3 * static_cast<double>(negative.size()));
  // Ranges for which a trial knows no scale.
  std::vector<float> large(128, 1.0f);
  large[3] = 1e6f;
  CHECK_THROWS_AS(lowp::quantize<lowp::int4_g128>(view_of(std::vector<float>(128, 1e6f), 1, 128), lowp::recipe{lowp::entropy{}}),
                  lowp::error);
  const auto zeros = lowp::quantize<S>(view_of(std::vector<float>(64, 0.0f), 8, 8), lowp::recipe{lowp::entropy{}});
  CHECK(zeros.value(0, 0) == 0);
  CHECK_THROWS_AS(lowp::quantize<S>(view_of(even, 256, 256), lowp::recipe{lowp::entropy{.bins = 0}}), lowp::error);
  CHECK_THROWS_AS(lowp::quantize<S>(view_of(even, 256, 256), lowp::recipe{lowp::entropy{.stride = 0}}), lowp::error);
  CHECK(lowp::quantize<S>(view_of(even, 256, 256), lowp::recipe{lowp::entropy{.bins = 10}}).group({0, 0}).scale > 0);
}

TEST_CASE("a calibrator of one's own", "[quantize]") {
  const auto w = normal_numbers(256, 58);
  const auto fixed = [](std::span<const float> values, std::span<const float>, auto&& trial) {
    // The trial shows what a value becomes under a range.
    CHECK(values.size() == 128);
    CHECK(trial(lowp::value_range{-3.5f, 3.5f})(1.2f) == 1.0f);
    CHECK(trial(lowp::value_range{-7.0f, 7.0f})(10.0f) == 7.0f);
    return lowp::value_range{-3.5f, 3.5f};
  };
  const auto q = lowp::quantize<lowp::int4_g128>(view_of(w, 2, 128), lowp::recipe{fixed});
  CHECK(q.scales().value(0, 0) == 0.5f);
  CHECK(q.scales().value(1, 0) == 0.5f);
}
