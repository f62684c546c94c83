#include <lowp/quantize/laws.hpp>

#include "odd_schemes.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::array<std::pair<std::size_t, std::size_t>, 14> shapes{
    {{0, 0}, {0, 5}, {5, 0}, {1, 1}, {1, 7}, {7, 1}, {3, 16}, {3, 17}, {2, 31}, {5, 129}, {17, 33}, {130, 3}, {4, 1000}, {129, 257}}};

// A scheme whose codes lie: its encoder always rounds toward zero.
struct lazy3 {
  static constexpr int bits = 3;
  static constexpr float decode(std::uint32_t code) { return lowp::i3::decode(code); }
  static constexpr std::uint32_t encode(float x, lowp::nearest_even, lowp::overflow mode) {
    return lowp::i3::encode(x, lowp::toward_zero{}, mode);
  }
};

}  // namespace

TEST_CASE("every scheme keeps its law on every shape", "[quantize]") {
  odd::for_each_scheme([]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    for (const auto& [rows, cols] : shapes) {
      CAPTURE(rows, cols);
      CHECK(lowp::laws::scheme<S>(view_of(normal_numbers(rows * cols, 11), rows, cols)));
      const auto transposed = normal_numbers(rows * cols, 12, 0.02);
      CHECK(lowp::laws::scheme<S>(lowp::matrix_view<const float>{transposed.data(), cols, rows}.transposed()));
    }
  });
}

TEST_CASE("every scheme keeps its law on weights of one sign, far from zero, alike, or tiny", "[quantize]") {
  constexpr std::size_t rows = 8;
  constexpr std::size_t cols = 130;
  const auto noise = normal_numbers(rows * cols, 13);
  std::vector<float> w(rows * cols);
  const auto fill = [&](auto f) {
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = f(noise[i], i);
    return view_of(w, rows, cols);
  };
  odd::for_each_scheme([&]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    CHECK(lowp::laws::scheme<S>(fill([](float n, std::size_t) { return -lowp::magnitude(n); })));
    CHECK(lowp::laws::scheme<S>(fill([](float n, std::size_t) { return lowp::magnitude(n); })));
    CHECK(lowp::laws::scheme<S>(fill([](float n, std::size_t) { return 50.0f + n; })));
    CHECK(lowp::laws::scheme<S>(fill([](float n, std::size_t) { return -50.0f - 1e-5f * n; })));
    CHECK(lowp::laws::scheme<S>(fill([](float, std::size_t) { return 3.7f; })));
    CHECK(lowp::laws::scheme<S>(fill([](float, std::size_t) { return -3.7f; })));
    CHECK(lowp::laws::scheme<S>(fill([](float, std::size_t) { return -0.0f; })));
    CHECK(lowp::laws::scheme<S>(fill([](float n, std::size_t) { return n * 1e-20f; })));
    CHECK(lowp::laws::scheme<S>(fill([](float n, std::size_t) { return n * 1e-38f; })));
    CHECK(lowp::laws::scheme<S>(fill([](float n, std::size_t) { return n * 1e-44f; })));
    CHECK(lowp::laws::scheme<S>(fill([](float n, std::size_t i) { return i % 97 == 0 ? 500 * n : 1e-4f * n; })));
  });
}

TEST_CASE("the law of a scheme sees a wrong encoder", "[quantize]") {
  using lazy = lowp::scheme<lazy3, lowp::per_group<16>, lowp::symmetric, lowp::f32>;
  CHECK_FALSE(lowp::laws::scheme<lazy>(view_of(normal_numbers(256, 14), 2, 128)));
}

TEST_CASE("the error bound, spelled out for integers", "[quantize]") {
  // Half a step for what lies within the range, over a million weights.
  const auto w = normal_numbers(1 << 20, 15);
  const auto half_step = [&]<class S>(S) {
    const auto q = lowp::quantize<S>(view_of(w, 1024, 1024));
    double worst = 0;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double error = static_cast<double>(w[i]) - static_cast<double>(q.value(i / 1024, i % 1024));
      const auto scale = static_cast<double>(q.group_of(i / 1024, i % 1024).scale);
      worst = error / scale > worst ? error / scale : -error / scale > worst ? -error / scale : worst;
    }
    return worst;
  };
  CHECK(half_step(lowp::int8_channel{}) <= 0.5 + 1e-5);
  CHECK(half_step(lowp::int8_tensor{}) <= 0.5 + 1e-5);
  CHECK(half_step(lowp::scheme<lowp::u8, lowp::per_group<128>, lowp::asymmetric, lowp::f32>{}) <= 0.5 + 1e-5);
  CHECK(half_step(lowp::scheme<lowp::u4, lowp::per_group<128>, lowp::asymmetric, lowp::f32>{}) <= 0.5 + 1e-5);
  // A half as the scale: 2^-11 of the 15 steps of the range.
  CHECK(half_step(lowp::uint4_g128{}) <= 0.5 + 15 * 0x1p-11);
  CHECK(half_step(lowp::int4_g128{}) <= 0.5 + 7 * 0x1p-11);
}
