#include <lowp/algorithm/llm_int8.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <limits>
#include <vector>

TEST_CASE("outlier columns are found anew in every call and multiplied apart", "[algorithm]") {
  constexpr std::size_t rows = 70, cols = 130;
  const auto w = normal_numbers(rows * cols, 21, 0.05);
  const lowp::llm_int8 layer(view_of(w, rows, cols));
  for (const std::size_t tokens : {1u, 3u, 40u}) {
    auto x = normal_numbers(tokens * cols, 22);
    for (float& v : x) v = v > 5 ? 5 : v < -5 ? -5 : v;
    std::vector<float> y(tokens * rows), without(tokens * rows), threads(tokens * rows);
    CHECK(layer.apply(view_of(x, tokens, cols), {y.data(), tokens, rows}) == 0);
    layer.apply(view_of(x, tokens, cols), {without.data(), tokens, rows}, {.threshold = lowp::infinity()});
    CHECK(y == without);
    for (std::size_t t = 0; t < tokens; ++t) x[t * cols + 77] = t == 0 ? -60.0f : 0.5f;
    x[9] = 6;
    CHECK(layer.apply(view_of(x, tokens, cols), {y.data(), tokens, rows}) == 2);
    layer.apply(view_of(x, tokens, cols), {threads.data(), tokens, rows}, {}, lowp::thread_executor{3});
    CHECK(y == threads);
    layer.apply(view_of(x, tokens, cols), {without.data(), tokens, rows}, {.threshold = lowp::infinity()});
    double apart = 0, together = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      double exact = 0;
      for (std::size_t c = 0; c < cols; ++c) exact += static_cast<double>(x[c]) * static_cast<double>(w[r * cols + c]);
      apart += (static_cast<double>(y[r]) - exact) * (static_cast<double>(y[r]) - exact);
      together += (static_cast<double>(without[r]) - exact) * (static_cast<double>(without[r]) - exact);
    }
    CHECK(apart < 0.2 * together);
  }
}

TEST_CASE("columns known to hold outliers keep their weights", "[algorithm]") {
  constexpr std::size_t rows = 70, cols = 130, tokens = 3;
  auto w = normal_numbers(rows * cols, 24, 0.05);
  auto x = normal_numbers(tokens * cols, 25);
  const std::size_t large[] = {5, 77};
  for (const std::size_t c : large) {
    for (std::size_t r = 0; r < rows; ++r) w[r * cols + c] /= 256;
    for (std::size_t t = 0; t < tokens; ++t) x[t * cols + c] *= 256;
  }
  std::vector<float> absmax(cols, 1.0f);
  absmax[5] = 6, absmax[77] = 300;
  const auto columns = lowp::outlier_columns(absmax, 6);
  REQUIRE(columns == std::vector<std::size_t>{5, 77});
  const lowp::llm_int8 found(view_of(w, rows, cols)), known(view_of(w, rows, cols), columns);
  CHECK(known.storage_bits() == found.storage_bits() + 2 * rows * 32);
  const auto error = [&](const lowp::llm_int8& layer) {
    std::vector<float> y(tokens * rows), threads(tokens * rows);
    CHECK(layer.apply(view_of(x, tokens, cols), {y.data(), tokens, rows}) == 2);
    layer.apply(view_of(x, tokens, cols), {threads.data(), tokens, rows}, {}, lowp::thread_executor{3});
    CHECK(y == threads);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      double exact = 0;
      for (std::size_t c = 0; c < cols; ++c)
        exact += static_cast<double>(x[i / rows * cols + c]) * static_cast<double>(w[i % rows * cols + c]);
      sum += (static_cast<double>(y[i]) - exact) * (static_cast<double>(y[i]) - exact);
    }
    return sum;
  };
  const double together = error(found), apart = error(known);
  CHECK(apart < 0.1 * together);
  // They are multiplied apart where no input of theirs is large, too, and others are still found.
  for (const std::size_t c : large) {
    for (std::size_t t = 0; t < tokens; ++t) x[t * cols + c] /= 256;
  }
  x[9] = 6;
  std::vector<float> y(tokens * rows);
  CHECK(known.apply(view_of(x, tokens, cols), {y.data(), tokens, rows}) == 3);
  CHECK(known.apply(view_of(x, tokens, cols), {y.data(), tokens, rows}, {.threshold = lowp::infinity()}) == 2);
}

TEST_CASE("LLM.int8() refuses NaN and shapes that do not fit", "[algorithm]") {
  auto w = normal_numbers(4 * 8, 23);
  const lowp::llm_int8 layer(view_of(w, 4, 8));
  std::vector<float> x(16, 1.0f), y(8, 7.0f);
  CHECK_THROWS_AS(layer.apply(view_of(x, 4, 4), {y.data(), 2, 4}), lowp::error);
  CHECK_THROWS_AS(layer.apply(view_of(x, 2, 8), {y.data(), 4, 2}), lowp::error);
  x[15] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(layer.apply(view_of(x, 2, 8), {y.data(), 2, 4}), lowp::error);
  for (const float v : y) CHECK(v == 7.0f);
  const std::size_t outside[] = {8}, twice[] = {1, 1};
  CHECK_THROWS_AS(lowp::llm_int8(view_of(w, 4, 8), outside), lowp::error);
  CHECK_THROWS_AS(lowp::llm_int8(view_of(w, 4, 8), twice), lowp::error);
  w[3] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(lowp::llm_int8(view_of(w, 4, 8)), lowp::error);
}
