// The quantizing kernels against lowp::quantize: every preset and schemes nobody planned for, every instruction set, shapes
// that fit nothing, numbers of all kinds, rows divided anywhere.

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include "../../quantize/odd_schemes.hpp"

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cpu/quantize_laws.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace {

constexpr float hostile[] = {0.0f,
                             -0.0f,
                             0x1p-149f,
                             -0x1p-149f,
                             0x1.8p-140f,
                             -0x1.fcp-127f,
                             0x1p-126f,
                             0x1p-24f,
                             -0x1p-14f,
                             0x1p-8f,
                             0.5f,
                             -0.5f,
                             1.5f,
                             2.5f,
                             -3.5f,
                             6.0f,
                             127.5f,
                             -128.5f,
                             448.0f,
                             -1.0f,
                             -65520.0f,
                             0x1p100f,
                             -0x1.fffffep127f,
                             0x1.fffffep127f,
                             0x1p127f,
                             -0x1p120f,
                             1e-30f,
                             -1e-38f,
                             65504.0f,
                             0x1p-133f,
                             0x1.000002p-126f,
                             3.0f};

// Groups of one magnitude each, most near one, with ties and zeros strewn in; beyond what halves hold, if asked, as well.
std::vector<float> numbers(std::size_t rows, std::size_t cols, std::uint64_t seed, bool wide) {
  std::vector<float> w = normal_numbers(rows * cols, seed);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::size_t row = i / cols;
    const std::uint64_t draw = random_bits(seed + 1, i);
    if (row % 5 == 1) w[i] = static_cast<float>(static_cast<int>(w[i] * 8)) / 8;
    if (row % 5 == 2) w[i] *= lowp::power_of_two(static_cast<int>(random_bits(seed + 2, i / 16) % (wide ? 250 : 40)) - (wide ? 140 : 30));
    if (row % 5 == 3) w[i] = hostile[draw % (wide ? 32 : 20)];
    if (row % 5 == 4 && draw % 64 < 60) w[i] = (draw & 1u) != 0 ? 0.0f : -0.0f;
  }
  return w;
}

template <class T>
std::vector<T> converted(const std::vector<float>& w) {
  std::vector<T> out;
  for (const float x : w) out.push_back(T(x));
  return out;
}

struct shape {
  std::size_t rows, cols;
};
constexpr shape shapes[] = {{1, 1}, {3, 15}, {1, 16}, {7, 33}, {2, 64}, {6, 128}, {5, 301}, {131, 140}};

template <class S, class T>
void check(std::string_view name, lowp::matrix_view<const T> w) {
  lowp::for_each_isa([&](lowp::isa isa) {
    INFO(std::string(name) << ' ' << w.rows() << " x " << w.cols() << ' ' << std::string(lowp::name(isa)));
    CHECK(lowp::laws::quantizing<S>(w, isa, w.rows() / 3));
  });
}

template <class S>
void check_shapes(std::string_view name) {
  for (const auto [rows, cols] : shapes) {
    for (const bool wide : {false, true}) {
      const std::vector<float> w = numbers(rows, cols, 7, wide);
      check<S>(name, view_of(w, rows, cols));
      check<S>(name, view_of(w, cols, rows).transposed());
    }
  }
}

template <class S, class T>
void check_type(std::string_view name) {
  const std::vector<T> w = converted<T>(numbers(6, 200, 11, false));
  check<S>(name, lowp::matrix_view<const T>{w.data(), 6, 200});
  check<S>(name, lowp::matrix_view<const T>{w.data() + 1, 6, 170, 200});
}

}  // namespace

TEST_CASE("kernels quantize into every preset as quantize does", "[kernel][quantize]") {
  lowp::for_each_preset([]<class S>(std::string_view name) { check_shapes<S>(name); });
}

TEST_CASE("kernels quantize halves and foreign types as quantize does", "[kernel][quantize]") {
  lowp::for_each_preset([]<class S>(std::string_view name) {
    check_type<S, lowp::f16>(name);
    check_type<S, lowp::bf16>(name);
  });
  check_type<lowp::int4_g32, double>("int4_g32");
}

TEST_CASE("kernels quantize into schemes nobody planned for as quantize does", "[kernel][quantize]") {
  odd::for_each([]<class S>(std::string_view name) { check_shapes<S>(name); });
  odd::for_each_with_added_term([]<class S>(std::string_view name) { check_shapes<S>(name); });
  using lowp::integer, lowp::asymmetric_as, lowp::per_group;
  check_shapes<lowp::scheme<lowp::u4, per_group<16>, asymmetric_as<integer<8, true, 6>>, lowp::f32>>("zeros with a fraction");
  check_shapes<lowp::scheme<integer<8, true, 6>, lowp::per_channel, asymmetric_as<lowp::bf16>, lowp::bf16>>("fractions with zeros");
}

TEST_CASE("kernels quantize activations as quantize does", "[kernel][quantize]") {
  check_shapes<lowp::scheme<lowp::i8, lowp::per_token, lowp::symmetric, lowp::f32>>("i8 per token");
  check_shapes<lowp::scheme<lowp::i8, lowp::per_group<32>, lowp::symmetric, lowp::f32>>("i8 per group");
}

TEST_CASE("kernels meet NaN and infinity as quantize does", "[kernel][quantize]") {
  for (const float x : {lowp::quiet_nan(), -lowp::quiet_nan(), lowp::infinity(), -lowp::infinity()}) {
    std::vector<float> w = normal_numbers(5 * 150, 3);
    w[2 * 150 + 37] = x;
    w[749] = x;
    lowp::for_each_preset([&]<class S>(std::string_view name) { check<S>(name, view_of(w, 5, 150)); });
    odd::for_each([&]<class S>(std::string_view name) { check<S>(name, view_of(w, 5, 150)); });
  }
}

TEST_CASE("kernels encode any number under any scale as the format does", "[kernel][quantize]") {
  std::vector<float> w;
  for (std::uint64_t u = 0; u < 0x100000000u; u += 0x1f3fdu) w.push_back(lowp::bit_cast<float>(static_cast<std::uint32_t>(u)));
  const std::size_t sampled = w.size();
  const auto check_format = [&]<class F>(std::string_view name) {
    using S = lowp::scheme<F, lowp::per_tensor, lowp::symmetric, lowp::unit>;
    w.resize(sampled);
    for (int i = 0; i + 1 < lowp::levels<F>.count; ++i) {
      for (int step = -2; step <= 2; ++step) {
        w.push_back(lowp::from_ordered(lowp::levels<F>.threshold[i] + step));
        w.push_back(-w.back());
      }
    }
    const lowp::matrix_view<const float> view = view_of(w, 1, w.size());
    lowp::for_each_isa([&](lowp::isa isa) {
      INFO(std::string(name) << ' ' << std::string(lowp::name(isa)));
      lowp::quantized<S> q(1, w.size());
      lowp::cpu::encode(view, q, {.limit = isa});
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < w.size(); ++i) wrong += q.codes()(0, i) != lowp::encode<F>(w[i]) ? 1u : 0u;
      CHECK(wrong == 0);
    });
  };
  lowp::for_each_format(check_format);
  check_format.template operator()<odd::log3>("log3");
  check_format.template operator()<odd::signs>("signs");
  check_format.template operator()<odd::u1>("u1");
  check_format.template operator()<lowp::integer<8, true, 6>>("mxint8");
  check_format.template operator()<lowp::minifloat<4, 0, lowp::special_values::none>>("e4m0");
  check_format.template operator()<lowp::minifloat<7, 0, lowp::special_values::none>>("e7m0");
  check_format.template operator()<lowp::minifloat<1, 6, lowp::special_values::none>>("e1m6");
  check_format.template operator()<lowp::minifloat<3, 4, lowp::special_values::ieee, 127>>("tiny e3m4");
  check_format.template operator()<lowp::minifloat<4, 3, lowp::special_values::fnuz, 0>>("large e4m3");
}

TEST_CASE("kernels know scale rules and absmax, and leave other recipes alone", "[kernel][quantize]") {
  const std::vector<float> w = numbers(10, 96, 5, false);
  const auto view = view_of(w, 10, 96);
  lowp::for_each_isa([&](lowp::isa isa) {
    CHECK(lowp::laws::quantizing<lowp::mxfp4>(view, isa, 3, lowp::recipe{lowp::min_max{}, lowp::nearest_even{}, lowp::mx_rceil{}}));
    CHECK(lowp::laws::quantizing<lowp::mxfp4>(view, isa, 3, lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, lowp::mx_even{}}));
    CHECK(lowp::laws::quantizing<lowp::uint4_g128>(view, isa, 3, lowp::recipe{lowp::absmax{}}));
  });
  const lowp::recipe search{lowp::mse_search{}};
  const std::vector<float> mild = normal_numbers(960, 1);
  CHECK(lowp::cpu::quantize<lowp::int4_g32>(view_of(mild, 10, 96), search) ==
        lowp::quantize<lowp::int4_g32>(view_of(mild, 10, 96), search));
}

TEST_CASE("rows are divided where scales are not shared", "[kernel][quantize]") {
  const std::vector<float> w = normal_numbers(256 * 96, 2);
  const auto view = view_of(w, 256, 96);
  const auto in_parts = [&]<class S>(lowp::quantized<S> q, std::size_t division) {
    lowp::cpu::quantize(view, q, {.first = division});
    lowp::cpu::quantize(view, q, {.last = division});
    return q == lowp::quantize<S>(view);
  };
  CHECK(in_parts(lowp::quantized<lowp::int4_g32>(256, 96), 101));
  CHECK(in_parts(lowp::quantized<lowp::int8_channel>(256, 96), 1));
  CHECK(in_parts(lowp::quantized<lowp::fp8_block128>(256, 96), 128));
  CHECK_THROWS_AS(in_parts(lowp::quantized<lowp::fp8_block128>(256, 96), 100), lowp::error);
  CHECK_THROWS_AS(in_parts(lowp::quantized<lowp::int8_tensor>(256, 96), 100), lowp::error);
  CHECK_THROWS_AS(in_parts(lowp::quantized<lowp::nvfp4>(256, 96), 100), lowp::error);
  lowp::quantized<lowp::int4_g32> q(256, 96);
  CHECK_THROWS_AS(lowp::cpu::quantize(view, q, {.first = 3, .last = 2}), lowp::error);
  CHECK_THROWS_AS(lowp::cpu::quantize(view, q, {.last = 257}), lowp::error);
  lowp::quantized<lowp::int4_g32> other(255, 96);
  CHECK_THROWS_AS(lowp::cpu::quantize(view, other), lowp::error);
  CHECK_THROWS_AS(lowp::cpu::encode(view, other), lowp::error);
  std::vector<lowp::value_range> few(7);
  CHECK_THROWS_AS(lowp::cpu::measure<lowp::int4_g32>(view, std::span<lowp::value_range>(few)), lowp::error);
  CHECK_THROWS_AS(lowp::cpu::fit(q, std::span<const lowp::value_range>(few)), lowp::error);
}

TEST_CASE("an empty matrix is quantized to nothing", "[kernel][quantize]") {
  lowp::for_each_preset([]<class S>(std::string_view) {
    CHECK(lowp::cpu::quantize<S>(lowp::matrix_view<const float>{nullptr, 0, 7}) == lowp::quantized<S>(0, 7));
    CHECK(lowp::cpu::quantize<S>(lowp::matrix_view<const float>{nullptr, 7, 0}) == lowp::quantized<S>(7, 0));
  });
}
