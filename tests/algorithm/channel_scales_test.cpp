#include <lowp/algorithm/channel_scales.hpp>
#include <lowp/algorithm/statistics.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

constexpr std::size_t rows = 9, cols = 16;

double product(const std::vector<float>& w, const std::vector<float>& x, std::size_t r) {
  double sum = 0;
  for (std::size_t c = 0; c < cols; ++c) sum += static_cast<double>(w[r * cols + c]) * static_cast<double>(x[c]);
  return sum;
}

}  // namespace

TEST_CASE("scales of channels change no output", "[algorithm]") {
  const auto original = normal_numbers(rows * cols, 51);
  const auto x = normal_numbers(cols, 52);
  const auto scales =
      lowp::smooth_scales(x.empty() ? x : std::vector<float>(cols, 2.0f), lowp::column_absmax(view_of(original, rows, cols)), 0.5);
  auto w = original;
  lowp::scale_columns({w.data(), rows, cols}, scales);
  // After a norm of which x is the output with weights of one; after one that adds one; after a linear layer of which it is the end.
  std::vector<float> norm(cols, 1.0f), one_plus(cols, 0.0f);
  lowp::divide_norm(norm, scales);
  lowp::divide_norm(one_plus, scales, lowp::norm_kind::one_plus);
  std::vector<float> before(2 * cols, 1.0f);
  lowp::divide_rows({before.data(), 2 * cols, 1}, scales);
  for (std::size_t r = 0; r < rows; ++r) {
    std::vector<float> a = x, b = x, c = x;
    for (std::size_t i = 0; i < cols; ++i) {
      a[i] *= norm[i];
      b[i] *= 1.0f + one_plus[i];
      c[i] *= before[cols + i];
      CHECK(before[i] == 1.0f);
    }
    for (const auto& inputs : {a, b, c}) CHECK(std::fabs(product(w, inputs, r) - product(original, x, r)) < 1e-5);
  }
}

TEST_CASE("scales that are none are refused, and nothing is written", "[algorithm]") {
  std::vector<float> w(rows * cols, 1.0f);
  const std::vector<float> few(cols - 1, 2.0f);
  std::vector<float> bad(cols, 2.0f);
  for (const float v : {0.0f, -1.0f, lowp::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    bad[cols - 1] = v;
    CHECK_THROWS_AS(lowp::scale_columns({w.data(), rows, cols}, bad), lowp::error);
    CHECK_THROWS_AS(lowp::divide_norm(w, bad), lowp::error);
  }
  CHECK_THROWS_AS(lowp::scale_columns({w.data(), rows, cols}, few), lowp::error);
  CHECK_THROWS_AS(lowp::divide_rows({w.data(), rows, cols}, few), lowp::error);
  for (const float v : w) CHECK(v == 1.0f);
  CHECK_THROWS_AS(lowp::smooth_scales(few, few, 1.5), lowp::error);
  CHECK_THROWS_AS(lowp::smooth_scales(few, bad, 0.5), lowp::error);
  CHECK_THROWS_AS(lowp::smooth_search(few, few, [](std::span<const float>) { return 1.0; }, {.first = 1, .last = 0}), lowp::error);
  CHECK(lowp::folds_into_rows(256, 256));
  CHECK_FALSE(lowp::folds_into_rows(128, 256));
}

TEST_CASE("the search for alpha finds the least loss", "[algorithm]") {
  const std::vector<float> x{1, 4, 16}, w{1, 1, 1};
  // The scales are 4^alpha and 16^alpha: 2 and 4 at 0.5.
  const auto found = lowp::smooth_search(x, w, [](std::span<const float> s) { return std::fabs(static_cast<double>(s[1]) - 2.0); });
  CHECK(std::fabs(found.alpha - 0.5) < 1e-9);
  CHECK(std::fabs(static_cast<double>(found.scales[2]) - 4.0) < 1e-5);
}
