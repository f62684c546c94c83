// A scheme that is known only at run time, as a checkpoint names it: what lowp::scheme says in types, said in values.
//
//   lowp::scheme_description d = lowp::describe<lowp::nvfp4>();
//   lowp::to_string(d);       // scheme<e2m1, per_group<16>, symmetric, scheme<e4m3, per_tensor, symmetric, f32>>
//   d == lowp::describe<S>()  // whether S is just this scheme
#pragma once

#include <lowp/format/ggml_formats.hpp>
#include <lowp/io/known_formats.hpp>
#include <lowp/scheme/scheme.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace lowp::inline LOWP_ABI {

enum class granularity_kind { per_tensor, per_channel, per_group, per_block, per_flat_group, strided };
enum class symmetry_kind { symmetric, asymmetric, asymmetric_as, with_bias, with_minimum };

// As the policies of scheme/granularity.hpp, with sizes; `strided` has no policy: group g holds the weights whose place in the
// flattened matrix is g modulo the number of groups, as HQQ's axis 0 has them.
struct granularity_description {
  granularity_kind kind = granularity_kind::per_tensor;
  std::size_t rows = 0;  // of a block
  std::size_t cols = 0;  // of a group or block

  grid_shape grid(std::size_t rows_, std::size_t cols_) const noexcept;
  grid_position group_of(std::size_t row, std::size_t col, std::size_t cols_, grid_shape groups) const noexcept;

  // How many columns from this one on are in its group.
  std::size_t stretch(std::size_t row, std::size_t col, std::size_t cols_) const noexcept {
    switch (kind) {
      case granularity_kind::per_tensor:
      case granularity_kind::per_channel: return cols_ - col;
      case granularity_kind::per_group:
      case granularity_kind::per_block: return (std::min)(cols - col % cols, cols_ - col);
      case granularity_kind::per_flat_group: return (std::min)(cols - (row * cols_ + col) % cols, cols_ - col);
      case granularity_kind::strided: break;
    }
    return 1;
  }

  friend bool operator==(const granularity_description&, const granularity_description&) = default;
};

// A scheme, or a plain format where a scale is stored in one. A plain format has no scale.
struct scheme_description {
  std::string format;           // the name that it has in C++, "i4"; of a codebook that only the file knows, "codebook<4>"
  int bits = 0;                 // of a code
  std::vector<float> codebook;  // its values; empty for formats with a name of their own
  granularity_description granularity;
  symmetry_kind symmetry = symmetry_kind::symmetric;
  std::vector<scheme_description> scale;  // one, or none for a plain format
  std::vector<scheme_description> zero;   // one where the symmetry has zero points, biases or minima; else none

  bool is_plain() const noexcept { return scale.empty(); }

  friend bool operator==(const scheme_description&, const scheme_description&) = default;
};

inline grid_shape granularity_description::grid(std::size_t rows_, std::size_t cols_) const noexcept {
  const std::size_t weights = rows_ * cols_;
  switch (kind) {
    case granularity_kind::per_tensor:
      return per_tensor::grid(rows_, cols_);
    case granularity_kind::per_channel:
      return per_channel::grid(rows_, cols_);
    case granularity_kind::per_group:
      return {rows_, ceil_div(cols_, cols)};
    case granularity_kind::per_block:
      return {ceil_div(rows_, rows), ceil_div(cols_, cols)};
    case granularity_kind::per_flat_group:
    case granularity_kind::strided:
      return {weights != 0 ? 1u : 0u, ceil_div(weights, cols)};
  }
  return {0, 0};
}

// `groups` is the grid of a matrix whose rows have cols_ weights.
inline grid_position granularity_description::group_of(std::size_t row, std::size_t col, std::size_t cols_,
                                                       grid_shape groups) const noexcept {
  switch (kind) {
    case granularity_kind::per_tensor:
      break;
    case granularity_kind::per_channel:
      return {row, 0};
    case granularity_kind::per_group:
      return {row, col / cols};
    case granularity_kind::per_block:
      return {row / rows, col / cols};
    case granularity_kind::per_flat_group:
      return {0, (row * cols_ + col) / cols};
    case granularity_kind::strided:
      return {0, (row * cols_ + col) % groups.cols};
  }
  return {0, 0};
}

// A plain format by its name in C++, for a scale or a zero point.
inline scheme_description plain_format(std::string_view name) {
  scheme_description d;
  d.format = name;
  d.bits = find_format(name)->bits;
  return d;
}

namespace detail {

template <class G>
struct described_granularity;
template <>
struct described_granularity<per_tensor> {
  static constexpr granularity_description value{granularity_kind::per_tensor};
};
template <>
struct described_granularity<per_channel> {
  static constexpr granularity_description value{granularity_kind::per_channel};
};
template <std::size_t N>
struct described_granularity<per_group<N>> {
  static constexpr granularity_description value{granularity_kind::per_group, 0, N};
};
template <std::size_t R, std::size_t C>
struct described_granularity<per_block<R, C>> {
  static constexpr granularity_description value{granularity_kind::per_block, R, C};
};
template <std::size_t N>
struct described_granularity<per_flat_group<N>> {
  static constexpr granularity_description value{granularity_kind::per_flat_group, 0, N};
};

template <class Y>
constexpr symmetry_kind described_symmetry() noexcept {
  if constexpr (std::is_same_v<Y, symmetric>) return symmetry_kind::symmetric;
  else if constexpr (std::is_same_v<Y, asymmetric>) return symmetry_kind::asymmetric;
  else if constexpr (is_bias<Y>) return symmetry_kind::with_bias;
  else if constexpr (is_minimum<Y>) return symmetry_kind::with_minimum;
  else return symmetry_kind::asymmetric_as;
}

}  // namespace detail

// The description of a scheme, or of a plain format, whose formats are among the known ones.
template <class P>
scheme_description describe() {
  if constexpr (!scheme_type<P>) {
    return plain_format(known_format_name<P>);
  } else {
    scheme_description d = plain_format(known_format_name<typename P::format>);
    d.granularity = detail::described_granularity<typename P::granularity>::value;
    d.symmetry = detail::described_symmetry<typename P::symmetry>();
    d.scale.push_back(describe<typename P::scale>());
    if constexpr (P::has_zero) d.zero.push_back(describe<typename P::zero>());
    return d;
  }
}

// As one writes the type in C++.
inline std::string to_string(const scheme_description& d) {
  if (d.is_plain()) return d.format;
  std::string text = "scheme<" + d.format + ", ";
  const auto size = [](std::size_t n) { return std::to_string(n); };
  switch (d.granularity.kind) {
    case granularity_kind::per_tensor:
      text += "per_tensor";
      break;
    case granularity_kind::per_channel:
      text += "per_channel";
      break;
    case granularity_kind::per_group:
      text += "per_group<" + size(d.granularity.cols) + ">";
      break;
    case granularity_kind::per_block:
      text += "per_block<" + size(d.granularity.rows) + ", " + size(d.granularity.cols) + ">";
      break;
    case granularity_kind::per_flat_group:
      text += "per_flat_group<" + size(d.granularity.cols) + ">";
      break;
    case granularity_kind::strided:
      text += "strided<" + size(d.granularity.cols) + ">";
      break;
  }
  const std::string zero = d.zero.empty() ? std::string() : "<" + to_string(d.zero[0]) + ">";
  switch (d.symmetry) {
    case symmetry_kind::symmetric:
      text += ", symmetric";
      break;
    case symmetry_kind::asymmetric:
      text += ", asymmetric";
      break;
    case symmetry_kind::asymmetric_as:
      text += ", asymmetric_as" + zero;
      break;
    case symmetry_kind::with_bias:
      text += ", with_bias" + zero;
      break;
    case symmetry_kind::with_minimum:
      text += ", with_minimum" + zero;
      break;
  }
  return text + ", " + to_string(d.scale[0]) + ">";
}

}  // namespace lowp::inline LOWP_ABI
