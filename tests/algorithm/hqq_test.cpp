#include <lowp/algorithm/hqq.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

template <class Format, std::size_t N>
using float_zeros = lowp::scheme<Format, lowp::per_group<N>, lowp::asymmetric_as<lowp::f16>, lowp::f16>;

template <class S>
double mean_error(const std::vector<float>& w, std::size_t rows, std::size_t cols, const lowp::quantized<S>& q) {
  double sum = 0;
  for (std::size_t i = 0; i < w.size(); ++i)
    sum += std::pow(std::fabs(static_cast<double>(w[i]) - static_cast<double>(q.value(i / cols, i % cols))), 0.7);
  return sum / static_cast<double>(rows * cols);
}

template <class S>
void check_gain(const std::vector<float>& w, std::size_t rows, std::size_t cols) {
  CHECK(mean_error(w, rows, cols, lowp::hqq<S>(view_of(w, rows, cols))) <
        0.99 * mean_error(w, rows, cols, lowp::quantize<S>(view_of(w, rows, cols))));
}

}  // namespace

TEST_CASE("HQQ fits heavy tails better than the range does", "[algorithm]") {
  constexpr std::size_t rows = 16, cols = 200;  // the last group is ragged
  auto w = normal_numbers(rows * cols, 71, 0.05);
  for (std::size_t i = 0; i < w.size(); i += 37) w[i] *= 3;
  check_gain<float_zeros<lowp::u4, 64>>(w, rows, cols);
  check_gain<float_zeros<lowp::u3, 64>>(w, rows, cols);
  check_gain<float_zeros<lowp::u2, 32>>(w, rows, cols);
}

TEST_CASE("HQQ takes groups without a range, and no NaN", "[algorithm]") {
  std::vector<float> w(2 * 64, 0.25f);
  using S = float_zeros<lowp::u4, 64>;
  const auto same = lowp::hqq<S>(view_of(w, 2, 64));
  CHECK(std::fabs(same.value(1, 5) - 0.25f) < 0.01f);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    w[70] = bad;
    CHECK_THROWS_AS(lowp::hqq<S>(view_of(w, 2, 64)), lowp::error);
  }
  w[70] = 0;
  CHECK_THROWS_AS(lowp::hqq<S>(view_of(w, 2, 64), {.norm = 2}), lowp::error);
  CHECK(lowp::hqq<S>(view_of(w, 0, 64)).rows() == 0);
}
