// Under -ffast-math: NaN and infinity still reach the scale, everything else still comes near its value.

#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <string>
#include <vector>

TEST_CASE("groups with NaN or infinity read back as NaN under fast math", "[quantize]") {
  for (const float bad : {lowp::quiet_nan(), lowp::infinity(), -lowp::infinity()}) {
    auto w = normal_numbers(4 * 256, 24);
    w[256 + 130] = bad;
    lowp::for_each_preset([&]<class S>(std::string_view name) {
      if (name == "nf4_double") return;  // 8-bit scales have no NaN
      CAPTURE(std::string(name));
      const auto q = lowp::quantize<S>(view_of(w, 4, 256));
      const auto hurt = S::granularity::group_of(1, 130, 4, 256);
      CHECK(lowp::is_nan(q.group(hurt).scale));
      std::size_t wrong = 0;
      for (std::size_t r = 0; r < 4; ++r) {
        for (std::size_t c = 0; c < 256; ++c) {
          if (S::granularity::group_of(r, c, 4, 256) == hurt) continue;
          wrong += !lowp::is_finite(q.value(r, c)) || lowp::magnitude(q.value(r, c) - w[r * 256 + c]) > 1.5f;
        }
      }
      CHECK(wrong == 0);
    });
    CHECK_THROWS_AS(lowp::quantize<lowp::nf4_double>(view_of(w, 4, 256)), lowp::error);
  }
}

TEST_CASE("scales beyond their format are errors under fast math", "[quantize]") {
  const std::vector<float> large(128, 1e6f);
  CHECK_THROWS_AS(lowp::quantize<lowp::int4_g128>(view_of(large, 1, 128)), lowp::error);
  CHECK_THROWS_AS(lowp::quantize<lowp::int4_g128>(view_of(large, 1, 128), lowp::recipe{lowp::entropy{}}), lowp::error);
  CHECK_THROWS_AS(lowp::quantize<lowp::int4_g128>(view_of(large, 1, 128), lowp::recipe{lowp::mse_search{}}), lowp::error);
}
