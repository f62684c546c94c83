// What ggml's encoders share: the parts of a quantized row that a block goes to, and ggml's ways of rounding.
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/quantize/quantized.hpp>
#include <lowp/scheme/ggml_schemes.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace lowp::inline LOWP_ABI::ggml::detail {

// Where the codes of a row lie, and those of its scales, its biases or minima, and the halves above both.
template <scheme_type S>
struct row_codes {
  code_t<typename S::format>* codes;
  std::uint8_t* sub_scales = nullptr;
  std::uint8_t* sub_minima = nullptr;
  std::uint16_t* scales = nullptr;
  std::uint16_t* minima = nullptr;

  row_codes(quantized<S>& q, std::size_t row) : codes(&q.codes()(row, 0)) {
    if constexpr (scheme_type<typename S::scale>) {
      sub_scales = &q.scales().codes()(row, 0);
      scales = &q.scales().scales().codes()(row, 0);
    } else if constexpr (S::scale::bits == 16) {
      scales = &q.scales().codes()(row, 0);
    } else {
      sub_scales = &q.scales().codes()(row, 0);
    }
    if constexpr (scheme_type<typename S::zero>) {
      sub_minima = &q.zeros().codes()(row, 0);
      minima = &q.zeros().scales().codes()(row, 0);
    } else if constexpr (S::has_zero) {
      minima = &q.zeros().codes()(row, 0);
    }
  }
};

// How many weights share the outermost scale.
template <scheme_type S>
constexpr std::size_t block_columns() noexcept {
  constexpr std::size_t group = S::granularity::cols_per_group;
  if constexpr (scheme_type<typename S::scale>) return group * S::scale::granularity::cols_per_group;
  else return group;
}

template <class S, class... Types>
inline constexpr bool is_one_of = (std::is_same_v<S, Types> || ...);
template <class S>
inline constexpr bool is_block_scheme =
    is_one_of<S, q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs, tq1_0, mxfp4, nvfp4>;

// The nearest half; infinity for what is beyond the largest.
inline std::uint16_t half_code(float x) noexcept { return static_cast<std::uint16_t>(f16::encode(x)); }

template <number_format F>
constexpr std::uint8_t integer_code(int value) noexcept {
  return static_cast<std::uint8_t>(static_cast<std::uint32_t>(value) & low_mask(F::bits));
}

constexpr int clamped(int value, int low, int high) noexcept { return value < low ? low : value > high ? high : value; }

// To the nearest integer, ties to even, for what lies within 2^22 of zero; otherwise some integer. x may be a product.
inline int nearest(float x) noexcept {
  const float in_last_place = rounded(rounded(x) + 0x1.8p23f);
  return static_cast<int>(bit_cast<std::uint32_t>(in_last_place) & 0x007fffffu) - 0x00400000;
}

// Toward zero, for what an int can hold; zero otherwise.
inline int truncated(float x) noexcept { return x > -0x1p31f && x < 0x1p31f ? static_cast<int>(x) : 0; }

// Halfway cases away from zero.
inline int half_away_integer(float x) noexcept {
  const int whole = truncated(x);
  const float rest = magnitude(x - static_cast<float>(whole));
  return whole + (rest >= 0.5f && rest < 1.0f ? (x < 0 ? -1 : 1) : 0);
}

// The row as floats. Throws lowp::error where it holds NaN or infinity, which no block type here can carry.
template <class T>
void read_row(matrix_view<T> w, std::size_t row, std::vector<float>& x) {
  x.resize(w.cols());
  for (std::size_t c = 0; c < w.cols(); ++c) x[c] = static_cast<float>(w(row, c));
  for (std::size_t c = 0; c < w.cols(); ++c) {
    if (!is_finite(x[c])) LOWP_THROW("the weight (", row, ", ", c, ") is NaN or infinity, which no block can hold");
  }
}

template <scheme_type S>
void require_blocks(std::size_t cols) {
  static_assert(is_block_scheme<S>, "this scheme is none of ggml's block types");
  if (cols % block_columns<S>() != 0) LOWP_THROW("rows of ", cols, " weights are no whole blocks of ", block_columns<S>());
}

}  // namespace lowp::inline LOWP_ABI::ggml::detail
