// The part of decode attention that one warp does with a few tokens: their keys and values come to shared memory, keys are multiplied
// by queries, scores become weights, and values are added up with them.
//
// What is done once a token is not done once a number: the scale of a token's key multiplies its score, and a zero point z takes z times
// the sum of the query from it; the scale of a token's value multiplies its weight, and zero points are added up with the weights, to
// be taken from all channels in the end. Scales of groups and of channels are multiplied into the numbers.
#pragma once

#include <lowp/kernel/cuda/kv_attention_state.hpp>
#include <lowp/kernel/cuda/kv_fragment.hpp>

#include <concepts>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// Tiles of two kinds of pages add to the same results, if they agree on ValueChunk, how many channels lie together in a lane, and on
// whether results are in units: where weights are multiplied by scales, a power of two keeps them in the range of T.
template <class Page, class T, int ValueChunk = kv_value_lanes<typename Page::value>::chunk,
          bool HasUnits = Page::value::granularity == kv_granularity::token>
struct kv_attention_tile {
  using key = typename Page::key;
  using value = typename Page::value;
  using key_lanes = kv_key_lanes<key>;
  using value_lanes = kv_value_lanes<value, ValueChunk>;
  using shape = mma_m16n8k16<T>;
  static constexpr bool same_type = key::bits != 16 || std::same_as<typename key::format, T>;
  static_assert(same_type && (value::bits != 16 || std::same_as<typename value::format, T>),
                "unquantized keys and values have the type of the queries");
  static constexpr int head_size = Page::head_size;
  static constexpr int warps = 4;
  static constexpr bool has_units = HasUnits;

  // 32 tokens a warp where there is room, and where they share scales.
  static constexpr bool wide =
      Page::tokens % 32 == 0 && (key::granularity == kv_granularity::channel || 32 * (key::row_bytes + value::row_bytes) <= 4096);
  static constexpr int tokens = wide ? 32 : 16;
  static constexpr int step_tokens = tokens * warps;
  static constexpr int row_tiles = tokens / 16;

  // Where the parts of a tile lie in a warp's shared memory, and bytes.
  template <class Rows, number_format P>
  static constexpr int part = Rows::template parameter_bytes<P>(tokens);
  static constexpr int values_at = tokens * key::row_bytes;
  static constexpr int key_scales_at = values_at + tokens * value::row_bytes;
  static constexpr int key_zeros_at = key_scales_at + part<key, typename key::scale_format>;
  static constexpr int value_scales_at = key_zeros_at + part<key, typename key::zero_format>;
  static constexpr int value_zeros_at = value_scales_at + part<value, typename value::scale_format>;
  static constexpr int warp_bytes = value_zeros_at + part<value, typename value::zero_format>;
  static_assert(warp_bytes % 16 == 0);
  static constexpr int stage_bytes = warp_bytes * warps;
  static constexpr int stages = stage_bytes * 4 <= 61440 ? 4 : stage_bytes * 3 <= 61440 ? 3 : 2;

  // Sends for a tile of which the first `valid` tokens exist, from the block of a head, where they start with token `at`.
  template <class Block>
  LOWP_HD static void fetch(const Block& block, std::uint8_t* to, const std::uint8_t* head, int at, int valid, int lane) {
    copy<tokens * key::row_bytes, key_lanes, key::row_bytes>(block, to, head + Page::keys_at + at * key::row_bytes, valid * key::row_bytes,
                                                             lane);
    copy<tokens * value::row_bytes, value_lanes, value::row_bytes>(block, to + values_at, head + Page::values_at + at * value::row_bytes,
                                                                   valid * value::row_bytes, lane);
    copy_parameters<key, typename key::scale_format>(block, to + key_scales_at, head + Page::key_scales_at, at, valid, lane);
    copy_parameters<key, typename key::zero_format>(block, to + key_zeros_at, head + Page::key_zeros_at, at, valid, lane);
    copy_parameters<value, typename value::scale_format>(block, to + value_scales_at, head + Page::value_scales_at, at, valid, lane);
    copy_parameters<value, typename value::zero_format>(block, to + value_zeros_at, head + Page::value_zeros_at, at, valid, lane);
  }

  // The queries of `heads` heads from `from` on, in the order of the keys' channels.
  LOWP_HD static void load_query(const T* from, int heads, int lane, int step, typename shape::b_type& query) {
    const int run = step / 2;
    const T* const row = from + lane / 4 * head_size + key_lanes::channel(lane % 4, run);
    LOWP_DEVICE_UNROLL
    for (int r = 0; r < 2; ++r) {
      const int e = step % 2 * 4 + r * 2;
      query.reg[r] =
          lane / 4 < heads ? ptx::pair(row[key_lanes::template position<T>(e)].code, row[key_lanes::template position<T>(e + 1)].code) : 0;
    }
  }

  // Takes in those of tokens first .. last - 1 that are in the tiles of the warps: tile_of(thread) lies in shared memory and begins with
  // token begin_of(thread). factor: of scores, log2(e) included.
  template <class Block, class TileOf, class BeginOf>
  LOWP_HD static void add(const Block& block, kv_attention_state<Block, T, head_size>& state, TileOf&& tile_of, BeginOf&& begin_of,
                          int first, int last, float factor) {
    typename Block::template per_thread<typename shape::c_type> scores[row_tiles];
    multiply_keys(block, state, tile_of, scores);
    using state_type = kv_attention_state<Block, T, head_size>;
    using pair = typename state_type::pair;
    typename Block::template per_thread<pair> top;
    typename Block::template per_thread<float> top_scale;
    block.each_thread([&](int thread) {
      const int g = thread % 32 / 4;
      const std::uint8_t* const tile = tile_of(thread);
      pair highest = state.highest[thread];
      float largest = 0;
      LOWP_DEVICE_UNROLL
      for (int i = 0; i < row_tiles; ++i) {
        LOWP_DEVICE_UNROLL
        for (int half = 0; half < 2; ++half) {
          const int row = i * 16 + half * 8 + g;
          const int token = begin_of(thread) + row;
          const bool counts = token >= first && token < last;
          float scale = factor;
          if constexpr (key::granularity == kv_granularity::token)
            scale *= detail::kv_parameter_value<typename key::scale_format>(tile + key_scales_at, row);
          LOWP_DEVICE_UNROLL
          for (int h = 0; h < 2; ++h) {
            float& score = scores[i][thread].reg[half * 2 + h];
            if constexpr (key::granularity == kv_granularity::token && key::scheme::has_zero) {
              const float zero = detail::kv_parameter_value<typename key::zero_format>(tile + key_zeros_at, row);
              score = ptx::fma(-zero, state.query_sum[thread].reg[h], score);
            }
            score = counts ? score * scale : -infinity();
            highest.head[h] = score > highest.head[h] ? score : highest.head[h];
          }
          if constexpr (has_units) {
            const float s = magnitude(value_scale(tile, row));
            largest = s > largest ? s : largest;
          }
        }
      }
      top[thread] = highest;
      top_scale[thread] = largest;
    });
    LOWP_DEVICE_UNROLL
    for (int mask = 4; mask < 32; mask *= 2) {
      const auto other0 = block.shuffle_xor(component(block, top, 0), mask);
      const auto other1 = block.shuffle_xor(component(block, top, 1), mask);
      block.each_thread([&](int thread) {
        if (other0[thread] > top[thread].head[0]) top[thread].head[0] = other0[thread];
        if (other1[thread] > top[thread].head[1]) top[thread].head[1] = other1[thread];
      });
      if constexpr (has_units) {
        const auto other = block.shuffle_xor(top_scale, mask);
        block.each_thread([&](int thread) {
          if (other[thread] > top_scale[thread]) top_scale[thread] = other[thread];
        });
      }
    }
    typename Block::template per_thread<std::uint32_t> packed[row_tiles][2];
    block.each_thread([&](int thread) { weigh(state, tile_of(thread), scores, top[thread], top_scale[thread], packed, thread); });
    add_values(block, state, tile_of, packed);
  }

 private:
  template <int Bytes, class Lanes, int RowBytes, class Block>
  LOWP_HD static void copy(const Block& block, std::uint8_t* to, const std::uint8_t* from, int valid, int lane) {
    constexpr int row_vectors = RowBytes < 16 ? 1 : RowBytes / 16;
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < ceil_div(Bytes / 16, 32); ++i) {
      const int v = i * 32 + lane;
      if (Bytes % 512 != 0 && v >= Bytes / 16) break;
      const int row = v / row_vectors;
      const int place = RowBytes < 16 ? v : row * row_vectors + Lanes::place(row, v % row_vectors);
      const int left = valid - v * 16;
      const int bytes = left < 0 ? 0 : left > 16 ? 16 : left;
      block.copy_async(reinterpret_cast<vector_of_words*>(to + place * 16), from + (bytes == 0 ? 0 : v * 16), bytes);
    }
  }

  struct in_order {
    LOWP_HD static constexpr int place(int, int vector) noexcept { return vector; }
  };
  template <class Rows, number_format P, class Block>
  LOWP_HD static void copy_parameters(const Block& block, std::uint8_t* to, const std::uint8_t* from, int at, int valid, int lane) {
    constexpr int bytes = part<Rows, P>;
    if constexpr (bytes != 0 && Rows::granularity == kv_granularity::channel) {
      copy<bytes, in_order, 16>(block, to, from + at / 32 * bytes, valid > 0 ? bytes : 0, lane);
    } else if constexpr (bytes != 0) {
      constexpr int row = bytes / tokens;
      copy<bytes, in_order, 16>(block, to, from + at * row, valid * row, lane);
    }
  }

  template <class Block, class Pairs>
  LOWP_HD static typename Block::template per_thread<float> component(const Block& block, const Pairs& pairs, int h) {
    typename Block::template per_thread<float> one;
    block.each_thread([&](int thread) { one[thread] = pairs[thread].head[h]; });
    return one;
  }

  // Scores of all tokens of the tile by the queries, without scales and zero points of tokens.
  template <class Block, class State, class TileOf, class Scores>
  LOWP_HD static void multiply_keys(const Block& block, const State& state, TileOf&& tile_of, Scores& scores) {
    typename Block::template per_thread<typename shape::a_type> operand[2];
    LOWP_DEVICE_UNROLL
    for (int vector = 0; vector < key_lanes::vectors; ++vector) {
      LOWP_DEVICE_UNROLL
      for (int i = 0; i < row_tiles; ++i) {
        typename Block::template per_thread<typename key_lanes::words> words[2];
        block.each_thread([&](int thread) {
          LOWP_DEVICE_UNROLL
          for (int half = 0; half < 2; ++half) {
            words[half][thread] = key_lanes::load(tile_of(thread), i * 16 + half * 8 + thread % 32 / 4, thread % 4, vector);
          }
        });
        LOWP_DEVICE_UNROLL
        for (int run = 0; run < key_lanes::runs; ++run) {
          const int all = vector * key_lanes::runs + run;
          block.each_thread([&](int thread) {
            const int row = i * 16 + thread % 32 / 4;
            const fragment<T> low =
                scaled_keys(tile_of(thread), row, thread % 4, all, key_lanes::template numbers<T>(words[0][thread], run));
            const fragment<T> high =
                scaled_keys(tile_of(thread), row + 8, thread % 4, all, key_lanes::template numbers<T>(words[1][thread], run));
            operand[0][thread] = {{low.reg[0], high.reg[0], low.reg[1], high.reg[1]}};
            operand[1][thread] = {{low.reg[2], high.reg[2], low.reg[3], high.reg[3]}};
          });
          block.template mma<shape>(scores[i], operand[0], state.query[all * 2]);
          block.template mma<shape>(scores[i], operand[1], state.query[all * 2 + 1]);
        }
      }
    }
  }

  LOWP_HD LOWP_ALWAYS_INLINE static fragment<T> scaled_keys(const std::uint8_t* tile, int row, int t, int run, fragment<T> f) {
    if constexpr (key::granularity == kv_granularity::group || key::granularity == kv_granularity::channel) {
      constexpr int step = key::granularity == kv_granularity::channel ? 1 : 0;
      const int at = key::parameter_at(row, key_lanes::channel(t, run));
      LOWP_DEVICE_UNROLL
      for (int r = 0; r < 4; ++r) {
        f.reg[r] =
            detail::kv_scaled<key, T>(f.reg[r], tile + key_scales_at, tile + key_zeros_at, at + step * 2 * r, at + step * (2 * r + 1));
      }
    }
    return f;
  }

  LOWP_HD LOWP_ALWAYS_INLINE static float value_scale(const std::uint8_t* tile, int row) {
    if constexpr (value::granularity == kv_granularity::token)
      return detail::kv_parameter_value<typename value::scale_format>(tile + value_scales_at, row);
    else return 1.0f;
  }

  // Scores become weights; results so far are brought to the new highest score and the new unit.
  template <class State, class Scores, class Pair, class Packed>
  LOWP_HD static void weigh(State& state, const std::uint8_t* tile, Scores& scores, const Pair& top, float top_scale, Packed& packed,
                            int thread) {
    [[maybe_unused]] float per_unit = 1.0f;
    float correction[2];
    float highest[2];
    if constexpr (has_units) {
      const float old = state.unit[thread];
      const float unit = detail::power_near(top_scale > old ? top_scale : old);
      state.unit[thread] = unit;
      per_unit = detail::inverse_power(unit);
      correction[0] = correction[1] = old * per_unit;
    } else {
      correction[0] = correction[1] = 1.0f;
    }
    LOWP_DEVICE_UNROLL
    for (int h = 0; h < 2; ++h) {
      // Without a token yet, any number will do.
      highest[h] = top.head[h] == -infinity() ? 0.0f : top.head[h];
      const float rise = detail::power_of_two_of(state.highest[thread].head[h] - highest[h]);
      state.highest[thread].head[h] = top.head[h];
      state.weights[thread].head[h] *= rise;
      correction[h] *= rise;
      state.zeros[thread].head[h] *= correction[h];
    }
    if (correction[0] != 1.0f || correction[1] != 1.0f) {
      LOWP_DEVICE_UNROLL
      for (int c = 0; c < head_size / 16; ++c) {
        LOWP_DEVICE_UNROLL
        for (int r = 0; r < 4; ++r) state.result[c][thread].reg[r] *= correction[r % 2];
      }
    }
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < row_tiles; ++i) {
      LOWP_DEVICE_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int row = i * 16 + half * 8 + thread % 32 / 4;
        float weight[2];
        LOWP_DEVICE_UNROLL
        for (int h = 0; h < 2; ++h) {
          weight[h] = detail::power_of_two_of(scores[i][thread].reg[half * 2 + h] - highest[h]);
          state.weights[thread].head[h] += weight[h];
        }
        if constexpr (has_units) {
          const float scale = value_scale(tile, row) * per_unit;
          weight[0] *= scale;
          weight[1] *= scale;
        }
        const std::uint32_t both = detail::both_of<T>(weight[0], weight[1]);
        packed[i][half][thread] = both;
        if constexpr (value::granularity == kv_granularity::token && value::scheme::has_zero) {
          const float zero = detail::kv_parameter_value<typename value::zero_format>(tile + value_zeros_at, row);
          const ptx::two_floats used = ptx::widen2<T>(both);
          state.zeros[thread].head[0] = ptx::fma(used.low, zero, state.zeros[thread].head[0]);
          state.zeros[thread].head[1] = ptx::fma(used.high, zero, state.zeros[thread].head[1]);
        }
      }
    }
  }

  // Values times weights. A lane's weights are those of tokens g and g + 8 for heads 2 t and 2 t + 1; as an operand it needs those of
  // tokens t, t + 4, t + 8 and t + 12 for head g.
  template <class Block, class State, class TileOf, class Packed>
  LOWP_HD static void add_values(const Block& block, State& state, TileOf&& tile_of, const Packed& packed) {
    typename Block::template per_thread<int> first;
    typename Block::template per_thread<int> second;
    block.each_thread([&](int thread) {
      first[thread] = thread % 4 * 4 + thread % 32 / 8;
      second[thread] = first[thread] + 16;
    });
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < row_tiles; ++i) {
      typename Block::template per_thread<typename shape::b_type> weights;
      LOWP_DEVICE_UNROLL
      for (int half = 0; half < 2; ++half) {
        const auto low = block.shuffle(packed[i][half], first);
        const auto high = block.shuffle(packed[i][half], second);
        block.each_thread(
            [&](int thread) { weights[thread].reg[half] = ptx::prmt(low[thread], high[thread], thread / 4 % 2 == 0 ? 0x5410u : 0x7632u); });
      }
      LOWP_DEVICE_UNROLL
      for (int vector = 0; vector < value_lanes::vectors; ++vector) {
        typename Block::template per_thread<typename value_lanes::words> words[4];
        block.each_thread([&](int thread) {
          LOWP_DEVICE_UNROLL
          for (int j = 0; j < 4; ++j) {
            words[j][thread] = value_lanes::load(tile_of(thread) + values_at, i * 16 + thread % 4 + j * 4, thread % 32 / 4, vector);
          }
        });
        LOWP_DEVICE_UNROLL
        for (int run = 0; run < value_lanes::runs; ++run) {
          const int all = vector * value_lanes::runs + run;
          typename Block::template per_thread<typename shape::a_type> operand[2];
          block.each_thread([&](int thread) {
            const int token = i * 16 + thread % 4;
            const int g = thread % 32 / 4;
            const fragment<T> low =
                scaled_values(tile_of(thread), token, g, all, value_lanes::template pairs<T>(words[0][thread], words[1][thread], run));
            const fragment<T> high =
                scaled_values(tile_of(thread), token + 8, g, all, value_lanes::template pairs<T>(words[2][thread], words[3][thread], run));
            operand[0][thread] = {{low.reg[0], low.reg[1], high.reg[0], high.reg[1]}};
            operand[1][thread] = {{low.reg[2], low.reg[3], high.reg[2], high.reg[3]}};
          });
          block.template mma<shape>(state.result[all * 2], operand[0], weights);
          block.template mma<shape>(state.result[all * 2 + 1], operand[1], weights);
        }
      }
    }
  }

  LOWP_HD LOWP_ALWAYS_INLINE static fragment<T> scaled_values(const std::uint8_t* tile, int token, int g, int run, fragment<T> f) {
    if constexpr (value::granularity == kv_granularity::group) {
      const int channel = value_lanes::channel(g, run);
      const int a = value::parameter_at(token, channel);
      const int b = value::parameter_at(token + 4, channel);
      LOWP_DEVICE_UNROLL
      for (int r = 0; r < 4; ++r) f.reg[r] = detail::kv_scaled<value, T>(f.reg[r], tile + value_scales_at, tile + value_zeros_at, a, b);
    }
    return f;
  }
};

}  // namespace lowp::inline LOWP_ABI
