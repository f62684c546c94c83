// Properties of quantize over every scheme.

#include "odd_schemes.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

// The outermost scale is a float or a power of two, so that such a factor changes nothing else.
template <class P>
constexpr bool has_float_scales() {
  if constexpr (lowp::number_format<P>) return !std::is_same_v<P, lowp::unit> && (!lowp::table_format<P> || std::is_same_v<P, lowp::e8m0>);
  else return has_float_scales<typename P::scale>();
}

template <class S>
bool same_codes(const lowp::quantized<S>& a, const lowp::quantized<S>& b) {
  for (std::size_t r = 0; r < a.rows(); ++r) {
    for (std::size_t c = 0; c < a.cols(); ++c) {
      if (a.codes()(r, c) != b.codes()(r, c)) return false;
    }
  }
  return true;
}

template <class S>
std::vector<float> values(const lowp::quantized<S>& q) {
  std::vector<float> v(q.rows() * q.cols());
  lowp::dequantize(q, lowp::matrix_view<float>{v.data(), q.rows(), q.cols()});
  return v;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

constexpr std::size_t rows = 64;
constexpr std::size_t cols = 999;

}  // namespace

TEST_CASE("a power of two changes nothing but the scale", "[quantize]") {
  odd::for_each_scheme([]<class S>(std::string_view name) {
    if constexpr (has_float_scales<typename S::scale>()) {
      CAPTURE(std::string(name));
      const auto w = normal_numbers(rows * cols, 31);
      const auto q = lowp::quantize<S>(view_of(w, rows, cols));
      const auto v = values(q);
      for (const int exponent : {-6, -1, 1, 9}) {
        auto scaled = w;
        for (float& x : scaled) x = std::ldexp(x, exponent);
        const auto p = lowp::quantize<S>(view_of(scaled, rows, cols));
        auto expected = v;
        for (float& x : expected) x = std::ldexp(x, exponent);
        CAPTURE(exponent);
        CHECK(same_codes(p, q));
        CHECK(same_bits(values(p), expected));
      }
    }
  });
}

TEST_CASE("minus w has minus the values, where codes have a sign of their own", "[quantize]") {
  const auto mirrored = []<class S>(S) {
    const auto w = normal_numbers(rows * cols, 32);
    auto negated = w;
    for (float& x : negated) x = -x;
    const auto a = values(lowp::quantize<S>(view_of(w, rows, cols)));
    const auto b = values(lowp::quantize<S>(view_of(negated, rows, cols)));
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] != -b[i]) return false;
    }
    return true;
  };
  CHECK(mirrored(lowp::int8_channel{}));
  CHECK(mirrored(lowp::int4_g128{}));
  CHECK(mirrored(lowp::fp8_block128{}));
  CHECK(mirrored(lowp::mxfp8_e4m3{}));
  CHECK(mirrored(lowp::mxfp8_e5m2{}));
  CHECK(mirrored(lowp::mxfp6_e2m3{}));
  CHECK(mirrored(lowp::mxfp6_e3m2{}));
  CHECK(mirrored(lowp::mxfp4{}));
  CHECK(mirrored(lowp::nvfp4{}));
  CHECK(mirrored(odd::nobody_planned_for{}));
}

TEST_CASE("groups do not depend on each other", "[quantize]") {
  // Rows quantized alone are the rows quantized together, for schemes whose scales stay within a row.
  const auto by_rows = []<class S>(S) {
    const auto w = normal_numbers(rows * cols, 33);
    const auto whole = values(lowp::quantize<S>(view_of(w, rows, cols)));
    std::vector<float> apart;
    for (std::size_t r = 0; r < rows; ++r) {
      const auto v = values(lowp::quantize<S>(view_of(w, rows, cols).block(r, 0, 1, cols)));
      apart.insert(apart.end(), v.begin(), v.end());
    }
    return same_bits(whole, apart);
  };
  CHECK(by_rows(lowp::int8_channel{}));
  CHECK(by_rows(lowp::int4_g128{}));
  CHECK(by_rows(lowp::uint4_g128{}));
  CHECK(by_rows(lowp::nf4_g64{}));
  CHECK(by_rows(lowp::mxfp4{}));
  CHECK(by_rows(odd::nobody_planned_for{}));
  CHECK(by_rows(odd::k_quant{}));
  CHECK(by_rows(odd::parity{}));
  // And so are columns in whole groups.
  const auto by_groups = []<class S>(S) {
    constexpr std::size_t n = S::granularity::weights_per_group;
    const auto w = normal_numbers(rows * 8 * n, 34);
    const auto q = lowp::quantize<S>(view_of(w, rows, 8 * n));
    for (std::size_t g = 0; g < 8; ++g) {
      const auto p = lowp::quantize<S>(view_of(w, rows, 8 * n).block(0, g * n, rows, n));
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < n; ++c) {
          if (p.value(r, c) != q.value(r, g * n + c)) return false;
        }
      }
    }
    return true;
  };
  CHECK(by_groups(lowp::int4_g32{}));
  CHECK(by_groups(lowp::int2_g32{}));
  CHECK(by_groups(lowp::mxfp6_e2m3{}));
  CHECK(by_groups(lowp::mxint8{}));
  CHECK(by_groups(lowp::nf4_g64{}));
}

TEST_CASE("quantizing what has been quantized changes nothing", "[quantize]") {
  // The largest weight of a group sits on the largest number, so that the scale is found again. Powers of two are found
  // again as long as no number reaches the next power (mxint8's -2 does); asymmetric ranges and scales under scales need not be.
  const auto stable = []<class S>(S) {
    const auto w = normal_numbers(rows * cols, 35);
    const auto once = lowp::quantize<S>(view_of(w, rows, cols));
    const auto v = values(once);
    return lowp::quantize<S>(view_of(v, rows, cols)) == once;
  };
  CHECK(stable(lowp::int8_tensor{}));
  CHECK(stable(lowp::int8_channel{}));
  CHECK(stable(lowp::int4_g128{}));
  CHECK(stable(lowp::int4_g32{}));
  CHECK(stable(lowp::int3_g128{}));
  CHECK(stable(lowp::fp8_tensor{}));
  CHECK(stable(lowp::fp8_channel{}));
  CHECK(stable(lowp::fp8_block128{}));
  CHECK(stable(lowp::nf4_g64{}));
  CHECK(stable(lowp::mxfp8_e4m3{}));
  CHECK(stable(lowp::mxfp8_e5m2{}));
  CHECK(stable(lowp::mxfp6_e2m3{}));
  CHECK(stable(lowp::mxfp6_e3m2{}));
  CHECK(stable(lowp::mxfp4{}));
}

TEST_CASE("codes grow with weights", "[quantize]") {
  odd::for_each_scheme([]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    std::vector<float> ramp(1000);
    for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i) / 250.0f - 2.0f;
    const auto v = values(lowp::quantize<S>(view_of(ramp, 1, ramp.size())));
    std::size_t falls = 0;
    for (std::size_t i = 0; i + 1 < v.size(); ++i) {
      const bool same_group = S::granularity::group_of(0, i, 1, 1000) == S::granularity::group_of(0, i + 1, 1, 1000);
      falls += same_group && v[i + 1] < v[i] ? 1 : 0;
    }
    CHECK(falls == 0);
  });
}

TEST_CASE("stochastic rounding is unbiased, reproducible, and independent of the order of work", "[quantize]") {
  const auto w = normal_numbers(32 * 32, 36);
  const auto view = view_of(w, 32, 32);
  using S = lowp::scheme<lowp::i4, lowp::per_channel, lowp::symmetric, lowp::f32>;
  const auto draw = [&](std::uint64_t seed) {
    return lowp::quantize<S>(view, lowp::recipe{lowp::absmax{}, lowp::stochastic{.seed = seed}});
  };
  CHECK(draw(1) == draw(1));
  CHECK_FALSE(same_codes(draw(1), draw(2)));
  constexpr int draws = 2000;
  std::vector<double> sum(w.size(), 0.0);
  for (int d = 0; d < draws; ++d) {
    const auto v = values(draw(static_cast<std::uint64_t>(d)));
    for (std::size_t i = 0; i < v.size(); ++i) sum[i] += static_cast<double>(v[i]);
  }
  const auto q = draw(0);
  double worst = 0;
  double total = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const auto scale = static_cast<double>(q.group_of(i / 32, i % 32).scale);
    const double error = (sum[i] / draws - static_cast<double>(w[i])) / scale;
    worst = std::fabs(error) > worst ? std::fabs(error) : worst;
    total += error;
  }
  // One draw deviates by at most half a step, their mean by 0.0112 steps; a bound of five deviations.
  CHECK(worst < 5 * 0.5 / std::sqrt(draws));
  CHECK(std::fabs(total / static_cast<double>(w.size())) < 5 * 0.5 / std::sqrt(draws * static_cast<double>(w.size())));
  // With a zero point, and under scales of scales.
  using A = lowp::scheme<lowp::u4, lowp::per_channel, lowp::asymmetric, lowp::f32>;
  double bias_a = 0;
  double bias_n = 0;
  for (int d = 0; d < 200; ++d) {
    const lowp::recipe recipe{lowp::absmax{}, lowp::stochastic{.seed = static_cast<std::uint64_t>(d)}};
    const auto a = values(lowp::quantize<A>(view, recipe));
    const auto n = values(lowp::quantize<lowp::scheme<lowp::e2m1, lowp::per_group<16>, lowp::symmetric, lowp::f32>>(view, recipe));
    for (std::size_t i = 0; i < w.size(); ++i) {
      bias_a += static_cast<double>(a[i]) - static_cast<double>(w[i]);
      bias_n += static_cast<double>(n[i]) - static_cast<double>(w[i]);
    }
  }
  CHECK(std::fabs(bias_a) / (200.0 * 1024) < 0.003);
  CHECK(std::fabs(bias_n) / (200.0 * 1024) < 0.003);
}

TEST_CASE("toward zero never grows a magnitude", "[quantize]") {
  const auto w = normal_numbers(rows * cols, 37);
  const auto v = values(lowp::quantize<lowp::int8_channel>(view_of(w, rows, cols), lowp::recipe{lowp::absmax{}, lowp::toward_zero{}}));
  std::size_t grown = 0;
  for (std::size_t i = 0; i < v.size(); ++i) grown += lowp::magnitude(v[i]) > lowp::magnitude(w[i]) * (1 + 0x1p-22f) ? 1 : 0;
  CHECK(grown == 0);
}
