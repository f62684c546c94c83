#include <lowp/kernel/cpu/row_products.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

namespace {

using namespace lowp;

}  // namespace

TEST_CASE("rows times a matrix, alike whatever rows are beside them", "[kernel]") {
  const std::size_t inner = 37, width = 96, most = 19;
  const auto x = normal_numbers(most * inner, 1), matrix = normal_numbers(inner * width, 2);
  for_each_isa([&](isa version) {
    CAPTURE(name(version));
    const detail::row_products rows(version);
    std::vector<float> alone(most * width);
    for (std::size_t r = 0; r < most; ++r) rows.multiply(x.data() + r * inner, 1, inner, matrix.data(), width, alone.data() + r * width);
    double worst = 0;
    for (std::size_t r = 0; r < most; ++r) {
      for (std::size_t i = 0; i < width; ++i) {
        double exact = 0;
        for (std::size_t c = 0; c < inner; ++c) exact += static_cast<double>(x[r * inner + c]) * static_cast<double>(matrix[c * width + i]);
        worst = std::max(worst, std::abs(exact - static_cast<double>(alone[r * width + i])));
      }
    }
    CHECK(worst < 1e-4);
    for (const std::size_t count : {2u, 4u, 7u, 8u, 19u}) {
      std::vector<float> together(count * width);
      rows.multiply(x.data(), count, inner, matrix.data(), width, together.data());
      CHECK(std::memcmp(together.data(), alone.data(), together.size() * sizeof(float)) == 0);
    }
  });
}

TEST_CASE("products and squares of rows of any length", "[kernel]") {
  const auto x = normal_numbers(200, 3), y = normal_numbers(200, 4);
  for_each_isa([&](isa version) {
    CAPTURE(name(version));
    const detail::row_products rows(version);
    bool right = true;
    for (std::size_t n = 0; n <= 200; ++n) {
      double product = 0, squares = 0;
      for (std::size_t i = 0; i < n; ++i) {
        product += static_cast<double>(x[i]) * static_cast<double>(y[i]);
        squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      }
      std::vector<float> sum(y.begin(), y.end());
      rows.add_scaled(sum.data(), x.data(), 0.5f, n);
      double worst = 0;
      for (std::size_t i = 0; i < 200; ++i) {
        const double exact = static_cast<double>(y[i]) + (i < n ? 0.5 * static_cast<double>(x[i]) : 0.0);
        worst = std::max(worst, std::abs(exact - static_cast<double>(sum[i])));
      }
      right = right && std::abs(product - static_cast<double>(rows.dot(x.data(), y.data(), n))) < 1e-4 && worst < 1e-6 &&
              std::abs(squares - rows.squares(x.data(), n)) <= 1e-12 * squares;
    }
    CHECK(right);
  });
}
