// A quantized matrix that owns its codes, scales and zero points, in plain order.
//
//   lowp::quantized<lowp::nvfp4> q = lowp::quantize<lowp::nvfp4>(w);
//   q.value(r, c);                        // of the weight at (r, c)
//   q.codes();                            // E2M1 codes, [rows, cols]
//   q.scales().codes();                   // E4M3 codes, [rows, cols / 16]
//   q.scales().scales().value(0, 0);      // the tensor's f32 scale
//
// How bits lie in memory is the business of layout/: see lowp::pack.
#pragma once

#include <lowp/quantize/quantized_view.hpp>

#include <cstddef>
#include <type_traits>
#include <vector>

namespace lowp::inline LOWP_ABI {

// The owner of a number_view.
template <number_format F>
class number_grid {
 public:
  number_grid() = default;
  number_grid(std::size_t rows, std::size_t cols) : rows_(F::bits == 0 ? 0 : rows), cols_(cols), codes_(rows_ * cols) {}

  matrix_view<code_t<F>> codes() noexcept { return {codes_.data(), rows_, cols_}; }
  matrix_view<const code_t<F>> codes() const noexcept { return {codes_.data(), rows_, cols_}; }

  number_view<F> view() const noexcept { return {codes()}; }
  float value(std::size_t row, std::size_t col) const noexcept { return view().value(row, col); }

  friend bool operator==(const number_grid&, const number_grid&) = default;

 private:
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::vector<code_t<F>> codes_;
};

template <scheme_type S>
class quantized;

namespace detail {

template <class P>
struct parameter_grid_of {
  using type = quantized<P>;
};
template <number_format P>
struct parameter_grid_of<P> {
  using type = number_grid<P>;
};
template <>
struct parameter_grid_of<void> {
  using type = no_parameters;
};

}  // namespace detail

// The owner of a parameter_view.
template <class P>
using parameter_grid = typename detail::parameter_grid_of<P>::type;

template <scheme_type S>
class quantized {
 public:
  using scheme = S;
  using format = typename S::format;
  using granularity = typename S::granularity;
  using code_type = code_t<format>;

  quantized() = default;

  // All bits zero; quantize, the algorithms and the readers fill them in.
  quantized(std::size_t rows, std::size_t cols)
      : rows_(rows),
        cols_(cols),
        codes_(rows * cols),
        scales_(make_grid<typename S::scale>(rows, cols)),
        zeros_(make_grid<typename S::zero>(rows, cols)) {}

  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }
  grid_shape grid() const noexcept { return granularity::grid(rows_, cols_); }

  matrix_view<code_type> codes() noexcept { return {codes_.data(), rows_, cols_}; }
  matrix_view<const code_type> codes() const noexcept { return {codes_.data(), rows_, cols_}; }
  parameter_grid<typename S::scale>& scales() noexcept { return scales_; }
  const parameter_grid<typename S::scale>& scales() const noexcept { return scales_; }
  parameter_grid<typename S::zero>& zeros() noexcept { return zeros_; }
  const parameter_grid<typename S::zero>& zeros() const noexcept { return zeros_; }

  quantized_view<S> view() const noexcept {
    if constexpr (S::has_zero) return {codes(), scales_.view(), zeros_.view()};
    else return {codes(), scales_.view(), {}};
  }
  affine<S> group(grid_position g) const noexcept { return view().group(g); }
  affine<S> group_of(std::size_t row, std::size_t col) const noexcept { return view().group_of(row, col); }
  float value(std::size_t row, std::size_t col) const noexcept { return view().value(row, col); }

  friend bool operator==(const quantized&, const quantized&) = default;

 private:
  template <class P>
  static parameter_grid<P> make_grid(std::size_t rows, std::size_t cols) {
    if constexpr (std::is_void_v<P>) {
      return {};
    } else {
      const grid_shape grid = granularity::grid(rows, cols);
      return parameter_grid<P>(grid.rows, grid.cols);
    }
  }

  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::vector<code_type> codes_;
  parameter_grid<typename S::scale> scales_;
  parameter_grid<typename S::zero> zeros_;
};

}  // namespace lowp::inline LOWP_ABI
