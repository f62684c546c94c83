#include <lowp/algorithm/rotation.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

TEST_CASE("rotations of all supported sizes are orthogonal", "[algorithm]") {
  std::size_t supported = 0;
  for (std::size_t n = 1; n <= 320; ++n) {
    bool known = true;
    try {
      lowp::rotation q(n, 3);
    } catch (const lowp::error&) {
      known = false;
    }
    if ((n & (n - 1)) == 0) CHECK(known);
    if (!known) continue;
    ++supported;
    CAPTURE(n);
    const lowp::rotation q(n, n);
    // The rows of Q are the images of the unit vectors.
    std::vector<float> rows(n * n, 0.0f);
    for (std::size_t i = 0; i < n; ++i) rows[i * n + i] = 1;
    const lowp::matrix_view<float> view(rows.data(), n, n);
    q.rotate_rows(view);
    double worst = 0;
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(std::fabs(std::fabs(view(i, n / 2)) - 1 / std::sqrt(static_cast<float>(n))) < 1e-6f);
      for (std::size_t j = 0; j < n; j += n < 40 ? 1 : 13) {
        double dot = 0;
        for (std::size_t k = 0; k < n; ++k) dot += static_cast<double>(view(i, k)) * static_cast<double>(view(j, k));
        worst = std::fmax(worst, std::fabs(dot - (i == j ? 1 : 0)));
      }
    }
    CHECK(worst < 1e-5);
    q.rotate_rows_back(view);
    for (std::size_t i = 0; i < n * n; ++i) REQUIRE(std::fabs(rows[i] - (i % (n + 1) == 0 ? 1.0f : 0.0f)) < 1e-5f);
  }
  CHECK(supported > 60);
  for (const std::size_t n : {768u, 896u, 1536u, 3072u, 14336u}) CHECK(lowp::rotation(n).size() == n);
  CHECK_THROWS_AS(lowp::rotation(0), lowp::error);
  CHECK_THROWS_AS(lowp::rotation(3), lowp::error);
  CHECK_THROWS_AS(lowp::rotation(92), lowp::error);  // exists, but not by Paley's constructions over primes
}

TEST_CASE("rotating inputs and weights changes no product", "[algorithm]") {
  constexpr std::size_t n = 192, tokens = 5, outputs = 7;
  const auto x0 = normal_numbers(tokens * n, 11);
  const auto w0 = normal_numbers(outputs * n, 12);
  const auto o0 = normal_numbers(n * outputs, 13);
  auto x = x0, w = w0, o = o0;
  x[3] = 1000;  // an outlier
  const auto with_outlier = x;
  const lowp::rotation q(n, 5);
  q.rotate_rows({x.data(), tokens, n});
  q.rotate_rows({w.data(), outputs, n});
  q.rotate_columns({o.data(), n, outputs});
  float largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = std::fmax(largest, std::fabs(x[i]));
  CHECK(largest < 80);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t r = 0; r < outputs; ++r) {
      double before = 0, after = 0, written = 0;
      for (std::size_t c = 0; c < n; ++c) {
        before += static_cast<double>(with_outlier[t * n + c]) * static_cast<double>(w0[r * n + c]);
        after += static_cast<double>(x[t * n + c]) * static_cast<double>(w[r * n + c]);
        written += static_cast<double>(x[t * n + c]) * static_cast<double>(o[c * outputs + r]);
      }
      double plain = 0;
      for (std::size_t c = 0; c < n; ++c) plain += static_cast<double>(with_outlier[t * n + c]) * static_cast<double>(o0[c * outputs + r]);
      CHECK(std::fabs(before - after) < 1e-3);
      CHECK(std::fabs(plain - written) < 1e-3);
    }
  }
  std::vector<float> few(n - 1);
  CHECK_THROWS_AS(q.rotate(few), lowp::error);
}

TEST_CASE("the transform in registers is the rotation without signs", "[algorithm]") {
  const auto x = normal_numbers(32, 14);
  float own[32];
  std::vector<float> all(x.begin(), x.end());
  for (std::size_t i = 0; i < 32; ++i) own[i] = x[i];
  lowp::hadamard(own);
  lowp::rotation(32).rotate(all);
  for (std::size_t i = 0; i < 32; ++i) CHECK(std::fabs(own[i] / std::sqrt(32.0f) - all[i]) < 1e-5f);
  constexpr float two = [] {
    float v[2] = {3, 1};
    lowp::hadamard(v);
    return v[1];
  }();
  static_assert(two == 2);
}
