// f16 and bf16 against std::ldexp, the processor's own conversion where it has one, and rounding written another way.
#include <lowp/core/half.hpp>

#include <lowp_test.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using lowp::bf16;
using lowp::f16;
using lowp::f32;
using lowp::overflow;

constexpr std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }
constexpr float float_of(std::uint32_t u) { return std::bit_cast<float>(u); }

// Nearest even by adding just under half a unit and dropping the rest: not how the library does it.
std::uint32_t bf16_by_addition(std::uint32_t u) {
  if ((u & 0x7fffffffu) > 0x7f800000u) return (u >> 16 & 0x8000u) | 0x7fc0u;
  return (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
}

}  // namespace

static_assert(sizeof(f16) == 2 && sizeof(bf16) == 2 && std::is_trivially_copyable_v<f16> && std::is_trivially_copyable_v<bf16>);
static_assert(f16(0.1f).code == 0x2e66 && static_cast<float>(f16(0.1f)) == 0.0999755859375f);
static_assert(bf16(0.1f).code == 0x3dcd && static_cast<float>(bf16::from_code(0x3f80)) == 1.0f);
static_assert(f16::largest == 65504.0f && bf16::largest == 0x1.fep127f && f32::largest == 0x1.fffffep127f);
static_assert(f16{}.code == 0 && f16::from_code(0x8000).code == 0x8000);
static_assert(f16(65519.99f).code == 0x7bff && f16(65520.0f).code == 0x7c00);

TEST_CASE("f16 decodes every code to the value of IEEE 754", "[core][half]") {
  int wrong = 0;
  for (std::uint32_t code = 0; code < 0x10000u; ++code) {
    const int e = static_cast<int>(code >> 10 & 31);
    const int m = static_cast<int>(code & 1023);
    const float decoded = f16::from_code(static_cast<std::uint16_t>(code));
    const double magnitude = e == 0 ? std::ldexp(m, -24) : std::ldexp(1024 + m, e - 25);
    const auto expected = static_cast<float>((code >> 15) != 0 ? -magnitude : magnitude);
    if (e < 31) wrong += bits_of(decoded) != bits_of(expected);
    else if (m == 0) wrong += bits_of(decoded) != ((code >> 15) << 31 | 0x7f800000u);
    else wrong += !lowp::is_nan(decoded) || lowp::is_negative(decoded) != ((code >> 15) != 0);
  }
  CHECK(wrong == 0);
}

TEST_CASE("Every code of f16 and bf16 comes back from its value", "[core][half]") {
  int wrong = 0;
  for (std::uint32_t c = 0; c < 0x10000u; ++c) {
    const auto code = static_cast<std::uint16_t>(c);
    const float h = f16::from_code(code);
    const float b = bf16::from_code(code);
    wrong += lowp::is_nan(h) ? (f16(h).code != ((code & 0x8000u) | 0x7e00u)) : (f16(h).code != code);
    wrong += lowp::is_nan(b) ? (bf16(b).code != ((code & 0x8000u) | 0x7fc0u)) : (bf16(b).code != code);
    if (!lowp::is_nan(b)) wrong += bits_of(b) != c << 16;
  }
  CHECK(wrong == 0);
}

TEST_CASE("f16 rounds at and beside every midpoint", "[core][half]") {
  int wrong = 0;
  for (std::uint32_t c = 0; c < 0x7bffu; ++c) {
    const float low = f16::from_code(static_cast<std::uint16_t>(c));
    const float high = f16::from_code(static_cast<std::uint16_t>(c + 1));
    const float middle = (low + high) / 2;  // exact: one bit more than f16 has
    const std::uint32_t even = (c & 1u) != 0 ? c + 1 : c;
    wrong += f16(middle).code != even;
    wrong += f16(std::nextafter(middle, 0.0f)).code != c || f16(std::nextafter(middle, 1e9f)).code != c + 1;
    wrong += f16(-middle).code != (even | 0x8000u);
    wrong += f16::encode(middle, lowp::half_away{}) != c + 1 || f16::encode(middle, lowp::toward_zero{}) != c;
    wrong += f16::encode(std::nextafter(low, 1e9f), lowp::away_from_zero{}) != c + 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("bf16 rounds as adding half a unit does", "[core][half]") {
  int wrong = 0;
  for (std::uint32_t high = 0; high < 0x10000u; ++high) {
    for (const std::uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      const std::uint32_t u = high << 16 | low;
      wrong += bf16(float_of(u)).code != bf16_by_addition(u);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Special values of f16, bf16 and f32", "[core][half]") {
  const float infinity = lowp::infinity();
  CHECK(f16(infinity).code == 0x7c00);
  CHECK(f16(-infinity).code == 0xfc00);
  CHECK(f16(lowp::quiet_nan()).code == 0x7e00);
  CHECK(f16(float_of(0xff800001u)).code == 0xfe00);
  CHECK(bf16(float_of(0x7f800001u)).code == 0x7fc0);
  CHECK(f16(-0.0f).code == 0x8000);
  CHECK(f16(0x1p-24f).code == 1);
  CHECK(f16(0x1p-25f).code == 0);
  CHECK(f16(0x1.000002p-25f).code == 1);
  CHECK(bf16(0x1p-133f).code == 1);
  CHECK(bf16(0x1p-149f).code == 0);
  CHECK(f16::encode(1e9f, lowp::nearest_even{}, overflow::saturate) == 0x7bff);
  CHECK(f16::encode(-infinity, lowp::nearest_even{}, overflow::saturate) == 0xfbff);
  CHECK(f16::encode(1e9f, lowp::toward_zero{}, overflow::propagate) == 0x7bff);
  CHECK(bf16(f32::largest).code == 0x7f80);
  CHECK(bf16::encode(f32::largest, lowp::nearest_even{}, overflow::saturate) == 0x7f7f);
  CHECK(f32::encode(infinity) == 0x7f800000u);
  CHECK(f32::encode(infinity, lowp::nearest_even{}, overflow::saturate) == 0x7f7fffffu);
  CHECK(f32::encode(-infinity, lowp::nearest_even{}, overflow::saturate) == 0xff7fffffu);
  CHECK(f32::encode(float_of(0x7fc12345u), lowp::nearest_even{}, overflow::saturate) == 0x7fc12345u);
}

#if defined(__x86_64__)
namespace {

__attribute__((target("avx,f16c"))) std::uint16_t hardware_encode(float x) {
  return static_cast<std::uint16_t>(_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(x), _MM_FROUND_TO_NEAREST_INT), 0));
}
__attribute__((target("avx,f16c"))) float hardware_decode(std::uint16_t code) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(code)));
}

}  // namespace

TEST_CASE("f16 equals the processor's conversion", "[core][half]") {
  if (!__builtin_cpu_supports("avx2")) return;  // which every processor with AVX2 has
  int wrong = 0;
  for (std::uint32_t c = 0; c < 0x10000u; ++c) {
    const auto code = static_cast<std::uint16_t>(c);
    const float mine = f16::from_code(code);
    wrong += lowp::is_nan(mine) ? !lowp::is_nan(hardware_decode(code)) : bits_of(mine) != bits_of(hardware_decode(code));
  }
  CHECK(wrong == 0);
  // A stride that is odd, so that all exponents, signs and low bits come up: 4.2 million floats.
  for (std::uint64_t u = 0; u < 0x100000000u; u += 1021) {
    const float x = float_of(static_cast<std::uint32_t>(u));
    if (!lowp::is_nan(x)) wrong += f16(x).code != hardware_encode(x);
  }
  CHECK(wrong == 0);
}
#endif
