// The device's quantizers give the codes and scales of lowp::quantize; its encoders the codes of encode.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/quantize.cuh>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/row_major.hpp>
#include <lowp/layout/scale_swizzle.hpp>
#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include "device_memory.hpp"

#include <cmath>
#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

namespace {

using lowp::bf16;
using lowp::e4m3;
using lowp::f16;
using lowp::f32;
using lowp::nearest_even;
using lowp::per_group;
using lowp::scheme;
using lowp::symmetric;

template <class X>
std::vector<X> numbers(std::size_t count) {
  std::mt19937 random(1);
  std::vector<X> x(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto u = static_cast<float>(random() % 20001) / 10000.0f - 1.0f;
    const float v = random() % 1999 == 0 ? lowp::quiet_nan()
                    : i / 64 % 11 == 5   ? std::ldexp(u, -140)
                                         : std::ldexp(u, static_cast<int>(i / 64 % 17) - 8);
    x[i] = X(i / 64 % 11 == 3 ? 0.0f : v);
  }
  return x;
}

template <class S, class X, class Rounding = nearest_even, class Rule = lowp::default_scale>
int differences(std::size_t rows, std::size_t cols, Rounding rounding = {}, Rule rule = {}, bool swizzled = false) {
  const auto x = numbers<X>(rows * cols);
  const auto q = lowp::quantize<S>(lowp::matrix_view<const X>{x.data(), rows, cols}, lowp::recipe{lowp::min_max{}, rounding, rule});
  const lowp::grid_shape grid = q.grid();
  using scale_code = typename lowp::detail::stored_as<typename S::scale>::type;
  using zero_code = typename lowp::detail::stored_as<typename S::zero>::type;
  const std::size_t scale_count = swizzled ? lowp::layout::swizzled_size(grid.rows, grid.cols) : grid.rows * grid.cols;
  const lowp_test::on_device<X> in(x);
  const lowp_test::on_device<std::uint8_t> codes{std::vector<std::uint8_t>(rows * ((cols * S::format::bits + 7) / 8))};
  const lowp_test::on_device<scale_code> scales{std::vector<scale_code>(scale_count)};
  const lowp_test::on_device<zero_code> zeros{std::vector<zero_code>(grid.rows * grid.cols)};
  const lowp_test::on_device<lowp::tensor_range> tensor{std::vector<lowp::tensor_range>(1)};
  lowp::quantize<Rule>(nullptr, lowp::quantize_arguments<S, X, Rounding>{.x = in.data(),
                                                                         .rows = rows,
                                                                         .cols = cols,
                                                                         .codes = codes.data(),
                                                                         .scales = scales.data(),
                                                                         .zeros = zeros.data(),
                                                                         .swizzled = swizzled,
                                                                         .tensor = tensor.data(),
                                                                         .rounding = rounding});
  int different = 0;
  const auto found = codes.read();
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      different += lowp::read_code<lowp::layout::row_major, S::format::bits>(found.data(), r, c, rows, cols) != q.codes()(r, c);
    }
  }
  const auto found_scales = scales.read();
  for (std::size_t r = 0; r < grid.rows; ++r) {
    for (std::size_t c = 0; c < grid.cols; ++c) {
      const std::size_t at = swizzled ? lowp::layout::swizzled_offset(r, c, grid.cols) : r * grid.cols + c;
      different += found_scales[at] != q.scales().codes()(r, c);
    }
  }
  return different;
}

template <class F>
__global__ void encode_all(unsigned* different) {
  constexpr std::uint64_t stride = 8 * 977;
  const std::uint64_t first = (std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x) * stride;
  if (first >= std::uint64_t{1} << 32) return;
  lowp::fragment<f32> x{};
  for (std::uint32_t e = 0; e < 8; ++e) {
    const auto bits = static_cast<std::uint32_t>(first) + e * 977u;
    x.reg[e] = (bits & 0x7fffffffu) > 0x7f800000u ? 0u : bits;
  }
  const auto run = lowp::encode_fragment<F>(x);
  for (int e = 0; e < 8; ++e) {
    const auto code = static_cast<std::uint32_t>(run >> (F::bits * e)) & lowp::low_mask(F::bits);
    if (code != lowp::encode<F>(lowp::bit_cast<float>(x.reg[e]))) atomicAdd(different, 1u);
  }
}

template <class F>
unsigned encoding_differences() {
  const lowp_test::on_device<unsigned> count{std::vector<unsigned>(1)};
  encode_all<F><<<(1u << 29) / 977 / 256 + 1, 256>>>(count.data());
  lowp::check_cuda(cudaGetLastError(), "launching");
  return count.read()[0];
}

}  // namespace

TEST_CASE("quantizers on the device give the bits of the host", "[cuda]") {
  CHECK(differences<scheme<lowp::i8, lowp::per_token, symmetric, f32>, f16>(33, 1000) == 0);
  CHECK(differences<scheme<e4m3, lowp::per_token, symmetric, f32>, bf16>(33, 1000) == 0);
  CHECK(differences<scheme<e4m3, per_group<128>, symmetric, f32>, bf16>(33, 1000) == 0);
  CHECK(differences<lowp::fp8_block128, float>(300, 1000) == 0);
  CHECK(differences<lowp::fp8_tensor, float>(300, 1001) == 0);
  CHECK(differences<lowp::mxfp4, bf16>(33, 1000, nearest_even{}, lowp::default_scale{}, true) == 0);
  CHECK(differences<lowp::mxfp8_e4m3, bf16>(33, 1000, lowp::stochastic{.seed = 5}, lowp::mx_rceil{}) == 0);
  CHECK(differences<lowp::mxfp6_e2m3, f16>(33, 1000) == 0);
  CHECK(differences<lowp::nvfp4, bf16>(130, 1000, nearest_even{}, lowp::default_scale{}, true) == 0);
  CHECK(differences<lowp::nvfp4, float>(33, 999, lowp::stochastic{.seed = 5}) == 0);
  CHECK(differences<lowp::uint4_g128, f16>(33, 1000) == 0);
  CHECK(differences<lowp::nf4_g64, float>(33, 1000) == 0);
}

TEST_CASE("encoders on the device give the codes of encode", "[cuda]") {
  CHECK(encoding_differences<lowp::i8>() == 0u);
  CHECK(encoding_differences<lowp::i4>() == 0u);
  CHECK(encoding_differences<e4m3>() == 0u);
  CHECK(encoding_differences<lowp::e5m2>() == 0u);
  CHECK(encoding_differences<lowp::e2m1>() == 0u);
  CHECK(encoding_differences<lowp::e2m3>() == 0u);
  CHECK(encoding_differences<lowp::e3m2>() == 0u);
}
