// An epilogue by itself, for results that a product without one has left in f32 (cublas_gemm.cuh).
//
//   lowp::apply_epilogue(block, sums, y, y_stride, tokens, rows, epilogue, block_index, blocks);      // sums: [tokens][rows]
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/convert.hpp>
#include <lowp/kernel/cuda/epilogue.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// By all threads of all blocks. `y` may be `sums` itself.
template <class Block, class Y, device_epilogue Epilogue>
LOWP_HD void apply_epilogue(const Block& block, const float* sums, std::size_t sums_stride, Y* y, std::size_t y_stride,
                            std::uint32_t tokens, std::uint32_t rows, const Epilogue& epilogue, std::uint32_t block_index,
                            std::uint32_t blocks) {
  block.each_thread([&](int thread) {
    for (std::size_t i = std::size_t{block_index} * Block::threads + static_cast<std::size_t>(thread); i < std::size_t{tokens} * rows;
         i += std::size_t{blocks} * Block::threads) {
      const std::size_t token = i / rows;
      const std::size_t row = i % rows;
      const float value = epilogue(sums[token * sums_stride + row], static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(token));
      Y& to = y[token * y_stride + row];
      if constexpr (std::same_as<Y, float>) to = value;
      else to = Y::from_code(static_cast<std::uint16_t>(ptx::narrow<Y>(value)));
    }
  });
}

}  // namespace lowp::inline LOWP_ABI
