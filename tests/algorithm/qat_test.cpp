#include <lowp/algorithm/qat.hpp>
#include <lowp/format/codebook.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/format/minifloat.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

namespace {

constexpr std::size_t rows = 6, cols = 50;

// What the straight-through estimator takes for the function: the level stays what it was, and what was inside the range moves with w.
template <lowp::number_format F>
double straight_through(float w, double scale, float w0, float scale0) {
  const float ratio = w0 / scale0;
  const bool inside = ratio >= lowp::lsq<F>::lowest && ratio <= lowp::lsq<F>::largest;
  const float clamped = inside ? ratio : ratio < lowp::lsq<F>::lowest ? lowp::lsq<F>::lowest : lowp::lsq<F>::largest;
  const double rounding = static_cast<double>(lowp::decode<F>(lowp::encode<F>(clamped))) - static_cast<double>(clamped);
  return inside ? static_cast<double>(w) + rounding * scale : scale * (static_cast<double>(clamped) + rounding);
}

template <lowp::number_format F>
void check_gradients() {
  const auto w = normal_numbers(rows * cols, 31, 0.3);
  const auto g = normal_numbers(rows * cols, 32);
  const float scale = lowp::lsq<F>::initial_scale(view_of(w, rows, cols));
  std::vector<float> out(w.size()), of_w(w.size());
  lowp::lsq<F>::forward(view_of(w, rows, cols), scale, {out.data(), rows, cols});
  const float of_scale = lowp::lsq<F>::backward(view_of(w, rows, cols), scale, view_of(g, rows, cols), {of_w.data(), rows, cols});
  double finite = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const auto at = [&](float x, double s) { return straight_through<F>(x, s, w[i], scale); };
    CHECK(std::fabs(at(w[i], static_cast<double>(scale)) - static_cast<double>(out[i])) < 1e-5);
    const float step = 1e-3f;
    const double slope = (at(w[i] + step, static_cast<double>(scale)) - at(w[i] - step, static_cast<double>(scale))) /
                         (static_cast<double>(w[i] + step) - static_cast<double>(w[i] - step));
    CHECK(std::fabs(slope * static_cast<double>(g[i]) - static_cast<double>(of_w[i])) < 1e-3);
    finite +=
        static_cast<double>(g[i]) * (at(w[i], static_cast<double>(scale) + 1e-3) - at(w[i], static_cast<double>(scale) - 1e-3)) / 2e-3;
  }
  finite /= std::sqrt(static_cast<double>(w.size()) * static_cast<double>(lowp::lsq<F>::largest));
  CHECK(std::fabs(finite - static_cast<double>(of_scale)) < 1e-3);
}

}  // namespace

TEST_CASE("gradients are the finite differences of what rounding leaves", "[algorithm]") {
  check_gradients<lowp::i4>();
  check_gradients<lowp::i8>();
  check_gradients<lowp::u4>();
  check_gradients<lowp::e2m1>();
  check_gradients<lowp::nf4>();
}

TEST_CASE("a small layer learns its weights and its scale", "[algorithm]") {
  // y = w x with targets from weights that 3 bits hold at a scale of 0.1; training starts elsewhere.
  constexpr std::size_t inputs = 16, outputs = 4, tokens = 64;
  const auto x = normal_numbers(tokens * inputs, 33);
  std::vector<float> target(outputs * inputs), w = normal_numbers(outputs * inputs, 34, 0.2), q(w.size()), of_q(w.size()), of_w(w.size());
  for (std::size_t i = 0; i < target.size(); ++i) target[i] = 0.1f * static_cast<float>(static_cast<int>(i * 5 % 7) - 3);
  using layer = lowp::lsq<lowp::i3>;
  float scale = layer::initial_scale({w.data(), outputs, inputs});
  double first = 0, loss = 0;
  for (int step = 0; step < 1500; ++step) {
    layer::forward({w.data(), outputs, inputs}, scale, {q.data(), outputs, inputs});
    loss = 0;
    for (float& v : of_q) v = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t o = 0; o < outputs; ++o) {
        float off = 0;
        for (std::size_t i = 0; i < inputs; ++i) off += (q[o * inputs + i] - target[o * inputs + i]) * x[t * inputs + i];
        loss += static_cast<double>(off) * static_cast<double>(off);
        for (std::size_t i = 0; i < inputs; ++i) of_q[o * inputs + i] += 2 * off * x[t * inputs + i] / tokens;
      }
    }
    if (step == 0) first = loss;
    const float of_scale =
        layer::backward({w.data(), outputs, inputs}, scale, {of_q.data(), outputs, inputs}, {of_w.data(), outputs, inputs});
    const float rate = step < 1000 ? 0.02f : 0.002f;
    for (std::size_t i = 0; i < w.size(); ++i) w[i] -= rate * of_w[i];
    scale -= rate * of_scale;
  }
  CAPTURE(first, loss, scale);
  CHECK(loss < 0.02 * first);
}

TEST_CASE("training refuses scales and shapes that are none", "[algorithm]") {
  std::vector<float> w(12, 0.0f), out(12);
  CHECK_THROWS_AS(lowp::lsq<lowp::i4>::initial_scale(view_of(w, 3, 4)), lowp::error);
  for (const float scale : {0.0f, -1.0f, lowp::infinity()})
    CHECK_THROWS_AS(lowp::lsq<lowp::i4>::forward(view_of(w, 3, 4), scale, {out.data(), 3, 4}), lowp::error);
  CHECK_THROWS_AS(lowp::lsq<lowp::i4>::forward(view_of(w, 3, 4), 1, {out.data(), 4, 3}), lowp::error);
  CHECK_THROWS_AS(lowp::lsq<lowp::i4>::backward(view_of(w, 3, 4), 1, view_of(w, 2, 6), {out.data(), 3, 4}), lowp::error);
}
