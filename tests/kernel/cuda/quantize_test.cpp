// The device's quantizers, run on the host block by block: codes and scales are those of lowp::quantize, bit for bit.
#include <lowp_test.hpp>

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/quantize_body.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/row_major.hpp>
#include <lowp/layout/scale_swizzle.hpp>
#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using lowp::bf16;
using lowp::e2m1;
using lowp::e4m3;
using lowp::f16;
using lowp::f32;
using lowp::i8;
using lowp::matrix_view;
using lowp::nearest_even;
using lowp::per_block;
using lowp::per_group;
using lowp::per_token;
using lowp::scheme;
using lowp::stochastic;
using lowp::symmetric;

// Outliers, groups of zeros, negative zeros, subnormals; with `special`, NaN and infinity here and there.
template <class X>
std::vector<X> numbers(std::size_t rows, std::size_t cols, bool special, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<X> x(rows * cols);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto u = static_cast<float>(random() % 20001) / 10000.0f - 1.0f;
    const std::size_t group = i / 64;
    float v = std::ldexp(u, static_cast<int>(group * 5 % 17) - 8);
    if (group % 11 == 3) v = i % 2 != 0 ? -0.0f : 0.0f;
    if (group % 11 == 5) v = std::ldexp(u, -140);
    if (random() % 97 == 0) v *= 1000.0f;
    if (special && random() % 199 == 0) v = random() % 2 != 0 ? lowp::quiet_nan() : -lowp::infinity();
    x[i] = X(v);
  }
  return x;
}

template <class P>
bool same(const lowp::number_grid<P>& grid, const std::vector<lowp::code_t<P>>& codes) {
  if constexpr (P::bits == 0) return true;
  const auto view = grid.codes();
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (view(i / view.cols(), i % view.cols()) != codes[i]) return false;
  }
  return true;
}

struct outcome {
  bool codes = false;
  bool scales = false;
  bool zeros = true;
  bool tensor = true;
  bool saturated = false;
  bool swizzle = true;
};

template <class S, class X, class Rounding, class Rule>
outcome run(const std::vector<X>& x, std::size_t rows, std::size_t cols, Rounding rounding, Rule, std::size_t blocks = 3) {
  using body = lowp::quantize_body<S, X, Rounding, Rule>;
  const lowp::grid_shape grid = S::granularity::grid(rows, cols);
  const std::size_t stride = (cols * S::format::bits + 7) / 8;
  std::vector<std::uint8_t> codes(rows * stride, 0xcc);
  std::vector<std::remove_pointer_t<decltype(body::arguments::scales)>> scales(grid.rows * grid.cols);
  std::vector<std::remove_pointer_t<decltype(body::arguments::zeros)>> zeros(grid.rows * grid.cols);
  lowp::tensor_range tensor;
  typename body::extent shared[body::shared_extents];
  typename body::arguments a{.x = x.data(),
                             .rows = rows,
                             .cols = cols,
                             .codes = codes.data(),
                             .scales = scales.data(),
                             .zeros = zeros.data(),
                             .tensor = &tensor,
                             .rounding = rounding};
  const lowp::host_block<body::threads> block;
  if (body::needs_tensor) {
    for (std::size_t b = 0; b < blocks; ++b) body::measure(block, a, shared, b, blocks);
    body::finish(a);
  }
  for (std::size_t b = blocks; b-- > 0;) body::quantize(block, a, shared, b, blocks);

  outcome o;
  o.saturated = tensor.saturated != 0;
  lowp::quantized<S> q;
  try {
    q = lowp::quantize<S>(matrix_view<const X>{x.data(), rows, cols}, lowp::recipe{lowp::min_max{}, rounding, Rule{}});
  } catch (const lowp::error&) {
    o.codes = o.scales = o.saturated;  // what the device does instead
    return o;
  }
  o.codes = true;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      const std::uint32_t found = lowp::read_code<lowp::layout::row_major, S::format::bits>(codes.data(), r, c, rows, cols);
      o.codes = o.codes && found == q.codes()(r, c);
    }
  }
  if constexpr (body::two_level) {
    const auto view = q.scales().codes();
    o.scales = true;
    for (std::size_t i = 0; i < scales.size(); ++i) o.scales = o.scales && view(i / grid.cols, i % grid.cols) == scales[i];
    o.tensor = q.scales().scales().codes()(0, 0) == tensor.scale_code;
  } else {
    o.scales = same<typename S::scale>(q.scales(), scales);
  }
  if constexpr (S::has_zero) o.zeros = same<typename S::zero>(q.zeros(), zeros);
  if constexpr (sizeof(scales[0]) == 1) {
    std::vector<std::uint8_t> swizzled(lowp::layout::swizzled_size(grid.rows, grid.cols), 0xee);
    a.scales = swizzled.data();
    a.swizzled = true;
    for (std::size_t b = 0; b < blocks; ++b) body::quantize(block, a, shared, b, blocks);
    for (std::size_t i = 0; i < scales.size(); ++i) {
      const std::size_t at = lowp::layout::scale_swizzle_128x4::bit<8>(i / grid.cols, i % grid.cols, 0, grid.rows, grid.cols) / 8;
      o.swizzle = o.swizzle && swizzled[at] == scales[i];
    }
  }
  return o;
}

template <class S, class X, class Rounding = nearest_even, class Rule = lowp::default_scale>
void check(std::size_t rows, std::size_t cols, bool special, Rounding rounding = {}, Rule rule = {}) {
  const outcome o = run<S, X>(numbers<X>(rows, cols, special), rows, cols, rounding, rule);
  CHECK(o.codes);
  CHECK(o.scales);
  CHECK(o.zeros);
  CHECK(o.tensor);
  CHECK(o.swizzle);
}

template <class S>
void check_shapes(std::string_view name) {
  INFO(std::string(name));
  for (const bool special : {false, true}) {
    check<S, float>(5, 256, special);
    check<S, float>(3, 333, special);
    check<S, float>(130, 40, special);
    check<S, bf16>(7, 1000, special, stochastic{.seed = 7});
    check<S, bf16>(1, 4096, special, stochastic{.seed = 8});
  }
}

using nvfp4_unsigned_shift = scheme<e2m1, per_group<16>, symmetric, scheme<e4m3, lowp::per_tensor, symmetric, bf16>>;

// Numbers whose code by the quick way is not that of encode, among all floats of a stride, and all thresholds.
template <class F>
int wrong_codes(std::uint64_t stride = 9973) {
  int wrong = 0;
  const auto look = [&](float x) {
    if (lowp::is_nan(x)) return;
    lowp::fragment<f32> eight{};
    for (int e = 0; e < 8; ++e) eight.reg[e] = lowp::bit_cast<std::uint32_t>(e % 2 == 0 ? x : -x);
    const auto run = lowp::encode_fragment<F>(eight);
    for (int e = 0; e < 8; ++e) {
      const auto code = static_cast<std::uint32_t>(run >> (F::bits * e)) & lowp::low_mask(F::bits);
      wrong += code != lowp::encode<F>(e % 2 == 0 ? x : -x);
    }
  };
  for (std::uint64_t u = 0; u < 0x80000000u; u += stride) look(lowp::bit_cast<float>(static_cast<std::uint32_t>(u)));
  for (int i = 0; i + 1 < lowp::levels<F>.count; ++i) {
    for (int d = -2; d <= 2; ++d) look(lowp::from_ordered(lowp::levels<F>.threshold[i] + d));
  }
  for (const float x : {0.0f, 1e30f, lowp::infinity(), 0x1p-149f, 448.0f, 464.0f, 480.0f, 57344.0f, 61440.0f, 6.0f, 5.0f}) look(x);
  return wrong;
}

}  // namespace

TEST_CASE("encode_fragment gives the codes of encode", "[cuda]") {
  lowp::for_each_format([]<class F>(std::string_view name) {
    INFO(std::string(name));
    CHECK(wrong_codes<F>() == 0);
  });
  CHECK(wrong_codes<lowp::integer<8, true, 6>>() == 0);
  CHECK(wrong_codes<lowp::minifloat<3, 4, lowp::special_values::ieee>>() == 0);
  const lowp::fragment<f32> x = lowp::dequantize_fragment<e2m1, f32>(0x76543210u);
  CHECK(lowp::encode_fragment<e2m1>(x, lowp::toward_zero{}) == 0x76543210u);
}

TEST_CASE("encode_fragment gives the codes of encode for every float", "[.release]") {
  CHECK(wrong_codes<i8>(1) == 0);
  CHECK(wrong_codes<e4m3>(1) == 0);
  CHECK(wrong_codes<lowp::e5m2>(1) == 0);
  CHECK(wrong_codes<lowp::e2m3>(1) == 0);
  CHECK(wrong_codes<e2m1>(1) == 0);
  CHECK(wrong_codes<lowp::nf4>(1) == 0);
}

TEST_CASE("activations per token, and per group", "[cuda]") {
  check_shapes<scheme<i8, per_token, symmetric, f32>>("int8 per token");
  check_shapes<scheme<e4m3, per_token, symmetric, f32>>("e4m3 per token");
  check_shapes<scheme<e4m3, per_group<128>, symmetric, f32>>("e4m3 1x128");
  check_shapes<scheme<e4m3, per_block<1, 128>, symmetric, f32>>("e4m3 1x128 block");
  check_shapes<scheme<i8, per_group<32>, symmetric, f16>>("int8 g32");
  check_shapes<scheme<lowp::u8, per_token, lowp::asymmetric, f32>>("uint8 per token");
}

TEST_CASE("every preset but the doubly quantized NF4", "[cuda]") {
  static_assert(!lowp::device_quantizable<lowp::nf4_double>);
  lowp::for_each_preset([]<class S>(std::string_view name) {
    if constexpr (lowp::device_quantizable<S>) check_shapes<S>(name);
  });
}

TEST_CASE("numbers in f16", "[cuda]") {
  check<lowp::int8_channel, f16>(7, 1000, false);
  check<lowp::uint4_g128, f16>(7, 1000, true);
  check<lowp::mxfp4, f16>(130, 264, true);
}

TEST_CASE("zero points, biases and minima", "[cuda]") {
  check_shapes<scheme<lowp::u4, per_group<64>, lowp::asymmetric_as<f16>, f16>>("HQQ-like");
  check_shapes<scheme<lowp::u4, per_group<32>, lowp::with_bias<f32>, f32>>("with a bias");
  check_shapes<scheme<lowp::u3, per_group<32>, lowp::with_minimum<bf16>, bf16>>("with a minimum");
  check_shapes<scheme<lowp::u4, lowp::per_tensor, lowp::asymmetric, f32>>("a zero point for all");
}

TEST_CASE("two levels of scales under another format", "[cuda]") { check_shapes<nvfp4_unsigned_shift>("nvfp4 under bf16"); }

TEST_CASE("the scale rules of MX", "[cuda]") {
  for (const bool special : {false, true}) {
    check<lowp::mxfp4, float>(9, 320, special, nearest_even{}, lowp::mx_floor{});
    check<lowp::mxfp4, float>(9, 320, special, nearest_even{}, lowp::mx_ceil{});
    check<lowp::mxfp4, float>(9, 320, special, nearest_even{}, lowp::mx_rceil{});
    check<lowp::mxfp4, float>(9, 320, special, nearest_even{}, lowp::mx_even{});
    check<lowp::mxfp8_e4m3, bf16>(9, 320, special, stochastic{.seed = 3}, lowp::mx_rceil{});
  }
}

TEST_CASE("what lowp::quantize refuses is said", "[cuda]") {
  // A scale beyond f16, and a NaN where scales are integers.
  std::vector<float> x(64, 1e9f);
  using small_scale = scheme<i8, per_group<32>, symmetric, f16>;
  CHECK(run<small_scale, float>(x, 1, 64, nearest_even{}, lowp::default_scale{}).saturated);
  x.assign(64, 1.0f);
  CHECK(!run<small_scale, float>(x, 1, 64, nearest_even{}, lowp::default_scale{}).saturated);
  x[5] = lowp::quiet_nan();
  using integer_scale = scheme<lowp::i4, per_group<32>, symmetric, lowp::u8>;
  CHECK(run<integer_scale, float>(x, 1, 64, nearest_even{}, lowp::default_scale{}).saturated);
}
