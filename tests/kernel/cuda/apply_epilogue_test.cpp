// An epilogue by itself: every result once, rounded after it, in place and elsewhere.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/apply_epilogue.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

template <class Y>
void apply(const std::vector<float>& sums, std::size_t sums_stride, Y* y, std::size_t y_stride, const std::vector<float>& bias) {
  const auto rows = static_cast<std::uint32_t>(bias.size());
  for (std::uint32_t b = 0; b < 3; ++b) {
    lowp::apply_epilogue(lowp::host_block<64>{}, sums.data(), sums_stride, y, y_stride, 7, rows, lowp::bias_epilogue{bias.data()}, b, 3);
  }
}

}  // namespace

TEST_CASE("an epilogue by itself reaches every result once", "[cuda]") {
  const std::vector<float> bias{0.25f, -1.5f, 3, 0.0001f, 1000};
  std::vector<float> sums(7 * 6);
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = static_cast<float>(i) * 0.37f;
  std::vector<lowp::f16> halves(7 * 8, lowp::f16(-77.0f));
  apply(sums, 6, halves.data(), 8, bias);
  std::vector<float> floats = sums;
  apply(floats, 6, floats.data(), 6, bias);
  int wrong = 0;
  for (std::size_t t = 0; t < 7; ++t) {
    for (std::size_t r = 0; r < 5; ++r) {
      const float expected = sums[t * 6 + r] + bias[r];
      wrong += halves[t * 8 + r].code != lowp::f16(expected).code;
      wrong += floats[t * 6 + r] != expected;
    }
    for (std::size_t r = 5; r < 8; ++r) wrong += halves[t * 8 + r].code != lowp::f16(-77.0f).code;
    wrong += floats[t * 6 + 5] != sums[t * 6 + 5];
  }
  CHECK(wrong == 0);
}
