// Codebooks against the constants, thresholds and packed bytes that bitsandbytes publishes, written out here.
#include <lowp/format/codebook.hpp>
#include <lowp/format/encode.hpp>
#include <lowp/format/laws.hpp>

#include <lowp_test.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

namespace {

using namespace lowp;

static_assert(laws::format<nf4>() && laws::format<nf3>() && laws::format<nf2>() && laws::format<bnb_fp4>());
static_assert(levels<nf4>.count == 16 && levels<nf4>.codes_ascend && limits<nf4>.reach == 1.0f && !limits<nf4>.has_nan);
static_assert(levels<bnb_fp4>.count == 15 && !levels<bnb_fp4>.codes_ascend && limits<bnb_fp4>.reach == 1.0f);

// The bytes that bitsandbytes makes of a ramp: 64 values, absmax 4.25, the first of two codes in the high half.
template <class F>
std::string bytes_of_ramp() {
  constexpr char digits[] = "0123456789abcdef";
  const float inverse = 1.0f / 4.25f;
  std::string text;
  for (int i = 0; i < 64; ++i) text += digits[encode<F>(static_cast<float>(11 * i % 64 - 29) / 8 * inverse)];
  return text;
}

}  // namespace

// As its Python code computes them: midpoints of two floats, rounded to float. The literals of its CUDA kernel, rounded
// from these decimals at once, are one unit in the last place away at four of the fifteen.
TEST_CASE("Thresholds of nf4: a tie goes to the lower code", "[format][codebook]") {
  const double midpoints[15] = {-0.8480964004993439,  -0.6106329262256622,  -0.4599952697753906,   -0.33967943489551544,
                                -0.23460740596055984, -0.13791173323988914, -0.045525018125772476, 0.03979014977812767,
                                0.1202552504837513,   0.2035212516784668,   0.2920137718319893,    0.3893125355243683,
                                0.5016634166240692,   0.6427869200706482,   0.8614784181118011};
  float thresholds[15];
  for (std::size_t i = 0; i < 15; ++i) thresholds[i] = static_cast<float>(midpoints[i]);
  for (std::uint32_t i = 0; i < 15; ++i) {
    CAPTURE(i);
    CHECK(encode<nf4>(thresholds[i]) == i);
    CHECK(encode<nf4>(std::nextafter(thresholds[i], -2.0f)) == i);
    CHECK(encode<nf4>(std::nextafter(thresholds[i], 2.0f)) == i + 1);
  }
  CHECK(encode<nf4>(0.0f) == 7);
  CHECK(encode<nf4>(-0.0f) == 7);
  CHECK(encode<nf4>(-7.0f) == 0);
  CHECK(encode<nf4>(7.0f) == 15);
}

TEST_CASE("Thresholds of bnb_fp4 are rounded decimals, not midpoints", "[format][codebook]") {
  const float thresholds[7] = {0.00260417f, 0.0859375f, 0.20833333f, 0.29166667f, 0.4166667f, 0.583333f, 0.8333333f};
  const std::uint32_t codes[8] = {0, 1, 6, 7, 4, 5, 2, 3};
  for (std::uint32_t i = 0; i < 7; ++i) {
    CAPTURE(i);
    CHECK(encode<bnb_fp4>(thresholds[i]) == codes[i]);
    CHECK(encode<bnb_fp4>(std::nextafter(thresholds[i], 2.0f)) == codes[i + 1]);
    CHECK(encode<bnb_fp4>(-thresholds[i]) == (codes[i] | 8u));
    CHECK(encode<bnb_fp4>(-std::nextafter(thresholds[i], 2.0f)) == (codes[i + 1] | 8u));
  }
  CHECK(encode<bnb_fp4>(0.002604167f) == 0);  // above the midpoint of 0 and 1/192, below the decimal
  CHECK(encode<bnb_fp4>(0.0f) == 0);
  CHECK(encode<bnb_fp4>(-0.0f) == 0);
  CHECK(encode<bnb_fp4>(-0x1p-149f) == 8);
  CHECK(decode<bnb_fp4>(8) == 0.0f);
  CHECK(is_negative(decode<bnb_fp4>(8)));
}

TEST_CASE("bnb_fp4 is twelfths, in the order of the bits", "[format][codebook]") {
  const float twelfths[8] = {0, 0.0625f, 8, 12, 4, 6, 2, 3};
  for (std::uint32_t c = 0; c < 8; ++c) {
    CAPTURE(c);
    CHECK(decode<bnb_fp4>(c) == twelfths[c] / 12.0f);
    CHECK(decode<bnb_fp4>(c | 8u) == -(twelfths[c] / 12.0f));
  }
}

TEST_CASE("A ramp gives the bytes that bitsandbytes writes", "[format][codebook]") {
  CHECK(bytes_of_ramp<nf4>() == "0258ce1259ce136adf137bdf147bef248ce1259ce136ade136adf147bef248be");
  CHECK(bytes_of_ramp<bnb_fp4>() == "bde652ade652ace753ac9423ac1423df642ade652ade653ac9723ac0423af142");
}

TEST_CASE("NormalFloat tables share their quantiles", "[format][codebook]") {
  // nf3 and nf2 take every other positive quantile of the table above them.
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(decode<nf3>(4 + i) == decode<nf4>(9 + 2 * i));
  for (std::uint32_t i = 0; i < 2; ++i) CHECK(decode<nf2>(2 + i) == decode<nf3>(5 + 2 * i));
  CHECK(decode<nf3>(1) == -0.4786292016506195f);
  CHECK(decode<nf3>(2) == -0.217141792178154f);
}

TEST_CASE("Codebooks without NaN give their largest value for it", "[format][codebook]") {
  CHECK(encode<nf4>(quiet_nan()) == 15);
  CHECK(encode<nf3>(quiet_nan()) == 7);
  CHECK(encode<nf2>(bit_cast<float>(0xffc00000u)) == 3);
  CHECK(encode<bnb_fp4>(quiet_nan()) == 3);
  CHECK(encode<bnb_fp4>(bit_cast<float>(0xffc00000u), toward_zero{}) == 3);
}

TEST_CASE("Directed rounding of a codebook", "[format][codebook]") {
  CHECK(encode<nf4>(0.9f, toward_zero{}) == 14);
  CHECK(encode<nf4>(0.73f, away_from_zero{}) == 15);
  CHECK(encode<nf4>(-0.99f, toward_zero{}) == 1);
  CHECK(encode<nf4>(-0.7f, away_from_zero{}) == 0);
  CHECK(encode<bnb_fp4>(0.9f, toward_zero{}) == 2);
  CHECK(encode<bnb_fp4>(-0.01f, away_from_zero{}) == (6u | 8u));
  CHECK(encode<bnb_fp4>(-0.001f, toward_zero{}) == 0);
}

TEST_CASE("Stochastic rounding of nf4 is unbiased", "[format][codebook]") {
  for (const float x : {0.9f, 0.01f, -0.5f, 0.2f}) {
    CAPTURE(x);
    double sum = 0;
    constexpr int draws = 1 << 16;
    for (std::uint64_t i = 0; i < draws; ++i) sum += static_cast<double>(round_to<nf4>(x, stochastic{.seed = 9, .index = i}));
    CHECK(std::abs(sum / draws - static_cast<double>(x)) < 5 * 0.15 / 256);
  }
}
