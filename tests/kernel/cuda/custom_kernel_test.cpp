// What the lanes of examples/custom_kernel.cu add up to, in any scheme, is the product; and for INT4 what the loop by hand gives.
#include <lowp_test.hpp>

#include "../../../examples/custom_kernel.hpp"

#include <lowp/layout/packed.hpp>
#include <lowp/layout/row_major.hpp>
#include <lowp/quantize/quantize.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr std::size_t cols = 1536;

std::vector<float> numbers(float step) {
  std::vector<float> v(cols);
  for (std::size_t i = 0; i < cols; ++i) v[i] = std::sin(static_cast<float>(i) * step);
  return v;
}

template <class S>
double relative_error() {
  const auto w = numbers(1.7f);
  const auto x = numbers(0.3f);
  const auto q = lowp::quantize<S>(lowp::matrix_view<const float>{w.data(), 1, cols});
  const auto packed = lowp::pack<lowp::layout::row_major>(q);
  std::vector<lowp::packed_run<typename S::format>> runs(cols / 8);
  std::memcpy(runs.data(), packed.bytes().data(), packed.bytes().size());
  const auto codes = q.scales().codes();
  std::vector<lowp::code_t<typename S::scale>> scales;
  for (std::size_t g = 0; g < codes.cols(); ++g) scales.push_back(codes(0, g));
  double sum = 0;
  double exact = 0;
  double size = 0;
  for (std::size_t lane = 0; lane < 32; ++lane) sum += static_cast<double>(lane_sum<S>(runs.data(), scales.data(), x.data(), cols, lane));
  for (std::size_t c = 0; c < cols; ++c) {
    exact += static_cast<double>(q.value(0, c)) * static_cast<double>(x[c]);
    size += std::fabs(static_cast<double>(q.value(0, c)) * static_cast<double>(x[c]));
  }
  return std::fabs(sum - exact) / size;
}

}  // namespace

TEST_CASE("a kernel of one's own takes any scheme", "[cuda]") {
  CHECK(relative_error<lowp::int4_g128>() < 1e-6);
  CHECK(relative_error<lowp::nf4_g64>() < 1e-6);
  CHECK(relative_error<lowp::mxfp4>() < 1e-6);
  CHECK(relative_error<lowp::mxfp8_e4m3>() < 1e-6);
  CHECK(relative_error<lowp::scheme<lowp::bnb_fp4, lowp::per_group<32>, lowp::symmetric, lowp::bf16>>() < 1e-6);
}

TEST_CASE("the template gives what the loop by hand gives", "[cuda]") {
  using int4_f32 = lowp::scheme<lowp::i4, lowp::per_group<128>, lowp::symmetric, lowp::f32>;
  const auto x = numbers(0.3f);
  std::vector<std::uint32_t> words(cols / 8);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::uint32_t>(i) * 0x9e3779b9u;
  std::vector<float> scales(cols / 128);
  std::vector<std::uint32_t> codes(cols / 128);
  for (std::size_t g = 0; g < scales.size(); ++g) {
    scales[g] = 0.01f * static_cast<float>(g + 1);
    codes[g] = lowp::bit_cast<std::uint32_t>(scales[g]);
  }
  for (std::size_t lane = 0; lane < 32; ++lane) {
    CHECK(lane_sum<int4_f32>(words.data(), codes.data(), x.data(), cols, lane) ==
          lane_sum_by_hand(words.data(), scales.data(), x.data(), cols, lane));
  }
}
