// Formats of every kind that kernels tell apart, and formats of users that are none of them.

#include "gemm_reference.hpp"

#include <lowp/format/formats.hpp>

namespace {

// Values that no rule describes, one of them far away.
struct scattered8 {
  static constexpr int bits = 8;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    const auto c = static_cast<int>(code & 255u);
    return c == 77 ? 1000.0f : static_cast<float>((c * 37 + 11) % 256 - 100) / 16;
  }
};

struct scattered5 {
  static constexpr int bits = 5;
  LOWP_HD static constexpr float decode(std::uint32_t code) { return static_cast<float>(static_cast<int>((code & 31u) * 7 % 32) - 13) / 4; }
};

struct scattered7 {
  static constexpr int bits = 7;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    return static_cast<float>(static_cast<int>((code & 127u) * 51 % 128) - 64) / 8;
  }
};

// 16 bits that are neither of the halves: a logarithm.
struct log16 {
  static constexpr int bits = 16;
  [[maybe_unused]] static constexpr float largest = 2.0f;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    const float m = 1.0f + static_cast<float>(code & 0xfffu) / 4096;
    return (code & 0x8000u) != 0 ? -m : m;
  }
  template <class R>
  LOWP_HD static constexpr std::uint32_t encode(float x, R, lowp::overflow) {
    const float m = lowp::magnitude(x) < 1 ? 0 : lowp::magnitude(x) >= 2 ? 4095 : (lowp::magnitude(x) - 1) * 4096;
    return static_cast<std::uint32_t>(m) | (x < 0 ? 0x8000u : 0u);
  }
};

}  // namespace

TEST_CASE("formats that are looked up in memory", "[kernel][gemm]") {
  using namespace lowp;
  reference::check_product<scheme<scattered5, per_group<32>, symmetric, f32>>("5 bits", 33, 100);
  reference::check_product<scheme<scattered7, per_group<32>, symmetric, f32>>("7 bits", 33, 100);
  reference::check_product<scheme<scattered8, per_group<24>, symmetric, f16>>("8 bits", 33, 100);
  reference::check_product<scheme<scattered8, per_group<24>, asymmetric_as<f16>, scattered8>>("8 bits, scales too", 33, 100);
}

TEST_CASE("dense matrices are packed weights too", "[kernel][gemm]") {
  using namespace lowp;
  reference::check_product<scheme<f32, per_tensor, symmetric, unit>>("f32", 70, 515);
  reference::check_product<scheme<f32, per_group<8>, symmetric, f32>>("scaled f32", 70, 131);
  reference::check_product<scheme<f16, per_tensor, symmetric, unit>>("f16", 70, 515);
  reference::check_product<scheme<bf16, per_channel, symmetric, f32>>("bf16", 70, 515);
  reference::check_product<scheme<log16, per_group<7>, symmetric, log16>>("log16", 35, 131);
}

TEST_CASE("eight-bit floats of every convention", "[kernel][gemm]") {
  using namespace lowp;
  reference::check_product<scheme<e4m3, per_channel, symmetric, f32>>("e4m3", 33, 300);
  reference::check_product<scheme<e4m3fnuz, per_channel, symmetric, f32>>("e4m3fnuz", 33, 300);
  reference::check_product<scheme<e5m2, per_group<64>, symmetric, e8m0>>("e5m2", 33, 300);
  reference::check_product<scheme<e5m2fnuz, per_group<64>, symmetric, e5m2fnuz>>("e5m2fnuz", 33, 300);
  reference::check_product<scheme<minifloat<3, 4, special_values::ieee>, per_channel, symmetric, f32>>("e3m4", 33, 300);
  reference::check_product<scheme<minifloat<2, 5, special_values::none>, per_channel, symmetric, f32>>("e2m5", 33, 300);
}
