// Activations in the order in which weights have their columns, in rows that start at multiples of 16 bytes: what comes before a
// product with weights in act order, or with activations that a kernel cannot copy 16 bytes at a time.
//
//   lowp::gather_activations(block, a, block_index, blocks);      // every thread of every block
//   auto b = lowp::gathered(a);                                    // the arguments of the product itself
//
// Source: GPTQ, Frantar et al. 2022, section 3.3 (order).
#pragma once

#include <lowp/kernel/cuda/gemm_arguments.hpp>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// Elements from row to row of the copy.
LOWP_HD constexpr std::size_t gathered_stride(std::size_t cols) noexcept { return round_up(cols, std::size_t{8}); }

template <class Block, class S, class X, class Y, class Epilogue>
LOWP_HD void gather_activations(const Block& block, const gemm_arguments<S, X, Y, Epilogue>& a, std::uint32_t block_index,
                                std::uint32_t blocks) {
  const auto cols = static_cast<std::uint32_t>(a.weights.cols);
  auto* const to = static_cast<X*>(a.workspace.activations);
  block.each_thread([&](int thread) {
    for (std::uint32_t k = block_index * static_cast<std::uint32_t>(Block::threads) + static_cast<std::uint32_t>(thread); k < cols;
         k += blocks * static_cast<std::uint32_t>(Block::threads)) {
      const std::uint32_t from = a.weights.columns == nullptr ? k : a.weights.columns[k];
      for (std::uint32_t t = 0; t < a.tokens; ++t) to[t * gathered_stride(cols) + k] = a.x[t * a.x_stride + from];
    }
  });
}

template <class S, class X, class Y, class Epilogue>
gemm_arguments<S, X, Y, Epilogue> gathered(gemm_arguments<S, X, Y, Epilogue> a) noexcept {
  a.x = static_cast<const X*>(a.workspace.activations);
  a.x_stride = gathered_stride(a.weights.cols);
  a.weights.columns = nullptr;
  return a;
}

}  // namespace lowp::inline LOWP_ABI
