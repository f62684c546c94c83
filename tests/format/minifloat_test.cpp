// Minifloats against magnitudes made from the specifications' formula, and the figures that the specifications print.
#include "reference.hpp"

#include <lowp/format/encode.hpp>
#include <lowp/format/laws.hpp>
#include <lowp/format/minifloat.hpp>

#include <lowp_test.hpp>

#include <bit>
#include <cmath>
#include <cstdint>

namespace {

using namespace lowp;

using ieee_e4m3 = minifloat<4, 3, special_values::ieee>;
using ieee_e3m4 = minifloat<3, 4, special_values::ieee>;
using e4m3b11fnuz = minifloat<4, 3, special_values::fnuz, 11>;
using e5m0 = minifloat<5, 0, special_values::none>;
using e7m0 = minifloat<7, 0, special_values::fn>;
using e1m1 = minifloat<1, 1, special_values::none>;
using e1m6 = minifloat<1, 6, special_values::fnuz>;

constexpr std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

struct facts {
  int largest_code;     // the code of the largest number
  int nan_code;         // what a positive NaN becomes; -1: the largest number
  bool nan_keeps_sign;  // otherwise there is one NaN
  bool infinity;        // largest_code + 1 is infinity
  bool negative_zero;
};

// What the specification says that x becomes.
template <class F>
std::uint32_t expected(const reference::magnitudes& numbers, const facts& f, float x, reference::rounding how, overflow mode) {
  const std::uint32_t sign = std::signbit(x) ? 1u << (F::bits - 1) : 0u;
  const auto largest = static_cast<std::uint32_t>(f.largest_code);
  if (std::isnan(x)) {
    if (f.nan_code < 0) return largest;
    return static_cast<std::uint32_t>(f.nan_code) | (f.nan_keeps_sign ? sign : 0u);
  }
  const std::size_t code = std::isinf(x) ? numbers.largest() + 1 : numbers.round(std::abs(static_cast<double>(x)), how);
  if (code > numbers.largest()) {
    if (mode == overflow::saturate || f.nan_code < 0) return sign | largest;
    if (f.infinity) return sign | (largest + 1);
    return static_cast<std::uint32_t>(f.nan_code) | (f.nan_keeps_sign ? sign : 0u);
  }
  return code == 0 && !f.negative_zero ? 0u : sign | static_cast<std::uint32_t>(code);
}

template <class F, class R>
void check_encoder(const facts& f, reference::rounding how) {
  const auto numbers = reference::magnitudes::of_float(F::mantissa_bits, F::bias, f.largest_code);
  int wrong = 0;
  float first = 0;
  const auto compare = [&](float x) {
    for (const overflow mode : {overflow::saturate, overflow::propagate}) {
      if (encode<F>(x, R{}, mode) == expected<F>(numbers, f, x, how, mode)) continue;
      if (wrong++ == 0) first = x;
    }
  };
  reference::for_each_input(compare);
  for (std::size_t i = 0; i < numbers.largest(); ++i) {
    const auto low = static_cast<float>(numbers[i]);
    const auto middle = static_cast<float>((numbers[i] + numbers[i + 1]) / 2);
    for (const float x : {low, middle}) {
      for (const float y : {x, std::nextafter(x, 0.0f), std::nextafter(x, 1e38f)}) {
        compare(y);
        compare(-y);
      }
    }
  }
  CAPTURE(first);
  CHECK(wrong == 0);
}

template <class F>
void check(const facts& f) {
  const auto numbers = reference::magnitudes::of_float(F::mantissa_bits, F::bias, f.largest_code);
  int wrong = 0;
  for (std::uint32_t c = 0; c < (1u << F::bits); ++c) {
    const std::uint32_t magnitude = c & ((1u << (F::bits - 1)) - 1);
    const bool negative = c >> (F::bits - 1) != 0;
    const std::uint32_t decoded = bits_of(decode<F>(c));
    if (magnitude == 0 && negative && !f.negative_zero) {
      wrong += decoded != 0x7fc00000u;
    } else if (magnitude <= numbers.largest()) {
      const auto value = static_cast<float>(numbers[magnitude]);
      wrong += decoded != bits_of(negative ? -value : value);
    } else if (f.infinity && magnitude == numbers.largest() + 1) {
      wrong += decoded != (negative ? 0xff800000u : 0x7f800000u);
    } else {
      wrong += decoded != (negative ? 0xffc00000u : 0x7fc00000u);
    }
  }
  CHECK(wrong == 0);
  check_encoder<F, nearest_even>(f, reference::rounding::nearest_even);
  check_encoder<F, half_away>(f, reference::rounding::half_away);
  check_encoder<F, toward_zero>(f, reference::rounding::toward_zero);
  check_encoder<F, away_from_zero>(f, reference::rounding::away_from_zero);
}

template <class F>
constexpr bool range_is(float largest, float smallest_normal, float smallest) {
  constexpr int mantissa_unit = 1 << F::mantissa_bits;
  return limits<F>.largest == largest && limits<F>.lowest == -largest && limits<F>.reach == largest &&
         decode<F>(mantissa_unit) == smallest_normal && decode<F>(1) == smallest;
}

}  // namespace

// OCP FP8 1.0, table 1; Noune et al.; OCP MX 1.0, tables 3 to 5.
static_assert(range_is<e4m3>(448.0f, 0x1p-6f, 0x1p-9f) && e4m3::bias == 7 && levels<e4m3>.count == 253);
static_assert(range_is<e5m2>(57344.0f, 0x1p-14f, 0x1p-16f) && e5m2::bias == 15 && levels<e5m2>.count == 247);
static_assert(range_is<e4m3fnuz>(240.0f, 0x1p-7f, 0x1p-10f) && e4m3fnuz::bias == 8 && levels<e4m3fnuz>.count == 255);
static_assert(range_is<e5m2fnuz>(57344.0f, 0x1p-15f, 0x1p-17f) && e5m2fnuz::bias == 16 && levels<e5m2fnuz>.count == 255);
static_assert(range_is<e2m1>(6.0f, 1.0f, 0.5f) && e2m1::bias == 1 && levels<e2m1>.count == 15);
static_assert(range_is<e2m3>(7.5f, 1.0f, 0.125f) && e2m3::bias == 1 && levels<e2m3>.count == 63);
static_assert(range_is<e3m2>(28.0f, 0.25f, 0.0625f) && e3m2::bias == 3 && levels<e3m2>.count == 63);
static_assert(range_is<ieee_e4m3>(240.0f, 0x1p-6f, 0x1p-9f) && levels<ieee_e4m3>.count == 239);
static_assert(limits<e4m3>.has_nan && limits<e5m2>.has_nan && limits<e4m3fnuz>.has_nan && !limits<e2m1>.has_nan && !limits<e3m2>.has_nan);

TEST_CASE("e4m3 is what OCP says", "[format][minifloat]") { check<e4m3>({0x7e, 0x7f, true, false, true}); }
TEST_CASE("e5m2 is what OCP says", "[format][minifloat]") { check<e5m2>({0x7b, 0x7e, true, true, true}); }
TEST_CASE("e4m3fnuz has one NaN and no minus zero", "[format][minifloat]") { check<e4m3fnuz>({0x7f, 0x80, false, false, false}); }
TEST_CASE("e5m2fnuz has one NaN and no minus zero", "[format][minifloat]") { check<e5m2fnuz>({0x7f, 0x80, false, false, false}); }
TEST_CASE("e3m2 has only numbers", "[format][minifloat]") { check<e3m2>({0x1f, -1, false, false, true}); }
TEST_CASE("e2m3 has only numbers", "[format][minifloat]") { check<e2m3>({0x1f, -1, false, false, true}); }
TEST_CASE("e2m1 has only numbers", "[format][minifloat]") { check<e2m1>({0x07, -1, false, false, true}); }
TEST_CASE("Minifloats of one's own: IEEE conventions", "[format][minifloat]") {
  check<ieee_e4m3>({0x77, 0x7c, true, true, true});
  check<ieee_e3m4>({0x6f, 0x78, true, true, true});
}
TEST_CASE("Minifloats of one's own: other widths and biases", "[format][minifloat]") {
  check<e4m3b11fnuz>({0x7f, 0x80, false, false, false});
  check<e1m1>({0x03, -1, false, false, true});
  check<e1m6>({0x7f, 0x80, false, false, false});
}

TEST_CASE("Powers of two alone round by the parity of the exponent", "[format][minifloat]") {
  CHECK(laws::format_at_run_time<e5m0>());
  CHECK(laws::format_at_run_time<e7m0>());
  CHECK(decode<e5m0>(1) == 0x1p-14f);
  CHECK(encode<e5m0>(3.0f) == 16);  // between 2 (code 16) and 4
  CHECK(encode<e5m0>(6.0f) == 18);  // between 4 and 8 (code 18)
}

TEST_CASE("Thresholds of e2m1: ties go to the even code", "[format][minifloat]") {
  const float thresholds[7] = {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f};
  const std::uint32_t tie_goes_to[7] = {0, 2, 2, 4, 4, 6, 6};
  for (std::uint32_t i = 0; i < 7; ++i) {
    CAPTURE(i);
    CHECK(encode<e2m1>(thresholds[i]) == tie_goes_to[i]);
    CHECK(encode<e2m1>(-thresholds[i]) == (tie_goes_to[i] | 8u));
    CHECK(encode<e2m1>(std::nextafter(thresholds[i], 0.0f)) == i);
    CHECK(encode<e2m1>(std::nextafter(thresholds[i], 9.0f)) == i + 1);
  }
}

TEST_CASE("Published codes of e4m3", "[format][minifloat]") {
  CHECK(encode<e4m3>(17.0f) == 0x58);
  CHECK(decode<e4m3>(0x58) == 16.0f);
  CHECK(encode<e4m3>(18.0f) == 0x59);
  CHECK(encode<e4m3>(19.0f) == 0x5a);
  CHECK(decode<e4m3>(0x5a) == 20.0f);
  CHECK(encode<e4m3>(464.0f, nearest_even{}, overflow::propagate) == 0x7e);
  CHECK(encode<e4m3>(std::nextafter(464.0f, 500.0f), nearest_even{}, overflow::propagate) == 0x7f);
  CHECK(encode<e4m3>(0x1p-10f) == 0x00);
  CHECK(encode<e4m3>(0.00098f) == 0x01);
  CHECK(encode<e4m3>(0x1.ep-7f) == 0x08);  // 15 * 2^-10, halfway between the largest subnormal and the smallest normal number
  CHECK(encode<e4m3>(0.3f) == 0x2a);
  CHECK(decode<e4m3>(0x2a) == 0.3125f);
}

TEST_CASE("e5m2 overflows from 61440, halfway to the number that infinity displaced", "[format][minifloat]") {
  CHECK(encode<e5m2>(61439.9f, nearest_even{}, overflow::propagate) == 0x7b);
  CHECK(encode<e5m2>(61440.0f, nearest_even{}, overflow::propagate) == 0x7c);
  CHECK(encode<e5m2>(-61440.0f, nearest_even{}, overflow::propagate) == 0xfc);
  CHECK(encode<e5m2>(61440.0f) == 0x7b);
  CHECK(encode<e5m2>(1e30f, toward_zero{}, overflow::propagate) == 0x7b);
}

TEST_CASE("A byte means half as much in e4m3fnuz as in e4m3", "[format][minifloat]") {
  int compared = 0;
  for (std::uint32_t c = 0; c < 0x7f; ++c) {
    CHECK(decode<e4m3fnuz>(c) == decode<e4m3>(c) / 2);
    ++compared;
  }
  CHECK(compared == 127);
  CHECK(is_nan(decode<e4m3>(0x7f)));
  CHECK(decode<e4m3fnuz>(0x7f) == 240.0f);
}
