// What becomes of the sums of a product of 8-bit numbers: scaled, handed to the epilogue and stored; or, where several blocks share a
// tile, left in memory until the last of them adds all up.
//
//   lowp::w8a8_output<F, Scaling, Y, Epilogue>::token_results(a, token).store(row, sum, next_sum);
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/convert.hpp>
#include <lowp/kernel/cuda/w8a8_arguments.hpp>
#include <lowp/kernel/cuda/w8a8_schedule.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

template <number_format F, w8a8_scaling Scaling, class Y, class Epilogue>
struct w8a8_output {
  using arguments = w8a8_arguments<F, Scaling, Y, Epilogue>;
  static constexpr bool by_blocks = Scaling == w8a8_scaling::blocks;

  // Sums that are taken in parts of 128 columns: for scales by blocks, and because tensor cores sum FP8 with fewer bits than f32 has.
  static constexpr bool in_parts = by_blocks || !std::same_as<F, i8>;

  LOWP_HD static float scale_at(const w8a8_scales& scales, std::size_t row, std::size_t block) noexcept {
    return scales.data == nullptr ? 1.0f : scales.data[row * scales.row_stride + block * scales.block_stride];
  }

  // For tiles of the size of `tile` over at most so many blocks.
  template <class Tile>
  static constexpr w8a8_schedule schedule_for(const arguments& a, const Tile& tile, std::uint32_t blocks) {
    return w8a8_schedule::make(ceil_div(a.tokens, static_cast<std::uint32_t>(tile.tokens)),
                               ceil_div(a.rows, static_cast<std::uint32_t>(tile.rows)),
                               ceil_div(a.cols, static_cast<std::uint32_t>(w8a8_block)), blocks, a.workspace.sums != nullptr);
  }

  // What the sums of a token and a block of rows in a block of columns are multiplied by; any number for a token that does not exist.
  LOWP_HD static float block_scale(const arguments& a, std::uint32_t token, std::uint32_t row, std::size_t block) noexcept {
    const std::uint32_t t = token < a.tokens ? token : a.tokens - 1;
    return scale_at(a.x.scales, t, block) * scale_at(a.weights.scales, row / w8a8_block, block);
  }

  // The results of one token, stored two at a time; its row of the result must exist.
  class token_results {
   public:
    LOWP_HD token_results(const arguments& a, std::uint32_t token)
        : a_(a), token_(token), scale_(by_blocks ? 1.0f : scale_at(a.x.scales, token, 0)), y_(a.y + token * a.y_stride) {
      pairs_ = reinterpret_cast<std::uintptr_t>(y_) % (2 * sizeof(Y)) == 0;
    }

    // The sums of `row`, an even number, and the next, integers of 32 bits or floats; nothing happens beyond the last.
    template <class Sum>
    LOWP_HD void store(std::uint32_t row, Sum first, Sum second) const {
      if (row + 1 < a_.rows) {
        const Y low = result(row, first);
        const Y high = result(row + 1, second);
        if constexpr (!std::same_as<Y, float>) {
          if (pairs_) {
            *reinterpret_cast<std::uint32_t*>(y_ + row) = static_cast<std::uint32_t>(high.code) << 16 | low.code;
            return;
          }
        }
        y_[row] = low;
        y_[row + 1] = high;
      } else if (row < a_.rows) {
        y_[row] = result(row, first);
      }
    }

   private:
    template <class Sum>
    LOWP_HD Y result(std::uint32_t row, Sum sum) const {
      auto value = static_cast<float>(sum);
      if constexpr (!by_blocks) value = rounded(value * scale_) * scale_at(a_.weights.scales, row, 0);
      value = a_.epilogue(value, row, token_);
      if constexpr (std::same_as<Y, float>) return value;
      else return Y::from_code(static_cast<std::uint16_t>(ptx::narrow<Y>(value)));
    }

    const arguments& a_;
    std::uint32_t token_;
    float scale_;
    Y* y_;
    bool pairs_;
  };

  // The results of a part that a block has summed up: Rows tokens of each thread with Pairs pairs of sums each. token_at(thread, i) and
  // row_at(thread, j) are their places, sum_at(thread, i, j, e) the sums, e = 0, 1. Where blocks share the tile, they leave their sums in
  // the workspace, and the last of them adds all up, in the order of the blocks.
  template <int Rows, int Pairs, class Block, class TokenAt, class RowAt, class SumAt>
  LOWP_HD static void finish(const Block& block, const arguments& a, const w8a8_schedule& schedule, const w8a8_schedule::part& part,
                             std::uint32_t block_index, TokenAt token_at, RowAt row_at, SumAt sum_at) {
    if (!part.shared) {
      block.each_thread([&](int thread) {
        LOWP_DEVICE_UNROLL
        for (int i = 0; i < Rows; ++i) {
          const std::uint32_t token = token_at(thread, i);
          if (token >= a.tokens) continue;
          const token_results results(a, token);
          LOWP_DEVICE_UNROLL
          for (int j = 0; j < Pairs; ++j) results.store(row_at(thread, j), sum_at(thread, i, j, 0), sum_at(thread, i, j, 1));
        }
      });
      return;
    }
    constexpr std::size_t slot_words = std::size_t{2} * Rows * Pairs * Block::threads;
    const gemm_schedule& rest = schedule.rest;
    std::uint32_t* const mine = a.workspace.sums + rest.slot(block_index, part.rest) * slot_words;
    block.each_thread([&](int thread) {
      LOWP_DEVICE_UNROLL
      for (int i = 0; i < 2 * Rows * Pairs; ++i) {
        mine[i * Block::threads + thread] = bit_cast<std::uint32_t>(sum_at(thread, i / 2 / Pairs, i / 2 % Pairs, i % 2));
      }
    });
    const gemm_schedule::panel_slots slots = rest.slots_of(part.rest);
    const std::uint32_t last = rest.last_block(part.rest);
    if (!block.last_to_arrive(a.workspace.arrivals + part.rest, last - slots.first_block + 1)) return;
    block.each_thread([&](int thread) {
      using sum_type = decltype(sum_at(thread, 0, 0, 0));
      LOWP_DEVICE_NO_UNROLL
      for (int i = 0; i < Rows; ++i) {
        const std::uint32_t token = token_at(thread, i);
        if (token >= a.tokens) continue;
        const token_results results(a, token);
        LOWP_DEVICE_NO_UNROLL
        for (int j = 0; j < Pairs; ++j) {
          sum_type sum[2] = {};
          for (std::uint32_t b = slots.first_block; b <= last; ++b) {
            const std::uint32_t* const from = a.workspace.sums + slots.of(b) * slot_words + 2 * (i * Pairs + j) * Block::threads + thread;
            LOWP_DEVICE_UNROLL
            for (int e = 0; e < 2; ++e) sum[e] += bit_cast<sum_type>(ptx::load_shared_between_blocks(from + e * Block::threads));
          }
          results.store(row_at(thread, j), sum[0], sum[1]);
        }
      }
    });
  }
};

}  // namespace lowp::inline LOWP_ABI
