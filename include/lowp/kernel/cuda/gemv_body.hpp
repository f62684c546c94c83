// What the blocks of the GEMV do, phase by phase, for the device and for tests on the host alike.
//
// A lane reads 16 bytes of a row at a time, 32 codes; a warp reads 1024 codes of each of its rows, and shares what it reads
// of the activations among them. Sums are kept in f32: the products of one stretch under one scale first, then times the
// scale, then added. Nothing depends on the number of blocks or of tokens, so neither does a bit of the result.
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/cuda/gemv_arguments.hpp>
#include <lowp/kernel/cuda/gemv_tuning.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

template <scheme_type S, class X, class Y, int Tokens, gemv_tile Tile>
struct gemv_body {
  using format = typename S::format;
  using granularity = typename S::granularity;
  using arguments = gemv_arguments<S, X, Y>;

  // block_index: which of `blocks` this is. shared: plan_gemv(...).shared_bytes.
  template <class Block>
  LOWP_HD static void run(const Block& block, const arguments& a, vector_of_words* shared, std::uint32_t block_index,
                          std::uint32_t blocks) {
    static_assert(Block::threads == Tile.threads());
    constexpr auto tile_rows = static_cast<std::uint32_t>(Tile.rows());
    auto* const partial = reinterpret_cast<float*>(shared + Tokens * (a.panel / 8));
    for (std::uint32_t row = block_index * tile_rows; row < a.rows; row += blocks * tile_rows) {
      typename Block::template per_thread<sums> sum;
      for (std::uint32_t col = 0; col < a.cols; col += a.panel) {
        // One panel that holds all of x stays for all rows.
        if (a.panel < a.cols || row == block_index * tile_rows) {
          block.barrier();
          block.each_thread([&](int thread) { stage(a, shared, col, thread); });
          block.barrier();
        }
        block.each_thread([&](int thread) { accumulate(a, shared, row, col, thread, sum[thread]); });
      }
      add_lanes(block, sum);
      block.each_thread([&](int thread) { put_partial(partial, thread, sum[thread]); });
      block.barrier();
      block.each_thread([&](int thread) { store(a, partial, row, thread); });
      block.barrier();
    }
  }

 private:
  using parameters = device_parameters<typename S::scale>;
  using dequantizer = fragment_dequantizer<format, f16, any_order>;
  static constexpr int rows = Tile.rows_per_warp;
  static constexpr int lane_cols = 32;
  static constexpr std::size_t group = granularity::cols_per_group;
  static constexpr bool scale_last = group == 0;  // one scale a row: the sums are multiplied at the end
  static constexpr int words_per_scale = group % 32 == 0 ? 4 : group % 16 == 0 ? 2 : 1;
  static constexpr int scales_per_lane = 4 / words_per_scale;

  struct sums {
    float value[rows][Tokens];
  };

  // What a lane reads of its rows at a time.
  struct lane_data {
    vector_of_words codes[rows];
    typename parameters::stored scale[rows][scales_per_lane];
  };

  // How far into a stretch of columns, 0 if past its end.
  LOWP_HD static constexpr std::uint32_t left(std::uint32_t end, std::uint32_t at) { return at < end ? end - at : 0; }
  LOWP_HD static constexpr std::uint32_t at_most(std::uint32_t limit, std::uint32_t n) { return n < limit ? n : limit; }

  LOWP_HD static typename parameters::stored load_scale(const arguments& a, std::uint32_t row, std::uint32_t col) {
    const grid_position g = granularity::group_of(row, col, a.rows, a.cols);
    return a.scales.load(g.row, g.col, granularity::grid(a.rows, a.cols));
  }

  LOWP_HD static std::uint32_t slot(const arguments& a, int token, std::uint32_t vector) {
    return static_cast<std::uint32_t>(token) * (a.panel / 8) + gemv_slot(vector);
  }

  // Copies columns col .. col + panel - 1 of x to shared memory, zeros beyond its end.
  LOWP_HD static void stage(const arguments& a, vector_of_words* shared, std::uint32_t col, int thread) {
    const std::uint32_t valid = at_most(a.panel, a.cols - col);
    const std::uint32_t vectors = round_up(valid, static_cast<std::uint32_t>(gemv_chunk)) / 8;
    for (int token = 0; token < Tokens; ++token) {
      for (auto v = static_cast<std::uint32_t>(thread); v < vectors; v += static_cast<std::uint32_t>(Tile.threads())) {
        ptx::store_vector(shared + slot(a, token, v), load_x(a, token, col + v * 8, token < a.tokens ? at_most(8, left(valid, v * 8)) : 0));
      }
    }
  }

  LOWP_HD static vector_of_words load_x(const arguments& a, int token, std::uint32_t col, std::uint32_t valid) {
    const X* const x = a.x + static_cast<std::size_t>(token) * a.x_stride + col;
    if (valid == 8 && a.aligned_x) return ptx::load_once(x);
    vector_of_words v{};
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < 8; ++i) {
      if (static_cast<std::uint32_t>(i) < valid) v.word[i / 2] |= static_cast<std::uint32_t>(x[i].code) << (i % 2 * 16);
    }
    return v;
  }

  // The first `valid` of eight codes; the others become some finite number, which meets a zero in x.
  LOWP_HD static std::uint32_t load_word(const std::uint8_t* bytes, std::uint32_t valid) {
    constexpr std::uint32_t padding = finite_code() * 0x11111111u;
    std::uint32_t word = padding;
    LOWP_DEVICE_NO_UNROLL
    for (std::uint32_t i = 0; i < valid; ++i) {
      const std::uint32_t code = bytes[i / 2] >> (i % 2 * 4) & 15u;
      word = (word & ~(15u << (4 * i))) | code << (4 * i);
    }
    return word;
  }

  LOWP_HD static constexpr std::uint32_t finite_code() {
    std::uint32_t c = 0;
    while (c < 15 && !is_finite(decode<format>(c))) ++c;
    return c;
  }

  LOWP_HD static lane_data load(const arguments& a, std::uint32_t row, std::uint32_t col) {
    lane_data d;
    const std::uint32_t valid = a.cols - col;
    LOWP_DEVICE_UNROLL
    for (int r = 0; r < rows; ++r) {
      // Rows beyond the last are computed like it and not stored.
      const std::uint32_t mine = at_most(a.rows - 1, row + static_cast<std::uint32_t>(r));
      const std::uint8_t* const bytes = a.codes + mine * a.row_stride + col / 2;
      if (a.aligned_codes && valid >= static_cast<std::uint32_t>(lane_cols)) {
        d.codes[r] = ptx::load_once(bytes);
      } else {
        LOWP_DEVICE_UNROLL
        for (int w = 0; w < 4; ++w)
          d.codes[r].word[w] = load_word(bytes + 4 * w, at_most(8, left(valid, static_cast<std::uint32_t>(8 * w))));
      }
      if constexpr (!scale_last) {
        LOWP_DEVICE_UNROLL
        for (int s = 0; s < scales_per_lane; ++s) {
          d.scale[r][s] = load_scale(a, mine, at_most(a.cols - 1, col + static_cast<std::uint32_t>(8 * words_per_scale * s)));
        }
      }
    }
    return d;
  }

  struct eight {
    float value[8];
  };

  LOWP_HD static eight weights(std::uint32_t word) {
    eight v;
    const fragment<f16> f = dequantizer::value(word);
    LOWP_DEVICE_UNROLL
    for (int j = 0; j < 4; ++j) {
      const ptx::two_floats two = ptx::widen2<f16>(f.reg[j]);
      v.value[dequantizer::position(2 * j)] = two.low;
      v.value[dequantizer::position(2 * j + 1)] = two.high;
    }
    return v;
  }

  LOWP_HD static eight activations(const vector_of_words& x) {
    eight v;
    LOWP_DEVICE_UNROLL
    for (int j = 0; j < 4; ++j) {
      const ptx::two_floats two = ptx::widen2<X>(x.word[j]);
      v.value[2 * j] = two.low;
      v.value[2 * j + 1] = two.high;
    }
    return v;
  }

  LOWP_HD static void add_products(const eight& a, const eight& b, float& sum) {
    LOWP_DEVICE_UNROLL
    for (int e = 0; e < 8; ++e) sum = ptx::fma(a.value[e], b.value[e], sum);
  }

  LOWP_HD static void multiply(const arguments& a, const lane_data& d, const vector_of_words* shared, std::uint32_t vector, sums& total) {
    sums part{};
    LOWP_DEVICE_UNROLL
    for (int w = 0; w < 4; ++w) {
      const std::uint32_t at = vector + static_cast<std::uint32_t>(w);
      // Whichever operand takes fewer registers waits in them for the other.
      if constexpr (Tokens <= rows) {
        eight x[Tokens];
        LOWP_DEVICE_UNROLL
        for (int t = 0; t < Tokens; ++t) x[t] = activations(ptx::load_vector(shared + slot(a, t, at)));
        LOWP_DEVICE_UNROLL
        for (int r = 0; r < rows; ++r) {
          const eight weight = weights(d.codes[r].word[w]);
          LOWP_DEVICE_UNROLL
          for (int t = 0; t < Tokens; ++t) add_products(weight, x[t], part.value[r][t]);
        }
      } else {
        eight weight[rows];
        LOWP_DEVICE_UNROLL
        for (int r = 0; r < rows; ++r) weight[r] = weights(d.codes[r].word[w]);
        LOWP_DEVICE_UNROLL
        for (int t = 0; t < Tokens; ++t) {
          const eight x = activations(ptx::load_vector(shared + slot(a, t, at)));
          LOWP_DEVICE_UNROLL
          for (int r = 0; r < rows; ++r) add_products(weight[r], x, part.value[r][t]);
        }
      }
      if ((w + 1) % words_per_scale != 0) continue;
      LOWP_DEVICE_UNROLL
      for (int r = 0; r < rows; ++r) {
        float scale = 1.0f;
        if constexpr (!scale_last) scale = parameters::value(d.scale[r][w / words_per_scale]);
        LOWP_DEVICE_UNROLL
        for (int t = 0; t < Tokens; ++t) {
          total.value[r][t] = ptx::fma(part.value[r][t], scale, total.value[r][t]);
          part.value[r][t] = 0;
        }
      }
    }
  }

  // One panel: the next data is on its way while the present is multiplied.
  LOWP_HD static void accumulate(const arguments& a, const vector_of_words* shared, std::uint32_t row, std::uint32_t col, int thread,
                                 sums& total) {
    const int warp = thread / warp_threads;
    const std::uint32_t mine = row + static_cast<std::uint32_t>(warp / Tile.warps_along_cols * rows);
    const std::uint32_t end = at_most(a.panel, a.cols - col);
    auto at = static_cast<std::uint32_t>(warp % Tile.warps_along_cols * gemv_chunk + thread % warp_threads * lane_cols);
    if (at >= end) return;
    lane_data next = load(a, mine, col + at);
    while (at < end) {
      const lane_data now = next;
      const std::uint32_t vector = at / 8;
      at += static_cast<std::uint32_t>(Tile.warps_along_cols * gemv_chunk);
      if (at < end) next = load(a, mine, col + at);
      multiply(a, now, shared, vector, total);
    }
  }

  template <class Block, class Sums>
  LOWP_HD static void add_lanes(const Block& block, Sums& sum) {
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < rows * Tokens; ++i) {
      typename Block::template per_thread<float> v;
      block.each_thread([&](int thread) { v[thread] = sum[thread].value[i / Tokens][i % Tokens]; });
      LOWP_DEVICE_UNROLL
      for (int offset = warp_threads / 2; offset > 0; offset /= 2) {
        const auto other = block.shuffle_xor(v, offset);
        block.each_thread([&](int thread) { v[thread] += other[thread]; });
      }
      block.each_thread([&](int thread) { sum[thread].value[i / Tokens][i % Tokens] = v[thread]; });
    }
  }

  LOWP_HD static void put_partial(float* partial, int thread, const sums& sum) {
    if (thread % warp_threads != 0) return;
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < rows * Tokens; ++i) partial[thread / warp_threads * rows * Tokens + i] = sum.value[i / Tokens][i % Tokens];
  }

  LOWP_HD static void store(const arguments& a, const float* partial, std::uint32_t row, int thread) {
    for (int i = thread; i < Tile.rows() * Tokens; i += Tile.threads()) {
      const int token = i / Tile.rows();
      const int r = i % Tile.rows();
      const std::uint32_t mine = row + static_cast<std::uint32_t>(r);
      if (mine >= a.rows || token >= a.tokens) continue;
      float sum = 0;
      for (int c = 0; c < Tile.warps_along_cols; ++c) {
        sum += partial[((r / rows * Tile.warps_along_cols + c) * rows + r % rows) * Tokens + token];
      }
      if constexpr (scale_last) {
        if (a.cols != 0) sum *= parameters::value(load_scale(a, mine, 0));
      }
      Y& y = a.y[static_cast<std::size_t>(token) * a.y_stride + mine];
      if constexpr (std::same_as<Y, float>) y = sum;
      else y = Y::from_code(static_cast<std::uint16_t>(ptx::narrow<Y>(sum)));
    }
  }
};

}  // namespace lowp::inline LOWP_ABI
