// Products of quantized activations and weights: against double precision, and the promise that they have the same bits on every
// instruction set, for every range of rows, every executor and every number of tokens.
#include "gemm_reference.hpp"

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>
#include <lowp/layout/column_order.hpp>
#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/ggml_schemes.hpp>
#include <lowp/scheme/presets.hpp>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

namespace {

using namespace lowp;

template <granularity_policy G>
using bytes_by = scheme<i8, G, symmetric, f32>;

// A user's own format whose values are small integers times a unit.
struct steps {
  static constexpr int bits = 4;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[16] = {0, .375f, -.375f, .75f, -.75f, 1.5f, -1.5f, 3, -3, 6, -6, 9, -9, 12, -12, 15};
    return v[code & 15];
  }
};

template <scheme_type X, scheme_type W>
void check(std::string_view name, std::size_t rows, std::size_t cols, std::size_t tokens) {
  const quantized<W> w = reference::random_weights<W>(rows, cols, rows * 7 + cols);
  const quantized<X> x = reference::random_weights<X>(tokens, cols, tokens + cols);
  const auto packed = pack<layout::tile16>(w);
  INFO(name << " " << rows << " x " << cols << ", " << tokens << " tokens");

  std::vector<float> plain_x(tokens * cols);
  dequantize(x, matrix_view<float>{plain_x.data(), tokens, cols});
  const reference::product expected = reference::multiply(plain_x, tokens, reference::plain_weights<W>(w));
  std::vector<float> first;
  for_each_isa([&](isa version) {
    INFO(lowp::name(version));
    std::vector<float> y(tokens * rows, std::nanf(""));
    gemm(x.view(), packed, matrix_view<float>{y.data(), tokens, rows}, {.limit = version});
    // A rounding for each piece's scale, sum and zero point, and those of the activations in plain_x.
    CHECK(reference::worst_error(y, expected, tokens * rows) <= 8);
    if (first.empty()) first = y;
    CHECK(y == first);
  });

  // Each token by itself, and rows in uneven ranges.
  std::vector<float> y(tokens * rows);
  const matrix_view<float> all{y.data(), tokens, rows};
  for (std::size_t m = 0; m < tokens; ++m) {
    quantized<X> one(1, cols);
    for (std::size_t k = 0; k < cols; ++k) one.codes()(0, k) = x.codes()(m, k);
    if constexpr (number_format<typename X::scale>) {
      for (std::size_t g = 0; g < one.grid().cols; ++g) one.scales().codes()(0, g) = x.scales().codes()(X::granularity::rows_per_group == 0 ? 0 : m, g);
    } else {
      one.scales().scales() = x.scales().scales();
      for (std::size_t g = 0; g < one.grid().cols; ++g) one.scales().codes()(0, g) = x.scales().codes()(m, g);
    }
    for (std::size_t at = 0; at < rows;) {
      const std::size_t end = at + 1 + at % 40 < rows ? at + 1 + at % 40 : rows;
      gemm(one.view(), packed, all.block(m, 0, 1, rows), {.first = at, .last = end});
      at = end;
    }
  }
  CHECK(y == first);

  y.assign(y.size(), 0.0f);
  gemm(x.view(), packed, all, {}, no_epilogue{}, thread_executor{3});
  CHECK(y == first);
}

template <scheme_type X, scheme_type W>
void check_shapes(std::string_view name) {
  check<X, W>(name, 70, 256, 1);
  check<X, W>(name, 33, 320, 9);
  check<X, W>(name, 5, 131, 3);
}

}  // namespace

TEST_CASE("8-bit activations with every preset that is made of small integers", "[kernel][integer]") {
  int schemes = 0;
  for_each_preset([&]<scheme_type S>(std::string_view name) {
    if constexpr (integer_product_exists<bytes_by<per_token>, S>) {
      check_shapes<bytes_by<per_token>, S>(name);
      check_shapes<bytes_by<per_group<32>>, S>(name);
      ++schemes;
    }
  });
  CHECK(schemes == 11);
}

TEST_CASE("many tokens and long rows", "[kernel][integer]") {
  check<bytes_by<per_token>, int4_g128>("int4_g128", 130, 1100, 140);
  check<bytes_by<per_token>, int8_channel>("int8_channel", 64, 2100, 37);
  check<bytes_by<per_group<128>>, nvfp4>("nvfp4", 64, 512, 23);
}

TEST_CASE("activations and weights of 4 bits", "[kernel][integer]") {
  check_shapes<nvfp4, nvfp4>("nvfp4");
  check_shapes<mxfp4, mxfp4>("mxfp4");
  check_shapes<scheme<i4, per_token, symmetric, f16>, int4_g32>("int4");
  check_shapes<mxint8, mxfp6_e2m3>("mxint8 with mxfp6_e2m3");
}

TEST_CASE("every width of integers, with and without zero points", "[kernel][integer]") {
  check_shapes<bytes_by<per_token>, scheme<integer<5, true>, per_group<24>, symmetric, f16>>("i5");
  check_shapes<bytes_by<per_token>, scheme<integer<6, true>, per_group<40>, symmetric, bf16>>("i6");
  check_shapes<bytes_by<per_token>, scheme<integer<7, true>, per_channel, symmetric, f32>>("i7");
  check_shapes<bytes_by<per_token>, scheme<integer<1, false>, per_group<32>, symmetric, f32>>("u1");
  check_shapes<bytes_by<per_token>, scheme<integer<5, false>, per_group<32>, asymmetric, f16>>("u5");
  check_shapes<bytes_by<per_group<16>>, scheme<integer<6, false>, per_group<32>, asymmetric, f16>>("u6");
  check_shapes<bytes_by<per_token>, scheme<integer<7, false>, per_group<32>, asymmetric_as<f16>, f16>>("u7");
  check_shapes<bytes_by<per_token>, scheme<u8, per_block<16, 40>, asymmetric, f16>>("u8");
}

TEST_CASE("groups that end inside a step or a unit, and a user's format", "[kernel][integer]") {
  check_shapes<bytes_by<per_token>, scheme<i4, per_group<6>, symmetric, f16>>("i4 in sixes");
  check_shapes<bytes_by<per_group<10>>, scheme<i2, per_group<7>, symmetric, f16>>("i2 in sevens");
  check_shapes<bytes_by<per_tensor>, scheme<i3, per_group<8>, symmetric, f16>>("i3 in eights");
  check_shapes<bytes_by<per_token>, scheme<steps, per_group<48>, symmetric, f16>>("steps");
  check_shapes<bytes_by<per_token>, scheme<e2m1, per_group<32>, asymmetric_as<f16>, f16>>("e2m1 with zero points");
  check_shapes<bytes_by<per_group<32>>, ggml::q4_k>("q4_k");
  check_shapes<bytes_by<per_token>, ggml::q2_k>("q2_k");
  check_shapes<bytes_by<per_group<16>>, scheme<e2m1, per_group<32>, with_bias<f16>, f16>>("e2m1 with biases");
}

TEST_CASE("the largest sums are exact", "[kernel][integer]") {
  quantized<scheme<u8, per_channel, symmetric, f32>> w(20, 5000);
  quantized<bytes_by<per_token>> x(2, 5000);
  for (std::size_t k = 0; k < 5000; ++k) {
    for (std::size_t n = 0; n < 20; ++n) w.codes()(n, k) = 255;
    x.codes()(0, k) = 0x7f;
    x.codes()(1, k) = 0x80;
  }
  for (std::size_t n = 0; n < 20; ++n) w.scales().codes()(n, 0) = encode<f32>(1.0f);
  for (std::size_t m = 0; m < 2; ++m) x.scales().codes()(m, 0) = encode<f32>(1.0f);
  const auto packed = pack<layout::tile16>(w);
  for_each_isa([&](isa version) {
    std::vector<float> y(40);
    gemm(x.view(), packed, matrix_view<float>{y.data(), 2, 20}, {.limit = version});
    CHECK(y[7] == 255.0f * 127.0f * 5000.0f);
    CHECK(y[27] == 255.0f * -128.0f * 5000.0f);
  });
}

TEST_CASE("compute::int8 quantizes activations and multiplies them", "[kernel][integer]") {
  const std::vector<float> x = normal_numbers(6 * 200, 5);
  const auto w = pack<layout::tile16>(reference::random_weights<int4_g32>(50, 200, 3));
  std::vector<float> expected(6 * 50);
  std::vector<float> y(6 * 50);
  const auto bytes = quantize<bytes_by<per_token>>(matrix_view<const float>{x.data(), 6, 200});
  gemm(bytes.view(), w, matrix_view<float>{expected.data(), 6, 50});
  gemm<compute::int8<>>({x.data(), 6, 200}, w, {y.data(), 6, 50});
  CHECK(y == expected);
  gemm<compute::int8<>>({x.data(), 6, 200}, w, {y.data(), 6, 50}, {}, no_epilogue{}, thread_executor{2});
  CHECK(y == expected);
}

TEST_CASE("split activations are near exact, and have the same bits everywhere", "[kernel][integer]") {
  constexpr std::size_t rows = 70, cols = 260, tokens = 6;
  const std::vector<float> x = normal_numbers(tokens * cols, 5);
  const auto check_scheme = [&]<scheme_type S>(S) {
    const auto w = reference::random_weights<S>(rows, cols, 3);
    const reference::plain_weights<S> plain(w);
    const auto packed = pack<layout::tile16>(w);
    std::vector<float> first;
    for_each_isa([&](isa version) {
      std::vector<float> y(tokens * rows);
      gemm<compute::split>({x.data(), tokens, cols}, packed, {y.data(), tokens, rows}, {.limit = version}, no_epilogue{}, thread_executor{2});
      if (first.empty()) first = y;
      CHECK(y == first);
    });
    for (std::size_t m = 0; m < tokens; ++m) {
      float reach = 0;
      for (std::size_t k = 0; k < cols; ++k) reach = std::max(reach, std::abs(x[m * cols + k]));
      for (std::size_t n = 0; n < rows; ++n) {
        double expected = 0, size = 0, weights = 0;
        for (std::size_t k = 0; k < cols; ++k) {
          expected += static_cast<double>(x[m * cols + k]) * plain.value[n * cols + k];
          size += std::abs(static_cast<double>(x[m * cols + k])) * plain.size[n * cols + k];
          weights += std::abs(plain.value[n * cols + k]);
        }
        CHECK(std::abs(static_cast<double>(first[m * rows + n]) - expected) <= weights * static_cast<double>(reach) / 32639 / 2 + size * 0x1p-20);
      }
    }
  };
  check_scheme(int4_g32{});
  check_scheme(nvfp4{});
  check_scheme(uint4_g128{});
}

TEST_CASE("activations around a zero point", "[kernel][integer]") {
  constexpr std::size_t rows = 70, cols = 133, tokens = 6;
  using X = compute::int8<per_token, asymmetric>::scheme;
  std::vector<float> x = normal_numbers(tokens * cols, 5);
  for (float& v : x) v = std::abs(v) - 0.2f;
  const auto q = quantize<X>(matrix_view<const float>{x.data(), tokens, cols});
  std::vector<float> back(x.size());
  dequantize(q, matrix_view<float>{back.data(), tokens, cols});
  const auto check_scheme = [&]<scheme_type S>(S) {
    const auto w = reference::random_weights<S>(rows, cols, 3);
    const auto packed = pack<layout::tile16>(w);
    reference::product expected = reference::multiply(back, tokens, reference::plain_weights<S>(w));
    std::vector<float> first;
    for_each_isa([&](isa version) {
      std::vector<float> y(tokens * rows);
      gemm<compute::int8<per_token, asymmetric>>({x.data(), tokens, cols}, packed, {y.data(), tokens, rows}, {.limit = version});
      if (first.empty()) first = y;
      CHECK(y == first);
    });
    // Sums are those of codes and of zero points, which are larger than what they differ by.
    CHECK(reference::worst_error(first, expected, first.size()) <= 64);
  };
  check_scheme(int4_g32{});
  check_scheme(uint4_g128{});
  check_scheme(mxfp4{});
}

TEST_CASE("activations whose products are no integers are multiplied in f32", "[kernel][integer]") {
  using X = scheme<e4m3, per_token, symmetric, f32>;
  static_assert(!integer_product_exists<X, fp8_channel> && !integer_product_exists<bytes_by<per_token>, nf4_g64>);
  const std::vector<float> x = normal_numbers(5 * 200, 5);
  const auto q = quantize<X>(matrix_view<const float>{x.data(), 5, 200});
  std::vector<float> plain(5 * 200);
  dequantize(q, matrix_view<float>{plain.data(), 5, 200});
  const auto w = pack<layout::tile16>(reference::random_weights<fp8_block128>(50, 200, 3));
  std::vector<float> expected(5 * 50);
  std::vector<float> y(5 * 50);
  gemm({plain.data(), 5, 200}, w, {expected.data(), 5, 50});
  gemm(q.view(), w, matrix_view<float>{y.data(), 5, 50});
  CHECK(y == expected);
}

TEST_CASE("columns in the order of their groups", "[kernel][order]") {
  constexpr std::size_t rows = 40, cols = 100, tokens = 5, width = 32;
  // Column k belongs to group group_of[k], as in a checkpoint with activation order.
  std::vector<int> group_of(cols);
  for (std::size_t k = 0; k < cols; ++k) group_of[k] = static_cast<int>(k * 37 % cols / width);
  const std::vector<std::uint32_t> order = columns_by_group(group_of, width);
  const auto w = reference::random_weights<scheme<i4, per_group<width>, symmetric, f16>>(rows, cols, 4);
  auto ordered = w;
  gather_columns(w.codes(), order, ordered.codes());
  const auto packed = pack<layout::tile16>(ordered);
  const std::vector<float> x = normal_numbers(tokens * cols, 8);
  std::vector<float> y(tokens * rows);
  const auto check = [&](double most) {
    for (std::size_t m = 0; m < tokens; ++m) {
      for (std::size_t n = 0; n < rows; ++n) {
        double expected = 0, size = 0;
        for (std::size_t k = 0; k < cols; ++k) {
          const double scale = w.scales().value(n, static_cast<std::size_t>(group_of[k]));
          const double product = static_cast<double>(x[m * cols + k]) * scale * static_cast<double>(decode<i4>(w.codes()(n, k)));
          expected += product;
          size += std::abs(product);
        }
        CHECK(std::abs(static_cast<double>(y[m * rows + n]) - expected) <= size * most);
      }
    }
  };
  gemm({x.data(), tokens, cols}, packed, {y.data(), tokens, rows}, {.columns = order});
  check(1e-6);
  gemm<compute::bf16>({x.data(), tokens, cols}, packed, {y.data(), tokens, rows}, {.columns = order});
  check(1e-2);
  gemm<compute::int8<>>({x.data(), tokens, cols}, packed, {y.data(), tokens, rows}, {.columns = order});
  check(3e-2);
  const std::vector<float> dynamic = y;
  const auto bytes = quantize<bytes_by<per_token>>(matrix_view<const float>{x.data(), tokens, cols});
  gemm(bytes.view(), packed, matrix_view<float>{y.data(), tokens, rows}, {.columns = order});
  CHECK(y == dynamic);

  const auto grouped = quantize<bytes_by<per_group<width>>>(matrix_view<const float>{x.data(), tokens, cols});
  CHECK_THROWS_AS(gemm(grouped.view(), packed, matrix_view<float>{y.data(), tokens, rows}, {.columns = order}), lowp::error);
  const std::vector<std::uint32_t> beyond(cols, cols);
  CHECK_THROWS_AS(gemm({x.data(), tokens, cols}, packed, {y.data(), tokens, rows}, {.columns = beyond}), lowp::error);
  const std::vector<std::uint32_t> few(order.begin(), order.end() - 1);
  CHECK_THROWS_AS(gemm({x.data(), tokens, cols}, packed, {y.data(), tokens, rows}, {.columns = few}), lowp::error);
  CHECK(y == dynamic);
  group_of[3] = 4;
  CHECK_THROWS_AS(columns_by_group(group_of, width), lowp::error);
  group_of[3] = -1;
  CHECK_THROWS_AS(columns_by_group(group_of, width), lowp::error);
  std::fill(group_of.begin(), group_of.end(), 0);
  CHECK_THROWS_AS(columns_by_group(group_of, width), lowp::error);
}

TEST_CASE("an error in a shape comes before anything is written", "[kernel][integer]") {
  const auto w = pack<layout::tile16>(reference::random_weights<int4_g32>(50, 200, 3));
  const quantized<bytes_by<per_token>> x(2, 199);
  std::vector<float> y(100, 7.0f);
  CHECK_THROWS_AS(gemm(x.view(), w, matrix_view<float>{y.data(), 2, 50}), lowp::error);
  const quantized<bytes_by<per_token>> fits(2, 200);
  CHECK_THROWS_AS(gemm(fits.view(), w, matrix_view<float>{y.data(), 2, 49}), lowp::error);
  CHECK_THROWS_AS(gemm(fits.view(), w, matrix_view<float>{y.data(), 2, 50}, {.first = 3, .last = 51}), lowp::error);
  CHECK(y == std::vector<float>(100, 7.0f));
}
