// What a GEMV kernel is given, and the checks that come first.
//
//   auto a = lowp::gemv_arguments_of(w, x, y);      // throws lowp::error where the shapes do not fit
#pragma once

#include <lowp/core/matrix_view.hpp>
#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/device_weights.hpp>
#include <lowp/layout/row_major.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// Sizes are below 2^31, so that indices within a row take one register.
template <scheme_type S, class X, class Y>
struct gemv_arguments {
  static_assert(S::format::bits == 4, "the CUDA GEMV takes codes of 4 bits");
  static_assert(!S::has_zero, "the CUDA GEMV takes schemes without zero points, biases or minima");
  static_assert(rectangular_granularity<typename S::granularity>, "the CUDA GEMV takes groups that do not cross rows");
  static_assert(S::granularity::cols_per_group % 8 == 0, "the CUDA GEMV takes groups of 8, 16, 24, ... weights of a row, or whole rows");
  static_assert(ptx::packed_type<X>, "activations are f16 or bf16");
  static_assert(ptx::packed_type<Y> || std::same_as<Y, float>, "results are float, f16 or bf16");

  const std::uint8_t* codes;  // [rows, cols], rows row_stride bytes apart
  std::size_t row_stride;
  device_parameters<typename S::scale> scales;
  const X* x;  // [tokens, cols], rows x_stride elements apart
  std::size_t x_stride;
  Y* y;  // [tokens, rows]
  std::size_t y_stride;
  std::uint32_t rows;
  std::uint32_t cols;
  int tokens;
  bool aligned_codes;  // each row of codes, and of x, starts at a multiple of 16 bytes
  bool aligned_x;
  std::uint32_t panel = 0;  // columns of x in shared memory at once: plan_gemv
};

// The arguments for y [tokens, w.rows] = x [tokens, w.cols] * w^T. Throws lowp::error for shapes that do not fit.
template <scheme_type S, class X, class Y>
gemv_arguments<S, X, Y> gemv_arguments_of(const device_weights<S>& w, matrix_view<const X> x, matrix_view<Y> y) {
  constexpr std::size_t most = 0x7fffffff;
  if (w.rows > most || w.cols > most) LOWP_THROW("weights of ", w.rows, " x ", w.cols, " are more than a GEMV kernel can count");
  const std::size_t needed = layout::row_major::row_bytes<S::format::bits>(w.cols);
  const std::size_t row_stride = w.row_stride == 0 ? needed : w.row_stride;
  if (row_stride < needed) LOWP_THROW("a row of ", w.cols, " codes takes ", needed, " bytes, but the row stride is ", row_stride);
  if (x.rows() < 1 || x.rows() > 8) LOWP_THROW("a GEMV takes 1 to 8 tokens, not ", x.rows());
  if (x.cols() != w.cols) LOWP_THROW("activations of ", x.rows(), " x ", x.cols(), " do not fit weights of ", w.rows, " x ", w.cols);
  if (y.rows() != x.rows() || y.cols() != w.rows) {
    LOWP_THROW("the result of ", x.rows(), " tokens and ", w.rows, " rows does not fit a matrix of ", y.rows(), " x ", y.cols());
  }
  if (!x.contiguous_rows() || !y.contiguous_rows()) LOWP_THROW("the rows of activations and results must be contiguous in memory");
  const auto aligned = [](const void* p, std::size_t stride) {
    return (reinterpret_cast<std::uintptr_t>(p) | stride) % sizeof(vector_of_words) == 0;
  };
  return {.codes = static_cast<const std::uint8_t*>(w.codes),
          .row_stride = row_stride,
          .scales = w.scales,
          .x = x.data(),
          .x_stride = x.row_stride(),
          .y = y.data(),
          .y_stride = y.row_stride(),
          .rows = static_cast<std::uint32_t>(w.rows),
          .cols = static_cast<std::uint32_t>(w.cols),
          .tokens = static_cast<int>(x.rows()),
          .aligned_codes = aligned(w.codes, row_stride),
          .aligned_x = aligned(x.data(), x.rows() == 1 ? 0 : x.row_stride() * sizeof(X))};
}

}  // namespace lowp::inline LOWP_ABI
