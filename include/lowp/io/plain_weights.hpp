// The weights of one layer as a checkpoint reader hands them over: codes, scales and zero points in plain order, under a scheme that is
// known only at run time. They become floats, or quantized<S> where S is just that scheme.
//
//   lowp::plain_weights w = checkpoint.read("model.layers.0.mlp.up_proj");
//   w.dequantize(0, w.rows(), out);                                        // rows as floats
//   lowp::quantized<lowp::nvfp4> q = lowp::to_quantized<lowp::nvfp4>(w);   // throws if w is in another scheme
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/io/scheme_description.hpp>
#include <lowp/quantize/quantized.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

// Numbers of a format as the numbers of a group: under its scale and its zero point, bias or minimum, as affine<S> has it.
inline void apply_group(symmetry_kind symmetry, float scale, float zero, std::span<float> numbers) {
  switch (symmetry) {
    case symmetry_kind::symmetric:
      for (float& x : numbers) x = scale * x;
      break;
    case symmetry_kind::asymmetric:
    case symmetry_kind::asymmetric_as:
      for (float& x : numbers) x = scale * (x - zero);
      break;
    case symmetry_kind::with_bias:
      for (float& x : numbers) x = rounded(scale * x) + zero;
      break;
    case symmetry_kind::with_minimum:
      for (float& x : numbers) x = rounded(scale * x) - zero;
      break;
  }
}

}  // namespace detail

// A matrix of codes beside the matrices of their scales and zero points, as deep as the scheme goes.
class plain_grid {
 public:
  // All codes zero; without the grids of scales and zero points, which the reader of a dialect adds.
  plain_grid(scheme_description scheme, std::size_t rows, std::size_t cols)
      : scheme_(std::move(scheme)),
        rows_(rows),
        cols_(cols),
        width_(scheme_.bits <= 8    ? 1
               : scheme_.bits <= 16 ? 2
                                    : 4),
        codes_(rows * cols * width_) {}

  const scheme_description& scheme() const noexcept { return scheme_; }
  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }

  std::uint32_t code(std::size_t i) const noexcept {
    if (width_ == 1) return codes_[i];
    if (width_ == 2) return load<std::uint16_t>(i);
    return load<std::uint32_t>(i);
  }
  void set_code(std::size_t i, std::uint32_t code) noexcept {
    const auto half = static_cast<std::uint16_t>(code);
    if (width_ == 1) codes_[i] = static_cast<std::uint8_t>(code);
    else if (width_ == 2) std::memcpy(codes_.data() + 2 * i, &half, 2);
    else std::memcpy(codes_.data() + 4 * i, &code, 4);
  }

  // Codes of at most 8 bits, one a byte.
  std::span<std::uint8_t> bytes() noexcept { return codes_; }
  std::span<const std::uint8_t> bytes() const noexcept { return codes_; }

  const plain_grid& scale() const { return scale_.at(0); }
  const plain_grid& zero() const { return zero_.at(0); }
  void set_scale(plain_grid grid) { scale_.assign(1, std::move(grid)); }
  void set_zero(plain_grid grid) { zero_.assign(1, std::move(grid)); }

  // Throws lowp::error unless scales and zero points are there in the shapes and schemes that the scheme asks for.
  void check() const {
    const grid_shape groups = scheme_.granularity.grid(rows_, cols_);
    const auto fits = [&](const std::vector<plain_grid>& grid, const std::vector<scheme_description>& wanted) {
      if (grid.size() != wanted.size()) LOWP_THROW(to_string(scheme_), ": scales or zero points are missing");
      if (grid.empty()) return;
      if (grid[0].rows_ != groups.rows || grid[0].cols_ != groups.cols) {
        LOWP_THROW("weights of ", rows_, " x ", cols_, " in ", to_string(scheme_), " have ", groups.rows, " x ", groups.cols,
                   " scales and zero points, not ", grid[0].rows_, " x ", grid[0].cols_);
      }
      if (!(grid[0].scheme_ == wanted[0])) LOWP_THROW(to_string(grid[0].scheme_), " is not ", to_string(wanted[0]));
      grid[0].check();
    };
    if (scheme_.is_plain()) return;
    fits(scale_, scheme_.scale);
    fits(zero_, scheme_.zero);
  }

  // The number of each byte in the format, before any scale (NaN for those that are no code); empty for formats of more than 8 bits.
  std::vector<float> numbers() const {
    if (scheme_.bits > 8) return {};
    std::vector<float> table(256, quiet_nan());
    const known_format* format = find_format(scheme_.format);
    for (std::uint32_t c = 0; c < (1u << scheme_.bits); ++c) table[c] = scheme_.codebook.empty() ? format->decode(c) : scheme_.codebook[c];
    return table;
  }

  // The numbers of the rows from `first` on, as many as `out` has room for.
  void values(std::size_t first, std::span<float> out) const {
    const std::vector<float> table = numbers();
    const std::size_t start = first * cols_;
    if (scheme_.is_plain()) return decode_numbers(start, table, out);
    const grid_shape groups = scheme_.granularity.grid(rows_, cols_);
    // A few rows of many need the scales of those alone.
    const grid_position begin = scheme_.granularity.group_of(first, 0, cols_, groups);
    const bool by_rows = scheme_.granularity.kind == granularity_kind::per_channel ||
                         scheme_.granularity.kind == granularity_kind::per_group || scheme_.granularity.kind == granularity_kind::per_block;
    const std::size_t count = cols_ == 0 ? 0 : out.size() / cols_;
    const std::size_t from = by_rows ? begin.row : 0;
    const std::size_t to = by_rows && count != 0 ? scheme_.granularity.group_of(first + count - 1, 0, cols_, groups).row + 1 : groups.rows;
    std::vector<float> scales((to - from) * groups.cols);
    std::vector<float> zeros(zero_.empty() ? 0 : scales.size());
    scale_[0].values(from, scales);
    if (!zero_.empty()) zero_[0].values(from, zeros);
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t c = 0, run = 0; c < cols_; c += run) {
        run = scheme_.granularity.stretch(first + r, c, cols_);
        const grid_position g = scheme_.granularity.group_of(first + r, c, cols_, groups);
        const std::size_t i = (g.row - from) * groups.cols + g.col;
        decode_run(start + r * cols_ + c, table, scales[i], zeros.empty() ? 0.0f : zeros[i], out.subspan(r * cols_ + c, run));
      }
    }
  }

 private:
  template <class Word>
  Word load(std::size_t i) const noexcept {
    Word word;
    std::memcpy(&word, codes_.data() + sizeof(Word) * i, sizeof(Word));
    return word;
  }

  // The numbers of the format, as many as there is room for.
  void decode_numbers(std::size_t start, std::span<const float> table, std::span<float> out) const {
    if (!table.empty()) {
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = table[codes_[start + i]];
      return;
    }
    const known_format* format = find_format(scheme_.format);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = format->decode(code(start + i));
  }

  // What they stand for in one group.
  void decode_run(std::size_t start, std::span<const float> table, float scale, float zero, std::span<float> out) const {
    // In a long group each code comes up several times.
    if (float group_table[16]; scheme_.bits <= 4 && out.size() >= std::size(group_table)) {
      std::copy(table.begin(), table.begin() + std::size(group_table), group_table);
      detail::apply_group(scheme_.symmetry, scale, zero, group_table);
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = group_table[codes_[start + i] & 15];
      return;
    }
    decode_numbers(start, table, out);
    detail::apply_group(scheme_.symmetry, scale, zero, out);
  }

  scheme_description scheme_;
  std::size_t rows_;
  std::size_t cols_;
  std::size_t width_;  // bytes of a code
  std::vector<std::uint8_t> codes_;
  std::vector<plain_grid> scale_;
  std::vector<plain_grid> zero_;
};

class plain_weights {
 public:
  // `columns`, where not empty: column k of the grid is column columns[k] of the layer, since the grid holds the columns of a group side
  // by side (see layout/column_order.hpp). Throws lowp::error unless all belongs together.
  explicit plain_weights(plain_grid grid, std::vector<std::uint32_t> columns = {}) : grid_(std::move(grid)), columns_(std::move(columns)) {
    grid_.check();
    if (!columns_.empty() && columns_.size() != grid_.cols())
      LOWP_THROW("an order of ", columns_.size(), " columns does not fit ", grid_.cols());
  }

  const scheme_description& scheme() const noexcept { return grid_.scheme(); }
  std::size_t rows() const noexcept { return grid_.rows(); }
  std::size_t cols() const noexcept { return grid_.cols(); }
  const plain_grid& grid() const noexcept { return grid_; }

  // Which column of the layer each column of the grid is; empty where they are in order. What gemm takes as its columns.
  const std::vector<std::uint32_t>& columns() const noexcept { return columns_; }

  // Rows first .. first + count - 1 as floats, columns in the order of the layer. Throws lowp::error where they do not fit.
  void dequantize(std::size_t first, std::size_t count, std::span<float> out) const {
    if (first > rows() || count > rows() - first || out.size() != count * cols())
      LOWP_THROW("rows ", first, " to ", first + count, " of ", rows(), " x ", cols(), " do not fit ", out.size(), " floats");
    grid_.values(first, out);
    if (columns_.empty()) return;
    std::vector<float> row(cols());
    for (std::size_t r = 0; r < count; ++r) {
      const auto to = out.subspan(r * cols(), cols());
      std::memcpy(row.data(), to.data(), to.size_bytes());
      for (std::size_t k = 0; k < cols(); ++k) to[columns_[k]] = row[k];
    }
  }
  std::vector<float> dequantize() const {
    std::vector<float> out(rows() * cols());
    dequantize(0, rows(), out);
    return out;
  }

 private:
  plain_grid grid_;
  std::vector<std::uint32_t> columns_;
};

namespace detail {

template <number_format F>
void copy_grid(const plain_grid& from, number_grid<F>& to) {
  if (to.codes().rows() == 0) return;
  for (std::size_t i = 0; i < from.rows() * from.cols(); ++i) to.codes().data()[i] = static_cast<code_t<F>>(from.code(i));
}
template <scheme_type S>
void copy_grid(const plain_grid& from, quantized<S>& to) {
  for (std::size_t i = 0; i < from.rows() * from.cols(); ++i)
    to.codes().data()[i] = static_cast<typename quantized<S>::code_type>(from.code(i));
  copy_grid(from.scale(), to.scales());
  if constexpr (S::has_zero) copy_grid(from.zero(), to.zeros());
}

// `groups` is the shape of the grid, which a format of no bits does not keep.
template <number_format F>
plain_grid plain_grid_of(const number_grid<F>& from, grid_shape groups) {
  plain_grid grid(describe<F>(), groups.rows, groups.cols);
  if constexpr (F::bits != 0) {
    for (std::size_t i = 0; i < groups.rows * groups.cols; ++i) grid.set_code(i, from.codes().data()[i]);
  }
  return grid;
}
template <scheme_type S>
plain_grid plain_grid_of(const quantized<S>& from, grid_shape) {
  plain_grid grid(describe<S>(), from.rows(), from.cols());
  for (std::size_t i = 0; i < grid.rows() * grid.cols(); ++i) grid.set_code(i, from.codes().data()[i]);
  grid.set_scale(plain_grid_of(from.scales(), from.grid()));
  if constexpr (S::has_zero) grid.set_zero(plain_grid_of(from.zeros(), from.grid()));
  return grid;
}

}  // namespace detail

// The same weights as a type. Throws lowp::error unless they are in just this scheme.
template <scheme_type S>
quantized<S> to_quantized(const plain_weights& w) {
  if (!is_described_by(w.scheme(), describe<S>)) LOWP_THROW("weights in ", to_string(w.scheme()), " are not in ", to_string(describe<S>()));
  quantized<S> q(w.rows(), w.cols());
  detail::copy_grid(w.grid(), q);
  return q;
}

// The reverse.
template <scheme_type S>
plain_weights to_plain(const quantized<S>& q) {
  return plain_weights(detail::plain_grid_of(q, q.grid()));
}

}  // namespace lowp::inline LOWP_ABI
