// What the blocks of the CUDA GEMM do, phase by phase, for the device and for tests on the host alike.
//
// Weights, their parameters and activations come to shared memory in stages, each as many columns as the warps of a block take at
// a time. A warp multiplies its slice: codes become numbers of the activations' type in the registers of mma's A operand, products
// are summed in f32 for as long as one scale holds, then multiplied by it and added up. Zero points and biases are added there too,
// times the sum of the activations, which the tensor cores take against ones.
#pragma once

#include <lowp/kernel/cuda/cached_load.hpp>
#include <lowp/kernel/cuda/gemm_arguments.hpp>
#include <lowp/kernel/cuda/gemm_operands.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

template <scheme_type S, class X, class Y, class Epilogue, gemm_tile Tile>
struct gemm_body {
  using scheme = gemm_scheme<S>;
  using format = typename S::format;
  using arguments = gemm_arguments<S, X, Y, Epilogue>;
  using memory = gemm_shared<S, Tile>;

  // What a block does before the activations are there.
  template <class Block>
  LOWP_HD static void prepare(const Block& block, vector_of_words* shared) {
    if constexpr (memory::table_bytes != 0) {
      block.each_thread([&](int thread) {
        reinterpret_cast<table_type*>(shared)->fill(static_cast<unsigned>(thread), static_cast<unsigned>(Tile.threads()));
      });
    }
  }

  // Afterwards. block_index: which of schedule.blocks this is. shared: memory::bytes.
  template <class Block>
  LOWP_HD static void run(const Block& block, const arguments& a, const gemm_schedule& schedule, vector_of_words* shared,
                          std::uint32_t block_index) {
    static_assert(Block::threads == Tile.threads());
    const auto* const table = reinterpret_cast<const table_type*>(shared);
    auto* const bytes = reinterpret_cast<std::uint8_t*>(shared) + memory::table_bytes;
    const std::uint64_t end = schedule.begin(block_index + 1);
    for (std::uint64_t at = schedule.begin(block_index); at < end;) {
      const gemm_schedule::part part = schedule.part_at(at, end);
      sums<Block> sum;
      multiply(block, a, part, bytes, table, sum);
      add_warps(block, bytes, sum);
      if (schedule.whole(part)) {
        block.each_thread([&](int thread) { store(a, part.panel, reinterpret_cast<const float*>(bytes), thread); });
      } else {
        share(block, a, schedule, part, bytes, block_index);
      }
      block.barrier();
      at += part.last - part.first;
    }
  }

  // The stages that a row takes; without columns one, of zeros.
  LOWP_HD static constexpr std::uint32_t steps(std::size_t cols) noexcept {
    return cols == 0 ? 1 : static_cast<std::uint32_t>(ceil_div(cols, static_cast<std::size_t>(memory::stage_cols)));
  }

 private:
  using shape = mma_m16n8k16<X>;
  using a_type = typename shape::a_type;
  using b_type = typename shape::b_type;
  using c_type = typename shape::c_type;
  using scale_format = typename scheme::scale_format;
  using zero_format = typename scheme::zero_format;
  using table_type = weight_table<format, X, Tile.table_copies>;
  static constexpr int row_tiles = Tile.row_tiles;
  static constexpr int token_tiles = Tile.token_tiles();
  static constexpr int stages = Tile.stages;
  static constexpr int together = scheme::tiles_together(token_tiles);

  template <class Block>
  struct sums {
    typename Block::template per_thread<c_type> tile[row_tiles][token_tiles];
  };

  // Which rows and columns of a block's a warp has: the panel, the first of its tiles in there, the slice.
  struct warp_place {
    int lane;
    int panel;
    int first_tile;
    int slice;
  };
  LOWP_HD static constexpr warp_place place_of(int thread) noexcept {
    const int warp = thread / warp_threads;
    const int rows = warp % Tile.warps_rows();
    return {thread % warp_threads, rows * row_tiles / 4, rows * row_tiles % 4, warp / Tile.warps_rows()};
  }

  // The panels of 64 rows that a block works on.
  struct panel_range {
    std::uint32_t first;
    std::uint32_t last;
    LOWP_HD std::size_t at(int i) const noexcept {
      const std::uint32_t panel = first + static_cast<std::uint32_t>(i);
      return panel < last ? panel : last;
    }
  };

  // Each bytes of each panel of the block, from byte `first` of its `size` on and zeros beyond; for panels beyond the last the last one's.
  template <int Each, class Block>
  LOWP_HD static void copy_panels(const Block& block, std::uint8_t* to, const std::uint8_t* from, std::size_t size, std::size_t first,
                                  const panel_range& panels, int thread, ptx::cache_policy policy) {
    constexpr int vectors = Each / 16;
    constexpr int all = vectors * Tile.panels;
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < ceil_div(all, Tile.threads()); ++i) {
      const int v = thread + i * Tile.threads();
      if (all % Tile.threads() != 0 && v >= all) break;
      // Where the threads share each panel evenly, which one it is does not depend on the thread.
      constexpr int rounds = vectors % Tile.threads() == 0 ? vectors / Tile.threads() : 0;
      const int panel = rounds != 0 ? i / (rounds != 0 ? rounds : 1) : v / vectors;
      const std::size_t at = first + static_cast<std::size_t>((v - panel * vectors) * 16);
      const bool exists = at < size;
      block.copy_async(reinterpret_cast<vector_of_words*>(to + v * 16), from + panels.at(panel) * size + (exists ? at : 0), exists ? 16 : 0,
                       policy);
    }
  }

  // The same of the parameters of the groups that the slices are in; slices in one group have it each.
  template <int Each, class Code, class Block>
  LOWP_HD static void copy_parameters(const Block& block, std::uint8_t* to, const Code* from, const arguments& a, const panel_range& panels,
                                      std::uint32_t col, int thread) {
    constexpr int vectors = Each / 16;
    constexpr int all = vectors * Tile.panels * Tile.warps_cols;
    constexpr auto group_cols = static_cast<std::uint32_t>(scheme::divisor);
    constexpr std::size_t group_bytes = 64 * sizeof(Code);
    const std::size_t size = (scheme::group == 0 ? 1 : ceil_div(static_cast<std::uint32_t>(a.weights.cols), group_cols)) * group_bytes;
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < ceil_div(all, Tile.threads()); ++i) {
      const int v = thread + i * Tile.threads();
      if (all % Tile.threads() != 0 && v >= all) break;
      const std::uint32_t slice_col = col + static_cast<std::uint32_t>(v / vectors % Tile.warps_cols * scheme::slice_cols);
      const std::size_t at = (scheme::group == 0 ? 0 : slice_col / group_cols) * group_bytes + static_cast<std::size_t>(v % vectors * 16);
      const bool exists = at < size;
      const auto* const panel = reinterpret_cast<const std::uint8_t*>(from) + panels.at(v / (vectors * Tile.warps_cols)) * size;
      block.copy_async(reinterpret_cast<vector_of_words*>(to + v * 16), panel + (exists ? at : 0), exists ? 16 : 0);
    }
  }

  template <class Block>
  LOWP_HD static void copy_activations(const Block& block, std::uint8_t* to, const arguments& a, std::uint32_t col, int thread) {
    constexpr int vectors = memory::stage_cols / 8;
    const int count = static_cast<int>(a.tokens) * vectors;
    const auto cols = static_cast<std::uint32_t>(a.weights.cols);
    LOWP_DEVICE_NO_UNROLL
    for (int v = thread; v < count; v += Tile.threads()) {
      const auto token = static_cast<std::uint32_t>(v / vectors);
      const std::uint32_t first = col + static_cast<std::uint32_t>(v % vectors * 8);
      auto* const place = reinterpret_cast<vector_of_words*>(to + static_cast<int>(token) * memory::token_bytes + v % vectors * 16);
      const std::uint32_t valid = first >= cols ? 0 : cols - first < 8 ? cols - first : 8;
      const X* const source = a.x + (valid == 0 ? 0 : token * a.x_stride + first);
      block.copy_async(place, source, static_cast<int>(valid * sizeof(X)));
    }
  }

  // Sends for what step `step` of the part needs.
  template <class Block>
  LOWP_HD static void fetch(const Block& block, const arguments& a, std::uint32_t block_panel, std::uint32_t step, std::uint8_t* stage,
                            ptx::cache_policy policy) {
    using layout = typename scheme::layout;
    constexpr auto block_bytes = layout::template block_bytes<scheme::bits>;
    const panel_range panels{block_panel * static_cast<std::uint32_t>(Tile.panels),
                             static_cast<std::uint32_t>((a.weights.rows - 1) / layout::panel_rows)};
    const std::size_t size = layout::template units<scheme::bits>(a.weights.cols) * block_bytes;
    const std::uint32_t col = step * static_cast<std::uint32_t>(memory::stage_cols);
    const std::size_t first = col / layout::template unit_cols<scheme::bits> * block_bytes;
    block.each_thread([&](int thread) {
      copy_panels<memory::weights>(block, stage, a.weights.codes, size, first, panels, thread, policy);
      if constexpr (scheme::scale_bytes != 0) {
        copy_parameters<scheme::scale_bytes>(block, stage + memory::scales_at, a.weights.scales, a, panels, col, thread);
      }
      if constexpr (scheme::zero_bytes != 0) {
        copy_parameters<scheme::zero_bytes>(block, stage + memory::zeros_at, a.weights.zeros, a, panels, col, thread);
      }
      copy_activations(block, stage + memory::x_at, a, col, thread);
    });
  }

  template <class Block>
  LOWP_HD static void multiply(const Block& block, const arguments& a, const gemm_schedule::part& part, std::uint8_t* shared,
                               const table_type* table, sums<Block>& sum) {
    const ptx::cache_policy policy = ptx::first_to_leave();  // weights are read once
    LOWP_DEVICE_NO_UNROLL
    for (int s = 0; s < stages - 1; ++s) {
      const std::uint32_t step = part.first + static_cast<std::uint32_t>(s);
      if (step < part.last) fetch(block, a, part.panel, step, shared + s * memory::stage, policy);
      block.commit_copies();
    }
    int now = 0;
    int next = stages - 1;
    LOWP_DEVICE_NO_UNROLL
    for (std::uint32_t step = part.first; step < part.last; ++step) {
      block.template wait_for_copies<stages - 2>();
      block.barrier();
      const std::uint32_t ahead = step + static_cast<std::uint32_t>(stages - 1);
      if (ahead < part.last) fetch(block, a, part.panel, ahead, shared + next * memory::stage, policy);
      block.commit_copies();
      LOWP_DEVICE_NO_UNROLL
      for (int chunk = 0; chunk < scheme::chunks; ++chunk) multiply_chunk(block, a.tokens, shared + now * memory::stage, chunk, table, sum);
      now = now + 1 == stages ? 0 : now + 1;
      next = next + 1 == stages ? 0 : next + 1;
    }
    block.template wait_for_copies<0>();
    block.barrier();
  }

  // The products of 64 columns. The activations of a run wait in registers for one row tile after another; where that are too many, those
  // of some tokens at a time.
  template <class Block>
  LOWP_HD static void multiply_chunk(const Block& block, std::uint32_t tokens, const std::uint8_t* stage, int chunk,
                                     const table_type* table, sums<Block>& sum) {
    typename Block::template per_thread<lane_words<scheme::bits>> words[row_tiles];
    typename Block::template per_thread<a_type> operand;
    LOWP_DEVICE_UNROLL
    for (int turn = 0; turn < scheme::chunk_runs * (token_tiles / together); ++turn) {
      const int run = turn / (token_tiles / together);
      const int first = turn % (token_tiles / together) * together;
      typename Block::template per_thread<b_type> x[scheme::run_steps][together];
      typename Block::template per_thread<c_type> x_sum[together];
      LOWP_DEVICE_UNROLL
      for (int s = 0; s < scheme::run_steps; ++s) {
        const int step = chunk * 4 + run * scheme::run_steps + s;
        LOWP_DEVICE_UNROLL
        for (int n = 0; n < together; ++n) {
          block.each_thread([&](int thread) { x[s][n][thread] = load_activations(tokens, stage, step, first + n, thread); });
          if constexpr (S::has_zero) {
            block.each_thread([&](int thread) { operand[thread] = ones(); });
            block.template mma<shape>(x_sum[n], operand, x[s][n]);
          }
        }
      }
      LOWP_DEVICE_UNROLL
      for (int i = 0; i < row_tiles; ++i) {
        if (turn == 0) block.each_thread([&](int thread) { words[i][thread] = load_words(stage, chunk, i, thread); });
        typename Block::template per_thread<c_type> part[together];
        LOWP_DEVICE_UNROLL
        for (int s = 0; s < scheme::run_steps; ++s) {
          block.each_thread([&](int thread) {
            operand[thread] = weight_operand<format, X>(words[i][thread], run * scheme::run_steps + s, table, thread % warp_threads);
          });
          LOWP_DEVICE_UNROLL
          for (int n = 0; n < together; ++n) {
            if constexpr (scheme::scale_last) block.template mma<shape>(sum.tile[i][first + n], operand, x[s][n]);
            else block.template mma<shape>(part[n], operand, x[s][n]);
          }
        }
        if constexpr (!scheme::scale_last) {
          block.each_thread([&](int thread) {
            const tile_terms terms = load_terms(stage, chunk * scheme::chunk_runs + run, i, thread);
            LOWP_DEVICE_UNROLL
            for (int n = 0; n < together; ++n) add_run(terms, part[n][thread], x_sum[n][thread], sum.tile[i][first + n][thread]);
          });
        }
      }
    }
  }

  LOWP_HD static lane_words<scheme::bits> load_words(const std::uint8_t* stage, int chunk, int row_tile, int thread) {
    const warp_place place = place_of(thread);
    return load_lane_words<scheme::bits>(
        stage + place.panel * memory::weights + place.slice * scheme::slice_bytes +
            (place.first_tile + row_tile) * static_cast<int>(scheme::layout::template unit_bytes<scheme::bits>),
        chunk, place.lane);
  }

  LOWP_HD static constexpr a_type ones() noexcept {
    constexpr std::uint32_t one = ptx::both<X>(1.0f);
    return {{one, one, one, one}};
  }

  // Four columns of one token, those of the lane; tokens beyond the last are zeros.
  LOWP_HD static b_type load_activations(std::uint32_t tokens, const std::uint8_t* stage, int step, int token_tile, int thread) {
    const warp_place place = place_of(thread);
    const int token = token_tile * 8 + place.lane / 4;
    b_type b{};
    if (static_cast<std::uint32_t>(token) < tokens) {
      const int col = place.slice * scheme::slice_cols + step * 16 + place.lane % 4 * 4;
      ptx::load_words<2>(b.reg, stage + memory::x_at + token * memory::token_bytes + col * 2);
    }
    return activation_operand<format>(b);
  }

  // What the sums of rows g and g + 8 are multiplied by, and what the sum of the activations is.
  struct tile_terms {
    float scale[2];
    float shift[2];
  };

  LOWP_HD static tile_terms load_terms(const std::uint8_t* stage, int run, int row_tile, int thread) {
    const warp_place place = place_of(thread);
    const int first = scheme::group_of(run) * 64 + place.lane / 4 * 8 + (place.first_tile + row_tile) * 2;
    const auto scales =
        lane_parameters<scale_format>::load(stage + memory::scales_at + place.panel * memory::scales + place.slice * scheme::scale_bytes +
                                            first * static_cast<int>(sizeof(code_t<scale_format>)));
    tile_terms t{{scales.value(0), scales.value(1)}, {0, 0}};
    if constexpr (S::has_zero) {
      const auto zeros =
          lane_parameters<zero_format>::load(stage + memory::zeros_at + place.panel * memory::zeros + place.slice * scheme::zero_bytes +
                                             first * static_cast<int>(sizeof(code_t<zero_format>)));
      LOWP_DEVICE_UNROLL
      for (int half = 0; half < 2; ++half) {
        const float zero = zeros.value(half);
        t.shift[half] = S::has_bias ? zero : S::has_minimum ? -zero : -zero * t.scale[half];
      }
    }
    return t;
  }

  LOWP_HD static void add_run(const tile_terms& terms, const c_type& part, const c_type& x_sum, c_type& sum) {
    LOWP_DEVICE_UNROLL
    for (int r = 0; r < 4; ++r) {
      sum.reg[r] = ptx::fma(terms.scale[r / 2], part.reg[r], sum.reg[r]);
      if constexpr (S::has_zero) sum.reg[r] = ptx::fma(terms.shift[r / 2], x_sum.reg[r], sum.reg[r]);
    }
  }

  // The sums of the block [tokens][rows] in shared memory, those of the warps along the columns added in order.
  template <class Block>
  LOWP_HD static void add_warps(const Block& block, std::uint8_t* shared, sums<Block>& sum) {
    auto* const all = reinterpret_cast<float*>(shared);
    LOWP_DEVICE_UNROLL
    for (int slice = 0; slice < Tile.warps_cols; ++slice) {
      block.each_thread([&](int thread) {
        const warp_place place = place_of(thread);
        if (place.slice != slice) return;
        LOWP_DEVICE_UNROLL
        for (int i = 0; i < row_tiles; ++i) {
          LOWP_DEVICE_UNROLL
          for (int n = 0; n < token_tiles; ++n) {
            LOWP_DEVICE_UNROLL
            for (int r = 0; r < 4; ++r) {
              const mma_position p = shape::c_at(place.lane, r);
              float& to = all[(n * 8 + p.col) * memory::sums_stride + place.panel * 64 + (place.first_tile + i) * 16 + p.row];
              const float value = sum.tile[i][n][thread].reg[r];
              to = slice == 0 ? value : to + value;
            }
          }
        }
      });
      block.barrier();
    }
  }

  // Leaves the sums of this part for others, or adds up those of all parts if they are all there.
  template <class Block>
  LOWP_HD static void share(const Block& block, const arguments& a, const gemm_schedule& schedule, const gemm_schedule::part& part,
                            std::uint8_t* shared, std::uint32_t block_index) {
    constexpr std::size_t slot_floats = static_cast<std::size_t>(Tile.tokens) * Tile.rows;
    auto* const all = reinterpret_cast<float*>(shared);
    float* const mine = a.workspace.sums + schedule.slot(block_index, part.panel) * slot_floats;
    block.each_thread([&](int thread) {
      LOWP_DEVICE_NO_UNROLL
      for (int i = thread; i < valid_sums(a); i += Tile.threads()) mine[i] = all[i / Tile.rows * memory::sums_stride + i % Tile.rows];
    });
    const gemm_schedule::panel_slots slots = schedule.slots_of(part.panel);
    const std::uint32_t last = schedule.last_block(part.panel);
    if (!block.last_to_arrive(a.workspace.arrivals + part.panel, last - slots.first_block + 1)) return;
    block.each_thread([&](int thread) {
      LOWP_DEVICE_NO_UNROLL
      for (int i = thread; i < valid_sums(a); i += Tile.threads()) {
        float total = 0;
        for (std::uint32_t b = slots.first_block; b <= last; ++b) {
          total += ptx::load_shared_between_blocks(a.workspace.sums + slots.of(b) * slot_floats + i);
        }
        all[i / Tile.rows * memory::sums_stride + i % Tile.rows] = total;
      }
      store(a, part.panel, all, thread);
    });
  }

  LOWP_HD static int valid_sums(const arguments& a) noexcept { return static_cast<int>(a.tokens) * Tile.rows; }

  // Writes what a thread's own sums come to; the thread that added a sum up is the one that stores it.
  LOWP_HD static void store(const arguments& a, std::uint32_t block_panel, const float* all, int thread) {
    LOWP_DEVICE_NO_UNROLL
    for (int i = thread; i < valid_sums(a); i += Tile.threads()) {
      const auto token = static_cast<std::uint32_t>(i / Tile.rows);
      const std::uint32_t row = block_panel * static_cast<std::uint32_t>(Tile.rows) + static_cast<std::uint32_t>(i % Tile.rows);
      if (row >= a.weights.rows) continue;
      float value = all[static_cast<int>(token) * memory::sums_stride + i % Tile.rows];
      if constexpr (scheme::scale_last && scale_format::bits != 0) {
        const std::size_t place = scheme::layout::parameter_place(row % 64);
        if (a.weights.cols != 0) value *= ptx::widen<scale_format>(a.weights.scales[row / 64 * 64 + place]);
      }
      if constexpr (detail::panel_codes<typename S::scale>::has_multiplier) value *= a.weights.scale_multiplier;
      value = a.epilogue(value, row, token);
      Y& y = a.y[token * a.y_stride + row];
      if constexpr (std::same_as<Y, float>) y = value;
      else y = Y::from_code(static_cast<std::uint16_t>(ptx::narrow<Y>(value)));
    }
  }
};

}  // namespace lowp::inline LOWP_ABI
