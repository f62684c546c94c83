// The same weights in another scheme, where it can hold them: codes, scales and zero points are rewritten and nothing is rounded.
//
//   std::optional<lowp::plain_weights> same = lowp::recast(weights, lowp::describe<lowp::ggml::q4_0>());
//   same->dequantize() == weights.dequantize();          // always; where that cannot be, the result is empty
//
// Groups are cut into smaller ones (and joined where they agree), integers are counted from another zero point or take more bits, a zero
// point becomes a bias, and scales change their format where that holds each of them.
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/format/encode.hpp>
#include <lowp/io/plain_weights.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

// "i4" and "u4" as what they are; nothing for other formats.
struct integer_format_name {
  bool is_signed;
  int bits;
};
inline std::optional<integer_format_name> integer_named(const scheme_description& d) {
  if (d.format.size() != 2 || (d.format[0] != 'i' && d.format[0] != 'u')) return std::nullopt;
  return integer_format_name{d.format[0] == 'i', d.bits};
}

// Codes of integers as the codes of the numbers `shift` above them, in as many bits or more; false where one has no such code.
inline bool move_codes(std::span<const std::uint8_t> from, integer_format_name own, int shift, std::span<std::uint8_t> to,
                       integer_format_name wanted) {
  // Counted from the lowest number of each format.
  const unsigned own_sign = own.is_signed ? 1u << (own.bits - 1) : 0, wanted_sign = wanted.is_signed ? 1u << (wanted.bits - 1) : 0;
  const int up = static_cast<int>(wanted_sign) - static_cast<int>(own_sign) + shift;
  std::uint8_t lowest = 255, highest = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto rank = static_cast<std::uint8_t>(from[i] ^ own_sign);
    lowest = (std::min)(lowest, rank);
    highest = (std::max)(highest, rank);
    to[i] = static_cast<std::uint8_t>((rank + static_cast<unsigned>(up)) ^ wanted_sign);
  }
  return from.empty() || (lowest + up >= 0 && highest + up < 1 << wanted.bits);
}

// The code of a value in a format, where it has one.
inline std::optional<std::uint32_t> code_of(const known_format& format, float value) {
  if (format.bits <= 8) {
    for (std::uint32_t c = 0; c < (1u << format.bits); ++c) {
      if (bit_cast<std::uint32_t>(format.decode(c)) == bit_cast<std::uint32_t>(value)) return c;
    }
    return std::nullopt;
  }
  const std::uint32_t code = format.name == "f16"    ? encode<f16>(value)
                             : format.name == "bf16" ? encode<bf16>(value)
                                                     : bit_cast<std::uint32_t>(value);
  if (bit_cast<std::uint32_t>(format.decode(code)) != bit_cast<std::uint32_t>(value)) return std::nullopt;
  return code;
}

// Parameters in a plain format; nothing if it does not hold one of them.
inline std::optional<plain_grid> stored_parameters(const scheme_description& storage, const std::vector<float>& values, grid_shape groups) {
  if (!storage.is_plain()) return std::nullopt;
  plain_grid grid(storage, groups.rows, groups.cols);
  const known_format* format = find_format(storage.format);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto code = code_of(*format, values[i]);
    if (!code) return std::nullopt;
    grid.set_code(i, *code);
  }
  return grid;
}

// The scale of a group, and its zero point, bias or minimum.
struct group_numbers {
  float scale;
  float zero;

  friend bool operator==(const group_numbers& a, const group_numbers& b) noexcept {
    return bit_cast<std::uint32_t>(a.scale) == bit_cast<std::uint32_t>(b.scale) &&
           bit_cast<std::uint32_t>(a.zero) == bit_cast<std::uint32_t>(b.zero);
  }
};

// The zero point, bias or minimum of a group under another symmetry, whose codes are `shift` above the source's; nothing where there is
// none. The caller checks what comes of it.
inline std::optional<float> zero_under(symmetry_kind from, symmetry_kind to, group_numbers g, float shift) {
  const bool from_added = from == symmetry_kind::with_bias || from == symmetry_kind::with_minimum;
  const float bias = from == symmetry_kind::with_bias ? g.zero : from == symmetry_kind::with_minimum ? -g.zero : 0.0f;
  const float zero = from_added ? (g.scale == 0.0f ? 0.0f : -bias / g.scale) : from == symmetry_kind::symmetric ? 0.0f : g.zero;
  switch (to) {
    case symmetry_kind::symmetric:
      if (zero + shift != 0.0f || (from_added && bias != 0.0f)) return std::nullopt;
      return 0.0f;
    case symmetry_kind::asymmetric:
    case symmetry_kind::asymmetric_as:
      return zero + shift;
    case symmetry_kind::with_bias:
      return (from_added ? bias : -(g.scale * zero)) - g.scale * shift;
    case symmetry_kind::with_minimum:
      return (from_added ? -bias : g.scale * zero) + g.scale * shift;
  }
  return std::nullopt;
}

// Scales and zero points of each group of the target, from the groups of the source that it meets; nothing where those differ.
inline std::optional<std::vector<group_numbers>> groups_under(const plain_weights& from, const granularity_description& to) {
  const std::size_t rows = from.rows(), cols = from.cols();
  const grid_shape own = from.scheme().granularity.grid(rows, cols), wanted = to.grid(rows, cols);
  std::vector<float> scales(own.rows * own.cols), zeros(scales.size());
  from.grid().scale().values(0, scales);
  if (!from.scheme().zero.empty()) from.grid().zero().values(0, zeros);
  std::vector<group_numbers> groups(wanted.rows * wanted.cols);
  std::vector<bool> known(groups.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0, run = 0; c < cols; c += run) {
      run = (std::min)(from.scheme().granularity.stretch(r, c, cols), to.stretch(r, c, cols));
      const grid_position a = from.scheme().granularity.group_of(r, c, cols, own), b = to.group_of(r, c, cols, wanted);
      const group_numbers numbers{scales[a.row * own.cols + a.col], zeros[a.row * own.cols + a.col]};
      const std::size_t i = b.row * wanted.cols + b.col;
      if (known[i] && !(groups[i] == numbers)) return std::nullopt;
      groups[i] = numbers;
      known[i] = true;
    }
  }
  return groups;
}

// Whether scale * (code - zero point) is the same under both where the scales are and code and zero point moved together: with zero points
// that are small integers the difference is exact.
inline bool differ_by_whole_numbers(symmetry_kind a, symmetry_kind b) {
  const auto whole = [](symmetry_kind s) { return s == symmetry_kind::symmetric || s == symmetry_kind::asymmetric; };
  return whole(a) && whole(b);
}

inline bool same_number(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// Whether two sets of weights have the same values, row by row, NaN equal to NaN.
inline bool same_values(const plain_weights& a, const plain_weights& b) {
  std::vector<float> of_a(a.cols()), of_b(a.cols());
  for (std::size_t r = 0; r < a.rows(); ++r) {
    a.dequantize(r, 1, of_a);
    b.dequantize(r, 1, of_b);
    if (std::memcmp(of_a.data(), of_b.data(), of_a.size() * sizeof(float)) == 0) continue;
    for (std::size_t c = 0; c < a.cols(); ++c) {
      if (!same_number(of_a[c], of_b[c])) return false;
    }
  }
  return true;
}

// Whether every integer code of 4 bits or fewer stands for the same in all groups, whether it occurs there or not: then all values are the
// same. `groups` has the numbers of a, group by group of b, and the codes of b are those of a, moved by `shift`.
inline bool same_codes(const plain_weights& a, const std::vector<group_numbers>& groups, const plain_weights& b, int shift) {
  const auto own = integer_named(a.scheme()), wanted = integer_named(b.scheme());
  if (!own || !wanted || own->bits > 4) return false;
  std::uint8_t codes[16], moved[16];
  const std::size_t count = std::size_t{1} << own->bits;
  std::iota(codes, codes + count, std::uint8_t{0});
  if (!move_codes({codes, count}, *own, shift, {moved, count}, *wanted)) return false;
  const std::vector<float> numbers_a = a.grid().numbers(), numbers_b = b.grid().numbers();
  std::vector<float> scales(groups.size()), zeros(groups.size());
  b.grid().scale().values(0, scales);
  if (!b.scheme().zero.empty()) b.grid().zero().values(0, zeros);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    float of_a[16], of_b[16];
    for (std::size_t c = 0; c < count; ++c) {
      of_a[c] = numbers_a[c];
      of_b[c] = numbers_b[moved[c]];
    }
    apply_group(a.scheme().symmetry, groups[g].scale, groups[g].zero, {of_a, count});
    apply_group(b.scheme().symmetry, scales[g], zeros[g], {of_b, count});
    for (std::size_t c = 0; c < count; ++c) {
      if (!same_number(of_a[c], of_b[c])) return false;
    }
  }
  return true;
}

}  // namespace detail

// The weights in the scheme `to`, every value as it was (-0 may become 0); nothing where that scheme cannot hold them. Scales under scales
// are taken over as they are, or not at all.
inline std::optional<plain_weights> recast(const plain_weights& from, const scheme_description& to) {
  const scheme_description& own = from.scheme();
  if (own == to) return from;
  if (own.is_plain() || to.is_plain()) return std::nullopt;
  const auto integer = detail::integer_named(own), wanted = detail::integer_named(to);
  int shift = 0;  // of the codes' values
  if (integer && wanted && integer->bits <= wanted->bits) {
    const int lowest = integer->is_signed ? -(1 << (integer->bits - 1)) : 0;
    const int new_lowest = wanted->is_signed ? -(1 << (wanted->bits - 1)) : 0;
    // Codes are counted from the lowest, unless both are signed or a symmetric scheme says where zero is.
    shift = integer->is_signed == wanted->is_signed ? 0 : new_lowest - lowest;
    if (to.symmetry == symmetry_kind::symmetric && own.symmetry == symmetry_kind::symmetric) shift = 0;
  } else if (own.format != to.format || own.codebook != to.codebook) {
    return std::nullopt;
  }
  const auto groups = detail::groups_under(from, to.granularity);
  if (!groups) return std::nullopt;
  const grid_shape shape = to.granularity.grid(from.rows(), from.cols());
  std::vector<float> scales, zeros;
  for (const detail::group_numbers& g : *groups) {
    scales.push_back(g.scale);
    const auto zero = detail::zero_under(own.symmetry, to.symmetry, g, static_cast<float>(shift));
    if (!zero) return std::nullopt;
    zeros.push_back(*zero);
  }
  const bool same_scales = own.scale == to.scale && own.granularity == to.granularity;
  auto stored = same_scales ? std::optional<plain_grid>(from.grid().scale()) : detail::stored_parameters(to.scale[0], scales, shape);
  if (!stored) return std::nullopt;
  std::optional<plain_grid> stored_zeros;
  if (!to.zero.empty()) {
    const bool same_zeros = same_scales && own.symmetry == to.symmetry && own.zero == to.zero && shift == 0;
    stored_zeros = same_zeros ? std::optional<plain_grid>(from.grid().zero()) : detail::stored_parameters(to.zero[0], zeros, shape);
    if (!stored_zeros) return std::nullopt;
  }
  plain_grid grid(to, from.rows(), from.cols());
  if (!integer || !wanted) {
    std::copy(from.grid().bytes().begin(), from.grid().bytes().end(), grid.bytes().begin());
  } else if (!detail::move_codes(from.grid().bytes(), *integer, shift, grid.bytes(), *wanted)) {
    return std::nullopt;
  }
  grid.set_scale(std::move(*stored));
  if (stored_zeros) grid.set_zero(*std::move(stored_zeros));
  plain_weights result(std::move(grid), from.columns());
  if (detail::differ_by_whole_numbers(own.symmetry, to.symmetry) || detail::same_codes(from, *groups, result, shift)) return result;
  if (!detail::same_values(from, result)) return std::nullopt;
  return result;
}

}  // namespace lowp::inline LOWP_ABI
