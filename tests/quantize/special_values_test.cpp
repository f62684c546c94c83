// NaN, infinities, zeros, overflow and underflow of scales.

#include "odd_schemes.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace {

constexpr std::size_t rows = 6;
constexpr std::size_t cols = 300;

// Whether the scales of a scheme can be NaN, all the way down.
template <class P>
constexpr bool carries_nan() {
  if constexpr (lowp::number_format<P>) return lowp::limits<P>.has_nan;
  else return lowp::limits<typename P::format>.has_nan;
}

}  // namespace

TEST_CASE("a group with NaN or infinity reads back as NaN, and no other", "[quantize]") {
  odd::for_each_scheme([]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    using G = typename S::granularity;
    for (const float bad : {lowp::quiet_nan(), lowp::infinity(), -lowp::infinity()}) {
      const auto clean = normal_numbers(rows * cols, 21);
      auto w = clean;
      w[2 * cols + 77] = bad;
      if (!carries_nan<typename S::scale>()) {
        CHECK_THROWS_AS(lowp::quantize<S>(view_of(w, rows, cols)), lowp::error);
        continue;
      }
      const auto q = lowp::quantize<S>(view_of(w, rows, cols));
      const auto hurt = G::group_of(2, 77, rows, cols);
      CHECK(lowp::is_nan(q.group(hurt).scale));
      std::size_t wrong = 0;
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) {
          const bool inside = G::group_of(r, c, rows, cols) == hurt;
          wrong += inside ? !lowp::is_nan(q.value(r, c)) ||
                                lowp::decode<typename S::format>(q.codes()(r, c)) != lowp::round_to<typename S::format>(0.0f)
                          : !lowp::is_finite(q.value(r, c));
        }
      }
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("groups beside one with NaN keep their codes where scales do not depend on each other", "[quantize]") {
  const auto clean = normal_numbers(rows * cols, 22);
  auto w = clean;
  w[2 * cols + 77] = lowp::quiet_nan();
  const auto same_elsewhere = [&]<class S>(S) {
    const auto a = lowp::quantize<S>(view_of(clean, rows, cols));
    const auto b = lowp::quantize<S>(view_of(w, rows, cols));
    std::size_t different = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) {
        if (S::granularity::group_of(r, c, rows, cols) == S::granularity::group_of(2, 77, rows, cols)) continue;
        different += a.codes()(r, c) != b.codes()(r, c) || a.value(r, c) != b.value(r, c);
      }
    }
    return different == 0;
  };
  CHECK(same_elsewhere(lowp::int4_g128{}));
  CHECK(same_elsewhere(lowp::uint4_g128{}));
  CHECK(same_elsewhere(lowp::mxfp4{}));
  CHECK(same_elsewhere(lowp::nf4_g64{}));
  CHECK(same_elsewhere(lowp::fp8_channel{}));
  CHECK(same_elsewhere(lowp::nvfp4{}));
}

TEST_CASE("every MX rule gives NaN for NaN", "[quantize]") {
  auto w = normal_numbers(64, 23);
  w[3] = lowp::quiet_nan();
  w[40] = lowp::infinity();
  const auto both = [&](auto rule) {
    const auto q = lowp::quantize<lowp::mxfp4>(view_of(w, 1, 64), lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, rule});
    return q.scales().codes()(0, 0) == 0xff && q.scales().codes()(0, 1) == 0xff;
  };
  CHECK(both(lowp::mx_floor{}));
  CHECK(both(lowp::mx_ceil{}));
  CHECK(both(lowp::mx_rceil{}));
  CHECK(both(lowp::mx_even{}));
}

TEST_CASE("zeros read back as zeros", "[quantize]") {
  odd::for_each_scheme([]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    // All zero, and with one group that is not; zeros of either sign.
    for (const float other : {0.0f, 1.0f, -0.0f}) {
      std::vector<float> w(rows * cols, other == 0.0f ? other : -0.0f);
      w[5 * cols + 299] = other;
      const auto q = lowp::quantize<S>(view_of(w, rows, cols));
      const auto group = S::granularity::group_of(5, 299, rows, cols);
      double largest = 0;
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) {
          if (other != 0.0f && S::granularity::group_of(r, c, rows, cols) == group) continue;
          const auto v = static_cast<double>(lowp::magnitude(q.value(r, c)));
          largest = v > largest ? v : largest;
        }
      }
      CHECK(largest == 0);
      if (other == 0.0f) CHECK_FALSE(lowp::is_negative(q.group_of(0, 0).scale));
    }
  });
}

TEST_CASE("a scale beyond its format is an error", "[quantize]") {
  const auto throws = []<class S>(S, float reach) {
    const std::vector<float> w{reach, -reach, 0, 1};
    try {
      lowp::quantize<S>(view_of(w, 1, 4));
    } catch (const lowp::error&) {
      return true;
    }
    return false;
  };
  CHECK_FALSE(throws(lowp::int4_g128{}, 7 * 65504.0f));
  CHECK(throws(lowp::int4_g128{}, 7 * 65536.0f));
  CHECK(throws(lowp::uint4_g128{}, 7.5f * 65536.0f));
  CHECK_FALSE(throws(odd::plain_e4m3_scale{}, 7 * 448.0f));
  CHECK(throws(odd::plain_e4m3_scale{}, 7 * 480.0f));
  CHECK(throws(odd::nobody_planned_for{}, 1e15f));
  CHECK_FALSE(throws(lowp::nvfp4{}, 3e38f));
  CHECK_FALSE(throws(lowp::mxfp4{}, 3e38f));
  CHECK_FALSE(throws(lowp::mxint8{}, 3e38f));
  // The width of the range is no float, but a fifteenth of it is.
  CHECK_FALSE(throws(lowp::scheme<lowp::u4, lowp::per_channel, lowp::asymmetric, lowp::f32>{}, 3e38f));
  const std::vector<float> w{3e38f, -3e38f};
  const auto q = lowp::quantize<lowp::scheme<lowp::u8, lowp::per_channel, lowp::asymmetric, lowp::f32>>(view_of(w, 1, 2));
  CHECK(lowp::magnitude(q.value(0, 0) - 3e38f) < 2e36f);
  CHECK(lowp::magnitude(q.value(0, 1) + 3e38f) < 2e36f);
}

TEST_CASE("scales of small groups beside a large one never become zero", "[quantize]") {
  std::vector<float> w(4096, 1e-6f);
  w[17] = 1e6f;
  const auto q = lowp::quantize<lowp::nvfp4>(view_of(w, 4, 1024));
  for (std::size_t r = 0; r < 4; ++r) {
    for (std::size_t g = 0; g < 64; ++g) CHECK(q.scales().codes()(r, g) == (r == 0 && g == 1 ? 0x7e : 0x01));
  }
  const auto d = lowp::quantize<lowp::nf4_double>(view_of(w, 4, 1024));
  for (std::size_t r = 0; r < 4; ++r) {
    for (std::size_t g = 0; g < 16; ++g) CHECK(d.group({r, g}).scale > 0);
  }
  const std::vector<float> tiny(128, 1e-10f);
  CHECK(lowp::quantize<lowp::int4_g128>(view_of(tiny, 1, 128)).scales().codes()(0, 0) == 1);
}

TEST_CASE("weights at the lower end of float keep their value", "[quantize]") {
  const std::vector<float> w{3 * 0x1p-149f, -2 * 0x1p-149f, 0x1p-149f, 0};
  const auto q = lowp::quantize<lowp::int8_channel>(view_of(w, 1, 4));
  for (std::size_t i = 0; i < 4; ++i) CHECK(q.value(0, i) == w[i]);
  const auto n = lowp::quantize<lowp::nvfp4>(view_of(w, 1, 4));
  for (std::size_t i = 0; i < 4; ++i) CHECK(n.value(0, i) == w[i]);
}

TEST_CASE("weights alike, far from zero, keep their value under a float zero point", "[quantize]") {
  for (const float x : {5.0f, -5.0f, 1e-3f, 1000.0f}) {
    CAPTURE(x);
    const std::vector<float> alike(64, x);
    const auto q = lowp::quantize<odd::float_zero>(view_of(alike, 1, 64));
    CHECK(lowp::magnitude(q.value(0, 0) - x) <= 1e-3f * lowp::magnitude(x));
    std::vector<float> nearly = alike;
    nearly[7] = x * (1 + 0x1p-20f);
    const auto p = lowp::quantize<odd::float_zero>(view_of(nearly, 1, 64));
    CHECK(lowp::magnitude(p.value(0, 7) - x) <= 1e-3f * lowp::magnitude(x));
    CHECK(lowp::magnitude(lowp::quantize<odd::wide_zero>(view_of(alike, 1, 64)).value(0, 3) - x) <= 1e-6f * lowp::magnitude(x));
    CHECK(lowp::magnitude(lowp::quantize<odd::small_zero>(view_of(nearly, 1, 64)).value(0, 3) - x) <= 1e-5f * lowp::magnitude(x));
  }
  // A narrow range far away: a float zero point follows it.
  std::vector<float> ramp(16);
  for (std::size_t i = 0; i < 16; ++i) ramp[i] = 100.0f + static_cast<float>(i);
  const auto q = lowp::quantize<odd::wide_zero>(view_of(ramp, 1, 16));
  for (std::size_t i = 0; i < 16; ++i) CHECK(q.value(0, i) == ramp[i]);
}

TEST_CASE("a bias beyond its format is an error", "[quantize]") {
  using S = lowp::scheme<lowp::u4, lowp::per_group<4>, lowp::with_bias<lowp::f16>, lowp::f16>;
  const std::vector<float> w{65000.0f, 65001.0f, 65002.0f, 65003.0f};
  CHECK(lowp::quantize<S>(view_of(w, 1, 4)).value(0, 3) == 64995.0f);
  const std::vector<float> beyond{65600.0f, 65601.0f, 65602.0f, 65603.0f};
  CHECK_THROWS_AS(lowp::quantize<S>(view_of(beyond, 1, 4)), lowp::error);
}

TEST_CASE("a bias and codes may lie farther apart than the largest float", "[quantize]") {
  using S = lowp::scheme<lowp::u4, lowp::per_group<4>, lowp::with_bias<lowp::f32>, lowp::f32>;
  const std::vector<float> w{-3e38f, -1e38f, 1e38f, 3e38f};
  const auto q = lowp::quantize<S>(view_of(w, 1, 4));
  CHECK(q.codes()(0, 0) == 0);
  CHECK(q.codes()(0, 1) == 5);
  CHECK(q.codes()(0, 2) == 10);
  CHECK(q.codes()(0, 3) == 15);
}
