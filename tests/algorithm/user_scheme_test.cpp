// A scheme nobody planned for, as a user would write it: a 3-bit format of one's own in groups of 24, its scales in e5m2 in
// groups of 8 under a half, through every station of the library.

#include <lowp/algorithm.hpp>
#include <lowp/lowp.hpp>

#include <lowp_test.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

// Levels that crowd around zero, where weights are.
struct dense3 {
  static constexpr int bits = 3;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[8] = {0, .2f, .45f, 1, -1, -.45f, -.2f, -.0625f};
    return v[code & 7];
  }
};
static_assert(lowp::laws::format<dense3>());

using mine =
    lowp::scheme<dense3, lowp::per_group<24>, lowp::symmetric, lowp::scheme<lowp::e5m2, lowp::per_group<8>, lowp::symmetric, lowp::f16>>;
static_assert(lowp::bits_per_weight<mine> == 3 + (8 + 16.0 / 8) / 24);

namespace {

constexpr std::size_t outputs = 50;
constexpr std::size_t inputs = 500;  // 20 groups of 24 and a ragged one; 2 groups of 8 scales and a ragged one

std::vector<float> gaussian(std::size_t count, unsigned seed, float deviation) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> x(count);
  for (float& v : x) v = normal(generator);
  return x;
}

double relative_error(const std::vector<float>& w, const std::vector<float>& back) {
  double error = 0;
  double power = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    error += std::pow(static_cast<double>(w[i]) - static_cast<double>(back[i]), 2);
    power += std::pow(static_cast<double>(w[i]), 2);
  }
  return std::sqrt(error / power);
}

}  // namespace

TEST_CASE("a scheme nobody planned for is quantized and read back", "[algorithm]") {
  const auto w = gaussian(outputs * inputs, 1, 0.02f);
  const lowp::matrix_view<const float> view{w.data(), outputs, inputs};
  CHECK(lowp::laws::scheme<mine>(view));
  const lowp::quantized<mine> q = lowp::quantize<mine>(view);
  CHECK(q.scales().codes().cols() == 21);
  CHECK(q.scales().scales().codes().cols() == 3);
  std::vector<float> back(w.size());
  lowp::dequantize(q, lowp::matrix_view<float>{back.data(), outputs, inputs});
  CHECK(back[123] == q.value(0, 123));
  const double error = relative_error(w, back);
  CHECK(error < 0.25);
  std::vector<float> searched(w.size());
  lowp::fake_quantize<mine>(view, lowp::matrix_view<float>{searched.data(), outputs, inputs}, lowp::recipe{lowp::mse_search{.norm = 2}});
  CHECK(relative_error(w, searched) < error);
  // The scales cost the format next to nothing: the same format under plain 32-bit scales is hardly better.
  using plain = lowp::scheme<dense3, lowp::per_group<24>, lowp::symmetric, lowp::f32>;
  std::vector<float> best(w.size());
  lowp::fake_quantize<plain>(view, lowp::matrix_view<float>{best.data(), outputs, inputs});
  CHECK(error < 1.03 * relative_error(w, best));
}

TEST_CASE("a scheme nobody planned for is packed in any layout", "[algorithm]") {
  const auto w = gaussian(outputs * inputs, 2, 0.02f);
  const auto q = lowp::quantize<mine>(lowp::matrix_view<const float>{w.data(), outputs, inputs});
  CHECK(lowp::laws::layout<lowp::layout::tile16, dense3::bits>(outputs, inputs));
  const auto tiles = lowp::pack<lowp::layout::tile16>(q);
  const auto rows = lowp::repack<lowp::layout::row_major>(tiles);
  CHECK(rows.bytes().size() == outputs * ((inputs * 3 + 7) / 8));
  CHECK(lowp::unpack(tiles) == q);
  CHECK(lowp::unpack(rows) == q);
}

TEST_CASE("a scheme nobody planned for is multiplied", "[algorithm]") {
  const auto w = gaussian(outputs * inputs, 3, 0.02f);
  const auto q = lowp::quantize<mine>(lowp::matrix_view<const float>{w.data(), outputs, inputs});
  const auto packed = lowp::pack<lowp::layout::tile16>(q);
  for (const std::size_t tokens : {1u, 3u, 33u}) {
    const auto x = gaussian(tokens * inputs, 4, 1.0f);
    std::vector<float> y(tokens * outputs, -1.0f);
    lowp::gemm(lowp::matrix_view<const float>{x.data(), tokens, inputs}, packed, lowp::matrix_view<float>{y.data(), tokens, outputs});
    double worst = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t n = 0; n < outputs; ++n) {
        double sum = 0;
        double size = 0;
        for (std::size_t k = 0; k < inputs; ++k) {
          const double term = static_cast<double>(x[t * inputs + k]) * static_cast<double>(q.value(n, k));
          sum += term;
          size += std::fabs(term);
        }
        worst = std::fmax(worst, std::fabs(static_cast<double>(y[t * outputs + n]) - sum) / size);
      }
    }
    CAPTURE(tokens);
    CHECK(worst < 1e-6);
  }
}

TEST_CASE("a scheme nobody planned for is fitted by GPTQ", "[algorithm]") {
  // Inputs of which neighbours look alike.
  constexpr std::size_t tokens = 2000;
  auto x = gaussian(tokens * inputs, 5, 1.0f);
  for (std::size_t i = 1; i < x.size(); ++i) x[i] += i % inputs == 0 ? 0.0f : 0.9f * x[i - 1];
  lowp::hessian h(inputs);
  h.add({x.data(), tokens, inputs});
  const auto w = gaussian(outputs * inputs, 6, 0.02f);
  const lowp::matrix_view<const float> view{w.data(), outputs, inputs};

  const auto output_error = [&](const lowp::quantized<mine>& q) {
    double sum = 0;
    for (std::size_t t = 0; t < tokens; t += 20) {
      for (std::size_t n = 0; n < outputs; ++n) {
        double difference = 0;
        for (std::size_t k = 0; k < inputs; ++k) {
          difference +=
              static_cast<double>(x[t * inputs + k]) * (static_cast<double>(w[n * inputs + k]) - static_cast<double>(q.value(n, k)));
        }
        sum += difference * difference;
      }
    }
    return sum;
  };
  const double nearest = output_error(lowp::quantize<mine>(view));
  CHECK(output_error(lowp::gptq<mine>(view, h.view())) < 0.3 * nearest);
  CHECK(output_error(lowp::gptq<mine>(view, h.view(), {.act_order = true})) < 0.3 * nearest);
  CHECK(output_error(lowp::gptq<mine>(view, h.view(), {}, lowp::recipe{lowp::mse_search{}})) < 0.3 * nearest);
}
