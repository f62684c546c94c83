// What the device's quantizers take: pointers to device memory and sizes, and which schemes they make.
//
//   lowp::quantize_arguments<lowp::nvfp4, lowp::bf16> a{.x = x, .rows = m, .cols = k, .codes = codes, .scales = scales};
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/quantize/group_rule.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class P>
inline constexpr bool device_parameter = number_format<P>;
template <>
inline constexpr bool device_parameter<void> = true;

template <scheme_type S>
inline constexpr bool whole_tensor = [] {
  using G = typename S::granularity;
  if constexpr (rectangular_granularity<G>) return G::rows_per_group == 0 && G::cols_per_group == 0;
  else return false;
}();

// Scales of scales: one for the whole matrix.
template <class P>
inline constexpr bool two_level = false;
template <scheme_type P>
inline constexpr bool two_level<P> = whole_tensor<P>&& number_format<typename P::scale> && !P::has_zero;

// Threads take eight numbers at a time, so groups must not end among them.
template <scheme_type S>
inline constexpr bool device_groups = [] {
  using G = typename S::granularity;
  if constexpr (rectangular_granularity<G>) return G::cols_per_group % 8 == 0 && (whole_tensor<S> || G::rows_per_group != 0);
  else return false;
}();

template <scheme_type S>
inline constexpr bool device_scales = device_parameter<typename S::scale> || (two_level<typename S::scale> && !S::has_zero);

}  // namespace detail

// Schemes that the device quantizes to: rectangular groups whose columns are a multiple of 8 or whole rows, scales in a plain format
// or under one scale of the whole matrix (NVFP4's), zero points, biases and minima in a plain format.
template <class S>
concept device_quantizable = scheme_type<S> && table_format<typename S::format> && detail::device_groups<S> && detail::device_scales<S> &&
    detail::device_parameter<typename S::zero>;

// What one matrix has beside its groups: the range of all of it, as it is found, and what follows from it.
struct tensor_range {
  std::int32_t low = 0x7fffffff;  // of what was seen, as `ordered` has it
  std::int32_t high = -0x7fffffff;
  std::uint32_t scale_code = 0;
  std::uint32_t zero_code = 0;
  std::uint32_t saturated = 0;  // see quantize_arguments
};

namespace detail {

template <class P>
struct stored_as {
  using type = code_t<P>;
};
template <scheme_type P>
struct stored_as<P> {
  using type = code_t<typename P::format>;
};
template <>
struct stored_as<void> {
  using type = std::uint8_t;
};

}  // namespace detail

template <device_quantizable S, class X, rounding_policy Rounding = nearest_even>
struct quantize_arguments {
  const X* x = nullptr;  // [rows, cols] of float, f16 or bf16
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t x_stride = 0;                                               // numbers from row to row; 0: cols
  std::uint8_t* codes = nullptr;                                          // in layout::row_major
  std::size_t row_stride = 0;                                             // bytes from row to row; 0: ceil(cols * bits / 8)
  typename detail::stored_as<typename S::scale>::type* scales = nullptr;  // the grid, plain or swizzled
  typename detail::stored_as<typename S::zero>::type* zeros = nullptr;    // the grid, plain
  bool swizzled = false;  // scales of 8 bits in layout::scale_swizzle_128x4; its padding is not written
  // Where a scale belongs to the whole matrix: found here, and left here (scale_code). Everywhere: `saturated` becomes 1 where
  // lowp::quantize would throw, because a scale or bias is beyond its format, or cannot be NaN where its group is.
  tensor_range* tensor = nullptr;
  Rounding rounding{};
};

}  // namespace lowp::inline LOWP_ABI
