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
using lowp::f32;
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

// How many numbers of a word come out wrong.
template <class F, class Out, class Order>
int wrong_in_word(std::uint32_t word, const numbers& expected) {
  using dequantizer = lowp::fragment_dequantizer<F, Out, Order>;
  const lowp::fragment<Out> f = dequantizer::value(word);
  int wrong = 0;
  for (int e = 0; e < 8; ++e) wrong += f.code(e) != expected[word >> 4 * dequantizer::position(e) & 15u];
  return wrong;
}

template <class F, class Out, class Order>
int wrong_in_all_words(const numbers& expected) {
  int wrong = 0;
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    for (const std::uint32_t other : {0x0000u, 0xffffu, half * 40503u & 0xffffu}) {
      wrong += wrong_in_word<F, Out, Order>(half | other << 16, expected) + wrong_in_word<F, Out, Order>(half << 16 | other, expected);
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

// How many numbers of the fragment are not those of the codes in the run, position by position.
template <class Dequantizer, class Out>
int wrong_numbers(const lowp::fragment<Out>& f, std::uint64_t run) {
  using F = typename Dequantizer::format;
  int wrong = 0;
  for (int e = 0; e < 8; ++e) {
    const float x = F::decode(static_cast<std::uint32_t>(run >> (lowp::code_stride<F> * Dequantizer::position(e))) & lowp::low_mask(F::bits));
    if constexpr (Out::bits == 32) wrong += lowp::is_nan(x) ? !lowp::is_nan(f[e]) : f.code(e) != lowp::bit_cast<std::uint32_t>(x);
    else wrong += lowp::is_nan(x) ? !lowp::is_nan(f[e]) : f.code(e) != Out(x).code;
  }
  return wrong;
}

// The value from the raw numbers, as a kernel that folds the last step elsewhere would have it.
template <class Dequantizer, class Out>
int wrong_raw(std::uint64_t run) {
  using F = typename Dequantizer::format;
  const auto packed = static_cast<lowp::packed_run<F>>(run);
  const auto raw = Dequantizer::raw(packed);
  auto value = raw;
  for (int r = 0; r < 4; ++r) {
    const auto terms = Dequantizer::affine(r);
    value.reg[r] = lowp::ptx::fma2<Out>(raw.reg[r], terms.scale, terms.offset);
  }
  int wrong = 0;
  for (int e = 0; e < 8; ++e) {
    const float x = F::decode(static_cast<std::uint32_t>(run >> (lowp::code_stride<F> * Dequantizer::position(e))) & lowp::low_mask(F::bits));
    const bool special = !lowp::is_finite(x);
    wrong += special ? Dequantizer::raw_keeps_nan && lowp::is_nan(x) != lowp::is_nan(value[e]) : value.code(e) != Out(x).code;
  }
  return wrong;
}

template <class F, class Out, class Order>
int wrong_in(std::uint64_t run) {
  using dequantizer = lowp::fragment_dequantizer<F, Out, Order>;
  int wrong = wrong_numbers<dequantizer>(dequantizer::value(static_cast<lowp::packed_run<F>>(run)), run);
  if constexpr (Out::bits == 16) wrong += wrong_raw<dequantizer, Out>(run);
  return wrong;
}

// Every code in every position of a run, among zeros, ones and mixed codes, with garbage above the run.
template <class F, class Out, class Order>
int wrong_anywhere() {
  constexpr int stride = lowp::code_stride<F>;
  int wrong = 0;
  for (std::uint32_t code = 0; code < 1u << F::bits; ++code) {
    for (int p = 0; p < 8; ++p) {
      for (const std::uint64_t around : {std::uint64_t{0}, ~std::uint64_t{0}, 0x0123456789abcdefu * (code + 1)}) {
        const std::uint64_t hole = std::uint64_t{lowp::low_mask(F::bits)} << (stride * p);
        wrong += wrong_in<F, Out, Order>((around & ~hole) | std::uint64_t{code} << (stride * p));
      }
    }
  }
  return wrong;
}

// Every half-word in every place of a run (every pair of bytes, for codes of 8 bits).
template <class F, class Out, class Order>
int wrong_half_words() {
  using dequantizer = lowp::fragment_dequantizer<F, Out, Order>;
  constexpr int bits = 8 * lowp::code_stride<F>;
  int wrong = 0;
  for (std::uint64_t half = 0; half < 0x10000; ++half) {
    for (int at = 0; at < bits; at += 16) {
      const std::uint64_t run = half << at | (half * 40503u & 0xffffu) << ((at + 16) % 64);
      wrong += wrong_numbers<dequantizer>(dequantizer::value(static_cast<lowp::packed_run<F>>(run)), run);
    }
  }
  return wrong;
}

template <class F, class Out>
void check_half_words() {
  CHECK(wrong_half_words<F, Out, natural_order>() == 0);
  CHECK(wrong_half_words<F, Out, interleaved_order>() == 0);
}
template <class F>
void check_half_words() {
  check_half_words<F, f16>();
  check_half_words<F, bf16>();
  check_half_words<F, f32>();
}

// Every zero point under every code.
template <class F, class Out, class Order>
int wrong_differences() {
  using dequantizer = lowp::fragment_dequantizer<F, Out, Order>;
  int wrong = 0;
  for (std::uint32_t zero = 0; zero < 1u << F::bits; ++zero) {
    const auto z = dequantizer::zero_point(zero | 1u << F::bits);
    for (std::uint32_t code = 0; code < 1u << F::bits; ++code) {
      lowp::packed_run<F> run = 0;
      for (int p = 0; p < 8; ++p) {
        run |= static_cast<lowp::packed_run<F>>((code + static_cast<std::uint32_t>(p)) & lowp::low_mask(F::bits)) << (F::bits * p);
      }
      const auto f = dequantizer::value(run, z);
      for (int e = 0; e < 8; ++e) {
        const auto c = static_cast<std::uint32_t>(run >> (F::bits * dequantizer::position(e))) & lowp::low_mask(F::bits);
        wrong += f[e] != F::decode(c) - F::decode(zero);
      }
    }
  }
  return wrong;
}

template <class F>
void check_zero_points(std::string_view name) {
  INFO(std::string(name));
  CHECK(wrong_differences<F, f16, natural_order>() == 0);
  CHECK(wrong_differences<F, f16, interleaved_order>() == 0);
  CHECK(wrong_differences<F, bf16, natural_order>() == 0);
  CHECK(wrong_differences<F, bf16, interleaved_order>() == 0);
  CHECK(wrong_differences<F, f32, natural_order>() == 0);
}

// Runs that begin at each byte of a window of two words.
template <class F, class Out, class Order, int FirstByte = 1>
int wrong_windows() {
  using dequantizer = lowp::fragment_dequantizer<F, Out, Order>;
  int wrong = 0;
  if constexpr (FirstByte + F::bits <= 8) {
    for (std::uint64_t i = 0; i < 3000; ++i) {
      const std::uint64_t window = (i + 1) * 0x9e3779b97f4a7c15u;
      wrong += wrong_numbers<dequantizer>(dequantizer::template value_at<FirstByte>(window), window >> (8 * FirstByte));
    }
    wrong += wrong_windows<F, Out, Order, FirstByte + 1>();
  }
  return wrong;
}

template <class F>
void check_windows(std::string_view name) {
  INFO(std::string(name));
  CHECK(wrong_windows<F, f16, natural_order>() == 0);
  CHECK(wrong_windows<F, f16, interleaved_order>() == 0);
  CHECK(wrong_windows<F, bf16, natural_order>() == 0);
  CHECK(wrong_windows<F, bf16, interleaved_order>() == 0);
  CHECK(wrong_windows<F, f32, interleaved_order>() == 0);
}

template <class F, class Out, class Order>
int wrong_planes() {
  using dequantizer = lowp::fragment_dequantizer<F, Out, Order>;
  int wrong = 0;
  for (std::uint32_t low = 0; low < 0x10000; ++low) {
    for (const std::uint32_t high : {0x00u, 0xffu, low * 40503u >> 8 & 0xffu}) {
      std::uint64_t run = 0;
      for (int i = 0; i < 8; ++i) run |= std::uint64_t{(low >> 2 * i & 3u) | (high >> i & 1u) << 2} << (3 * i);
      wrong += wrong_numbers<dequantizer>(lowp::dequantize_fragment<F, Out, Order>(low, high), run);
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
struct odd5 {  // a table without any rule
  static constexpr int bits = 5;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    const std::uint32_t c = code & 31;
    return static_cast<float>(c * c % 29) * 0.37f - static_cast<float>(c);
  }
};
struct odd7 {
  static constexpr int bits = 7;
  LOWP_HD static constexpr float decode(std::uint32_t code) { return static_cast<float>((code & 127) * (code & 127) % 101) * 1.37f; }
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
  CHECK(wrong_anywhere<F, bf16, any_order>() == 0);
  CHECK(wrong_anywhere<F, f32, natural_order>() == 0);
  CHECK(wrong_anywhere<F, f32, interleaved_order>() == 0);
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
  check_everything<odd5>("odd5");
  check_everything<odd7>("odd7");
  check_everything<lowp::integer<4, true, 2>>("a fixed point");
  check_everything<lowp::integer<8, true, 6>>("MXINT8's element");
  check_everything<lowp::integer<5, true>>("i5");
  check_everything<lowp::integer<6, false>>("u6");
  check_everything<lowp::integer<7, false>>("u7");
  check_everything<lowp::minifloat<3, 4, lowp::special_values::ieee>>("e3m4");
  check_everything<lowp::minifloat<4, 2, lowp::special_values::fn>>("e4m2");
  check_everything<lowp::minifloat<2, 2, lowp::special_values::fnuz>>("e2m2fnuz");
  check_everything<lowp::minifloat<5, 1, lowp::special_values::none>>("e5m1");
  check_everything<lowp::spaced<lowp::e2m3, 8>>("e2m3 in bytes");
  check_everything<lowp::spaced<lowp::i3, 4>>("i3 in nibbles");
  check_everything<lowp::spaced<lowp::nf3, 4>>("nf3 in nibbles");
  check_everything<lowp::spaced<lowp::nf4, 8>>("nf4 in bytes");
}

TEST_CASE("every half-word in every place becomes its numbers", "[cuda]") {
  check_half_words<lowp::i2>();
  check_half_words<lowp::u2>();
  check_half_words<lowp::i3>();
  check_half_words<lowp::u3>();
  check_half_words<lowp::i4>();
  check_half_words<lowp::u4>();
  check_half_words<lowp::nf3>();
  check_half_words<lowp::nf4>();
  check_half_words<lowp::e2m1>();
}

TEST_CASE("every pair of bytes in every place becomes its numbers", "[cuda]") {
  check_half_words<lowp::i8>();
  check_half_words<lowp::u8>();
  check_half_words<lowp::e4m3>();
  check_half_words<lowp::e5m2>();
  check_half_words<lowp::e4m3fnuz>();
  check_half_words<lowp::e5m2fnuz>();
}

TEST_CASE("zero points are subtracted exactly", "[cuda]") {
  check_zero_points<lowp::i2>("i2");
  check_zero_points<lowp::u2>("u2");
  check_zero_points<lowp::i3>("i3");
  check_zero_points<lowp::u3>("u3");
  check_zero_points<lowp::i4>("i4");
  check_zero_points<lowp::u4>("u4");
  check_zero_points<lowp::i8>("i8");
  check_zero_points<lowp::u8>("u8");
  check_zero_points<lowp::integer<6, false>>("u6");
  check_zero_points<lowp::integer<4, true, 2>>("a fixed point");
  static_assert(!lowp::fragment_dequantizer<lowp::nf4, f16>::has_zero_points && !lowp::fragment_dequantizer<lowp::e4m3, f16>::has_zero_points);
}

TEST_CASE("a run may begin at any byte of two words", "[cuda]") {
  check_windows<lowp::i2>("i2");
  check_windows<lowp::i3>("i3");
  check_windows<lowp::u4>("u4");
  check_windows<lowp::nf3>("nf3");
  check_windows<lowp::e2m1>("e2m1");
  check_windows<lowp::e3m2>("e3m2");
  check_windows<lowp::integer<5, true>>("i5");
}

TEST_CASE("3-bit codes may come in two planes", "[cuda]") {
  CHECK(wrong_planes<lowp::i3, f16, natural_order>() == 0);
  CHECK(wrong_planes<lowp::i3, bf16, interleaved_order>() == 0);
  CHECK(wrong_planes<lowp::u3, f32, natural_order>() == 0);
  CHECK(wrong_planes<lowp::nf3, f16, interleaved_order>() == 0);
  CHECK(wrong_planes<log3, bf16, natural_order>() == 0);
}

TEST_CASE("special values become what they are", "[cuda]") {
  const auto e4m3 = lowp::dequantize_fragment<lowp::e4m3, f16>(0x7f80ff0001fe7e81u);
  CHECK(e4m3.code(0) == 0x9800u);  // the smallest subnormal, -2^-9
  CHECK(e4m3[1] == 448.0f);
  CHECK(e4m3[2] == -448.0f);
  CHECK(e4m3.code(3) == 0x1800u);
  CHECK(e4m3.code(4) == 0u);
  CHECK(lowp::is_nan(e4m3[5]));
  CHECK(e4m3.code(6) == 0x8000u);
  CHECK(lowp::is_nan(e4m3[7]));
  const auto e5m2 = lowp::dequantize_fragment<lowp::e5m2, bf16>(0x7b7ffd017cfc8000u);
  CHECK(e5m2.code(1) == 0x8000u);
  CHECK(e5m2.code(2) == 0xff80u);
  CHECK(e5m2.code(3) == 0x7f80u);
  CHECK(e5m2[4] == 0x1p-16f);
  CHECK(lowp::is_nan(e5m2[5]));
  CHECK(lowp::is_nan(e5m2[6]));
  CHECK(e5m2[7] == 57344.0f);
  const auto fnuz = lowp::dequantize_fragment<lowp::e4m3fnuz, f16>(0x7f8000ff80017fffu);
  CHECK(fnuz[1] == 240.0f);
  CHECK(lowp::is_nan(fnuz[3]));
  CHECK(fnuz[2] == 0x1p-10f);
  CHECK(fnuz.code(5) == 0u);
}

TEST_CASE("what is known of a dequantizer at compile time", "[cuda]") {
  using lowp::fragment_dequantizer;
  static_assert(fragment_dequantizer<lowp::i4, f16>::exact && fragment_dequantizer<lowp::e2m1, f16>::exact);
  static_assert(fragment_dequantizer<lowp::e4m3, f16>::exact && fragment_dequantizer<lowp::i8, bf16>::exact);
  static_assert(!fragment_dequantizer<lowp::nf4, f16>::exact && !fragment_dequantizer<wild, f16>::exact);
  static_assert(fragment_dequantizer<lowp::nf4, f32>::exact && fragment_dequantizer<wild, f32>::exact);
  static_assert(!fragment_dequantizer<lowp::i4, f16>::raw_is_value && !fragment_dequantizer<lowp::integer<4, true, 2>, f16>::raw_is_value);
  static_assert(fragment_dequantizer<lowp::nf4, f16>::raw_is_value && fragment_dequantizer<lowp::i4, f32>::raw_is_value);
  static_assert(fragment_dequantizer<lowp::e4m3, f16>::exponent_debt == 8 && fragment_dequantizer<lowp::e4m3, bf16>::exponent_debt == 120);
  static_assert(fragment_dequantizer<lowp::e5m2, f16>::exponent_debt == 0 && fragment_dequantizer<lowp::e5m2, f16>::raw_is_value);
  static_assert(fragment_dequantizer<lowp::e2m3, f16>::exponent_debt == 14 && fragment_dequantizer<lowp::e3m2, bf16>::exponent_debt == 124);
  static_assert(!fragment_dequantizer<lowp::e4m3, f16>::raw_keeps_nan && !fragment_dequantizer<lowp::e5m2, bf16>::raw_keeps_nan);
  static_assert(fragment_dequantizer<lowp::e5m2, f16>::raw_keeps_nan && fragment_dequantizer<lowp::e2m3, f16>::raw_keeps_nan);
  static_assert(lowp::dequantize_fragment<lowp::e2m1, f16>(0x76543210u) ==
                lowp::fragment<f16>{0x38000000u, 0x3e003c00u, 0x42004000u, 0x46004400u});
  static_assert(lowp::dequantize_fragment<lowp::u8, f16>(0xff80400302010000u) ==
                lowp::fragment<f16>{0x00000000u, 0x40003c00u, 0x54004200u, 0x5bf85800u});
  // Packed as 0 2 4 6 1 3 5 7, the numbers come out in order.
  static_assert(lowp::dequantize_fragment<lowp::u4, f16, interleaved_order>(0x75316420u) ==
                lowp::dequantize_fragment<lowp::u4, f16, natural_order>(0x76543210u));
  CHECK(lowp::dequantize_fragment<lowp::i4, f16>(0x000000f0u)[1] == -1.0f);
}
