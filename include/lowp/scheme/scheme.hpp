// A scheme: what a decoder must know to read quantized weights. How the codes were chosen is a recipe (quantize/recipe.hpp).
//
//   using my = lowp::scheme<lowp::e2m1, lowp::per_group<16>, lowp::symmetric,
//                           lowp::scheme<lowp::e4m3, lowp::per_tensor, lowp::symmetric, lowp::f32>>;   // NVFP4
//   static_assert(lowp::bits_per_weight<my> == 4.5);
//
// The scale is a plain format (f32, f16, bf16, e8m0, e4m3, unit for none, or a user's own) or another scheme, which
// then quantizes the grid of scales as if it were a matrix of weights.
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/format/levels.hpp>
#include <lowp/scheme/granularity.hpp>
#include <lowp/scheme/symmetry.hpp>

#include <cstddef>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

template <number_format Format, granularity_policy Granularity, symmetry_policy Symmetry, class Scale>
struct scheme;

namespace detail {

template <class T>
inline constexpr bool is_scheme = false;
template <class F, class G, class Y, class P>
inline constexpr bool is_scheme<scheme<F, G, Y, P>> = true;

}  // namespace detail

template <class S>
concept scheme_type = detail::is_scheme<S>;

// What scales, zero points, biases and minima may be stored in.
template <class P>
concept parameter_storage = number_format<P> || scheme_type<P>;

namespace detail {

template <class P>
constexpr bool has_negative_numbers() {
  if constexpr (std::is_void_v<P>) return false;
  else if constexpr (scheme_type<P>) return has_negative_numbers<typename P::format>() || P::has_zero;
  else return limits<P>.lowest < 0;
}

}  // namespace detail

template <number_format Format, granularity_policy Granularity = per_tensor, symmetry_policy Symmetry = symmetric, class Scale = f32>
struct scheme {
  static_assert(parameter_storage<Scale>, "a scale is stored in a number format (f32, f16, e8m0, ...) or in another scheme");
  static_assert(!std::is_same_v<Symmetry, asymmetric> || integer_format<Format>,
                "asymmetric needs a format of consecutive integers for its zero point; asymmetric_as<f16> takes any format");

  using format = Format;
  using granularity = Granularity;
  using symmetry = Symmetry;
  using scale = Scale;
  using zero = typename detail::zero_storage<Symmetry, Format>::type;  // of zero points, biases or minima; void: none

  static constexpr bool has_zero = !std::is_void_v<zero>;
  static constexpr bool has_bias = detail::is_bias<Symmetry>;
  static constexpr bool has_minimum = detail::is_minimum<Symmetry>;
  static constexpr bool has_added_term = has_bias || has_minimum;  // value = scale * code + something, not scale * (code - zero)

  static_assert(!has_bias || detail::has_negative_numbers<zero>(), "a bias is stored in a format that has negative numbers");
};

// The exact size in bits of a matrix [rows, cols] in this scheme: codes, scales, zero points, and theirs in turn.
template <class P>
constexpr std::size_t storage_bits(std::size_t rows, std::size_t cols) noexcept {
  if constexpr (std::is_void_v<P>) {
    return 0;
  } else if constexpr (number_format<P>) {
    return static_cast<std::size_t>(P::bits) * rows * cols;
  } else {
    const grid_shape grid = P::granularity::grid(rows, cols);
    return static_cast<std::size_t>(P::format::bits) * rows * cols + storage_bits<typename P::scale>(grid.rows, grid.cols) +
           storage_bits<typename P::zero>(grid.rows, grid.cols);
  }
}

namespace detail {

template <class P>
constexpr double bits_each() noexcept {
  if constexpr (std::is_void_v<P>) {
    return 0;
  } else if constexpr (number_format<P>) {
    return P::bits;
  } else {
    constexpr auto size = static_cast<double>(P::granularity::weights_per_group);
    const double parameters = bits_each<typename P::scale>() + bits_each<typename P::zero>();
    return P::format::bits + (size > 0 ? parameters / size : 0);
  }
}

}  // namespace detail

// Bits per weight of a large matrix whose sizes the groups divide; what is stored once a row, column or tensor counts
// as nothing here. storage_bits gives the exact size of a given matrix.
template <scheme_type S>
inline constexpr double bits_per_weight = detail::bits_each<S>();

}  // namespace lowp::inline LOWP_ABI
