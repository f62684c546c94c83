// Encoders for ggml's blocks that search: less error than ggml's, codes that are the nearest, the same bits everywhere.
#include <lowp/layout/blocks.hpp>
#include <lowp/layout/ggml_blocks.hpp>
#include <lowp/quantize/ggml_quantize.hpp>
#include <lowp/quantize/ggml_reference.hpp>

#include "golden.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t rows = 24;
constexpr std::size_t cols = 1024;

template <class S>
double squared_error(const lowp::quantized<S>& q, const std::vector<float>& w) {
  double sum = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double error = static_cast<double>(w[i]) - static_cast<double>(q.value(i / q.cols(), i % q.cols()));
    sum += error * error;
  }
  return sum;
}

// Weights of several shapes.
std::vector<std::pair<std::string, std::vector<float>>> samples() {
  const auto normal = normal_numbers(rows * cols, 41);
  std::vector<std::pair<std::string, std::vector<float>>> all{{"normal", normal}, {"small", normal_numbers(rows * cols, 42, 0.02)}};
  const auto add = [&](const char* name, auto f) {
    auto w = normal;
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = f(normal[i], i);
    all.emplace_back(name, w);
  };
  add("heavy", [](float n, std::size_t) { return n * n * n; });
  add("with outliers", [](float n, std::size_t i) { return i % 300 == 0 ? 20 * n : n; });
  add("positive", [](float n, std::size_t) { return std::fabs(n); });
  add("negative, far from zero", [](float n, std::size_t) { return -5 - 0.1f * std::fabs(n); });
  add("sparse", [](float n, std::size_t i) { return i % 29 == 0 ? n : 0; });
  add("groups of all sizes", [](float n, std::size_t i) { return std::ldexp(n, -static_cast<int>(random_bits(5, i / 16) % 12)); });
  return all;
}

}  // namespace

TEST_CASE("searched blocks have less error than ggml's", "[quantize]") {
  const auto all = samples();
  lowp::layout::ggml::for_each([&]<class L>() {
    using S = typename L::scheme;
    for (const auto& [name, w] : all) {
      const auto view = view_of(w, rows, cols);
      const double searched = squared_error(lowp::ggml::quantize<S>(view), w);
      const double reference = squared_error(lowp::ggml::quantize_reference<S>(view), w);
      INFO(std::string(L::name) << ", " << name << ": " << searched / reference);
      CHECK(searched <= reference);
    }
  });
}

TEST_CASE("searched blocks have the nearest codes for their scales", "[quantize]") {
  const auto w = normal_numbers(rows * cols, 43);
  lowp::layout::ggml::for_each([&]<class L>() {
    using S = typename L::scheme;
    const auto q = lowp::ggml::quantize<S>(view_of(w, rows, cols));
    std::size_t wrong = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) {
        if constexpr (std::is_same_v<typename S::format, lowp::ggml::ternary>) {
          const float scale = q.group_of(r, c).scale;
          const float ratio = w[r * cols + c] / scale;
          wrong += q.codes()(r, c) != (ratio > 0.5f ? 2 : ratio < -0.5f ? 0 : 1);
        } else {
          wrong += q.codes()(r, c) != q.group_of(r, c).encode(w[r * cols + c]);
        }
      }
    }
    INFO(std::string(L::name));
    CHECK(wrong == 0);
  });
}

TEST_CASE("a search finds the same bits with every compiler, flag and processor", "[quantize]") {
  const auto w = golden::inputs(256 * 256);
  const std::map<std::string, std::string> expected{
      {"Q4_0", "4bfc666b15de3653"},
      {"Q4_1", "837cefac8c094d2f"},
      {"Q5_0", "a1737829745ca9a8"},
      {"Q5_1", "b0b142fac5dd5162"},
      {"Q8_0", "af968e47cfdd39fb"},
      {"Q2_K", "b180e8aea3a836fe"},
      {"Q3_K", "834bd320ca0d34ab"},
      {"Q4_K", "73ccfeeda4f7ede2"},
      {"Q5_K", "27edc2b263b0de21"},
      {"Q6_K", "0d1ba616c71ff13d"},
      {"IQ4_NL", "ab4cfeb93eb5af9f"},
      {"IQ4_XS", "667b162dbf02fe10"},
      {"TQ1_0", "dd8f615015afc8db"},
      {"TQ2_0", "720f44ccbac473cf"},
      {"MXFP4", "755f3d3dffd06dff"},
      {"NVFP4", "b8ccef38adcb0002"},
  };
  lowp::layout::ggml::for_each([&]<class L>() {
    INFO(std::string(L::name));
    CHECK(golden::digest(lowp::to_blocks<L>(lowp::ggml::quantize<typename L::scheme>(view_of(w, 256, 256)))) == expected.at(std::string(L::name)));
  });
}

TEST_CASE("searched blocks: zeros, weights that are alike, of every size, and what does not fit", "[quantize]") {
  lowp::layout::ggml::for_each([]<class L>() {
    using S = typename L::scheme;
    INFO(std::string(L::name));
    constexpr std::size_t n = L::columns;
    const auto error_of = [](const std::vector<float>& w) { return squared_error(lowp::ggml::quantize<S>(view_of(w, 1, n)), w); };
    CHECK(error_of(std::vector<float>(n, 0.0f)) == 0);
    CHECK(error_of(std::vector<float>(n, -0.0f)) == 0);
    for (const float alike : {0.5f, -0.5f, 3.0f}) CHECK(error_of(std::vector<float>(n, alike)) < 0.02 * n);
    for (const float size : {0x1p-149f, 1e-40f, 1e-30f, 1e-9f, 1e-7f, 1e-4f, 100.0f}) {
      auto w = normal_numbers(n, 44, static_cast<double>(size));
      double squares = 0;
      for (const float x : w) squares += static_cast<double>(x) * static_cast<double>(x);
      CHECK(error_of(w) <= squares);
    }
    std::vector<float> w = normal_numbers(n, 45);
    for (const float bad : {lowp::quiet_nan(), lowp::infinity(), -lowp::infinity()}) {
      w[7] = bad;
      CHECK_THROWS_AS(lowp::ggml::quantize<S>(view_of(w, 1, n)), lowp::error);
    }
    w.assign(n, std::numeric_limits<float>::max());
    w[0] = -w[0];
    if (L::name != "MXFP4") CHECK_THROWS_AS(lowp::ggml::quantize<S>(view_of(w, 1, n)), lowp::error);
    CHECK_THROWS_AS(lowp::ggml::quantize<S>(view_of(w, 1, lowp::ggml::detail::block_columns<S>() / 2)), lowp::error);
    CHECK(lowp::ggml::quantize<S>(view_of(w, 0, n)).rows() == 0);
    CHECK(lowp::ggml::quantize<S>(view_of(w, 3, 0)).cols() == 0);
    // Other types of weights.
    std::vector<lowp::f16> halves(n);
    std::vector<float> same(n);
    for (std::size_t i = 0; i < n; ++i) same[i] = halves[i] = lowp::f16(static_cast<float>(random_normal(46, i)));
    CHECK(lowp::ggml::quantize<S>(lowp::matrix_view<const lowp::f16>(halves.data(), 1, n)) == lowp::ggml::quantize<S>(view_of(same, 1, n)));
  });
}
