// Schemes that hold the numbers of others, and those that do not.

#include <lowp_test.hpp>

#include <random_matrix.hpp>

#include <lowp/io/recast.hpp>
#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/ggml_schemes.hpp>
#include <lowp/scheme/presets.hpp>

#include <cstddef>
#include <string>
#include <vector>

using namespace lowp;

namespace {

constexpr std::size_t rows = 6;
constexpr std::size_t cols = 256;

// Weights in From are the same weights in To.
template <scheme_type From, scheme_type To>
bool carries(const quantized<From>& q) {
  const plain_weights from = to_plain(q);
  const auto to = recast(from, describe<To>());
  if (!to || !(to->scheme() == describe<To>())) return false;
  return to->dequantize() == from.dequantize() && to_quantized<To>(*to).rows() == rows;
}
template <scheme_type From, scheme_type To>
bool carries() {
  return carries<From, To>(quantize<From>(view_of(normal_numbers(rows * cols, 5), rows, cols)));
}

template <int Bits, class Scale, std::size_t N>
using unsigned_in_groups = scheme<integer<Bits, false>, per_group<N>, asymmetric, Scale>;
template <int Bits, class Scale, std::size_t N>
using biased_in_groups = scheme<integer<Bits, false>, per_group<N>, with_bias<Scale>, Scale>;

}  // namespace

TEST_CASE("a scheme holds its own weights", "[io][recast]") {
  CHECK(carries<int4_g128, int4_g128>());
  CHECK(carries<nvfp4, nvfp4>());
  CHECK(carries<ggml::q4_k, ggml::q4_k>());
}

TEST_CASE("integers are counted from elsewhere or take more bits", "[io][recast]") {
  CHECK(carries<int4_g128, unsigned_in_groups<4, f16, 128>>());
  CHECK(carries<int3_g128, unsigned_in_groups<3, f16, 128>>());
  CHECK(carries<int3_g128, unsigned_in_groups<4, f16, 128>>());
  CHECK(carries<int4_g128, scheme<i8, per_group<128>, symmetric, f16>>());
  CHECK(carries<uint4_g128, unsigned_in_groups<8, f16, 128>>());
  CHECK_FALSE(carries<int4_g128, int3_g128>());
  CHECK_FALSE(carries<uint4_g128, int4_g128>());
  // Zero points that are all in the middle are none.
  auto q = quantize<uint4_g128>(view_of(normal_numbers(rows * cols, 6), rows, cols));
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t g = 0; g < cols / 128; ++g) q.zeros().codes()(r, g) = 8;
  }
  CHECK(carries<uint4_g128, int4_g128>(q));
}

TEST_CASE("groups are cut, and joined where they agree", "[io][recast]") {
  CHECK(carries<int4_g128, int4_g32>());
  CHECK(carries<int4_g128, ggml::q4_0>());
  CHECK(carries<scheme<i8, per_channel, symmetric, f16>, ggml::q8_0>());
  CHECK(carries<scheme<i8, per_tensor, symmetric, f16>, scheme<i8, per_channel, symmetric, f16>>());
  CHECK(carries<nf4_g64, scheme<nf4, per_flat_group<64>, symmetric, f32>>());
  CHECK(carries<scheme<nf4, per_flat_group<64>, symmetric, f32>, nf4_g64>());
  CHECK_FALSE(carries<int4_g32, int4_g128>());
  auto q = quantize<int4_g32>(view_of(normal_numbers(rows * cols, 7), rows, cols));
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t g = 0; g < cols / 32; ++g) q.scales().codes()(r, g) = static_cast<std::uint16_t>(0x2c00 + g / 4);
  }
  CHECK(carries<int4_g32, int4_g128>(q));
}

TEST_CASE("scales change their format where that holds them", "[io][recast]") {
  CHECK(carries<int4_g128, scheme<i4, per_group<128>, symmetric, f32>>());
  CHECK(carries<mxfp4, scheme<e2m1, per_group<32>, symmetric, bf16>>());
  CHECK(carries<mxfp4, scheme<e2m1, per_group<16>, symmetric, f32>>());
  CHECK_FALSE(carries<int4_g128, scheme<i4, per_group<128>, symmetric, bf16>>());
  CHECK_FALSE(carries<int8_channel, scheme<i8, per_channel, symmetric, f16>>());
}

TEST_CASE("zero points become biases, and minima too", "[io][recast]") {
  CHECK(carries<int4_g128, biased_in_groups<4, f16, 128>>());
  CHECK(carries<uint4_g128, biased_in_groups<4, f32, 128>>());
  CHECK(carries<ggml::q4_k, biased_in_groups<4, f32, 32>>());
  CHECK(carries<ggml::q4_1, biased_in_groups<8, f16, 32>>());
  CHECK_FALSE(carries<uint4_g128, biased_in_groups<4, f16, 128>>());
  CHECK_FALSE(carries<ggml::q4_k, biased_in_groups<4, f16, 32>>());
}

TEST_CASE("tables are what they are", "[io][recast]") {
  CHECK_FALSE(carries<nf4_g64, scheme<bnb_fp4, per_group<64>, symmetric, f32>>());
  CHECK_FALSE(carries<mxfp4, int4_g32>());
  CHECK_FALSE(recast(to_plain(quantize<nvfp4>(view_of(normal_numbers(64, 8), 2, 32))), describe<mxfp4>()));
}

TEST_CASE("a scheme of no numbers at all", "[io][recast]") {
  const std::vector<float> zeros(rows * cols, 0.0f);
  CHECK(carries<int4_g128, biased_in_groups<4, f16, 32>>(quantize<int4_g128>(view_of(zeros, rows, cols))));
  CHECK(carries<int4_g128, int4_g32>(quantize<int4_g128>(view_of(zeros, rows, cols))));
}
