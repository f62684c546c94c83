// Views over memory that somebody else owns, other element types, strides, and shapes that do not fit.

#include "odd_schemes.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using lowp::matrix_view;

TEST_CASE("a view of foreign codes and scales reads as the matrix that owns its own", "[quantize]") {
  const auto w = normal_numbers(5 * 100, 61);
  const auto q = lowp::quantize<lowp::int8_channel>(view_of(w, 5, 100));
  // Codes in a padded buffer, scales in a column of a larger one.
  std::vector<std::uint8_t> codes(5 * 128, 0xee);
  std::vector<std::uint32_t> scales(5 * 3, 0xffffffffu);
  for (std::size_t r = 0; r < 5; ++r) {
    for (std::size_t c = 0; c < 100; ++c) codes[r * 128 + c] = q.codes()(r, c);
    scales[r * 3 + 1] = q.scales().codes()(r, 0);
  }
  const lowp::quantized_view<lowp::int8_channel> v{{codes.data(), 5, 100, 128}, {{scales.data() + 1, 5, 1, 3}}, {}};
  CHECK(v.rows() == 5);
  CHECK(v.cols() == 100);
  std::size_t different = 0;
  for (std::size_t r = 0; r < 5; ++r) {
    for (std::size_t c = 0; c < 100; ++c) different += v.value(r, c) != q.value(r, c);
  }
  CHECK(different == 0);
  std::vector<float> back(500);
  lowp::dequantize(v, matrix_view<float>{back.data(), 5, 100});
  CHECK(back[499] == q.value(4, 99));
}

TEST_CASE("a view of foreign NVFP4, as checkpoints keep it", "[quantize]") {
  const std::vector<std::uint8_t> codes{0x7, 0xf, 0x2, 0x0, 0x1, 0x9};
  const std::vector<std::uint8_t> blocks{0x38, 0x40};    // 1 and 2
  const std::vector<std::uint32_t> tensor{0x3f000000u};  // 0.5
  const lowp::quantized_view<lowp::nvfp4> v{{codes.data(), 2, 3}, {{blocks.data(), 2, 1}, {{tensor.data(), 1, 1}}, {}}, {}};
  CHECK(v.value(0, 0) == 3.0f);
  CHECK(v.value(0, 1) == -3.0f);
  CHECK(v.value(0, 2) == 0.5f);
  CHECK(v.value(1, 1) == 0.5f);
  CHECK(v.value(1, 2) == -0.5f);
  CHECK(v.group_of(1, 0).scale == 1.0f);
}

TEST_CASE("views whose parameters do not fit are errors before anything is written", "[quantize]") {
  const std::vector<std::uint8_t> codes(64, 0);
  const std::vector<std::uint8_t> blocks(8, 0x38);
  const std::vector<std::uint32_t> tensor{0x3f800000u};
  std::vector<float> out(64, -1.0f);
  const auto refused = [&](const lowp::quantized_view<lowp::nvfp4>& v, std::size_t rows, std::size_t cols) {
    try {
      lowp::dequantize(v, matrix_view<float>{out.data(), rows, cols});
    } catch (const lowp::error&) {
      return out == std::vector<float>(64, -1.0f);
    }
    return false;
  };
  const matrix_view<const std::uint32_t> one{tensor.data(), 1, 1};
  CHECK(refused({{codes.data(), 2, 32}, {{blocks.data(), 2, 1}, {one}, {}}, {}}, 2, 32));
  CHECK(refused({{codes.data(), 2, 32}, {{blocks.data(), 4, 2}, {one}, {}}, {}}, 2, 32));
  CHECK(refused({{codes.data(), 2, 32}, {{blocks.data(), 2, 2}, {{tensor.data(), 0, 0}}, {}}, {}}, 2, 32));
  CHECK(refused({{codes.data(), 2, 32}, {{blocks.data(), 2, 2}, {one}, {}}, {}}, 4, 16));
  CHECK_FALSE(refused({{codes.data(), 2, 32}, {{blocks.data(), 2, 2}, {one}, {}}, {}}, 2, 32));
}

TEST_CASE("halves and bfloat16 go in and out", "[quantize]") {
  const auto w = normal_numbers(4 * 64, 62);
  std::vector<lowp::f16> half(w.size());
  std::vector<lowp::bf16> brain(w.size());
  std::vector<float> from_half(w.size());
  std::vector<float> from_brain(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) {
    half[i] = lowp::f16(w[i]);
    brain[i] = lowp::bf16(w[i]);
    from_half[i] = half[i];
    from_brain[i] = brain[i];
  }
  odd::for_each_scheme([&]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    CHECK(lowp::quantize<S>(matrix_view<const lowp::f16>{half.data(), 4, 64}) == lowp::quantize<S>(view_of(from_half, 4, 64)));
    CHECK(lowp::quantize<S>(matrix_view<lowp::bf16>{brain.data(), 4, 64}) == lowp::quantize<S>(view_of(from_brain, 4, 64)));
    const auto q = lowp::quantize<S>(view_of(w, 4, 64));
    std::vector<lowp::f16> out(w.size());
    lowp::dequantize(q, matrix_view<lowp::f16>{out.data(), 4, 64});
    std::vector<lowp::bf16> short_out(w.size());
    lowp::dequantize(q, matrix_view<lowp::bf16>{short_out.data(), 4, 64});
    std::size_t different = 0;
    for (std::size_t i = 0; i < w.size(); ++i) {
      different += out[i].code != lowp::f16(q.value(i / 64, i % 64)).code;
      different += short_out[i].code != lowp::bf16(q.value(i / 64, i % 64)).code;
    }
    CHECK(different == 0);
  });
}

TEST_CASE("strides of the input and the output do not matter", "[quantize]") {
  const auto w = normal_numbers(40 * 70, 63);
  std::vector<float> column_major(40 * 70);
  for (std::size_t r = 0; r < 40; ++r) {
    for (std::size_t c = 0; c < 70; ++c) column_major[c * 40 + r] = w[r * 70 + c];
  }
  odd::for_each_scheme([&]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    const auto q = lowp::quantize<S>(view_of(w, 40, 70));
    CHECK(lowp::quantize<S>(matrix_view<const float>{column_major.data(), 40, 70, 1, 40}) == q);
    std::vector<float> padded(40 * 100, -7.0f);
    lowp::dequantize(q, matrix_view<float>{padded.data(), 40, 70, 100});
    std::size_t wrong = 0;
    for (std::size_t r = 0; r < 40; ++r) {
      for (std::size_t c = 0; c < 100; ++c) wrong += padded[r * 100 + c] != (c < 70 ? q.value(r, c) : -7.0f);
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("fake quantization is quantization there and back, in place too", "[quantize]") {
  auto w = normal_numbers(8 * 48, 64);
  const auto q = lowp::quantize<lowp::nvfp4>(view_of(w, 8, 48));
  std::vector<float> out(w.size());
  lowp::fake_quantize<lowp::nvfp4>(view_of(w, 8, 48), matrix_view<float>{out.data(), 8, 48});
  const matrix_view<float> self{w.data(), 8, 48};
  lowp::fake_quantize<lowp::nvfp4>(self, self);
  CHECK(w == out);
  CHECK(out[100] == q.value(100 / 48, 100 % 48));
  CHECK_THROWS_AS(lowp::fake_quantize<lowp::nvfp4>(self, matrix_view<float>{out.data(), 4, 96}), lowp::error);
  CHECK_THROWS_AS(lowp::dequantize(q, matrix_view<float>{out.data(), 8, 47}), lowp::error);
}

TEST_CASE("an owner's parts fit together", "[quantize]") {
  const auto w = normal_numbers(9 * 300, 65);
  odd::for_each_scheme([&]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    const auto q = lowp::quantize<S>(view_of(w, 9, 300));
    CHECK(q.rows() == 9);
    CHECK(q.cols() == 300);
    CHECK(q.grid() == S::granularity::grid(9, 300));
    const auto g = S::granularity::group_of(7, 211, 9, 300);
    CHECK(q.group(g).scale == q.group_of(7, 211).scale);
    CHECK(q.view().value(7, 211) == q.value(7, 211));
    CHECK(q.group(g).decode(q.codes()(7, 211)) == q.value(7, 211));
    auto copy = q;
    CHECK(copy == q);
    copy.codes()(8, 299) ^= 1;
    CHECK_FALSE(copy == q);
    CHECK(lowp::quantized<S>() == lowp::quantized<S>(0, 0));
  });
}
