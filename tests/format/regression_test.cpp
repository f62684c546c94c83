// Mistakes that encoders elsewhere have made, one test each, so that they are not made here. The names say where.
#include <lowp/format/formats.hpp>

#include <lowp_test.hpp>

#include <cmath>
#include <cstdint>

namespace {

using namespace lowp;

constexpr auto propagate = overflow::propagate;

// Calls f with every f16 and bf16 value and the floats just above and below, positive and finite.
template <class F>
void for_each_positive(F f) {
  for (std::uint32_t high = 1; high < 0x7f80u; ++high) {
    for (const std::uint32_t u : {(high << 16) - 1, high << 16, (high << 16) + 1}) f(bit_cast<float>(u));
  }
  for (std::uint32_t code = 1; code < 0x7c00u; ++code) f(static_cast<float>(f16::from_code(static_cast<std::uint16_t>(code))));
}

// The value whose distance to x is smallest, by looking at all.
template <class F>
float nearest_of_all(float x) {
  float best = 0;
  double distance = 1e300;
  for (std::uint32_t c = 0; c < (1u << F::bits); ++c) {
    const float v = decode<F>(c);
    if (!is_finite(v) || std::abs(static_cast<double>(v) - static_cast<double>(x)) >= distance) continue;
    distance = std::abs(static_cast<double>(v) - static_cast<double>(x));
    best = v;
  }
  return best;
}

}  // namespace

// onnxruntime 16938
TEST_CASE("The nearest number, not the one beside it", "[format][regression]") {
  int wrong = 0;
  for_each_positive([&](float x) {
    if (x > 448.0f) return;
    const double mine = std::abs(static_cast<double>(round_to<e4m3>(x)) - static_cast<double>(x));
    wrong += mine > std::abs(static_cast<double>(nearest_of_all<e4m3>(x)) - static_cast<double>(x));
  });
  CHECK(wrong == 0);
}

// sglang 37140 and 40581, and ggml's NVFP4 scales: exponent field 15 of e4m3 is not overflow
TEST_CASE("The numbers of e4m3 from 256 to 448 are themselves", "[format][regression]") {
  for (int i = 0; i < 7; ++i) {
    const auto x = static_cast<float>(256 + 32 * i);
    CAPTURE(x);
    CHECK(encode<e4m3>(x) == 0x78 + i);
    CHECK(round_to<e4m3>(x) == x);
    CHECK(round_to<e4m3>(-x) == -x);
  }
  CHECK(encode<e4m3>(248.0f) == 0x78);
  CHECK(round_to<e4m3>(247.9f) == 240.0f);
}

// sglang 40581, ggml: ties went up instead of to even
TEST_CASE("A tie goes to even, not up", "[format][regression]") {
  CHECK(round_to<e4m3>(17.0f) == 16.0f);
  CHECK(round_to<e4m3>(19.0f) == 20.0f);
  CHECK(round_to<e4m3>(272.0f) == 256.0f);
  CHECK(round_to<e4m3>(304.0f) == 320.0f);
}

// ocannl 646: code 1 could not be reached, minus zero was lost
TEST_CASE("Every subnormal code is reached, and minus zero is kept", "[format][regression]") {
  for (std::uint32_t c = 0; c < 8; ++c) {
    CHECK(encode<e4m3>(std::ldexp(static_cast<float>(c), -9)) == c);
    CHECK(encode<e4m3>(-std::ldexp(static_cast<float>(c), -9)) == (c | 0x80u));
  }
  for (std::uint32_t c = 0; c < 4; ++c) CHECK(encode<e5m2>(std::ldexp(static_cast<float>(c), -16)) == c);
  CHECK(encode<e2m1>(0.5f) == 1);
  CHECK(encode<e2m1>(-0.0f) == 8);
}

// pytorch 178817: the reference for a device kernel did not saturate
TEST_CASE("Saturation is the default, and reaches infinity", "[format][regression]") {
  CHECK(encode<e4m3>(1e30f) == 0x7e);
  CHECK(encode<e4m3>(infinity()) == 0x7e);
  CHECK(encode<e5m2>(1e30f) == 0x7b);
  CHECK(encode<e2m1>(-1e30f) == 0xf);
  CHECK(encode<e4m3>(449.0f) == 0x7e);
}

// flashinfer 4160 and FreeToken 85: encoding by way of bf16 or f16 rounds twice
TEST_CASE("A float is rounded once", "[format][regression]") {
  // Just above a tie of e4m3, but exactly on it in bf16 and f16.
  const float x = std::nextafter(17.0f, 18.0f);
  CHECK(encode<e4m3>(x) == 0x59);
  CHECK(encode<e4m3>(static_cast<float>(bf16(x))) == 0x58);
  CHECK(encode<e4m3>(static_cast<float>(f16(x))) == 0x58);
  int differ = 0;
  int wrong = 0;
  for_each_positive([&](float v) {
    differ += encode<e4m3>(v) != encode<e4m3>(static_cast<float>(bf16(v)));
    wrong += std::abs(v) < 448 && encode<e4m3>(std::nextafter(v, 0.0f)) > encode<e4m3>(v);
  });
  CHECK(differ > 0);
  CHECK(wrong == 0);
}

// Model-Optimizer 1633 and 1397: casts of 480 and more put NaN bytes into scales
TEST_CASE("A saturating encoder never makes NaN or infinity of a number", "[format][regression]") {
  int wrong = 0;
  for_each_positive([&](float x) {
    wrong +=
        !is_finite(round_to<e4m3>(x)) || !is_finite(round_to<e5m2>(x)) || !is_finite(round_to<e8m0>(x)) || !is_finite(round_to<f16>(x));
    wrong += !is_finite(round_to<e4m3fnuz>(-x)) || !is_finite(round_to<e5m2fnuz>(-x)) || !is_finite(round_to<bf16>(-x));
  });
  CHECK(wrong == 0);
}

// compressed-tensors 595: scales beyond 65504 became infinity in f16
TEST_CASE("A scale stored in f16 saturates", "[format][regression]") {
  CHECK(round_to<f16>(1e6f) == 65504.0f);
  CHECK(round_to<bf16>(bit_cast<float>(0x7f7fffffu)) == 0x1.fep127f);
  CHECK(encode<f16>(1e6f, nearest_even{}, propagate) == 0x7c00);
}

// torchao 4725: NaN must not vanish where a format has none
TEST_CASE("NaN is the largest number where there is no NaN, never zero", "[format][regression]") {
  CHECK(round_to<e2m1>(quiet_nan()) == 6.0f);
  CHECK(round_to<e2m3>(quiet_nan()) == 7.5f);
  CHECK(round_to<i8>(quiet_nan()) == 127.0f);
  CHECK(round_to<nf4>(quiet_nan()) == 1.0f);
  CHECK(is_nan(round_to<e8m0>(quiet_nan())));
}

// torchao 4725: log2 and ceil are not exact
TEST_CASE("The power of two above a number is exact beside every power", "[format][regression]") {
  int wrong = 0;
  for (int e = -126; e <= 126; ++e) {
    const float power = std::ldexp(1.0f, e);
    wrong += round_to<e8m0>(power, e8m0::ceiling{}) != power;
    wrong += round_to<e8m0>(std::nextafter(power, 1e38f), e8m0::ceiling{}) != 2 * power;
    wrong += round_to<e8m0>(std::nextafter(power, 0.0f), e8m0::floor{}) != power / 2;
  }
  CHECK(wrong == 0);
}

// DirectXMath 110: a conversion to half that was right for 85 % of all floats
TEST_CASE("f16 of the floats that others got wrong", "[format][regression]") {
  CHECK(f16(bit_cast<float>(0x477ff000u)).code == 0x7c00);  // 65520
  CHECK(f16(bit_cast<float>(0x477fefffu)).code == 0x7bff);
  CHECK(f16(bit_cast<float>(0x387fe000u)).code == 0x0400);  // the tie below the smallest normal number
  CHECK(f16(bit_cast<float>(0x387fdfffu)).code == 0x03ff);
  CHECK(f16(bit_cast<float>(0x33000001u)).code == 0x0001);  // just above half the smallest subnormal number
}
