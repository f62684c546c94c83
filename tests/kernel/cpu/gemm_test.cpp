// What gemm and gemv promise beyond the numbers: ranges, strides, errors, special values.

#include "gemm_reference.hpp"

#include <lowp/kernel/cpu/laws.hpp>
#include <lowp/scheme/ggml_schemes.hpp>
#include <lowp/scheme/presets.hpp>

#include <bit>
#include <cstring>
#include <thread>

namespace {

constexpr float untouched = -12345.0f;

template <class S>
auto packed_weights(std::size_t rows, std::size_t cols) {
  return lowp::pack<lowp::layout::tile16>(reference::random_weights<S>(rows, cols, 5));
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("a product computed in ranges has the bits of the whole", "[kernel][gemm]") {
  lowp::for_each_preset([]<class S>(std::string_view name) {
    const auto w = packed_weights<S>(150, 256);
    const std::vector<float> x = normal_numbers(40 * 256, 9);
    lowp::for_each_isa([&](lowp::isa version) {
      for (const std::size_t m : {1u, 3u, 8u, 9u, 40u}) {
        INFO(name << ", " << m << " tokens on " << lowp::name(version));
        std::vector<float> whole(m * 150, untouched);
        std::vector<float> parts(m * 150, untouched);
        lowp::gemm(view_of(x, m, 256), w, {whole.data(), m, 150}, {.limit = version});
        const std::size_t cuts[] = {0, 5, 16, 21, 64, 131, 150};
        for (int i = 5; i >= 0; --i) {
          lowp::gemm(view_of(x, m, 256), w, {parts.data(), m, 150}, {.first = cuts[i], .last = cuts[i + 1], .limit = version});
          const bool left_alone = cuts[i] == 0 || parts[cuts[i] - 1] == untouched;
          CHECK(left_alone);
        }
        CHECK(same_bits(whole, parts));
      }
    });
  });
}

TEST_CASE("weights in memory of somebody's own", "[kernel][gemm]") {
  const auto check = [&]<class S>(const lowp::packed<S, lowp::layout::tile16>& w) {
    const std::vector<float> x = normal_numbers(3 * w.cols(), 9);
    const lowp::packed_view<S, lowp::layout::tile16> view = lowp::view_of(w);
    std::vector<float> owned(3 * w.rows()), viewed(3 * w.rows());
    lowp::gemm(view_of(x, 3, w.cols()), w, {owned.data(), 3, w.rows()});
    lowp::gemm(view_of(x, 3, w.cols()), view, {viewed.data(), 3, w.rows()});
    CHECK(same_bits(owned, viewed));
    // Its first panel alone.
    std::vector<float> panel(3 * 16);
    auto first = view;
    first.rows = 16;
    lowp::gemm(view_of(x, 3, w.cols()), first, {panel.data(), 3, 16});
    CHECK(std::memcmp(panel.data(), owned.data(), 16 * sizeof(float)) == 0);
  };
  check(packed_weights<lowp::int4_g32>(48, 96));
  check(packed_weights<lowp::uint4_g128>(48, 96));
  check(packed_weights<lowp::nvfp4>(48, 96));
  check(packed_weights<lowp::ggml::q4_k>(48, 256));
}

TEST_CASE("threads may share a product", "[kernel][gemm]") {
  const auto w = packed_weights<lowp::nf4_g64>(256, 512);
  const std::vector<float> x = normal_numbers(4 * 512, 9);
  std::vector<float> alone(4 * 256);
  std::vector<float> together(4 * 256);
  lowp::gemm(view_of(x, 4, 512), w, {alone.data(), 4, 256});
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] { lowp::gemm(view_of(x, 4, 512), w, {together.data(), 4, 256}, {.first = t * 64, .last = t * 64 + 64}); });
  }
  for (auto& t : threads) t.join();
  CHECK(same_bits(alone, together));
}

TEST_CASE("a token's result does not depend on the tokens beside it", "[kernel][gemm]") {
  const auto w = packed_weights<lowp::mxfp4>(70, 200);
  const std::vector<float> one = normal_numbers(200, 4);
  lowp::for_each_isa([&](lowp::isa version) {
    for (const std::size_t m : {2u, 3u, 7u, 8u, 9u, 17u, 31u}) {
      INFO(m << " tokens on " << lowp::name(version));
      std::vector<float> x;
      for (std::size_t i = 0; i < m; ++i) x.insert(x.end(), one.begin(), one.end());
      std::vector<float> y(m * 70);
      lowp::gemm(view_of(x, m, 200), w, {y.data(), m, 70}, {.limit = version});
      bool same = true;
      for (std::size_t i = 1; i < m; ++i) same = same && std::memcmp(y.data(), y.data() + i * 70, 70 * sizeof(float)) == 0;
      CHECK(same);
    }
  });
}

TEST_CASE("gemv is gemm of one token", "[kernel][gemm]") {
  const auto w = packed_weights<lowp::int4_g32>(50, 100);
  const std::vector<float> x = normal_numbers(100, 4);
  std::vector<float> a(50);
  std::vector<float> b(50);
  lowp::gemv(std::span<const float>(x), w, std::span<float>(a));
  lowp::gemm(view_of(x, 1, 100), w, {b.data(), 1, 50});
  CHECK(same_bits(a, b));
}

TEST_CASE("activations and results may have any strides", "[kernel][gemm]") {
  const auto w = packed_weights<lowp::int4_g32>(70, 100);
  for (const std::size_t m : {1u, 5u, 20u}) {
    const std::vector<float> x = normal_numbers(m * 100, 4);
    std::vector<float> y(m * 70);
    lowp::gemm(view_of(x, m, 100), w, {y.data(), m, 70});
    std::vector<float> spread(m * 300, untouched);
    for (std::size_t i = 0; i < m * 100; ++i) spread[i / 100 * 300 + i % 100 * 3] = x[i];
    std::vector<float> transposed(70 * m * 2, untouched);
    lowp::gemm({spread.data(), m, 100, 300, 3}, w, {transposed.data(), m, 70, 2, 2 * m});
    bool same = true;
    for (std::size_t i = 0; i < m * 70; ++i) {
      const std::size_t at = i % 70 * 2 * m + i / 70 * 2;
      same = same && std::bit_cast<std::uint32_t>(transposed[at]) == std::bit_cast<std::uint32_t>(y[i]) && transposed[at + 1] == untouched;
    }
    CHECK(same);
  }
}

TEST_CASE("shapes that do not fit are errors, and nothing is written", "[kernel][gemm]") {
  const auto w = packed_weights<lowp::int4_g32>(32, 64);
  std::vector<float> x(4 * 64, 1.0f);
  std::vector<float> y(4 * 64, untouched);
  const lowp::matrix_view<const float> fits{x.data(), 4, 64};
  CHECK_THROWS_AS(lowp::gemm({x.data(), 4, 63}, w, {y.data(), 4, 32}), lowp::error);
  CHECK_THROWS_AS(lowp::gemm(fits, w, {y.data(), 3, 32}), lowp::error);
  CHECK_THROWS_AS(lowp::gemm(fits, w, {y.data(), 4, 31}), lowp::error);
  CHECK_THROWS_AS(lowp::gemm(fits, w, {y.data(), 4, 32}, {.first = 0, .last = 33}), lowp::error);
  CHECK_THROWS_AS(lowp::gemm(fits, w, {y.data(), 4, 32}, {.first = 20, .last = 10}), lowp::error);
  CHECK_THROWS_AS(lowp::gemm(fits, w, {y.data(), 4, 32}, {.first = 33}), lowp::error);
  CHECK_THROWS_AS(lowp::gemv(std::span<const float>(x), w, std::span<float>(y)), lowp::error);
  for (const float v : y) REQUIRE(v == untouched);
}

TEST_CASE("empty products", "[kernel][gemm]") {
  lowp::for_each_isa([](lowp::isa version) {
    std::vector<float> y(6, untouched);
    lowp::gemm({nullptr, 2, 0}, packed_weights<lowp::int4_g32>(3, 0), {y.data(), 2, 3}, {.limit = version});
    for (const float v : y) CHECK(v == 0.0f);
    lowp::gemm({nullptr, 0, 64}, packed_weights<lowp::int4_g32>(3, 64), {nullptr, 0, 3}, {.limit = version});
    const std::vector<float> x(64, 1.0f);
    lowp::gemm(view_of(x, 1, 64), packed_weights<lowp::int4_g32>(0, 64), {nullptr, 1, 0}, {.limit = version});
    y.assign(6, untouched);
    lowp::gemm(view_of(x, 1, 64), packed_weights<lowp::int4_g32>(6, 64), {y.data(), 1, 6}, {.first = 2, .last = 2, .limit = version});
    for (const float v : y) CHECK(v == untouched);
  });
}

namespace {

// Codes that pad a tile mean NaN in this format.
struct nan_first {
  static constexpr int bits = 4;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    return (code & 15u) == 0 ? lowp::quiet_nan() : static_cast<float>(code & 15u);
  }
};

// One code of a row is not a number, or one scale: the row is NaN, and no other.
template <class S>
void check_special(std::string_view name, std::uint32_t code, bool in_scale) {
  for (const std::size_t cols : {64u, 77u}) {
    auto q = reference::random_weights<S>(40, cols, 5);
    if constexpr (requires { q.scales().codes()(0, 0); }) {
      if (in_scale) q.scales().codes()(21, 1) = static_cast<std::uint8_t>(code);
      else q.codes()(21, 37) = static_cast<std::uint8_t>(code);
    }
    const auto w = lowp::pack<lowp::layout::tile16>(q);
    const std::vector<float> x = normal_numbers(20 * cols, 6);
    const auto expected = reference::multiply(x, 20, reference::plain_weights<S>(q));
    lowp::for_each_isa([&](lowp::isa version) {
      for (const std::size_t m : {1u, 2u, 4u, 20u}) {
        INFO(name << ", " << m << " tokens on " << lowp::name(version));
        std::vector<float> y(m * 40);
        lowp::gemm(view_of(x, m, cols), w, {y.data(), m, 40}, {.limit = version});
        for (std::size_t i = 0; i < y.size(); ++i) {
          if (std::isfinite(expected.y[i])) {
            CHECK(std::abs(y[i] - expected.y[i]) <= 0x1p-20 * expected.size[i]);
          } else {
            // An infinite scale makes NaN of a sum of infinities, or an infinity of a sum, depending on when it is applied.
            CHECK(i % 40 == 21);
            CHECK_FALSE(std::isfinite(y[i]));
            CHECK((in_scale || std::isnan(y[i]) == std::isnan(expected.y[i])));
          }
        }
      }
    });
  }
}

}  // namespace

TEST_CASE("codes and scales that are not numbers stay so, in their row alone", "[kernel][gemm]") {
  using namespace lowp;
  check_special<scheme<e4m3, per_group<32>, symmetric, f32>>("e4m3 NaN", 0x7f, false);
  check_special<scheme<e4m3, per_group<32>, symmetric, f32>>("e4m3 -NaN", 0xff, false);
  check_special<scheme<minifloat<3, 4, special_values::fn>, per_group<32>, symmetric, f32>>("e3m4 NaN", 0xff, false);
  check_special<scheme<e4m3fnuz, per_group<32>, symmetric, f32>>("e4m3fnuz NaN", 0x80, false);
  check_special<scheme<e5m2, per_group<32>, symmetric, f32>>("e5m2 infinity", 0x7c, false);
  check_special<scheme<e5m2, per_group<32>, symmetric, f32>>("e5m2 NaN", 0x7e, false);
  check_special<scheme<e5m2fnuz, per_group<32>, symmetric, f32>>("e5m2fnuz NaN", 0x80, false);
  check_special<scheme<i4, per_group<32>, symmetric, e8m0>>("e8m0 NaN", 0xff, true);
  check_special<scheme<i4, per_group<32>, symmetric, e8m0>>("the smallest e8m0", 0, true);
  check_special<scheme<i4, per_group<32>, symmetric, e4m3>>("e4m3 scale NaN", 0x7f, true);
  check_special<scheme<i4, per_group<32>, symmetric, e5m2>>("e5m2 scale infinity", 0x7c, true);
  check_special<scheme<nan_first, per_group<32>, symmetric, f32>>("padding that is not a number", 3, false);
  check_special<scheme<nan_first, per_group<32>, symmetric, f32>>("a code like the padding", 0, false);
}

TEST_CASE("the law of kernels", "[kernel][laws]") {
  const auto w = packed_weights<lowp::uint4_g128>(37, 300);
  const std::vector<float> x = normal_numbers(9 * 300, 4);
  lowp::for_each_isa([&](lowp::isa version) {
    for (const std::size_t m : {1u, 4u, 9u}) CHECK(lowp::laws::kernel(view_of(x, m, 300), w, version));
  });
}
