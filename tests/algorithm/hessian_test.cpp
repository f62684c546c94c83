#include <lowp/algorithm/hessian.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

// 2 / n * sum of x x^T, in doubles.
std::vector<double> reference(const std::vector<float>& x, std::size_t tokens, std::size_t features) {
  std::vector<double> h(features * features, 0.0);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t i = 0; i < features; ++i) {
      for (std::size_t j = 0; j < features; ++j)
        h[i * features + j] += 2.0 * static_cast<double>(x[t * features + i]) * static_cast<double>(x[t * features + j]);
    }
  }
  for (double& v : h) v /= static_cast<double>(tokens);
  return h;
}

// The largest difference, in units of sqrt(h_ii h_jj).
double difference(lowp::matrix_view<const float> h, const std::vector<double>& expected) {
  const std::size_t n = h.rows();
  double worst = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const double unit = std::sqrt(expected[i * n + i] * expected[j * n + j]);
      worst = std::max(worst, std::fabs(static_cast<double>(h(i, j)) - expected[i * n + j]) / unit);
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("the Hessian is twice the mean of x x^T", "[algorithm]") {
  constexpr std::size_t features = 37;
  for (const std::size_t tokens : {1u, 5u, 1023u, 1024u, 1025u, 5000u}) {
    CAPTURE(tokens);
    auto x = normal_numbers(tokens * features, 81);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = x[i] * static_cast<float>(i % features + 1) + 0.5f;
    const auto expected = reference(x, tokens, features);
    lowp::hessian h(features);
    h.add(view_of(x, tokens, features));
    CHECK(h.samples() == tokens);
    CHECK(h.features() == features);
    CHECK(difference(h.view(), expected) < 2e-6);
    for (std::size_t i = 0; i < features; ++i) {
      for (std::size_t j = 0; j < features; ++j) CHECK(h.view()(i, j) == h.view()(j, i));
    }
  }
}

TEST_CASE("the Hessian does not depend on how calibration data is cut", "[algorithm]") {
  constexpr std::size_t features = 24;
  constexpr std::size_t tokens = 3000;
  const auto x = normal_numbers(tokens * features, 82);
  const auto expected = reference(x, tokens, features);
  lowp::hessian forward(features);
  lowp::hessian backward(features);
  const auto view = view_of(x, tokens, features);
  for (std::size_t t = 0; t < tokens; t += 100) forward.add(view.block(t, 0, 100, features));
  for (std::size_t t = tokens; t > 0; t -= 250) backward.add(view.block(t - 250, 0, 250, features));
  CHECK(difference(forward.view(), expected) < 1e-6);
  CHECK(difference(backward.view(), expected) < 1e-6);
  // Looking at it in between changes nothing.
  lowp::hessian watched(features);
  for (std::size_t t = 0; t < tokens; t += 100) {
    watched.add(view.block(t, 0, 100, features));
    CHECK(watched.view()(0, 0) > 0);
  }
  for (std::size_t i = 0; i < features; ++i) CHECK(watched.view()(i, 0) == forward.view()(i, 0));
  // Strided inputs.
  std::vector<float> columns(x.size());
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t c = 0; c < features; ++c) columns[c * tokens + t] = x[t * features + c];
  }
  lowp::hessian strided(features);
  strided.add({columns.data(), tokens, features, 1, tokens});
  CHECK(difference(strided.view(), expected) < 1e-6);
}

TEST_CASE("a large mean does not drown small features", "[algorithm]") {
  // 40,000 tokens: sums in 32-bit floats alone would be off by more.
  constexpr std::size_t features = 8;
  constexpr std::size_t tokens = 40000;
  auto x = normal_numbers(tokens * features, 83);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += i % features == 0 ? 100.0f : 0.0f;
  lowp::hessian h(features);
  h.add(view_of(x, tokens, features));
  CHECK(difference(h.view(), reference(x, tokens, features)) < 1e-6);
}

TEST_CASE("errors leave the Hessian alone", "[algorithm]") {
  constexpr std::size_t features = 16;
  lowp::hessian h(features);
  CHECK_THROWS_AS(h.view(), lowp::error);
  auto x = normal_numbers(64 * features, 84);
  h.add(view_of(x, 64, features));
  const std::vector<float> before(h.view().data(), h.view().data() + features * features);

  CHECK_THROWS_AS(h.add(view_of(x, 128, 8)), lowp::error);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto y = x;
    y[63 * features + 15] = bad;
    CHECK_THROWS_AS(h.add(view_of(y, 64, features)), lowp::error);
  }
  // Finite inputs whose squares are not.
  const std::vector<float> large(features, 1e30f);
  CHECK_THROWS_AS(h.add(view_of(large, 1, features)), lowp::error);
  CHECK(h.samples() == 64);
  h.add(view_of(x, 0, features));
  CHECK(h.samples() == 64);
  CHECK(before == std::vector<float>(h.view().data(), h.view().data() + features * features));
  lowp::hessian empty(0);
  empty.add({nullptr, 5, 0});
  CHECK(empty.view().rows() == 0);
}

TEST_CASE("shards are merged, kept and taken up again", "[algorithm]") {
  constexpr std::size_t features = 150;
  constexpr std::size_t tokens = 900;
  const auto x = normal_numbers(tokens * features, 85);
  const auto view = view_of(x, tokens, features);
  const auto expected = reference(x, tokens, features);
  const auto check = [&]<class Hessian>(Hessian first) {
    Hessian second(features);
    first.add(view.block(0, 0, 400, features));
    second.add(view.block(400, 0, 500, features), lowp::thread_executor{3});
    Hessian again(second.samples(), second.sums());
    first.merge(again);
    CHECK(first.samples() == tokens);
    CHECK(difference(first.view(), expected) < 2e-6);
    Hessian alone(features);
    alone.add(view.block(400, 0, 500, features));
    for (std::size_t i = 0; i < features * features; ++i) CHECK(alone.sums().data()[i] == second.sums().data()[i]);
    CHECK_THROWS_AS(first.merge(Hessian(features - 1)), lowp::error);
  };
  check(lowp::hessian(features));
  check(lowp::hessian_f32(features));
}

TEST_CASE("the mismatch of inputs is twice the mean of (y - x) x^T", "[algorithm]") {
  constexpr std::size_t features = 130;
  constexpr std::size_t tokens = 1100;
  const auto x = normal_numbers(tokens * features, 86);
  const auto y = normal_numbers(tokens * features, 87);
  lowp::input_mismatch d(features);
  CHECK_THROWS_AS(d.view(), lowp::error);
  d.add(view_of(y, tokens, features), view_of(x, tokens, features), lowp::thread_executor{2});
  double worst = 0;
  for (std::size_t i = 0; i < features; i += 7) {
    for (std::size_t j = 0; j < features; j += 3) {
      double sum = 0;
      for (std::size_t t = 0; t < tokens; ++t)
        sum += (static_cast<double>(y[t * features + i]) - static_cast<double>(x[t * features + i])) *
               static_cast<double>(x[t * features + j]);
      worst = std::max(worst, std::fabs(2 * sum / tokens - static_cast<double>(d.view()(i, j))));
    }
  }
  CHECK(worst < 1e-5);
  CHECK_THROWS_AS(d.add(view_of(y, tokens, features), view_of(x, tokens - 1, features)), lowp::error);
}
