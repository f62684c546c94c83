// What the CUDA GEMM can multiply, and how it cuts the work up: constant expressions that load-time checks, launches and tests
// share.
//
//   static_assert(lowp::gemm_supports<lowp::int4_g128, lowp::f16>(16, 2880, 2880));
//   lowp::gemm_tile tile = lowp::gemm_tuning{}(90, 16);
#pragma once

#include <lowp/format/integer.hpp>
#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/gemm_operands.hpp>
#include <lowp/kernel/cuda/minifloat_fragment.hpp>
#include <lowp/kernel/cuda/mma_weights.hpp>
#include <lowp/kernel/cuda/shared_memory.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// A block computes 256 rows of the result for `tokens` tokens. Each warp has tiles of 16 rows, all tokens and its share of the
// columns; what the warps along the columns have summed is added up in order at the end of a part.
struct gemm_tile {
  int tokens;      // a multiple of 8
  int row_tiles;   // of a warp: 4, or 2 where the sums of 4 do not fit its registers
  int warps_cols;  // warps along the columns
  int stages;      // of copies on their way
  int blocks_per_processor;
  int table_copies = 32;  // of a table that weights are looked up in, for formats that have one

  static constexpr int rows = 256;
  static constexpr int panels = rows / 64;

  LOWP_HD constexpr int warps_rows() const noexcept { return rows / (16 * row_tiles); }
  LOWP_HD constexpr int threads() const noexcept { return warps_rows() * warps_cols * warp_threads; }
  LOWP_HD constexpr int token_tiles() const noexcept { return tokens / 8; }
  friend constexpr bool operator==(const gemm_tile&, const gemm_tile&) = default;
};

// The columns of a row that share parameters; 0: the whole row. Groups that cross rows are as long where rows are made of them.
template <granularity_policy G>
constexpr std::size_t gemm_group() noexcept {
  if constexpr (rectangular_granularity<G>) return G::cols_per_group;
  else return G::weights_per_group;
}

// What follows from a scheme alone.
template <scheme_type S>
struct gemm_scheme {
  using format = typename S::format;
  using layout = lowp::layout::mma_a16;
  using scale_format = typename mma_weights<S>::scale_format;
  using zero_format = typename mma_weights<S>::zero_format;
  static constexpr int bits = format::bits;

  // A slice is what a warp takes at a time: some units side by side, of 64 columns or more.
  static constexpr int slice_cols = layout::unit_cols<bits> > 64 ? static_cast<int>(layout::unit_cols<bits>) : 64;
  static constexpr int units = slice_cols / static_cast<int>(layout::unit_cols<bits>);
  static constexpr int slice_bytes = units * static_cast<int>(layout::block_bytes<bits>);  // of 64 rows

  // Within it 64 columns at a time. Sums of products are kept for a run of steps of 16 columns, and then scaled; one scale a row waits
  // until the very end.
  static constexpr int chunks = slice_cols / 64;
  static constexpr int group = static_cast<int>(gemm_group<typename S::granularity>());
  static constexpr int divisor = group == 0 ? 1 : group;  // for what is divided by groups only where there are any
  static constexpr bool scale_last = group == 0 && !S::has_zero;
  static constexpr int run_steps = group >= 16 && group < 64 ? group / 16 : 4;
  static constexpr int chunk_runs = 4 / run_steps;
  static constexpr int slice_groups = group >= 16 && group < slice_cols ? slice_cols / divisor : 1;

  // Tiles of eight tokens whose activations are in registers at the same time; zero points and short runs leave fewer registers.
  LOWP_HD static constexpr int tiles_together(int token_tiles) noexcept {
    const int less = (S::has_zero ? 1 : 0) + (run_steps < 4 ? 1 : 0);
    return token_tiles == 8 && less > 0 ? 4 : token_tiles == 4 && less > 1 ? 2 : token_tiles;
  }

  // Which of the slice's groups a run is in.
  LOWP_HD static constexpr int group_of(int run) noexcept { return slice_groups == 1 ? 0 : run * run_steps * 16 / divisor; }

  // Bytes of a panel's scales and zero points for a slice.
  static constexpr int scale_bytes =
      scale_format::bits == 0 || scale_last ? 0 : 64 * slice_groups * static_cast<int>(sizeof(code_t<scale_format>));
  static constexpr int zero_bytes = S::has_zero ? 64 * slice_groups * static_cast<int>(sizeof(code_t<zero_format>)) : 0;

  static constexpr bool supported() noexcept {
    if constexpr (bits < 1 || bits > 8) {
      return false;
    } else {
      const bool groups_fit = group % 16 == 0 && (group == 0 || slice_cols % divisor == 0 || group % slice_cols == 0);
      using scales = detail::panel_codes<typename S::scale>;
      using zeros = detail::panel_codes<typename S::zero>;
      // The one number above the scales is multiplied by in the end, where a bias has been added.
      const bool parameters_fit =
          !scales::has_upper && !zeros::has_upper && !zeros::has_multiplier && !(S::has_added_term && scales::has_multiplier);
      return groups_fit && parameters_fit && is_finite(decode<format>(0));
    }
  }
};

// Whether the mma kernels multiply M tokens of type X by weights [N, K] of the scheme: groups of 16, 32, 64, 128, ... columns or of
// whole rows, rectangles or not, any number of rows and columns. For what they do not take there is dequantize and a product of
// halves (cublas_gemm.cuh), as for more than 64 tokens, where that is faster.
template <scheme_type S, class X>
constexpr bool gemm_supports(std::size_t m, std::size_t n, std::size_t k) noexcept {
  if constexpr (!ptx::packed_type<X> || !gemm_scheme<S>::supported()) {
    return false;
  } else {
    constexpr std::size_t most = 0x7fffffff;
    const bool rows_of_groups =
        rectangular_granularity<typename S::granularity> || k % static_cast<std::size_t>(gemm_scheme<S>::divisor) == 0;
    return m >= 1 && m <= 64 && n <= most && k <= most && rows_of_groups;
  }
}

// What lies in shared memory: the stages, each of weights, scales, zero points and activations; at the end of a part, the sums.
template <scheme_type S, gemm_tile Tile>
struct gemm_shared {
  using scheme = gemm_scheme<S>;
  static constexpr int stage_cols = scheme::slice_cols * Tile.warps_cols;

  // Bytes of each part, by panels of 64 rows: the slices of all warps one after another.
  static constexpr int weights = scheme::slice_bytes * Tile.warps_cols;
  static constexpr int scales = scheme::scale_bytes * Tile.warps_cols;
  static constexpr int zeros = scheme::zero_bytes * Tile.warps_cols;

  // From token to token: 32 bytes more than a multiple of 128, so that lanes read b from all banks.
  static constexpr int token_bytes = stage_cols * 2 + 32;

  static constexpr int scales_at = weights * Tile.panels;
  static constexpr int zeros_at = scales_at + scales * Tile.panels;
  static constexpr int x_at = zeros_at + zeros * Tile.panels;
  static constexpr int stage = x_at + token_bytes * Tile.tokens;

  // From token to token in the sums, in floats: lanes write to all banks.
  static constexpr int sums_stride = Tile.rows + 4;
  static constexpr int sums = Tile.tokens * sums_stride * 4;

  // The table comes first; it is as large for f16 as for bf16.
  using table = weight_table<typename scheme::format, f16, Tile.table_copies>;
  static constexpr int table_bytes = detail::looked_up_in_pairs<typename scheme::format> ? static_cast<int>(sizeof(table)) : 0;
  static constexpr int bytes = table_bytes + (stage * Tile.stages > sums ? stage * Tile.stages : sums);
};

// The tile for an architecture and a number of tokens: as many stages as fit, two blocks a processor where there is room. More tokens
// mean more sums a row.
template <scheme_type S>
struct gemm_tuning {
  static constexpr int token_tile(int compute_capability, std::size_t tokens) noexcept {
    if (tokens <= 8) return 8;
    if (tokens <= 16) return 16;
    return tokens <= 32 || compute_capability < 80 ? 32 : 64;
  }

  template <int Tokens>
  static constexpr gemm_tile tile(int compute_capability) noexcept {
    // Before sm_80 copies are done at once, so that more stages would be of no use.
    if (compute_capability < 80) return {Tokens, Tokens <= 32 ? 4 : 2, 1, 2, 1, 16};
    constexpr gemm_tile one = Tokens <= 32 ? gemm_tile{Tokens, 4, 2, 1, 1} : gemm_tile{Tokens, 2, 1, 1, 1};
    gemm_tile t = one;
    const int room = shared_memory_of(compute_capability);
    // What zero points and tables of numbers take of the registers is missing to a second block; twice as many warps of half as many rows
    // do with the same.
    constexpr bool integers = integer_format<typename S::format>;
    const bool roomy = room > 200 * 1024;
    if (Tokens <= (integers && !S::has_zero ? 16 : 8) && roomy) t.blocks_per_processor = 2;
    if (!integers && Tokens == 16 && roomy) t.row_tiles = 2;
    const int count = (room / t.blocks_per_processor - gemm_shared<S, one>::table_bytes) / gemm_shared<S, one>::stage;
    t.stages = count < 2 ? 2 : count > 8 ? 8 : count;
    return t;
  }
};

}  // namespace lowp::inline LOWP_ABI
