// Activations as bytes in ways that take more than one row of bytes: 16 bits as two signed bytes, and 8 bits around a zero point.
//
// Both are products of more rows than there are tokens, which meet again on their way to memory:
//
//   x = s * (256 * high + low)      y = 256 s * (high * w^T) + s * (low * w^T)
//   x = s * (q - zero)              y = s * (q * w^T) - s * zero * (1 * w^T)         one row of ones serves all tokens
#pragma once

#include <lowp/format/integer.hpp>
#include <lowp/kernel/cpu/integer_gemm.hpp>
#include <lowp/kernel/cpu/split_row.hpp>
#include <lowp/quantize/quantized.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

// Outputs of rows that come before those that they belong to wait here.
struct joined_rows {
  output_sink out;
  std::size_t width;  // outputs of a row
  scratch<float> waiting;
  const float* shifts = nullptr;  // of zero points: scale * zero of each token

  // Rows 2 m and 2 m + 1 are the upper and the lower bytes of a token.
  static void put_halves(const void* state, std::size_t row, std::size_t first, std::size_t count, float* values) {
    auto& self = *static_cast<joined_rows*>(const_cast<void*>(state));
    float* upper = self.waiting.data() + row / 2 * self.width + first;
    if (row % 2 == 0) {
      for (std::size_t i = 0; i < count; ++i) upper[i] = values[i];
    } else {
      for (std::size_t i = 0; i < count; ++i) values[i] += upper[i];
      self.out.put(self.out.state, row / 2, first, count, values);
    }
  }

  // Row 0 holds the sums of weights, row m + 1 a token.
  static void put_shifted(const void* state, std::size_t row, std::size_t first, std::size_t count, float* values) {
    auto& self = *static_cast<joined_rows*>(const_cast<void*>(state));
    float* sums = self.waiting.data() + first;
    if (row == 0) {
      for (std::size_t i = 0; i < count; ++i) sums[i] = values[i];
    } else {
      for (std::size_t i = 0; i < count; ++i) values[i] = std::fma(-self.shifts[row - 1], sums[i], values[i]);
      self.out.put(self.out.state, row - 1, first, count, values);
    }
  }
};

// 16 bits: the largest magnitude of a token becomes 127 * 256 + 127. x has floats in adjacent columns.
template <scheme_type S, class Executor>
void multiply_split(matrix_view<const float> x, const packed_view<S, layout::tile16>& w, row_range range, const output_sink& out, isa limit,
                    const Executor& executor) {
  const std::size_t cols = x.cols();
  const row_splitter split(limit);
  scratch<std::int8_t> bytes(2 * x.rows() * cols);
  scratch<float> scales(2 * x.rows());
  for (std::size_t m = 0; m < x.rows(); ++m) {
    const float scale = split(&x(m, 0), cols, bytes.data() + 2 * m * cols, bytes.data() + (2 * m + 1) * cols);
    scales[2 * m] = 256 * scale;
    scales[2 * m + 1] = scale;
  }
  joined_rows joined{out, w.rows, scratch<float>(x.rows() * w.rows)};
  const byte_rows rows{{bytes.data(), 2 * x.rows(), cols}, scales.data(), cols, 1.0f};
  multiply_bytes<false>(rows, w, range, {&joined, &joined_rows::put_halves}, limit, executor);
}

// 8 bits around a zero point for each token.
template <scheme_type X, scheme_type S, class Executor>
void multiply_shifted(const quantized<X>& x, const packed_view<S, layout::tile16>& w, row_range range, const output_sink& out, isa limit,
                      const Executor& executor) {
  const std::size_t cols = x.cols();
  const matrix_view<const std::uint8_t> codes = x.codes();
  scratch<std::int8_t> bytes((x.rows() + 1) * cols);
  scratch<float> scales(x.rows() + 1);
  scratch<float> shifts(x.rows());
  for (std::size_t k = 0; k < cols; ++k) bytes[k] = 1;
  scales[0] = 1;
  for (std::size_t m = 0; m < x.rows(); ++m) {
    const affine<X> group = x.group_of(m, 0);
    scales[m + 1] = group.scale;
    shifts[m] = group.scale * (group.zero - 128.0f);
    for (std::size_t k = 0; k < cols; ++k) bytes[(m + 1) * cols + k] = static_cast<std::int8_t>(codes(m, k) - 128);
  }
  joined_rows joined{out, w.rows, scratch<float>(w.rows), shifts.data()};
  const byte_rows rows{{bytes.data(), x.rows() + 1, cols}, scales.data(), cols, 1.0f};
  multiply_bytes<false>(rows, w, range, {&joined, &joined_rows::put_shifted}, limit, executor);
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
