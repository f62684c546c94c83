// The dequantizing kernels against lowp::dequantize: every preset and schemes nobody planned for, every instruction set and
// type, every code, and scales and zero points of any bits.

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include "../../quantize/odd_schemes.hpp"

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cpu/quantize_laws.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace {

// Random bits for codes, scales and zero points, with bits above the codes' own if asked.
template <lowp::number_format F>
void fill(lowp::number_grid<F>& grid, std::uint64_t seed) {
  for (std::size_t r = 0; r < grid.codes().rows(); ++r) {
    for (std::size_t c = 0; c < grid.codes().cols(); ++c) {
      grid.codes()(r, c) = static_cast<lowp::code_t<F>>(random_bits(seed, r * 4096 + c) & lowp::low_mask(F::bits));
    }
  }
}
template <lowp::scheme_type S>
void fill(lowp::quantized<S>& grid, std::uint64_t seed, bool beyond = false) {
  using F = typename S::format;
  for (std::size_t r = 0; r < grid.rows(); ++r) {
    for (std::size_t c = 0; c < grid.cols(); ++c) {
      const std::uint64_t draw = random_bits(seed, r * 4096 + c);
      grid.codes()(r, c) = static_cast<lowp::code_t<F>>(beyond ? draw : draw & lowp::low_mask(F::bits));
    }
  }
  fill(grid.scales(), seed + 1);
  if constexpr (S::has_zero) fill(grid.zeros(), seed + 2);
}

template <class... T, class S>
void check(std::string_view name, const lowp::quantized<S>& q) {
  lowp::for_each_isa([&](lowp::isa isa) {
    INFO(std::string(name) << ' ' << q.rows() << " x " << q.cols() << ' ' << std::string(lowp::name(isa)));
    CHECK((lowp::laws::dequantizing<T>(q, isa, q.rows() / 3) && ...));
  });
}

template <class S, class... T>
void check_scheme(std::string_view name) {
  for (const auto& [rows, cols] : {std::pair<std::size_t, std::size_t>{1, 1}, {3, 37}, {18, 640}, {2, 1100}}) {
    check<T...>(name, lowp::quantize<S>(view_of(normal_numbers(rows * cols, 1), rows, cols)));
    lowp::quantized<S> q(rows, cols);
    fill(q, 9);
    check<T...>(name, q);
  }
}

}  // namespace

TEST_CASE("kernels dequantize every preset as dequantize does", "[kernel][dequantize]") {
  lowp::for_each_preset([]<class S>(std::string_view name) { check_scheme<S, float, lowp::f16, lowp::bf16>(name); });
}

TEST_CASE("kernels dequantize schemes nobody planned for as dequantize does", "[kernel][dequantize]") {
  odd::for_each([]<class S>(std::string_view name) { check_scheme<S, float>(name); });
  odd::for_each_with_added_term([]<class S>(std::string_view name) { check_scheme<S, float>(name); });
}

TEST_CASE("kernels read every code of every format", "[kernel][dequantize]") {
  const auto check_format = []<class F>(std::string_view name) {
    lowp::quantized<lowp::scheme<F, lowp::per_group<40>, lowp::symmetric, lowp::f32>> q(2, 300);
    fill(q, 5, true);
    lowp::for_each_isa([&](lowp::isa isa) {
      INFO(std::string(name) << ' ' << std::string(lowp::name(isa)));
      std::vector<float> expected(600);
      std::vector<float> actual(600);
      lowp::dequantize(q, lowp::matrix_view<float>{expected.data(), 2, 300});
      lowp::cpu::dequantize(q, lowp::matrix_view<float>{actual.data(), 2, 300}, {.limit = isa});
      CHECK(std::memcmp(expected.data(), actual.data(), 600 * sizeof(float)) == 0);
    });
  };
  lowp::for_each_format(check_format);
  check_format.template operator()<lowp::integer<5, true>>("i5");
  check_format.template operator()<lowp::integer<6, false>>("u6");
  check_format.template operator()<lowp::integer<7, true, 3>>("i7");
  check_format.template operator()<lowp::minifloat<2, 2, lowp::special_values::ieee>>("e2m2");
  check_format.template operator()<lowp::f32>("f32");
}

TEST_CASE("kernels read scales that are no numbers as dequantize does", "[kernel][dequantize]") {
  lowp::quantized<lowp::int8_channel> q(6, 70);
  fill(q, 3);
  const std::uint32_t scales[] = {0x7fffffffu, 0xffffffffu, 0x7f800001u, 0x7f800000u, 0xff800000u, 0x00000001u};
  for (std::size_t r = 0; r < 6; ++r) q.scales().codes()(r, 0) = scales[r];
  check<float, lowp::f16, lowp::bf16>("int8_channel", q);
}

TEST_CASE("kernels write into strides and foreign types, and only the rows asked for", "[kernel][dequantize]") {
  const auto q = lowp::quantize<lowp::int4_g32>(view_of(normal_numbers(9 * 600, 4), 9, 600));
  std::vector<double> expected(9 * 600);
  lowp::dequantize(q, lowp::matrix_view<double>{expected.data(), 9, 600});
  lowp::for_each_isa([&](lowp::isa isa) {
    std::vector<double> foreign(9 * 600);
    std::vector<float> strided(9 * 600);
    lowp::cpu::dequantize(q, lowp::matrix_view<double>{foreign.data(), 9, 600}, {.limit = isa});
    lowp::cpu::dequantize(q, lowp::matrix_view<float>{strided.data(), 600, 9}.transposed(), {.first = 2, .last = 7, .limit = isa});
    CHECK(foreign == expected);
    bool right = true;
    for (std::size_t r = 0; r < 9; ++r) {
      for (std::size_t c = 0; c < 600; ++c) {
        const double number = r >= 2 && r < 7 ? expected[r * 600 + c] : 0.0;
        right = right && static_cast<double>(strided[c * 9 + r]) == number;
      }
    }
    CHECK(right);
  });
}

TEST_CASE("dequantizing checks its shapes", "[kernel][dequantize]") {
  const lowp::quantized<lowp::int4_g32> q(4, 64);
  std::vector<float> out(4 * 64);
  CHECK_THROWS_AS(lowp::cpu::dequantize(q, lowp::matrix_view<float>{out.data(), 3, 64}), lowp::error);
  CHECK_THROWS_AS(lowp::cpu::dequantize(q, lowp::matrix_view<float>{out.data(), 4, 64}, {.first = 5}), lowp::error);
  const auto panels = lowp::pack<lowp::layout::tile16>(q);
  CHECK_THROWS_AS(lowp::cpu::dequantize(panels, lowp::matrix_view<float>{out.data(), 3, 64}), lowp::error);
  lowp::cpu::dequantize(lowp::quantized<lowp::int4_g32>(0, 64), lowp::matrix_view<float>{out.data(), 0, 64});
  lowp::cpu::dequantize(lowp::quantized<lowp::int4_g32>(4, 0), lowp::matrix_view<float>{out.data(), 4, 0});
}
