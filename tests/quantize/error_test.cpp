// Mean squared errors on normal weights, against figures measured with other implementations (numpy, ggml's C code,
// torchao, bitsandbytes) over 4 million samples, which have 3 digits.

#include "odd_schemes.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace {

constexpr std::size_t rows = 1024;
constexpr std::size_t cols = 1024;

const std::vector<float>& weights() {
  static const std::vector<float> w = normal_numbers(rows * cols, 1);
  return w;
}

template <lowp::scheme_type S, class Recipe = lowp::recipe<>>
double mean_squared_error(const Recipe& recipe = {}) {
  const auto w = view_of(weights(), rows, cols);
  std::vector<float> back(rows * cols);
  lowp::fake_quantize<S>(w, lowp::matrix_view<float>{back.data(), rows, cols}, recipe);
  double sum = 0;
  for (std::size_t i = 0; i < back.size(); ++i) {
    const double error = static_cast<double>(weights()[i]) - static_cast<double>(back[i]);
    sum += error * error;
  }
  return sum / static_cast<double>(back.size());
}

// Within 1.5 percent.
void check_close(double measured, double anchor) {
  CAPTURE(measured, anchor);
  CHECK(measured < 1.015 * anchor);
  CHECK(measured > 0.985 * anchor);
}

template <class Format, int N>
using plain = lowp::scheme<Format, lowp::per_group<N>, lowp::symmetric, lowp::f32>;
template <class Format, int N>
using affine_group = lowp::scheme<Format, lowp::per_group<N>, lowp::asymmetric, lowp::f32>;

}  // namespace

TEST_CASE("errors of integer schemes on normal weights", "[quantize]") {
  check_close(mean_squared_error<affine_group<lowp::u8, 128>>(), 3.49e-5);
  check_close(mean_squared_error<affine_group<lowp::u4, 128>>(), .01009);
  check_close(mean_squared_error<lowp::uint4_g128>(), .01009);
  check_close(mean_squared_error<affine_group<lowp::u3, 128>>(), .0464);
  check_close(mean_squared_error<affine_group<lowp::u2, 128>>(), .2525);
  check_close(mean_squared_error<lowp::int4_g128>(), .01373);
  check_close(mean_squared_error<lowp::int4_g32>(), .00941);
  using int4 = lowp::scheme<lowp::i4, lowp::per_group<128>, lowp::symmetric, lowp::f32>;
  check_close(mean_squared_error<int4>(lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, lowp::half_width_scale{}}), .01224);
  check_close(mean_squared_error<int4>(lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, lowp::lowest_code_scale{}}), .01110);
  check_close(mean_squared_error<plain<lowp::i8, 1024>>(), 6.16e-5);
  check_close(mean_squared_error<lowp::int8_channel>(), 6.16e-5);
  // ggml's Q8_0 and Q4_1, whose scales are halves too.
  check_close(mean_squared_error<lowp::scheme<lowp::i8, lowp::per_group<32>, lowp::symmetric, lowp::f16>>(), 2.86e-5);
  check_close(mean_squared_error<lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::asymmetric_as<lowp::f16>, lowp::f16>>(), .00612);
}

TEST_CASE("errors of float and codebook schemes on normal weights", "[quantize]") {
  check_close(mean_squared_error<lowp::fp8_tensor>(), 7.05e-4);
  check_close(mean_squared_error<plain<lowp::e4m3, 128>>(), 6.62e-4);
  check_close(mean_squared_error<lowp::nf4_g64>(), .00845);
  check_close(mean_squared_error<lowp::nf4_double>(), .00845);
  check_close(mean_squared_error<plain<lowp::bnb_fp4, 64>>(), .0149);
  check_close(mean_squared_error<lowp::nvfp4>(), .00904);
  // Four over six: the largest magnitude becomes 6 or 4, whichever has the smaller error before the scale is rounded to E4M3.
  check_close(mean_squared_error<lowp::nvfp4>(lowp::recipe{lowp::mse_search{.steps = 2, .step = -0.5f, .norm = 2}}), .00774);
}

TEST_CASE("errors of MX schemes on normal weights, by every rule", "[quantize]") {
  check_close(mean_squared_error<lowp::mxfp8_e4m3>(), 8.62e-4);
  check_close(mean_squared_error<lowp::mxfp8_e5m2>(), 2.92e-3);
  check_close(mean_squared_error<lowp::mxfp6_e2m3>(), 8.05e-4);
  check_close(mean_squared_error<lowp::mxfp6_e3m2>(), 2.92e-3);
  check_close(mean_squared_error<lowp::mxfp4>(), .0132);
  check_close(mean_squared_error<lowp::mxfp4>(lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, lowp::mx_floor{}}), .0132);
  check_close(mean_squared_error<lowp::mxfp4>(lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, lowp::mx_ceil{}}), .0208);
  check_close(mean_squared_error<lowp::mxfp4>(lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, lowp::mx_rceil{}}), .0133);
  check_close(mean_squared_error<lowp::mxfp4>(lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, lowp::mx_even{}}), .0125);
}

TEST_CASE("schemes that nobody measured stay between those that somebody did", "[quantize]") {
  // Scales in 8 bits cost a 3-bit logarithmic format next to nothing, at any size of the weights.
  const double best = mean_squared_error<plain<odd::log3, 24>>();
  CHECK(mean_squared_error<odd::nobody_planned_for>() < 1.02 * best);
  for (const double deviation : {1e-6, 1e-4, 0.02, 100.0}) {
    const auto w = normal_numbers(256 * 1024, 2, deviation);
    const auto error = [&]<class S>(S) {
      const auto q = lowp::quantize<S>(view_of(w, 256, 1024));
      double sum = 0;
      for (std::size_t i = 0; i < w.size(); ++i) {
        const double e = (static_cast<double>(w[i]) - static_cast<double>(q.value(i / 1024, i % 1024))) / deviation;
        sum += e * e;
      }
      return sum / static_cast<double>(w.size());
    };
    CAPTURE(deviation);
    CHECK(error(odd::nobody_planned_for{}) < 1.02 * best);
    CHECK(error(odd::three_levels{}) < 1.015 * .00904);
    CHECK(error(odd::half_scales{}) < .0074);
  }
  // A power of two that a format reaches exactly must not saturate what lies above it.
  CHECK(mean_squared_error<odd::nf4_power>() < .013);
  CHECK(mean_squared_error<odd::power_under_float>() < .0145);
  CHECK(mean_squared_error<odd::offset_scales>() < 1.005 * mean_squared_error<lowp::nf4_g64>());
  CHECK(mean_squared_error<odd::k_quant>() < 1.02 * .00612);
}
