// What the product of 8-bit activations and 8-bit weights is given, and the checks that come first.
//
//   lowp::w8a8_operand<lowp::i8> x{codes, cols, {scales, 1, 0}};        // [tokens][cols], a scale a token
//   lowp::w8a8_operand<lowp::e4m3> w{codes, cols, {scales, blocks, 1}};  // a scale for each 128 rows (of x: each row) and 128 columns
//   auto a = lowp::w8a8_arguments_of<lowp::w8a8_scaling::blocks>(x, w, cols, y, lowp::identity_epilogue{}, workspace);
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/format/minifloat.hpp>
#include <lowp/kernel/cuda/bits.hpp>
#include <lowp/kernel/cuda/epilogue.hpp>
#if !defined(__CUDACC_RTC__)
#include <lowp/core/matrix_view.hpp>
#endif

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// rows: one scale a token and one a row of the weights. blocks: one for each 128 columns of a token, and one for each 128 x 128 of the
// weights, as DeepSeek-V3 has them (arXiv 2412.19437, section 3.3.2).
enum class w8a8_scaling { rows, blocks };

inline constexpr int w8a8_block = 128;

// Scale (i, j) lies at data[i * row_stride + j * block_stride]; null: all are 1.
struct w8a8_scales {
  const float* data = nullptr;
  std::size_t row_stride = 0;
  std::size_t block_stride = 0;
};

// Codes [rows][cols] in device memory, rows `stride` bytes apart.
template <number_format F>
struct w8a8_operand {
  static_assert(std::same_as<F, i8> || std::same_as<F, e4m3> || std::same_as<F, e5m2>, "the tensor cores multiply i8, e4m3 and e5m2");
  const std::uint8_t* codes = nullptr;
  std::size_t stride = 0;
  w8a8_scales scales;
};

// Memory in which blocks that share a tile of the result leave their sums: without it, tiles are not shared, and few tokens keep few
// processors busy. `arrivals` is zero before the first product and after each; products that run at the same time need workspaces of
// their own.
struct w8a8_workspace {
  std::uint32_t* sums = nullptr;
  std::uint32_t* arrivals = nullptr;
};

// Bytes of each of its parts, for products of any size.
struct w8a8_workspace_size {
  std::size_t sums;
  std::size_t arrivals;
};

// For each processor, two tiles of 256 x 128 sums, or as many smaller ones.
constexpr w8a8_workspace_size w8a8_workspace_for(std::size_t processors) noexcept {
  return {processors * 2 * 256 * 128 * sizeof(std::uint32_t), processors * 16 * sizeof(std::uint32_t)};
}

template <number_format F, w8a8_scaling Scaling, class Y, device_epilogue Epilogue>
struct w8a8_arguments {
  static_assert(ptx::packed_type<Y> || std::same_as<Y, float>, "results are float, f16 or bf16");
  w8a8_operand<F> x;
  w8a8_operand<F> weights;
  Y* y;
  std::size_t y_stride;
  std::uint32_t tokens, rows, cols;
  bool aligned;  // each row of codes starts at a multiple of 16 bytes
  Epilogue epilogue;
  w8a8_workspace workspace;
};

// Sums of products of i8 are 32-bit integers, and exact for so many columns.
inline constexpr std::size_t w8a8_most_integer_columns = 131071;

// Whether the kernel takes a product, for load-time checks and launches alike. compute_capability: 10 * major + minor.
template <number_format F>
constexpr bool w8a8_supports(std::size_t tokens, std::size_t rows, std::size_t cols, int compute_capability) noexcept {
  return compute_capability >= 80 && tokens <= 0x7fffffffu && rows <= 0x7fffffffu &&
         cols <= (std::same_as<F, i8> ? w8a8_most_integer_columns : std::size_t{0x7fffffffu});
}

#if !defined(__CUDACC_RTC__)

// y [tokens, rows] = x [tokens, cols] * w [rows, cols]^T. Throws lowp::error for shapes that do not fit.
template <w8a8_scaling Scaling, number_format F, class Y, device_epilogue Epilogue = identity_epilogue>
w8a8_arguments<F, Scaling, Y, Epilogue> w8a8_arguments_of(const w8a8_operand<F>& x, const w8a8_operand<F>& w, std::size_t cols,
                                                          matrix_view<Y> y, Epilogue epilogue = {}, w8a8_workspace workspace = {}) {
  if (x.stride < cols || w.stride < cols)
    LOWP_THROW("rows of ", cols, " codes do not fit strides of ", x.stride, " and ", w.stride, " bytes");
  if (!y.contiguous_rows()) LOWP_THROW("the rows of results must be contiguous in memory");
  if (!w8a8_supports<F>(y.rows(), y.cols(), cols, 80)) {
    LOWP_THROW("the CUDA product of 8-bit numbers does not take ", y.rows(), " tokens by weights of ", y.cols(), " x ", cols);
  }
  const auto aligned = [](const w8a8_operand<F>& o) { return reinterpret_cast<std::uintptr_t>(o.codes) % 16 == 0 && o.stride % 16 == 0; };
  return {.x = x,
          .weights = w,
          .y = y.data(),
          .y_stride = y.row_stride(),
          .tokens = static_cast<std::uint32_t>(y.rows()),
          .rows = static_cast<std::uint32_t>(y.cols()),
          .cols = static_cast<std::uint32_t>(cols),
          .aligned = aligned(x) && aligned(w),
          .epilogue = epilogue,
          .workspace = workspace};
}

#endif

}  // namespace lowp::inline LOWP_ABI
