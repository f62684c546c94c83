// Symmetry: what a group has beside its scale.
//
//   symmetric            value = scale * code
//   asymmetric           value = scale * (code - zero), zero an integer of the code's own width; the range includes 0
//   asymmetric_as<Z>     value = scale * (code - zero), zero stored in a format or scheme Z of its own (HQQ: a float; the
//                        range need not include 0, unless Z is a scheme or cannot express a zero point so far away)
//   with_bias<B>         value = scale * code + bias, bias stored in a format or scheme B (GGUF's Q4_1, MLX, tinygemm)
//   with_minimum<M>      value = scale * code - minimum, minimum stored in a format or scheme M (GGUF's K-quants)
//
// With a bias or a minimum the product is rounded before the sum.
#pragma once

#include <lowp/format/number_format.hpp>

namespace lowp::inline LOWP_ABI {

struct symmetric {};

struct asymmetric {};

template <class Zero>
struct asymmetric_as {
  using zero = Zero;
};

template <class Bias>
struct with_bias {
  using bias = Bias;
};

template <class Minimum>
struct with_minimum {
  using minimum = Minimum;
};

namespace detail {

// What the zero points, biases or minima of a format are stored in: void for none.
template <class Symmetry, class Format>
struct zero_storage;
template <class Format>
struct zero_storage<symmetric, Format> {
  using type = void;
};
template <class Format>
struct zero_storage<asymmetric, Format> {
  using type = Format;
};
template <class Zero, class Format>
struct zero_storage<asymmetric_as<Zero>, Format> {
  using type = Zero;
};
template <class Bias, class Format>
struct zero_storage<with_bias<Bias>, Format> {
  using type = Bias;
};
template <class Minimum, class Format>
struct zero_storage<with_minimum<Minimum>, Format> {
  using type = Minimum;
};

template <class Symmetry>
inline constexpr bool is_bias = false;
template <class Bias>
inline constexpr bool is_bias<with_bias<Bias>> = true;
template <class Symmetry>
inline constexpr bool is_minimum = false;
template <class Minimum>
inline constexpr bool is_minimum<with_minimum<Minimum>> = true;

}  // namespace detail

template <class Y>
concept symmetry_policy = requires { typename detail::zero_storage<Y, void>::type; };

}  // namespace lowp::inline LOWP_ABI
