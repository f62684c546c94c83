// A view of a matrix in somebody else's memory: a pointer, two sizes and two strides. Weights are [out, in], rows of
// inputs contiguous; activations are [tokens, features].
//
//   std::vector<float> w(rows * cols);
//   lowp::matrix_view<const float> view{w.data(), rows, cols};
//   view(2, 3);   view.row(2);   view.transposed();
#pragma once

#include <lowp/core/error.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

template <class T>
class matrix_view {
 public:
  using element_type = T;

  constexpr matrix_view() = default;

  // Rows one after another.
  constexpr matrix_view(T* data, std::size_t rows, std::size_t cols) noexcept : matrix_view(data, rows, cols, cols) {}

  // Element (r, c) lies at data[r * row_stride + c * col_stride].
  constexpr matrix_view(T* data, std::size_t rows, std::size_t cols, std::size_t row_stride, std::size_t col_stride = 1) noexcept
      : data_(data), rows_(rows), cols_(cols), row_stride_(row_stride), col_stride_(col_stride) {}

  // A span of at least rows * cols elements; throws lowp::error if it is shorter.
  constexpr matrix_view(std::span<T> elements, std::size_t rows, std::size_t cols) : matrix_view(elements.data(), rows, cols) {
    if (cols != 0 && elements.size() / cols < rows) {
      LOWP_THROW("a matrix of ", rows, " x ", cols, " needs more than the ", elements.size(), " elements given");
    }
  }

  // Anything shaped like a two-dimensional std::mdspan with strides.
  template <class Mdspan>
    requires requires(const Mdspan& m) {
      { m.data_handle() } -> std::convertible_to<T*>;
      m.extent(0);
      m.stride(1);
      requires Mdspan::rank() == 2;
    }
  constexpr matrix_view(const Mdspan& m)
      : matrix_view(m.data_handle(), static_cast<std::size_t>(m.extent(0)), static_cast<std::size_t>(m.extent(1)),
                    static_cast<std::size_t>(m.stride(0)), static_cast<std::size_t>(m.stride(1))) {}

  // A view of mutable elements is a view of constant ones.
  template <class U>
    requires(std::is_const_v<T> && std::is_same_v<U, std::remove_const_t<T>>)
  constexpr matrix_view(const matrix_view<U>& m) noexcept : matrix_view(m.data(), m.rows(), m.cols(), m.row_stride(), m.col_stride()) {}

  constexpr std::size_t rows() const noexcept { return rows_; }
  constexpr std::size_t cols() const noexcept { return cols_; }
  constexpr std::size_t row_stride() const noexcept { return row_stride_; }
  constexpr std::size_t col_stride() const noexcept { return col_stride_; }
  constexpr T* data() const noexcept { return data_; }
  constexpr bool contiguous_rows() const noexcept { return col_stride_ == 1; }

  constexpr T& operator()(std::size_t row, std::size_t col) const noexcept { return data_[row * row_stride_ + col * col_stride_]; }

  // The row as a span; the columns must be adjacent in memory.
  constexpr std::span<T> row(std::size_t r) const {
    if (!contiguous_rows()) LOWP_THROW("a row with a column stride of ", col_stride_, " is not contiguous");
    return {data_ + r * row_stride_, cols_};
  }

  // The rectangle of `rows` x `cols` elements from (row, col).
  constexpr matrix_view block(std::size_t row, std::size_t col, std::size_t rows, std::size_t cols) const {
    if (row > rows_ || rows > rows_ - row || col > cols_ || cols > cols_ - col) {
      LOWP_THROW("a block of ", rows, " x ", cols, " at (", row, ", ", col, ") leaves the matrix of ", rows_, " x ", cols_);
    }
    return {data_ + row * row_stride_ + col * col_stride_, rows, cols, row_stride_, col_stride_};
  }

  constexpr matrix_view transposed() const noexcept { return {data_, cols_, rows_, col_stride_, row_stride_}; }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t row_stride_ = 0;
  std::size_t col_stride_ = 1;
};

}  // namespace lowp::inline LOWP_ABI
