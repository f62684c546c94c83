// Products of plain f32 matrices by the kernels of kernel/cpu, for what the algorithms do beside quantizing: sums of products,
// factorizations, updates. The second factor lies in panels of sixteen rows side by side, [panel][column][16], as kernels read it.
//
//   float_panels b(rows, cols);
//   b.fill(0, view);                                                        // any strides
//   multiply_dense(a, b.view(), [&](std::size_t i, std::size_t j, std::span<const float> v) { ... });   // a * b^T: v[0] is (i, j)
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/core/matrix_view.hpp>
#include <lowp/format/unit.hpp>
#include <lowp/kernel/cpu/gemm.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

// Rows [0, rows) by columns [0, cols) of a matrix in panels that are `stride` floats apart.
struct panel_view {
  const float* data;
  std::size_t rows;
  std::size_t cols;
  std::size_t stride;

  panel_view columns(std::size_t first, std::size_t count) const noexcept { return {data + first * panel_rows, rows, count, stride}; }
};

class float_panels {
 public:
  float_panels() = default;
  float_panels(std::size_t rows, std::size_t cols) : rows_(rows), cols_(cols), numbers_(ceil_div(rows, panel_rows) * cols * panel_rows) {}

  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }
  panel_view view() const noexcept { return {numbers_.data(), rows_, cols_, cols_ * panel_rows}; }

  float& operator()(std::size_t row, std::size_t col) noexcept { return numbers_[place(row, col)]; }
  float operator()(std::size_t row, std::size_t col) const noexcept { return numbers_[place(row, col)]; }

  // Rows from `first`, a multiple of sixteen, on; those that fill up the last panel become zeros.
  void fill(std::size_t first, matrix_view<const float> m) {
    for (std::size_t r = 0; r < m.rows(); r += panel_rows) {
      const std::size_t count = m.rows() - r < panel_rows ? m.rows() - r : panel_rows;
      float* out = numbers_.data() + place(first + r, 0);  // of no columns: none at all
      for (std::size_t c = 0; c < m.cols(); ++c) {
        for (std::size_t i = 0; i < count; ++i) out[c * panel_rows + i] = m(r + i, c);
        for (std::size_t i = count; i < panel_rows; ++i) out[c * panel_rows + i] = 0.0f;
      }
    }
  }

 private:
  std::size_t place(std::size_t row, std::size_t col) const noexcept {
    return (row / panel_rows * cols_ + col) * panel_rows + row % panel_rows;
  }

  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  aligned_vector<float> numbers_;
};

// x [m, cols] * w^T for the rows [first, last) of w. Calls put(row of x, row of w, products) for runs of w's rows.
// x has contiguous rows. Each product is the same whatever the other rows are, given how many rows x has.
template <class Put>
void multiply_dense(matrix_view<const float> x, panel_view w, std::size_t first, std::size_t last, const Put& put) {
  if (x.rows() == 0 || first == last || w.cols == 0) return;
  product a;
  a.x = x;
  a.codes = reinterpret_cast<const std::uint8_t*>(w.data);
  a.panel_bytes = w.stride * sizeof(float);
  a.cols = w.cols;
  a.group_cols = w.cols;
  a.groups = 1;
  a.out = {&put, [](const void* state, std::size_t i, std::size_t j, std::size_t count, float* values) {
             (*static_cast<const Put*>(state))(i, j, std::span<const float>(values, count));
           }};
  choose_float_kernels<scheme<f32, per_tensor, symmetric, unit>>(a, newest_isa);
  a.multiply(a, first, last);
}

template <class Put>
void multiply_dense(matrix_view<const float> x, panel_view w, const Put& put) {
  multiply_dense(x, w, 0, w.rows, put);
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
