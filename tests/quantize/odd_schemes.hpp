// Schemes that have no name: what a user might compose.
#pragma once

#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include <cstdint>
#include <string_view>

namespace odd {

// Logarithmic, with two codes for zero.
struct log3 {
  static constexpr int bits = 3;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[8] = {0, .125f, .5f, 1, -1, -.5f, -.125f, 0};
    return v[code & 7];
  }
};

// No zero at all.
struct signs {
  static constexpr int bits = 1;
  LOWP_HD static constexpr float decode(std::uint32_t code) { return (code & 1u) != 0 ? -1.0f : 1.0f; }
};

// Even and odd columns of a row do not share a scale.
struct per_parity {
  static constexpr std::size_t weights_per_group = 0;
  static constexpr lowp::grid_shape grid(std::size_t rows, std::size_t cols) { return {rows, cols < 2 ? cols : 2}; }
  static constexpr lowp::grid_position group_of(std::size_t row, std::size_t col, std::size_t, std::size_t) { return {row, col % 2}; }
  template <class F>
  static constexpr void visit(lowp::grid_position g, std::size_t, std::size_t cols, F&& f) {
    for (std::size_t c = g.col; c < cols; c += 2) f(g.row, c, std::size_t{1});
  }
};

using u1 = lowp::integer<1, false>;
using u6 = lowp::integer<6, false>;

using nobody_planned_for =
    lowp::scheme<log3, lowp::per_group<24>, lowp::symmetric, lowp::scheme<lowp::e5m2, lowp::per_group<8>, lowp::symmetric, lowp::f16>>;
using k_quant =
    lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::asymmetric_as<lowp::scheme<u6, lowp::per_group<8>, lowp::symmetric, lowp::f16>>,
                 lowp::scheme<u6, lowp::per_group<8>, lowp::symmetric, lowp::f16>>;
using float_zero = lowp::scheme<lowp::u2, lowp::per_group<64>, lowp::asymmetric_as<lowp::f16>, lowp::f16>;
using wide_zero = lowp::scheme<lowp::i4, lowp::per_group<16>, lowp::asymmetric_as<lowp::f32>, lowp::f32>;
using small_zero = lowp::scheme<lowp::u4, lowp::per_group<16>, lowp::asymmetric_as<lowp::i8>, lowp::f32>;
using signed_asymmetric = lowp::scheme<lowp::i4, lowp::per_group<40>, lowp::asymmetric, lowp::bf16>;
using int3_asymmetric = lowp::scheme<lowp::u3, lowp::per_group<128>, lowp::asymmetric, lowp::f16>;
using one_bit = lowp::scheme<u1, lowp::per_channel, lowp::asymmetric, lowp::f32>;
using binary = lowp::scheme<signs, lowp::per_group<32>, lowp::symmetric, lowp::f16>;
using blocks = lowp::scheme<lowp::i8, lowp::per_block<3, 5>, lowp::symmetric, lowp::bf16>;
using flat = lowp::scheme<lowp::bnb_fp4, lowp::per_flat_group<7>, lowp::symmetric, lowp::f32>;
using parity = lowp::scheme<lowp::nf3, per_parity, lowp::symmetric, lowp::f16>;
using fnuz = lowp::scheme<lowp::e4m3fnuz, lowp::per_channel, lowp::symmetric, lowp::f32>;
using nf4_power = lowp::scheme<lowp::nf4, lowp::per_group<32>, lowp::symmetric, lowp::e8m0>;
using uint4_power = lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::asymmetric, lowp::e8m0>;
using power_under_float =
    lowp::scheme<lowp::e2m1, lowp::per_group<32>, lowp::symmetric, lowp::scheme<lowp::e8m0, lowp::per_tensor, lowp::symmetric, lowp::f32>>;
using offset_scales = lowp::scheme<lowp::nf4, lowp::per_group<64>, lowp::symmetric,
                                   lowp::scheme<lowp::u8, lowp::per_flat_group<256>, lowp::asymmetric, lowp::f32>>;
using three_levels = lowp::scheme<
    lowp::e2m1, lowp::per_group<16>, lowp::symmetric,
    lowp::scheme<lowp::e4m3, lowp::per_group<4>, lowp::symmetric, lowp::scheme<lowp::e4m3, lowp::per_channel, lowp::symmetric, lowp::f32>>>;
using plain_e4m3_scale = lowp::scheme<lowp::i4, lowp::per_group<16>, lowp::symmetric, lowp::e4m3>;
using half_scales =
    lowp::scheme<lowp::i4, lowp::per_group<16>, lowp::symmetric, lowp::scheme<lowp::bf16, lowp::per_channel, lowp::symmetric, lowp::f32>>;
using unscaled = lowp::scheme<lowp::e4m3, lowp::per_tensor, lowp::symmetric, lowp::unit>;

// With a bias or a minimum.
using six_bits = lowp::scheme<u6, lowp::per_group<8>, lowp::symmetric, lowp::f16>;
using k_minimum = lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::with_minimum<six_bits>, six_bits>;
using half_bias = lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::with_bias<lowp::f16>, lowp::f16>;
using signed_bias = lowp::scheme<lowp::i4, lowp::per_group<64>, lowp::with_bias<lowp::bf16>, lowp::bf16>;
using table_bias = lowp::scheme<lowp::nf4, lowp::per_group<40>, lowp::with_bias<lowp::f32>, lowp::f32>;
using nested_bias =
    lowp::scheme<lowp::u3, lowp::per_group<16>, lowp::with_bias<lowp::scheme<lowp::i8, lowp::per_channel, lowp::symmetric, lowp::f32>>,
                 lowp::e8m0>;
using float_minimum = lowp::scheme<lowp::u2, lowp::per_flat_group<24>, lowp::with_minimum<lowp::f32>, lowp::f16>;
using signed_minimum =
    lowp::scheme<lowp::u8, lowp::per_block<2, 8>, lowp::with_minimum<lowp::scheme<lowp::i8, lowp::per_channel, lowp::symmetric, lowp::f32>>,
                 lowp::f32>;
using biased_scales =
    lowp::scheme<lowp::i8, lowp::per_group<32>, lowp::symmetric, lowp::scheme<lowp::u8, lowp::per_group<4>, lowp::with_bias<lowp::f32>, lowp::f32>>;

template <class Visitor>
void for_each_with_added_term(Visitor&& visit) {
  visit.template operator()<k_minimum>(std::string_view("k_minimum"));
  visit.template operator()<half_bias>(std::string_view("half_bias"));
  visit.template operator()<signed_bias>(std::string_view("signed_bias"));
  visit.template operator()<table_bias>(std::string_view("table_bias"));
  visit.template operator()<nested_bias>(std::string_view("nested_bias"));
  visit.template operator()<float_minimum>(std::string_view("float_minimum"));
  visit.template operator()<signed_minimum>(std::string_view("signed_minimum"));
  visit.template operator()<biased_scales>(std::string_view("biased_scales"));
}

// Without.
template <class Visitor>
void for_each(Visitor&& visit) {
  visit.template operator()<nobody_planned_for>(std::string_view("nobody_planned_for"));
  visit.template operator()<k_quant>(std::string_view("k_quant"));
  visit.template operator()<float_zero>(std::string_view("float_zero"));
  visit.template operator()<wide_zero>(std::string_view("wide_zero"));
  visit.template operator()<small_zero>(std::string_view("small_zero"));
  visit.template operator()<signed_asymmetric>(std::string_view("signed_asymmetric"));
  visit.template operator()<int3_asymmetric>(std::string_view("int3_asymmetric"));
  visit.template operator()<one_bit>(std::string_view("one_bit"));
  visit.template operator()<binary>(std::string_view("binary"));
  visit.template operator()<blocks>(std::string_view("blocks"));
  visit.template operator()<flat>(std::string_view("flat"));
  visit.template operator()<parity>(std::string_view("parity"));
  visit.template operator()<fnuz>(std::string_view("fnuz"));
  visit.template operator()<nf4_power>(std::string_view("nf4_power"));
  visit.template operator()<uint4_power>(std::string_view("uint4_power"));
  visit.template operator()<power_under_float>(std::string_view("power_under_float"));
  visit.template operator()<offset_scales>(std::string_view("offset_scales"));
  visit.template operator()<three_levels>(std::string_view("three_levels"));
  visit.template operator()<plain_e4m3_scale>(std::string_view("plain_e4m3_scale"));
  visit.template operator()<half_scales>(std::string_view("half_scales"));
  visit.template operator()<unscaled>(std::string_view("unscaled"));
}

// The named presets and these.
template <class Visitor>
void for_each_scheme(Visitor&& visit) {
  lowp::for_each_preset(visit);
  for_each(visit);
  for_each_with_added_term(visit);
}

}  // namespace odd
