#include <lowp/algorithm/awq.hpp>
#include <lowp/scheme/presets.hpp>

#include "layer.hpp"

#include <lowp_test.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace {

std::vector<float> root_of_diagonal(const layer& l) {
  std::vector<float> x;
  for (std::size_t i = 0; i < l.cols; ++i) x.push_back(std::sqrt(l.hessian()(i, i)));
  return x;
}

template <lowp::scheme_type S>
void check_gain(const layer& l) {
  const lowp::matrix_view<const float> w = l.weights();
  const auto found = lowp::awq_search<S>(std::span(&w, 1), root_of_diagonal(l), l.hessian());
  const double nearest = output_error(l, lowp::quantize<S>(w));
  CHECK(std::fabs(found.unscaled_loss / nearest - 1) < 1e-4);
  CHECK(found.loss < 0.95 * nearest);
  CHECK(found.ratio >= 0);
}

}  // namespace

TEST_CASE("AWQ's scales lower the output error in every kind of format", "[algorithm]") {
  const layer l = correlated_layer(32, 128, 512, 61);
  check_gain<lowp::uint4_g128>(l);
  check_gain<lowp::int3_g128>(l);
  check_gain<lowp::nf4_g64>(l);
}

TEST_CASE("AWQ's clipping lowers the output error", "[algorithm]") {
  layer l = correlated_layer(32, 128, 512, 62);
  const double nearest = output_error(l, lowp::quantize<lowp::int3_g128>(l.weights()));
  std::vector<float> clipped = l.w;
  lowp::awq_clip<lowp::int3_g128>({clipped.data(), l.rows, l.cols}, l.hessian());
  const auto q = lowp::quantize<lowp::int3_g128>(lowp::matrix_view<const float>(clipped.data(), l.rows, l.cols));
  CHECK(output_error(l, q) < 0.9 * nearest);
}

TEST_CASE("a search that gains nothing scales nothing", "[algorithm]") {
  const layer l = correlated_layer(8, 64, 200, 63);
  const lowp::matrix_view<const float> w = l.weights();
  const auto found = lowp::awq_search<lowp::int4_g32>(std::span(&w, 1), root_of_diagonal(l), [](std::span<const float> s) {
    double off = 0;
    for (const float v : s) off += std::fabs(static_cast<double>(v) - 1);
    return off;
  });
  CHECK(found.ratio == -1);
  for (const float s : found.scales) CHECK(s == 1.0f);
}

TEST_CASE("AWQ refuses what does not fit", "[algorithm]") {
  layer l = correlated_layer(8, 64, 200, 64);
  const lowp::matrix_view<const float> w = l.weights();
  const std::vector<float> inputs(64, 1.0f), few(32, 1.0f);
  const lowp::matrix_view<const float> smaller = l.hessian().block(0, 0, 32, 32);
  CHECK_THROWS_AS(lowp::awq_search<lowp::int4_g32>(std::span(&w, 1), few, l.hessian()), lowp::error);
  CHECK_THROWS_AS(lowp::awq_search<lowp::int4_g32>(std::span(&w, 1), inputs, smaller), lowp::error);
  CHECK_THROWS_AS(lowp::awq_search<lowp::int4_g32>(std::span(&w, std::size_t{0}), inputs, l.hessian()), lowp::error);
  CHECK_THROWS_AS(lowp::awq_search<lowp::int4_g32>(std::span(&w, 1), inputs, l.hessian(), {.grid = 0}), lowp::error);
  CHECK_THROWS_AS(lowp::awq_clip<lowp::int4_g32>({l.w.data(), 8, 64}, smaller), lowp::error);
  CHECK_THROWS_AS(lowp::awq_clip<lowp::int4_g32>({l.w.data(), 8, 64}, l.hessian(), {.most_cut = 2}), lowp::error);
}
