// What a CUDA GEMM kernel is given, and the checks that come first.
//
//   auto a = lowp::gemm_arguments_of(w, x, y, lowp::identity_epilogue{});      // throws lowp::error where the shapes do not fit
#pragma once

#include <lowp/core/matrix_view.hpp>
#include <lowp/kernel/cuda/epilogue.hpp>
#include <lowp/kernel/cuda/gemm_schedule.hpp>
#include <lowp/kernel/cuda/gemm_tile.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// Memory that a product works in. `arrivals` is zero before the first kernel and after each; products that run at the same time need
// workspaces of their own.
struct gemm_workspace {
  float* sums = nullptr;              // of panels that several blocks work on
  std::uint32_t* arrivals = nullptr;  // how many of those blocks are done
  void* activations = nullptr;        // in the order of the weights' columns, or from rows that start elsewhere than at multiples of 16
};

// Bytes of each of its parts.
struct gemm_workspace_size {
  std::size_t sums;
  std::size_t arrivals;
  std::size_t activations;
};

// What a kernel of `blocks` blocks needs for weights [rows, cols] and up to 64 tokens.
constexpr gemm_workspace_size gemm_workspace_for(std::size_t rows, std::size_t cols, std::size_t blocks) noexcept {
  constexpr std::size_t tile_rows = gemm_tile::rows;
  return {blocks * 2 * 64 * tile_rows * sizeof(float), ceil_div(rows, tile_rows) * sizeof(std::uint32_t),
          64 * round_up(cols, std::size_t{8}) * sizeof(std::uint16_t)};
}

template <scheme_type S, class X, class Y, device_epilogue Epilogue>
struct gemm_arguments {
  static_assert(ptx::packed_type<X>, "activations are f16 or bf16");
  static_assert(ptx::packed_type<Y> || std::same_as<Y, float>, "results are float, f16 or bf16");
  static_assert(gemm_scheme<S>::supported(),
                "the CUDA GEMM takes codes of 1 to 8 bits whose code 0 is finite, in groups of whole rows or of 16, 32, 64, ... columns, "
                "with parameters in plain formats or under one scale a tensor; lowp::dequantize on the device takes any scheme");

  mma_weights<S> weights;
  const X* x;  // [tokens, cols], rows x_stride elements apart, each at a multiple of 16 bytes unless gathers()
  std::size_t x_stride;
  Y* y;  // [tokens, rows]
  std::size_t y_stride;
  std::uint32_t tokens;
  gemm_workspace workspace;
  Epilogue epilogue;

  // Whether the activations must be copied first, in another order or to rows at multiples of 16 bytes.
  bool gathers() const noexcept {
    const bool aligned = reinterpret_cast<std::uintptr_t>(x) % sizeof(vector_of_words) == 0 &&
                         (tokens == 1 || x_stride * sizeof(X) % sizeof(vector_of_words) == 0);
    return weights.columns != nullptr || !aligned;
  }
};

// The arguments for y [tokens, w.rows] = x [tokens, w.cols] * w^T. Throws lowp::error for shapes that do not fit.
template <scheme_type S, class X, class Y, device_epilogue Epilogue>
gemm_arguments<S, X, Y, Epilogue> gemm_arguments_of(const mma_weights<S>& w, matrix_view<const X> x, matrix_view<Y> y, Epilogue epilogue,
                                                    gemm_workspace workspace = {}) {
  if (x.cols() != w.cols) LOWP_THROW("activations of ", x.rows(), " x ", x.cols(), " do not fit weights of ", w.rows, " x ", w.cols);
  if (y.rows() != x.rows() || y.cols() != w.rows) {
    LOWP_THROW("the result of ", x.rows(), " tokens and ", w.rows, " rows does not fit a matrix of ", y.rows(), " x ", y.cols());
  }
  if (!x.contiguous_rows() || !y.contiguous_rows()) LOWP_THROW("the rows of activations and results must be contiguous in memory");
  if (!gemm_supports<S, X>(x.rows(), w.rows, w.cols)) {
    LOWP_THROW("the CUDA GEMM does not take ", x.rows(), " tokens by weights of ", w.rows, " x ", w.cols, " in groups of ",
               gemm_scheme<S>::group);
  }
  const auto aligned = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % sizeof(vector_of_words) == 0; };
  if (!aligned(w.codes) || !aligned(w.scales) || !aligned(w.zeros)) LOWP_THROW("codes and parameters must start at multiples of 16 bytes");
  return {.weights = w,
          .x = x.data(),
          .x_stride = x.row_stride(),
          .y = y.data(),
          .y_stride = y.row_stride(),
          .tokens = static_cast<std::uint32_t>(x.rows()),
          .workspace = workspace,
          .epilogue = epilogue};
}

}  // namespace lowp::inline LOWP_ABI
