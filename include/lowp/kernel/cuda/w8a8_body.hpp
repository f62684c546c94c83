// What the blocks of the product of 8-bit activations and weights do, phase by phase, for the device and for tests on the host alike.
//
// Tokens are the rows of mma.m16n8k32, rows of the weights its columns; both operands lie along the columns that are summed over, so
// that a lane takes 16 bytes of a row for two steps of the instruction, in an order that is the same for both. Products of i8 are
// summed in 32-bit integers, exactly. Tensor cores sum products of FP8 with fewer bits than f32 has, so these sums are added up in f32
// every 128 columns, where block scales are multiplied in as well (DeepSeek-V3, section 3.3.2).
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/cuda/w8a8_output.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// A block computes tokens x rows of the result; its warps lie in a grid over that.
struct w8a8_tile {
  int tokens;
  int rows;
  int warps_tokens;
  int warps_rows;
  int stages;

  static constexpr int cols = 64;  // of a stage
  LOWP_HD constexpr int threads() const noexcept { return warps_tokens * warps_rows * warp_threads; }
  LOWP_HD constexpr int stage_bytes() const noexcept { return (tokens + rows) * cols; }
  LOWP_HD constexpr int shared_bytes() const noexcept { return stage_bytes() * stages; }
  friend constexpr bool operator==(const w8a8_tile&, const w8a8_tile&) = default;
};

inline constexpr w8a8_tile w8a8_few_tokens{32, 64, 1, 4, 6};
inline constexpr w8a8_tile w8a8_many_tokens{128, 128, 2, 4, 4};

// Native: whether the tensor cores multiply F; else FP8 becomes f16.
template <number_format F, w8a8_scaling Scaling, class Y, class Epilogue, w8a8_tile Tile, bool Native = true>
struct w8a8_body {
  using arguments = w8a8_arguments<F, Scaling, Y, Epilogue>;
  using output = w8a8_output<F, Scaling, Y, Epilogue>;
  static_assert(Native || !std::same_as<F, i8>);

  // block_index: which of schedule.blocks this is. shared: Tile.shared_bytes().
  template <class Block>
  LOWP_HD static void run(const Block& block, const arguments& a, const w8a8_schedule& schedule, vector_of_words* shared,
                          std::uint32_t block_index) {
    static_assert(Block::threads == Tile.threads());
    const std::uint32_t parts = schedule.parts(block_index);
    LOWP_DEVICE_NO_UNROLL
    for (std::uint32_t i = 0; i < parts; ++i) {
      multiply_part(block, a, schedule, schedule.part_of(block_index, i), reinterpret_cast<std::uint8_t*>(shared), block_index);
      if (i + 1 < parts) block.barrier();
    }
  }

 private:
  using accumulator = std::conditional_t<std::same_as<F, i8>, std::int32_t, float>;
  using shape = mma_m16n8<F, accumulator, 32>;
  using half_shape = mma_m16n8k16<f16>;
  using c_type = typename shape::c_type;
  using float_type = accumulator_registers<float>;
  static constexpr bool in_parts = output::in_parts;
  static constexpr int steps_of_block = w8a8_block / Tile.cols;
  static constexpr int token_tiles = Tile.tokens / Tile.warps_tokens / 16;  // of a warp
  static constexpr int row_tiles = Tile.rows / Tile.warps_rows / 8;
  static_assert(token_tiles * 16 * Tile.warps_tokens == Tile.tokens && row_tiles * 8 * Tile.warps_rows == Tile.rows);
  static_assert(w8a8_block % Tile.rows == 0, "a block of results has one scale of weights for each 128 columns");

  template <class Block>
  struct sums {
    typename Block::template per_thread<float_type> tile[token_tiles][row_tiles];
  };
  template <class Block>
  struct part_sums {
    typename Block::template per_thread<c_type> tile[token_tiles][row_tiles];
  };

  template <class Block>
  LOWP_HD static void multiply_part(const Block& block, const arguments& a, const w8a8_schedule& schedule, const w8a8_schedule::part& p,
                                    std::uint8_t* bytes, std::uint32_t block_index) {
    const std::uint32_t token = p.token_tile * static_cast<std::uint32_t>(Tile.tokens);
    const std::uint32_t row = p.row_tile * static_cast<std::uint32_t>(Tile.rows);
    const auto end_of_cols = static_cast<int>((a.cols + Tile.cols - 1) / Tile.cols);
    const int begin = static_cast<int>(p.first) * steps_of_block;
    const int end = static_cast<int>(p.last) * steps_of_block < end_of_cols ? static_cast<int>(p.last) * steps_of_block : end_of_cols;
    const auto fetch = [&](int step, int stage) {
      const auto col = static_cast<std::uint32_t>(step * Tile.cols);
      std::uint8_t* const to = bytes + stage * Tile.stage_bytes();
      block.each_thread([&](int thread) {
        copy<Tile.tokens>(block, to, a.x, token, a.tokens, col, a.cols, a.aligned, thread);
        copy<Tile.rows>(block, to + Tile.tokens * Tile.cols, a.weights, row, a.rows, col, a.cols, a.aligned, thread);
      });
    };
    sums<Block> total;
    part_sums<Block> part;
    LOWP_DEVICE_UNROLL
    for (int s = 0; s < Tile.stages - 1; ++s) {
      if (begin + s < end) fetch(begin + s, s);
      block.commit_copies();
    }
    int now = 0;
    int next = Tile.stages - 1;
    LOWP_DEVICE_NO_UNROLL
    for (int step = begin; step < end; ++step) {
      block.template wait_for_copies<Tile.stages - 2>();
      block.barrier();
      if (step + Tile.stages - 1 < end) fetch(step + Tile.stages - 1, next);
      block.commit_copies();
      multiply(block, bytes + now * Tile.stage_bytes(), part);
      if constexpr (in_parts) {
        if (step % steps_of_block == steps_of_block - 1 || step == end - 1) {
          add_part(block, a, token, row, static_cast<std::size_t>(step / steps_of_block), part, total);
        }
      }
      now = now + 1 == Tile.stages ? 0 : now + 1;
      next = next + 1 == Tile.stages ? 0 : next + 1;
    }
    block.template wait_for_copies<0>();
    if constexpr (in_parts) finish(block, a, schedule, p, token, row, block_index, total);
    else finish(block, a, schedule, p, token, row, block_index, part);
  }

  // Where a thread's warp begins.
  LOWP_HD static constexpr int first_token(int thread) noexcept { return thread / warp_threads / Tile.warps_rows * token_tiles * 16; }
  LOWP_HD static constexpr int first_row(int thread) noexcept { return thread / warp_threads % Tile.warps_rows * row_tiles * 8; }

  // Rows first .. first + Rows - 1 and columns col .. col + 63 of an operand, zeros beyond its ends.
  template <int Rows, class Block>
  LOWP_HD static void copy(const Block& block, std::uint8_t* to, const w8a8_operand<F>& from, std::uint32_t first, std::uint32_t rows,
                           std::uint32_t col, std::uint32_t cols, bool aligned, int thread) {
    constexpr int vectors = Rows * Tile.cols / 16;
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < ceil_div(vectors, Tile.threads()); ++i) {
      const int v = i * Tile.threads() + thread;
      if (vectors % Tile.threads() != 0 && v >= vectors) break;
      const std::uint32_t row = first + static_cast<std::uint32_t>(v / 4);
      const std::uint32_t at = col + static_cast<std::uint32_t>(v % 4 * 16);
      const std::uint32_t left = row < rows && at < cols ? cols - at : 0;
      const int bytes = left < 16 ? static_cast<int>(left) : 16;
      const std::uint8_t* const source = from.codes + (bytes == 0 ? 0 : row * from.stride + at);
      auto* const place = reinterpret_cast<vector_of_words*>(to + v * 16);
      if (aligned) {
        block.copy_async(place, source, bytes);
      } else {
        vector_of_words w{};
        LOWP_DEVICE_UNROLL
        for (int b = 0; b < 16; ++b) {
          if (b < bytes) w.word[b / 4] |= static_cast<std::uint32_t>(source[b]) << (b % 4 * 8);
        }
        ptx::store_vector(place, w);
      }
    }
  }

  // The products of a stage.
  template <class Block>
  LOWP_HD static void multiply(const Block& block, const std::uint8_t* stage, part_sums<Block>& part) {
    typename Block::template per_thread<vector_of_words> left[token_tiles][2];
    typename Block::template per_thread<vector_of_words> right[row_tiles];
    const auto load = [&](int thread, int row) {
      return ptx::load_vector(
          reinterpret_cast<const vector_of_words*>(stage + (row + thread % warp_threads / 4) * Tile.cols + thread % 4 * 16));
    };
    block.each_thread([&](int thread) {
      LOWP_DEVICE_UNROLL
      for (int i = 0; i < token_tiles; ++i) {
        left[i][0][thread] = load(thread, first_token(thread) + i * 16);
        left[i][1][thread] = load(thread, first_token(thread) + i * 16 + 8);
      }
      LOWP_DEVICE_UNROLL
      for (int n = 0; n < row_tiles; ++n) right[n][thread] = load(thread, Tile.tokens + first_row(thread) + n * 8);
    });
    LOWP_DEVICE_UNROLL
    for (int half = 0; half < 2; ++half) {
      LOWP_DEVICE_UNROLL
      for (int i = 0; i < token_tiles; ++i) {
        LOWP_DEVICE_UNROLL
        for (int n = 0; n < row_tiles; ++n) {
          typename Block::template per_thread<typename shape::a_type> x;
          typename Block::template per_thread<typename shape::b_type> w;
          block.each_thread([&](int thread) {
            const std::uint32_t* const low = left[i][0][thread].word + half * 2;
            const std::uint32_t* const high = left[i][1][thread].word + half * 2;
            const std::uint32_t* const b = right[n][thread].word + half * 2;
            x[thread] = {{low[0], high[0], low[1], high[1]}};
            w[thread] = {{b[0], b[1]}};
          });
          multiply_add(block, part.tile[i][n], x, w);
        }
      }
    }
  }

  template <class Block, class C, class A, class B>
  LOWP_HD static void multiply_add(const Block& block, C& c, const A& x, const B& w) {
    if constexpr (Native) {
      block.template mma<shape>(c, x, w);
    } else {
      LOWP_DEVICE_UNROLL
      for (int half = 0; half < 2; ++half) {
        typename Block::template per_thread<typename half_shape::a_type> a;
        typename Block::template per_thread<typename half_shape::b_type> b;
        block.each_thread([&](int thread) {
          const auto numbers = [](std::uint32_t low, std::uint32_t high) {
            return fragment_dequantizer<F, f16, natural_order>::value(std::uint64_t{high} << 32 | low);
          };
          const auto rows = numbers(x[thread].reg[half * 2], x[thread].reg[half * 2 + 1]);
          const auto col = numbers(w[thread].reg[half], 0);
          a[thread] = {{rows.reg[0], rows.reg[2], rows.reg[1], rows.reg[3]}};
          b[thread] = {{col.reg[0], col.reg[1]}};
        });
        block.template mma<half_shape>(c, a, b);
      }
    }
  }

  // Adds what the latest 128 columns have come to, and begins anew.
  template <class Block>
  LOWP_HD static void add_part(const Block& block, const arguments& a, std::uint32_t token, std::uint32_t row, std::size_t columns,
                               part_sums<Block>& part, sums<Block>& total) {
    block.each_thread([&](int thread) {
      LOWP_DEVICE_UNROLL
      for (int i = 0; i < token_tiles; ++i) {
        float scale[2] = {1.0f, 1.0f};
        if constexpr (Scaling == w8a8_scaling::blocks) {
          LOWP_DEVICE_UNROLL
          for (int half = 0; half < 2; ++half) {
            const int t = first_token(thread) + i * 16 + half * 8 + thread % warp_threads / 4;
            scale[half] = output::block_scale(a, token + static_cast<std::uint32_t>(t), row, columns);
          }
        }
        LOWP_DEVICE_UNROLL
        for (int n = 0; n < row_tiles; ++n) {
          LOWP_DEVICE_UNROLL
          for (int r = 0; r < 4; ++r) {
            total.tile[i][n][thread].reg[r] =
                ptx::fma(static_cast<float>(part.tile[i][n][thread].reg[r]), scale[r / 2], total.tile[i][n][thread].reg[r]);
          }
          part.tile[i][n][thread] = {};
        }
      }
    });
  }

  template <class Block, class Sums>
  LOWP_HD static void finish(const Block& block, const arguments& a, const w8a8_schedule& schedule, const w8a8_schedule::part& p,
                             std::uint32_t token, std::uint32_t row, std::uint32_t block_index, const Sums& sum) {
    output::template finish<token_tiles * 2, row_tiles>(
        block, a, schedule, p, block_index,
        [&](int thread, int i) {
          const int place = shape::c_at(thread % warp_threads, i % 2 * 2).row;
          return token + static_cast<std::uint32_t>(first_token(thread) + i / 2 * 16 + place);
        },
        [&](int thread, int j) {
          return row + static_cast<std::uint32_t>(first_row(thread) + j * 8 + shape::c_at(thread % warp_threads, 0).col);
        },
        [&](int thread, int i, int j, int e) { return sum.tile[i / 2][j][thread].reg[i % 2 * 2 + e]; });
  }
};

}  // namespace lowp::inline LOWP_ABI
