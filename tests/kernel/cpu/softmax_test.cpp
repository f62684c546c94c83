#include <lowp/kernel/cpu/softmax.hpp>
#include <lowp_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <vector>

TEST_CASE("exponentials and their sum", "[kernel]") {
  std::minstd_rand random(3);
  std::normal_distribution<float> normal(0, 6);
  for (const std::size_t n : {1u, 2u, 15u, 16u, 17u, 31u, 64u, 100u, 1000u}) {
    for (const float scale : {1.0f, 0.088388f}) {
      std::vector<float> x(n);
      for (float& v : x) v = normal(random);
      const double most = *std::max_element(x.begin(), x.end());
      lowp::for_each_isa([&](lowp::isa i) {
        std::vector<float> y = x;
        const float sum = lowp::cpu::exponentials(y, scale, i);
        double exact = 0, worst = 0;
        for (std::size_t k = 0; k < n; ++k) {
          const double e = std::exp(static_cast<double>(scale) * (static_cast<double>(x[k]) - most));
          exact += e;
          // The argument itself is rounded.
          const double allowed = e * (4 + std::abs(static_cast<double>(scale) * (std::abs(static_cast<double>(x[k])) + std::abs(most)))) * 0x1p-23;
          worst = std::max(worst, std::abs(static_cast<double>(y[k]) - e) / allowed);
        }
        CAPTURE(n, scale);
        CHECK(worst <= 1);
        CHECK(std::abs(static_cast<double>(sum) - exact) <= exact * 1e-5);
      });
    }
  }
}

TEST_CASE("exponentials of numbers far apart, of none and of NaN", "[kernel]") {
  lowp::for_each_isa([](lowp::isa i) {
    std::vector<float> x = {0, -1000, -std::numeric_limits<float>::infinity(), 0};
    const float sum = lowp::cpu::exponentials(x, 1.0f, i);
    CHECK(std::abs(sum - 2) < 1e-6f);
    CHECK((x[1] >= 0 && x[1] < 1e-37f));
    CHECK((x[2] >= 0 && x[2] < 1e-37f));
    CHECK(lowp::cpu::exponentials(std::span<float>(), 1.0f, i) == 0);
    std::vector<float> nan(40, 1.0f);
    nan[7] = std::numeric_limits<float>::quiet_NaN();
    CHECK(std::isnan(lowp::cpu::exponentials(nan, 1.0f, i)));
  });
}
