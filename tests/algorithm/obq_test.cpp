#include <lowp/algorithm/gptq.hpp>
#include <lowp/algorithm/obq.hpp>
#include <lowp/scheme/presets.hpp>

#include "layer.hpp"

#include <lowp_test.hpp>

#include <limits>

namespace {

template <lowp::scheme_type S>
void check_order(const layer& l) {
  // The sums differ in their last bits, which may move a weight across a tie and with it the rest of its row.
  const auto obq = lowp::obq<S>(l.weights(), l.hessian(), {.order = lowp::obq_order::by_column});
  const auto gptq = lowp::gptq<S>(l.weights(), l.hessian(), {.static_groups = true});
  CHECK(obq.scales() == gptq.scales());
  std::size_t same = 0;
  for (std::size_t r = 0; r < l.rows; ++r) {
    bool all = true;
    for (std::size_t c = 0; c < l.cols; ++c) all = all && obq.codes()(r, c) == gptq.codes()(r, c);
    same += all ? 1u : 0u;
  }
  CHECK(same + 1 >= l.rows);
  CHECK(output_error(l, lowp::obq<S>(l.weights(), l.hessian())) < output_error(l, lowp::quantize<S>(l.weights())));
}

}  // namespace

TEST_CASE("GPTQ is OBQ in the order of columns", "[algorithm]") {
  const layer l = correlated_layer(12, 80, 400, 65);
  check_order<lowp::int4_g32>(l);
  check_order<lowp::int2_g32>(l);
  check_order<lowp::nf4_g64>(l);
  check_order<lowp::nvfp4>(l);
}

TEST_CASE("OBQ refuses what GPTQ refuses", "[algorithm]") {
  layer l = correlated_layer(4, 32, 100, 66);
  CHECK_THROWS_AS(lowp::obq<lowp::int4_g32>(l.weights(), l.hessian().block(0, 0, 16, 16)), lowp::error);
  const std::vector<float> ones(32 * 32, 1.0f);
  CHECK_THROWS_AS(lowp::obq<lowp::int4_g32>(l.weights(), {ones.data(), 32, 32}, {.damping = 0}), lowp::error);
  l.w[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(lowp::obq<lowp::int4_g32>(l.weights(), l.hessian()), lowp::error);
}
