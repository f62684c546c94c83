// The fragment dequantizers: every code in every position, every half-word in each half, every order.
#include <lowp_test.hpp>

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using lowp::any_order;
using lowp::bf16;
using lowp::f16;
using lowp::interleaved_order;
using lowp::natural_order;

using numbers = std::array<std::uint32_t, 16>;

// By ml_dtypes 0.6 (int4, float4_e2m1fn) and bitsandbytes 0.50 (nf4), through float32 to NumPy's float16 and to bfloat16.
constexpr numbers i4_f16 = {0x0000, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600, 0x4700,
    0xc800, 0xc700, 0xc600, 0xc500, 0xc400, 0xc200, 0xc000, 0xbc00};
constexpr numbers i4_bf16 = {0x0000, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0,
    0xc100, 0xc0e0, 0xc0c0, 0xc0a0, 0xc080, 0xc040, 0xc000, 0xbf80};
constexpr numbers e2m1_f16 = {0x0000, 0x3800, 0x3c00, 0x3e00, 0x4000, 0x4200, 0x4400, 0x4600,
                              0x8000, 0xb800, 0xbc00, 0xbe00, 0xc000, 0xc200, 0xc400, 0xc600};
constexpr numbers e2m1_bf16 = {0x0000, 0x3f00, 0x3f80, 0x3fc0, 0x4000, 0x4040, 0x4080, 0x40c0,
                               0x8000, 0xbf00, 0xbf80, 0xbfc0, 0xc000, 0xc040, 0xc080, 0xc0c0};
constexpr numbers nf4_f16 = {0xbc00, 0xb992, 0xb833, 0xb652, 0xb48d, 0xb1ea, 0xadd4, 0x0000,
    0x2d18, 0x3126, 0x33e0, 0x3568, 0x370d, 0x3880, 0x39c9, 0x3c00};
constexpr numbers nf4_bf16 = {0xbf80, 0xbf32, 0xbf06, 0xbeca, 0xbe92, 0xbe3d, 0xbdba, 0x0000,
    0x3da3, 0x3e25, 0x3e7c, 0x3ead, 0x3ee2, 0x3f10, 0x3f39, 0x3f80};

// How many numbers of how many words come out wrong.
template <class F, class Out, class Order>
int wrong_in(std::uint32_t word, const numbers& expected) {
  using dequantizer = lowp::fragment_dequantizer<F, Out, Order>;
  const lowp::fragment<Out> f = dequantizer::value(word);
  const lowp::fragment<Out> raw = dequantizer::raw(word);
  int wrong = 0;
  for (int e = 0; e < 8; ++e) wrong += f.code(e) != expected[word >> 4 * dequantizer::position(e) & 15u];
  for (int r = 0; r < 4; ++r) {
    const auto terms = dequantizer::affine(r);
    wrong += lowp::ptx::fma2<Out>(raw.reg[r], terms.scale, terms.offset) != f.reg[r];
  }
  return wrong;
}

template <class F, class Out, class Order>
int wrong_in_all_words(const numbers& expected) {
  int wrong = 0;
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    for (const std::uint32_t other : {0x0000u, 0xffffu, half * 40503u & 0xffffu}) {
      wrong += wrong_in<F, Out, Order>(half | other << 16, expected) + wrong_in<F, Out, Order>(half << 16 | other, expected);
    }
  }
  return wrong;
}

template <class F, class Out>
void check_all_words(const numbers& expected) {
  CHECK(wrong_in_all_words<F, Out, natural_order>(expected) == 0);
  CHECK(wrong_in_all_words<F, Out, interleaved_order>(expected) == 0);
  CHECK(wrong_in_all_words<F, Out, any_order>(expected) == 0);
}

// Every code in every position of a run, among zeros, ones and mixed codes.
template <class F, class Out, class Order>
int wrong_anywhere() {
  using dequantizer = lowp::fragment_dequantizer<F, Out, Order>;
  using run = lowp::packed_run<F>;
  constexpr std::uint64_t all = F::bits == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * F::bits)) - 1;
  int wrong = 0;
  for (std::uint32_t code = 0; code < 1u << F::bits; ++code) {
    for (int p = 0; p < 8; ++p) {
      for (const std::uint64_t around : {std::uint64_t{0}, ~std::uint64_t{0}, 0x0123456789abcdefu * (code + 1)}) {
        const std::uint64_t hole = std::uint64_t{lowp::low_mask(F::bits)} << (F::bits * p);
        const auto packed = static_cast<run>(((around & ~hole) | std::uint64_t{code} << (F::bits * p)) & all);
        const lowp::fragment<Out> f = dequantizer::value(packed);
        for (int e = 0; e < 8; ++e) {
          const auto c = static_cast<std::uint32_t>(packed >> (F::bits * dequantizer::position(e))) & lowp::low_mask(F::bits);
          const float x = F::decode(c);
          const float found = Out::decode(f.code(e));
          wrong += lowp::is_nan(x) ? !lowp::is_nan(found) : f.code(e) != Out(x).code;
          wrong += lowp::bit_cast<std::uint32_t>(f[e]) != lowp::bit_cast<std::uint32_t>(found);
        }
      }
    }
  }
  return wrong;
}

// Formats of a user.
struct log3 {
  static constexpr int bits = 3;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[8] = {0, .125f, .5f, 1, -1, -.5f, -.125f, 0};
    return v[code & 7];
  }
};
struct shifted {  // evenly spaced, with steps that f16 cannot plant exactly
  static constexpr int bits = 4;
  LOWP_HD static constexpr float decode(std::uint32_t code) { return 0.1f * static_cast<float>(code & 15) - 0.3f; }
};
struct wild {  // infinities, NaN, numbers beyond f16 and below its subnormals
  static constexpr int bits = 4;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[16] = {lowp::infinity(), lowp::quiet_nan(), 1e30f, 1e-30f, -0.0f, 3e-8f,  65519.0f, 65520.0f,
                             -lowp::infinity(), 7,                -1e30f, 0,     5,     -6e-8f, 1,        2};
    return v[code & 15];
  }
};
struct signs {  // two values
  static constexpr int bits = 1;
  LOWP_HD static constexpr float decode(std::uint32_t code) { return (code & 1) != 0 ? 1.0f : -1.0f; }
};

template <class F>
void check_everything(std::string_view name) {
  INFO(std::string(name));
  CHECK(wrong_anywhere<F, f16, natural_order>() == 0);
  CHECK(wrong_anywhere<F, f16, interleaved_order>() == 0);
  CHECK(wrong_anywhere<F, f16, any_order>() == 0);
  CHECK(wrong_anywhere<F, bf16, natural_order>() == 0);
  CHECK(wrong_anywhere<F, bf16, interleaved_order>() == 0);
}

}  // namespace

TEST_CASE("i4 words become halves", "[cuda]") {
  check_all_words<lowp::i4, f16>(i4_f16);
  check_all_words<lowp::i4, bf16>(i4_bf16);
}

TEST_CASE("e2m1 words become halves", "[cuda]") {
  check_all_words<lowp::e2m1, f16>(e2m1_f16);
  check_all_words<lowp::e2m1, bf16>(e2m1_bf16);
}

TEST_CASE("nf4 words become halves", "[cuda]") {
  check_all_words<lowp::nf4, f16>(nf4_f16);
  check_all_words<lowp::nf4, bf16>(nf4_bf16);
}

TEST_CASE("every format of at most 8 bits has a dequantizer", "[cuda]") {
  lowp::for_each_format([]<class F>(std::string_view name) { check_everything<F>(name); });
}

TEST_CASE("a user's format has a dequantizer", "[cuda]") {
  check_everything<log3>("log3");
  check_everything<shifted>("shifted");
  check_everything<wild>("wild");
  check_everything<signs>("signs");
  check_everything<lowp::integer<4, true, 2>>("a fixed point");
  check_everything<lowp::integer<5, true>>("i5");
  check_everything<lowp::integer<7, false>>("u7");
}

TEST_CASE("what is known of a dequantizer at compile time", "[cuda]") {
  using lowp::fragment_dequantizer;
  static_assert(fragment_dequantizer<lowp::i4, f16>::exact && fragment_dequantizer<lowp::e2m1, f16>::exact);
  static_assert(fragment_dequantizer<lowp::e4m3, f16>::exact && fragment_dequantizer<lowp::i8, bf16>::exact);
  static_assert(!fragment_dequantizer<lowp::nf4, f16>::exact && !fragment_dequantizer<wild, f16>::exact);
  static_assert(!fragment_dequantizer<lowp::i4, f16>::raw_is_value && !fragment_dequantizer<lowp::integer<4, true, 2>, f16>::raw_is_value);
  static_assert(fragment_dequantizer<lowp::nf4, f16>::raw_is_value && fragment_dequantizer<lowp::i4, bf16>::raw_is_value);
  static_assert(lowp::dequantize_fragment<lowp::e2m1, f16>(0x76543210u) ==
                lowp::fragment<f16>{0x38000000u, 0x3e003c00u, 0x42004000u, 0x46004400u});
  // Packed as 0 2 4 6 1 3 5 7, the numbers come out in order.
  static_assert(lowp::dequantize_fragment<lowp::u4, f16, interleaved_order>(0x75316420u) ==
                lowp::dequantize_fragment<lowp::u4, f16, natural_order>(0x76543210u));
  CHECK(lowp::dequantize_fragment<lowp::i4, f16>(0x000000f0u)[1] == -1.0f);
}
