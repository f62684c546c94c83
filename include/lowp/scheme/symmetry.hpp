// Symmetry: whether a group has a zero point beside its scale.
//
//   symmetric            value = scale * code
//   asymmetric           value = scale * (code - zero), zero an integer of the code's own width; the range includes 0
//   asymmetric_as<Z>     value = scale * (code - zero), zero stored in a format or scheme Z of its own (HQQ: a float; the
//                        range need not include 0, unless Z is a scheme or cannot express a zero point so far away)
#pragma once

#include <lowp/format/number_format.hpp>

namespace lowp::inline LOWP_ABI {

struct symmetric {};

struct asymmetric {};

template <class Zero>
struct asymmetric_as {
  using zero = Zero;
};

namespace detail {

// What the zero points of a format are stored in: void for none.
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

}  // namespace detail

template <class Y>
concept symmetry_policy = requires { typename detail::zero_storage<Y, void>::type; };

}  // namespace lowp::inline LOWP_ABI
