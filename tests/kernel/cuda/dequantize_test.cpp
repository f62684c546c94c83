// Dequantizing whole matrices as the device does, against the host's dequantize: the same bits.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/dequantize.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/ggml_schemes.hpp>
#include <lowp/scheme/presets.hpp>

#include "gemm_problem.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using lowp::bf16;
using lowp::f16;
using lowp_test::parameters_of;

template <class Out, class Weights>
std::vector<Out> device_values(const Weights& w) {
  std::vector<Out> to(w.rows * w.cols, Out(-77.0f));
  for (std::uint32_t b = 0; b < 3; ++b) lowp::dequantize_rows(lowp::host_block<64>{}, w, to.data(), b, 3);
  return to;
}

template <class Weights>
int differences(const Weights& w, const std::vector<float>& expected) {
  int wrong = 0;
  const auto floats = device_values<float>(w);
  const auto halves = device_values<f16>(w);
  const auto brains = device_values<bf16>(w);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    wrong += lowp::bit_cast<std::uint32_t>(floats[i]) != lowp::bit_cast<std::uint32_t>(expected[i]);
    wrong += halves[i].code != f16(expected[i]).code || brains[i].code != bf16(expected[i]).code;
  }
  return wrong;
}

template <class S>
void check() {
  const std::size_t rows = 70;
  const std::size_t cols = 512;
  const auto q = lowp_test::random_weights<S>(rows, cols);
  std::vector<float> expected(rows * cols);
  lowp::dequantize(q, lowp::matrix_view<float>{expected.data(), rows, cols});
  const auto plain = lowp::pack<lowp::layout::row_major>(q);
  lowp::device_weights<S> w{.codes = plain.bytes().data(), .rows = rows, .cols = cols, .scales = parameters_of(plain.scales())};
  if constexpr (S::has_zero) w.zeros = parameters_of(plain.zeros());
  CHECK(differences(w, expected) == 0);
  if constexpr (lowp::gemm_scheme<S>::supported()) {
    const auto tiles = lowp::pack<lowp::layout::mma_a16>(q);
    auto m = lowp::mma_weights_of(tiles, tiles.bytes().data(), tiles.panel_scales().codes());
    if constexpr (S::has_zero) m.zeros = tiles.panel_zeros().codes();
    CHECK(differences(m, expected) == 0);
  }
}

template <class F, class G, class Y = lowp::symmetric, class P = f16>
using s = lowp::scheme<F, G, Y, P>;

}  // namespace

TEST_CASE("weights of every preset are dequantized as on the host", "[cuda]") {
  lowp::for_each_preset([]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    check<S>();
  });
}

TEST_CASE("so are those that the GEMM does not take", "[cuda]") {
  static_assert(!lowp::gemm_scheme<lowp::ggml::q4_k>::supported());
  check<lowp::ggml::q4_k>();
  check<s<lowp::i4, lowp::per_group<24>>>();
  check<s<lowp::nf4, lowp::per_flat_group<100>>>();
  check<s<lowp::u4, lowp::per_group<48>, lowp::asymmetric_as<f16>>>();
  check<s<lowp::u4, lowp::per_group<32>, lowp::with_bias<bf16>>>();
  check<s<lowp::i8, lowp::per_block<7, 9>>>();
}

TEST_CASE("weights in act order become those that they were made from", "[cuda]") {
  const auto q = lowp_test::random_weights<lowp::int4_g32>(70, 96);
  std::vector<float> packed_order(70 * 96);
  lowp::dequantize(q, lowp::matrix_view<float>{packed_order.data(), 70, 96});
  const auto tiles = lowp::pack<lowp::layout::mma_a16>(q);
  auto m = lowp::mma_weights_of(tiles, tiles.bytes().data(), tiles.panel_scales().codes());
  std::vector<std::uint32_t> columns(96);
  for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = static_cast<std::uint32_t>(c * 35 % 96);
  m.columns = columns.data();
  std::vector<float> expected(70 * 96);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i / 96 * 96 + columns[i % 96]] = packed_order[i];
  CHECK(differences(m, expected) == 0);
}
