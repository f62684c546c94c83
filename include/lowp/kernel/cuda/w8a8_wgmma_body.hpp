// The product of 8-bit activations and weights by wgmma, phase by phase, for the device and for tests on the host alike.
//
// One thread, the producer, sends for tiles of 128 columns of both operands, which come to a ring of stages in shared memory, swizzled.
// Two warpgroups multiply them: tokens are the rows of wgmma, rows of the weights its columns. Sums of FP8 are added up in f32 every 128
// columns, as in w8a8_body.hpp; while one warpgroup does that, the tensor cores work for the other, since neither waits for the other,
// only for stages. Barriers count: `full` the bytes of a stage, `empty` the warps that are done with it.
#pragma once

#include <lowp/kernel/cuda/tensor_copy.hpp>
#include <lowp/kernel/cuda/w8a8_output.hpp>
#include <lowp/kernel/cuda/wgmma.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// A block computes tokens x rows of the result, by two warpgroups and that of the producer, which gives them its registers.
struct w8a8_wgmma_tile {
  int tokens;  // 64, 128 or 256
  int rows;
  int stages;

  static constexpr int cols = w8a8_block;  // of a stage
  static constexpr int multipliers = 2 * warpgroup_threads;
  static constexpr int threads = multipliers + warpgroup_threads;
  LOWP_HD constexpr int stage_bytes() const noexcept { return (tokens + rows) * cols; }
  // Stages start at multiples of 1024.
  LOWP_HD constexpr int shared_bytes() const noexcept { return stage_bytes() * stages + 1024; }

  // The warpgroups lie along the tokens, or side by side along the rows; each takes its 64 tokens, one time after another.
  LOWP_HD constexpr int groups_tokens() const noexcept { return tokens >= 128 ? 2 : 1; }
  LOWP_HD constexpr int width() const noexcept { return rows * groups_tokens() / 2; }
  LOWP_HD constexpr int turns() const noexcept { return tokens / 64 / groups_tokens(); }
};

LOWP_HD constexpr w8a8_wgmma_tile w8a8_wgmma_tile_for(int tokens) noexcept {
  return tokens <= 64 ? w8a8_wgmma_tile{64, 128, 8} : tokens <= 128 ? w8a8_wgmma_tile{128, 128, 6} : w8a8_wgmma_tile{256, 128, 4};
}

// The largest tile: integers that become floats every 128 columns take more registers.
template <number_format F, w8a8_scaling Scaling>
inline constexpr int w8a8_wgmma_most_tokens = std::same_as<F, i8>&& Scaling == w8a8_scaling::blocks ? 128 : 256;

// The barriers of a ring of stages, and where in it one is.
template <int Stages>
struct w8a8_ring {
  ptx::transfer_barrier full[Stages];
  ptx::transfer_barrier empty[Stages];

  LOWP_HD void init() {
    for (int s = 0; s < Stages; ++s) {
      full[s].init(1);
      empty[s].init(w8a8_wgmma_tile::multipliers / warp_threads);
    }
  }

  struct place {
    int stage = 0;
    std::uint32_t phase = 0;
    LOWP_HD void advance() noexcept {
      phase ^= stage + 1 == Stages ? 1u : 0u;
      stage = stage + 1 == Stages ? 0 : stage + 1;
    }
  };
};

template <number_format F, w8a8_scaling Scaling, class Y, class Epilogue, w8a8_wgmma_tile Tile>
struct w8a8_wgmma_body {
  using output = w8a8_output<F, Scaling, Y, Epilogue>;
  using arguments = typename output::arguments;
  using ring = w8a8_ring<Tile.stages>;

  // What the producer does for a block, stage by stage.
  class producer {
   public:
    LOWP_HD producer(const w8a8_schedule& schedule, std::uint32_t block_index) : schedule_(schedule), block_(block_index) {
      parts_ = schedule.parts(block_index);
      if (parts_ != 0) begin_part();
    }
    LOWP_HD bool more() const noexcept { return index_ < parts_; }
    LOWP_HD bool may_send(ring& r) const { return r.empty[at_.stage].try_wait(at_.phase ^ 1); }
    // Waits until the stage is empty.
    LOWP_HD void send(ring& r, std::uint8_t* stages, const tensor_source& x, const tensor_source& weights) {
      r.empty[at_.stage].wait(at_.phase ^ 1);
      ptx::transfer_barrier& full = r.full[at_.stage];
      std::uint8_t* const stage = stages + at_.stage * Tile.stage_bytes();
      full.arrive_and_expect(static_cast<std::uint32_t>(Tile.stage_bytes()));
      const std::uint32_t col = step_ * static_cast<std::uint32_t>(Tile.cols);
      ptx::copy_tile(stage, x, col, part_.token_tile * static_cast<std::uint32_t>(Tile.tokens), full);
      ptx::copy_tile(stage + Tile.tokens * Tile.cols, weights, col, part_.row_tile * static_cast<std::uint32_t>(Tile.rows), full);
      at_.advance();
      if (++step_ == part_.last && ++index_ < parts_) begin_part();
    }

   private:
    LOWP_HD void begin_part() {
      part_ = schedule_.part_of(block_, index_);
      step_ = part_.first;
    }

    const w8a8_schedule& schedule_;
    w8a8_schedule::part part_{};
    typename ring::place at_;
    std::uint32_t block_;
    std::uint32_t parts_;
    std::uint32_t index_ = 0;
    std::uint32_t step_ = 0;
  };

  // What the warpgroups do. `address`: of `stages` as wgmma counts; wait_for(place) returns when that stage is full.
  template <class Block, class Wait>
  LOWP_HD static void multiply(const Block& block, const arguments& a, const w8a8_schedule& schedule, ring& r, const std::uint8_t* stages,
                               std::uint32_t address, std::uint32_t block_index, Wait wait_for) {
    static_assert(Block::threads == Tile.multipliers);
    typename ring::place at;
    const std::uint32_t parts = schedule.parts(block_index);
    LOWP_DEVICE_NO_UNROLL
    for (std::uint32_t i = 0; i < parts; ++i) {
      const w8a8_schedule::part p = schedule.part_of(block_index, i);
      const std::uint32_t token = p.token_tile * static_cast<std::uint32_t>(Tile.tokens);
      const std::uint32_t row = p.row_tile * static_cast<std::uint32_t>(Tile.rows);
      warpgroup_products<Block, F, Tile.width()> products(stages);
      typename Block::template per_thread<c_type> total[turns];
      LOWP_DEVICE_NO_UNROLL
      for (std::uint32_t step = p.first; step < p.last; ++step) {
        wait_for(at);
        const std::uint32_t stage = address + static_cast<std::uint32_t>(at.stage * Tile.stage_bytes());
        typename Block::template per_thread<part_type> part;
        LOWP_DEVICE_UNROLL
        for (int turn = 0; turn < turns; ++turn) {
          if constexpr (output::in_parts) {
            typename Block::template per_thread<float> scale[2];
            if constexpr (output::by_blocks) {
              block.each_thread([&](int thread) {
                scale[0][thread] = output::block_scale(a, token + token_of(thread, turn, 0), row, step);
                scale[1][thread] = output::block_scale(a, token + token_of(thread, turn, 1), row, step);
              });
            }
            multiply_part(block, products, stage, turn, scale, part, total[turn]);
          } else {
            products.settle(total[turn]);
            products.begin();
            multiply_stage(block, stage, turn,
                           [&](const auto& x, const auto& w, bool more) { products.add(total[turn], x, w, more || step != p.first); });
            products.wait(total[turn]);
          }
        }
        block.each_thread([&](int thread) {
          if (thread % warp_threads == 0) r.empty[at.stage].arrive();
        });
        at.advance();
      }
      finish(block, a, schedule, p, token, row, block_index, total);
    }
  }

 private:
  using sum_type = std::conditional_t<std::same_as<F, i8>, std::int32_t, float>;
  using total_type = std::conditional_t<output::in_parts, float, std::int32_t>;
  static constexpr int turns = Tile.turns();
  static constexpr int count = Tile.width() / 2;
  using c_type = accumulator_registers<total_type, count>;
  using part_type = accumulator_registers<sum_type, count>;

  // Where the 64 tokens and the rows of a thread's warpgroup begin in the tile.
  LOWP_HD static constexpr int first_token(int thread, int turn) noexcept {
    return Tile.groups_tokens() == 1 ? 0 : thread / warpgroup_threads * (turns * 64) + turn * 64;
  }
  LOWP_HD static constexpr int first_row(int thread) noexcept {
    return Tile.groups_tokens() == 1 ? thread / warpgroup_threads * Tile.width() : 0;
  }

  // Which token of the tile register 0, or for half 1, register 2 of a thread's sums belongs to.
  LOWP_HD static constexpr std::uint32_t token_of(int thread, int turn, int half) noexcept {
    return static_cast<std::uint32_t>(first_token(thread, turn) + wgmma_m64<F>::c_at(thread % warpgroup_threads, half * 2).row);
  }

  // multiply(x, w, more) for the operands of a stage, 32 columns after 32.
  template <class Block, class Multiply>
  LOWP_HD static void multiply_stage(const Block& block, std::uint32_t stage, int turn, Multiply multiply) {
    LOWP_DEVICE_UNROLL
    for (int k = 0; k < Tile.cols; k += 32) {
      typename Block::template per_thread<wgmma_operand> x;
      typename Block::template per_thread<wgmma_operand> w;
      block.each_thread([&](int thread) {
        const auto row_at = [&](int row) { return wgmma_operand::at(stage + static_cast<std::uint32_t>(row * Tile.cols)); };
        x[thread] = row_at(first_token(thread, turn)).along(static_cast<std::uint32_t>(k));
        w[thread] = row_at(Tile.tokens + first_row(thread)).along(static_cast<std::uint32_t>(k));
      });
      multiply(x, w, k != 0);
    }
  }

  // Adds the sums of a stage to `total`, times the scales of the two tokens of each thread. `part`: the same registers for all turns.
  template <class Block, class Products, class Scales, class Part, class Total>
  LOWP_HD static void multiply_part(const Block& block, Products& products, std::uint32_t stage, int turn, const Scales& scale, Part& part,
                                    Total& total) {
    static_assert(w8a8_block % Tile.rows == 0, "a block of results has one scale of weights for each 128 columns");
    products.begin();
    multiply_stage(block, stage, turn, [&](const auto& x, const auto& w, bool more) {
      if (!more && turn == 0) products.set(part, x, w);
      else products.add(part, x, w, more);
    });
    products.wait(part);
    block.each_thread([&](int thread) {
      LOWP_DEVICE_UNROLL
      for (int i = 0; i < count; ++i) {
        const auto sum = static_cast<float>(part[thread].reg[i]);
        float& to = total[thread].reg[i];
        if constexpr (output::by_blocks) to = ptx::fma(sum, scale[i / 2 % 2][thread], to);
        else to += sum;
      }
    });
  }

  template <class Block, class Totals>
  LOWP_HD static void finish(const Block& block, const arguments& a, const w8a8_schedule& schedule, const w8a8_schedule::part& p,
                             std::uint32_t token, std::uint32_t row, std::uint32_t block_index, const Totals& total) {
    output::template finish<turns * 2, count / 4>(
        block, a, schedule, p, block_index, [&](int thread, int i) { return token + token_of(thread, i / 2, i % 2); },
        [&](int thread, int j) {
          return row + static_cast<std::uint32_t>(first_row(thread) + wgmma_m64<F>::c_at(thread % warpgroup_threads, j * 4).col);
        },
        [&](int thread, int i, int j, int e) { return total[i / 2][thread].reg[j * 4 + i % 2 * 2 + e]; });
  }
};

}  // namespace lowp::inline LOWP_ABI
