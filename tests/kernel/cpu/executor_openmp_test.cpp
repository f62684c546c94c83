// The executor that files compiled with OpenMP have.
#include "gemm_reference.hpp"

#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>
#include <lowp/scheme/presets.hpp>

#include <array>
#include <atomic>
#include <vector>

TEST_CASE("OpenMP runs each part once, and changes no bits", "[kernel][executor]") {
  static_assert(lowp::executor_type<lowp::openmp_executor>);
  std::array<std::atomic<int>, 17> runs{};
  lowp::openmp_executor{3}(runs.size(), [&](std::size_t i) { ++runs[i]; });
  for (const auto& r : runs) CHECK(r == 1);

  constexpr std::size_t rows = 300, cols = 160, tokens = 5;
  const auto w = lowp::pack<lowp::layout::tile16>(reference::random_weights<lowp::nvfp4>(rows, cols, 11));
  const std::vector<float> x = normal_numbers(tokens * cols, 2);
  std::vector<float> expected(tokens * rows);
  std::vector<float> y(tokens * rows);
  lowp::gemm({x.data(), tokens, cols}, w, {expected.data(), tokens, rows});
  lowp::gemm({x.data(), tokens, cols}, w, {y.data(), tokens, rows}, {}, lowp::no_epilogue{}, lowp::openmp_executor{3});
  CHECK(y == expected);
}
