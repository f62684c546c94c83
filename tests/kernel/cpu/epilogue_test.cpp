// Epilogues, executors, and activations and outputs that are not floats.
#include "gemm_reference.hpp"

#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>
#include <lowp/scheme/presets.hpp>

#include <array>
#include <atomic>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace {

using namespace lowp;

constexpr std::size_t rows = 75;
constexpr std::size_t cols = 160;
constexpr std::size_t tokens = 7;

bool near(float y, double expected) { return std::abs(static_cast<double>(y) - expected) <= 1e-5 * (1 + std::abs(expected)); }

struct setting {
  packed<int4_g32, layout::tile16> w = pack<layout::tile16>(reference::random_weights<int4_g32>(rows, cols, 11));
  std::vector<float> x = normal_numbers(tokens * cols, 2);
  std::vector<float> plain = std::vector<float>(tokens * rows);

  setting() { gemm({x.data(), tokens, cols}, w, {plain.data(), tokens, rows}); }
};

}  // namespace

TEST_CASE("outputs pass the epilogue once each", "[kernel][epilogue]") {
  const setting s;
  const std::vector<float> bias = normal_numbers(rows, 3);
  const std::vector<float> residual = normal_numbers(tokens * rows, 4);
  const matrix_view<const float> residual_view{residual.data(), tokens, rows};
  std::vector<float> y(tokens * rows);
  for_each_isa([&](isa version) {
    gemm({s.x.data(), tokens, cols}, s.w, {y.data(), tokens, rows}, {.limit = version});
    const std::vector<float> plain = y;
    gemm({s.x.data(), tokens, cols}, s.w, {y.data(), tokens, rows}, {.limit = version},
         chain(add_bias{bias}, silu{}, add_residual{residual_view}), thread_executor{3});
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double v = static_cast<double>(plain[i]) + static_cast<double>(bias[i % rows]);
      CHECK(near(y[i], v / (1 + std::exp(-v)) + static_cast<double>(residual[i])));
    }
  });
}

TEST_CASE("the activation functions are what they are called", "[kernel][epilogue]") {
  std::array<float, 5> v{-3.0f, -0.5f, 0.0f, 0.5f, 3.0f};
  auto g = v;
  gelu{}(0, 0, g);
  auto t = v;
  gelu_tanh{}(0, 0, t);
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double x = v[i];
    const double cubic = 0.7978845608028654 * (x + 0.044715 * x * x * x);
    CHECK(near(g[i], x * 0.5 * std::erfc(-x / std::sqrt(2.0))));
    CHECK(near(t[i], 0.5 * x * (1 + std::tanh(cubic))));
  }
}

TEST_CASE("activations and outputs in f16 and bf16", "[kernel][epilogue]") {
  const setting s;
  const auto check = [&]<class T>(T) {
    std::vector<T> x(s.x.begin(), s.x.end());
    std::vector<float> widened(x.begin(), x.end());
    std::vector<float> expected(tokens * rows);
    gemm({widened.data(), tokens, cols}, s.w, {expected.data(), tokens, rows});
    std::vector<T> y(tokens * rows);
    gemm(matrix_view<const T>{x.data(), tokens, cols}, s.w, matrix_view<T>{y.data(), tokens, rows});
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(static_cast<float>(y[i]) == static_cast<float>(T(expected[i])));
    gemm<compute::int8<>>(matrix_view<const T>{x.data(), tokens, cols}, s.w, matrix_view<T>{y.data(), tokens, rows});
    gemm<compute::int8<>>({widened.data(), tokens, cols}, s.w, {expected.data(), tokens, rows});
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(static_cast<float>(y[i]) == static_cast<float>(T(expected[i])));
  };
  check(f16());
  check(bf16());
}

TEST_CASE("executors run each part once, and threads pass an exception on", "[kernel][executor]") {
  static_assert(executor_type<serial_executor> && executor_type<thread_executor>);
  for (const std::size_t threads : {std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
    std::array<std::atomic<int>, 17> runs{};
    thread_executor{threads}(runs.size(), [&](std::size_t i) { ++runs[i]; });
    for (const auto& r : runs) CHECK(r == 1);
    CHECK_THROWS_AS(thread_executor{threads}(9, [](std::size_t i) {
                      if (i == 3) throw std::runtime_error("part 3");
                    }),
                    std::runtime_error);
  }
}

TEST_CASE("a float product does not depend on the executor", "[kernel][executor]") {
  const setting s;
  std::vector<float> y(tokens * rows);
  gemm({s.x.data(), tokens, cols}, s.w, {y.data(), tokens, rows}, {}, no_epilogue{}, thread_executor{4});
  CHECK(y == s.plain);
  gemm({s.x.data(), tokens, cols}, s.w, {y.data(), tokens, rows}, {.first = 3, .last = 3});
  CHECK(y == s.plain);
}
