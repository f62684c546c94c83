#include <lowp/algorithm/inverse_factor.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>

#include "layer.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace {

std::vector<std::size_t> shuffled(std::size_t n, std::size_t step) {
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = (i * step + 3) % n;
  return order;
}

// U with H^-1 = U^T U by Eigen in doubles: the inverse, then its upper Cholesky factor.
Eigen::MatrixXd expected_factor(const layer& l, const std::vector<std::size_t>& order, double damping) {
  const auto n = static_cast<Eigen::Index>(l.cols);
  Eigen::MatrixXd h(n, n);
  double mean = 0;
  for (std::size_t i = 0; i < l.cols; ++i) mean += static_cast<double>(l.hessian()(i, i)) / static_cast<double>(l.cols);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j)
      h(i, j) = static_cast<double>(l.hessian()(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]));
    h(i, i) += damping * mean;
  }
  const Eigen::MatrixXd inverse = h.llt().solve(Eigen::MatrixXd::Identity(n, n));
  return inverse.llt().matrixU();
}

}  // namespace

TEST_CASE("the factor of the inverse is Eigen's", "[algorithm]") {
  for (const std::size_t n : {1u, 15u, 16u, 63u, 64u, 65u, 200u, 333u}) {
    CAPTURE(n);
    const layer l = correlated_layer(1, n, 4 * n + 8, 31);
    for (const std::size_t step : {std::size_t{1}, std::size_t{n % 7 == 0 ? 11u : 7u}}) {
      const auto order = shuffled(n, step);
      const auto found = lowp::detail::inverse_factor(l.hessian(), order, 0.01, lowp::serial_executor{});
      REQUIRE(found.has_value());
      const Eigen::MatrixXd expected = expected_factor(l, order, 0.01);
      double worst = 0;
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = i; j < n; ++j) {
          const double e = expected(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
          const double unit = expected(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(j));
          worst = std::fmax(worst, std::fabs(static_cast<double>(found->at(i, j)) - e) / unit);
        }
      }
      CHECK(worst < 1e-4);
    }
  }
}

TEST_CASE("the factor has the same bits for every number of threads", "[algorithm]") {
  const layer l = correlated_layer(1, 300, 700, 32);
  const auto order = shuffled(300, 7);
  const auto one = lowp::detail::inverse_factor(l.hessian(), order, 0.01, lowp::serial_executor{});
  const auto three = lowp::detail::inverse_factor(l.hessian(), order, 0.01, lowp::thread_executor{3});
  REQUIRE((one.has_value() && three.has_value()));
  for (std::size_t i = 0; i < 300; ++i) {
    for (std::size_t j = i; j < 300; ++j) REQUIRE(one->at(i, j) == three->at(i, j));
  }
}

TEST_CASE("what is not positive definite has no factor", "[algorithm]") {
  std::vector<std::size_t> order(100);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<float> ones(100 * 100, 1.0f);
  const lowp::matrix_view<const float> h(ones.data(), 100, 100);
  CHECK_FALSE(lowp::detail::inverse_factor(h, order, 0.0, lowp::serial_executor{}).has_value());
  CHECK(lowp::detail::inverse_factor(h, order, 0.01, lowp::serial_executor{}).has_value());
  ones[99 * 100 + 3] = ones[3 * 100 + 99] = 1.5f;
  CHECK_FALSE(lowp::detail::inverse_factor(h, order, 0.01, lowp::serial_executor{}).has_value());
}
