// Compiled with -ffast-math, and run with subnormals flushed to zero: the codecs must not notice. Expectations are bit
// patterns, since a compiler with that flag may compare floats as it likes.
#include "user_formats.hpp"

#include <lowp/format/formats.hpp>
#include <lowp/format/laws.hpp>

#include <lowp_test.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using namespace lowp;

// Flush-to-zero and denormals-are-zero for one scope.
class flushed {
 public:
#if defined(__x86_64__)
  flushed() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }
  ~flushed() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  flushed() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | 1u << 24));
  }
  ~flushed() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

 private:
  std::uint64_t before_ = 0;
#endif
};

// Hides a value from the optimizer, which would otherwise do the work at compile time, where no mode applies.
std::uint32_t opaque(std::uint32_t u) {
  volatile std::uint32_t hidden = u;
  return hidden;
}

// By reference, as the library takes floats: with this flag clang takes a float returned by value for a finite number.
const float& float_of(std::uint32_t u) {
  static float value;
  const std::uint32_t bits = opaque(u);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class F>
std::uint32_t bits_of_code(std::uint32_t code) {
  const float value = decode<F>(opaque(code));
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// What the compiler computed without any such flag is in constants.
template <class F>
struct constants {
  static constexpr int codes = 1 << F::bits;
  static constexpr int inputs = 1024;
  std::uint32_t decoded[codes] = {};
  std::uint8_t encoded[inputs][3] = {};

  static constexpr std::uint32_t input(int i) {
    // Every exponent and both signs with two mantissas: zeros, subnormals, infinities and NaN among them.
    return static_cast<std::uint32_t>(i / 2) << 23 | (i % 2 == 0 ? 0u : i % 3 == 1 ? 0x2aaaabu : 1u);
  }
  constexpr constants() {
    for (int c = 0; c < codes; ++c) decoded[c] = bit_cast<std::uint32_t>(decode<F>(static_cast<std::uint32_t>(c)));
    for (int i = 0; i < inputs; ++i) {
      const float x = bit_cast<float>(input(i));
      encoded[i][0] = static_cast<std::uint8_t>(encode<F>(x));
      encoded[i][1] = static_cast<std::uint8_t>(encode<F>(x, nearest_even{}, overflow::propagate));
      encoded[i][2] = static_cast<std::uint8_t>(encode<F>(x, away_from_zero{}));
    }
  }
};

template <class F>
int differences() {
  static constexpr constants<F> at_compile_time;
  int wrong = 0;
  for (int c = 0; c < constants<F>::codes; ++c) wrong += bits_of_code<F>(static_cast<std::uint32_t>(c)) != at_compile_time.decoded[c];
  for (int i = 0; i < constants<F>::inputs; ++i) {
    const float& x = float_of(constants<F>::input(i));
    wrong += encode<F>(x) != at_compile_time.encoded[i][0];
    wrong += encode<F>(x, nearest_even{}, overflow::propagate) != at_compile_time.encoded[i][1];
    wrong += encode<F>(x, away_from_zero{}) != at_compile_time.encoded[i][2];
  }
  return wrong;
}

}  // namespace

TEST_CASE("Codecs of every format are unmoved by fast math and flushed subnormals", "[format][fastmath]") {
  const auto check = []<class F>(std::string_view name) {
    const std::string format(name);
    CAPTURE(format);
    int wrong = differences<F>();
    {
      const flushed mode;
      wrong += differences<F>();
    }
    CHECK(wrong == 0);
  };
  for_each_format(check);
  check.operator()<user::log3>("log3");
  check.operator()<user::with_infinities>("with_infinities");
  check.operator()<user::sign_bit>("sign_bit");
  check.operator()<user::wide>("wide");
}

TEST_CASE("The laws hold under fast math with subnormals flushed", "[format][fastmath][laws]") {
  for_each_format([]<class F>(std::string_view name) {
    const std::string format(name);
    CAPTURE(format);
    const flushed mode;
    const bool holds = laws::format_at_run_time<F>();
    CHECK(holds);
  });
}

TEST_CASE("NaN and infinity are told apart under fast math", "[format][fastmath]") {
  const flushed mode;
  const std::uint32_t nan = 0x7fc00000u;
  const std::uint32_t infinity_bits = 0x7f800000u;
  CHECK(is_nan(float_of(nan)));
  CHECK_FALSE(is_nan(float_of(infinity_bits)));
  CHECK_FALSE(is_finite(float_of(infinity_bits)));
  CHECK(encode<e4m3>(float_of(nan)) == 0x7f);
  CHECK(encode<e4m3>(float_of(infinity_bits)) == 0x7e);
  CHECK(encode<e5m2>(float_of(nan)) == 0x7e);
  CHECK(encode<e5m2>(float_of(infinity_bits), nearest_even{}, overflow::propagate) == 0x7c);
  CHECK(f16(float_of(nan)).code == 0x7e00);
  CHECK(bf16(float_of(nan | 0x80000000u)).code == 0xffc0);
  CHECK(bits_of_code<e4m3>(0xff) == 0xffc00000u);
  CHECK(bits_of_code<e5m2>(0x7c) == infinity_bits);
  CHECK(bits_of_code<e8m0>(0xff) == nan);
  CHECK(bits_of_code<e4m3fnuz>(0x80) == nan);
}

TEST_CASE("Subnormal floats are read and written under flush-to-zero", "[format][fastmath]") {
  const flushed mode;
  CHECK(encode<e8m0>(float_of(0x00400000u)) == 0);  // 2^-127
  CHECK(encode<e8m0>(float_of(0x00600000u)) == 1);  // 1.5 * 2^-127
  CHECK(bits_of_code<e8m0>(0) == 0x00400000u);
  CHECK(encode<bf16>(float_of(0x00018000u)) == 2);
  CHECK(bits_of_code<bf16>(1) == 0x00010000u);
  CHECK(encode<e4m3>(float_of(1), away_from_zero{}) == 1);
  CHECK(encode<i4>(float_of(0x80000001u), away_from_zero{}) == 0xf);
  CHECK(encode<nf4>(float_of(1), away_from_zero{}) == 8);
  CHECK(encode<user::wide>(float_of(2)) == 3);
  CHECK(encode<user::wide>(float_of(0x200u)) == 4);
}
