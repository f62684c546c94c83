// What the blocks of decode attention do, phase by phase, for the device and for tests on the host alike.
//
//   out[sequence][head] = sum over tokens of softmax(scale * query . key) * value        one query token a sequence
//
// A block has up to eight query heads of one key head, which are the eight columns of mma.m16n8k16, and a split of the context, in
// tiles of 16 or 32 tokens that its four warps take in turn: tokens are the rows of mma's A operand for scores, and its columns for
// results. (So codes need no transposition in memory, and one query head costs what eight do: the tensor cores wait for memory.)
// Each warp keeps the highest score, the sum of weights and the results in f32. They are put together in the order of the warps, then
// of the splits by the block that comes last, so that the same splits give the same bits, whatever else is in the batch.
#pragma once

#include <lowp/kernel/cuda/kv_attention_arguments.hpp>
#include <lowp/kernel/cuda/kv_attention_tile.hpp>
#include <lowp/kernel/cuda/shared_memory.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

template <class Page, class T, class Y>
struct kv_attention_body {
  using arguments = kv_attention_arguments<Page, T, Y>;
  using tile = kv_attention_tile<Page, T>;
  static constexpr int warps = tile::warps;
  static constexpr int threads = warps * warp_threads;
  static constexpr int head_size = Page::head_size;
  static constexpr int heads = 8;  // of a block

  template <class P>
  using ring_tile = kv_attention_tile<kv_ring<P, T>, T, tile::value_lanes::chunk, tile::has_units>;

  // Shared memory: copies on their way, then what the warps have found.
  static constexpr int part_floats = heads * (head_size + 2);
  static constexpr int shared_bytes = [] {
    int bytes = warps * part_floats * static_cast<int>(sizeof(float));
    if (tile::stage_bytes * tile::stages > bytes) bytes = tile::stage_bytes * tile::stages;
    if constexpr (Page::has_residual) {
      using ring = ring_tile<Page>;
      if (ring::stage_bytes * ring::stages > bytes) bytes = ring::stage_bytes * ring::stages;
    }
    return bytes;
  }();

  // group: head_tiles() for each key head.
  template <class Block>
  LOWP_HD static void run(const Block& block, const arguments& a, vector_of_words* shared, std::uint32_t split, std::uint32_t group,
                          std::uint32_t sequence) {
    static_assert(Block::threads == threads);
    const place at = place_of(a, split, group, sequence);
    if (!at.active) return;
    auto* const bytes = reinterpret_cast<std::uint8_t*>(shared);
    state<Block> found;
    block.each_thread([&](int thread) {
      found.highest[thread] = {{-infinity(), -infinity()}};
      found.unit[thread] = detail::power_near(0.0f);
    });
    const std::uint32_t quantized = static_cast<std::uint32_t>(Page::quantized_tokens(at.length));
    add_tokens<tile, Page>(block, a, at, bytes, found, at.first, at.last < quantized ? at.last : quantized, [&](std::uint32_t token) {
      return source{a.cache.page_of(at.sequence, token, at.head), static_cast<int>(token % Page::tokens)};
    });
    if constexpr (Page::has_residual) {
      using ring = kv_ring<Page, T>;
      add_tokens<ring_tile<Page>, ring>(
          block, a, at, bytes, found, at.first > quantized ? at.first : quantized, at.last, [&](std::uint32_t token) {
            return source{a.cache.template ring_of<ring>(at.sequence, at.head), static_cast<int>(token % ring::tokens)};
          });
    }
    finish(block, a, at, reinterpret_cast<float*>(shared), found);
  }

 private:
  template <class Block>
  using state = kv_attention_state<Block, T, head_size>;

  struct source {
    const std::uint8_t* head;
    int at;
  };

  // A block's share: tokens first .. last - 1 for query heads query_head .. query_head + heads - 1.
  struct place {
    bool active;
    std::uint32_t sequence, group, head, query_head;
    int heads;
    std::uint32_t length, first, last;
    std::uint32_t split, first_split, splits;
  };

  LOWP_HD static place place_of(const arguments& a, std::uint32_t split, std::uint32_t group, std::uint32_t sequence) {
    place p{};
    p.sequence = sequence;
    p.group = group;
    p.head = group / a.head_tiles();
    const std::uint32_t first_of_group = group % a.head_tiles() * heads;
    p.query_head = p.head * a.heads_per_group + first_of_group;
    const std::uint32_t left = a.heads_per_group - first_of_group;
    p.heads = left < heads ? static_cast<int>(left) : heads;
    p.length = a.lengths[sequence] < a.options.longest ? a.lengths[sequence] : a.options.longest;
    const std::uint32_t size = a.options.split_tokens;
    const std::uint32_t start = a.options.window != 0 && p.length > a.options.window ? p.length - a.options.window : 0;
    p.split = split;
    p.first_split = start / size;
    p.splits = p.length == 0 ? 1 : (p.length - 1) / size - p.first_split + 1;
    p.active = split >= p.first_split && split < p.first_split + p.splits;
    p.first = split * size > start ? split * size : start;
    p.last = p.length - (split * size < p.length ? split * size : p.length) < size ? p.length : (split + 1) * size;
    return p;
  }

  // Takes in tokens first .. last - 1, which lie where source_of(token) says.
  template <class Tile, class P, class Block, class SourceOf>
  LOWP_HD static void add_tokens(const Block& block, const arguments& a, const place& at, std::uint8_t* shared, state<Block>& found,
                                 std::uint32_t first, std::uint32_t last, SourceOf&& source_of) {
    if (first >= last) return;
    load_queries<Tile>(block, a, at, found);
    const float factor = a.options.softmax_scale * 1.4426950408889634f * (std::same_as<P, Page> ? a.cache.key_scale(at.head) : 1.0f);
    const std::uint32_t begin = first / Tile::tokens * Tile::tokens;
    const auto steps = static_cast<int>((last - begin + Tile::step_tokens - 1) / Tile::step_tokens);
    const auto token_of = [&](int step, int thread) {
      return begin + static_cast<std::uint32_t>((step * warps + thread / warp_threads) * Tile::tokens);
    };
    const auto shared_of = [&](int stage, int thread) {
      return shared + stage * Tile::stage_bytes + thread / warp_threads * Tile::warp_bytes;
    };
    const auto fetch = [&](int step, int stage) {
      block.each_thread([&](int thread) {
        const std::uint32_t token = token_of(step, thread);
        // A warp beyond the end gets zeros; it reads no page.
        const int valid = token >= last                                             ? 0
                          : last - token < static_cast<std::uint32_t>(Tile::tokens) ? static_cast<int>(last - token)
                                                                                    : Tile::tokens;
        const source from = source_of(valid == 0 ? begin : token);
        Tile::fetch(block, shared_of(stage, thread), from.head, from.at, valid, thread % warp_threads);
      });
    };
    // The shared memory may still be read by warps that are at what came before.
    block.barrier();
    LOWP_DEVICE_UNROLL
    for (int s = 0; s < Tile::stages - 1; ++s) {
      if (s < steps) fetch(s, s);
      block.commit_copies();
    }
    int now = 0;
    int next = Tile::stages - 1;
    LOWP_DEVICE_NO_UNROLL
    for (int step = 0; step < steps; ++step) {
      block.template wait_for_copies<Tile::stages - 2>();
      block.warp_barrier();
      if (step + Tile::stages - 1 < steps) fetch(step + Tile::stages - 1, next);
      block.commit_copies();
      Tile::add(
          block, found, [&](int thread) { return shared_of(now, thread); },
          [&](int thread) { return static_cast<int>(token_of(step, thread)); }, static_cast<int>(first), static_cast<int>(last), factor);
      now = now + 1 == Tile::stages ? 0 : now + 1;
      next = next + 1 == Tile::stages ? 0 : next + 1;
    }
    block.template wait_for_copies<0>();
  }

  template <class Tile, class Block>
  LOWP_HD static void load_queries(const Block& block, const arguments& a, const place& at, state<Block>& found) {
    using shape = typename Tile::shape;
    const T* const from = a.queries + at.sequence * a.query_stride + std::size_t{at.query_head} * head_size;
    typename Block::template per_thread<typename shape::a_type> ones;
    block.each_thread([&](int thread) {
      constexpr std::uint32_t one = ptx::both<T>(1.0f);
      ones[thread] = {{one, one, one, one}};
      found.query_sum[thread] = {};
    });
    LOWP_DEVICE_UNROLL
    for (int step = 0; step < head_size / 16; ++step) {
      block.each_thread([&](int thread) { Tile::load_query(from, at.heads, thread % warp_threads, step, found.query[step][thread]); });
      if constexpr (Tile::key::granularity == kv_granularity::token && Tile::key::scheme::has_zero) {
        block.template mma<shape>(found.query_sum, ones, found.query[step]);
      }
    }
  }

  // The numbers of a part, [heads][head size] results, then the highest scores, then the sums of weights.
  LOWP_HD static int highest_at(int head) noexcept { return heads * head_size + head; }
  LOWP_HD static int weights_at(int head) noexcept { return heads * (head_size + 1) + head; }

  template <class Block>
  LOWP_HD static void finish(const Block& block, const arguments& a, const place& at, float* shared, state<Block>& found) {
    LOWP_DEVICE_UNROLL
    for (int h = 0; h < 2; ++h) {
      add_over_tokens(block, found.weights, h);
      if constexpr (Page::value::scheme::has_zero && Page::value::granularity == kv_granularity::token)
        add_over_tokens(block, found.zeros, h);
    }
    const float scale = a.cache.value_scale(at.head);
    block.barrier();
    block.each_thread([&](int thread) {
      const int g = thread % warp_threads / 4;
      const int t = thread % 4;
      float* const part = shared + thread / warp_threads * part_floats;
      LOWP_DEVICE_UNROLL
      for (int c = 0; c < head_size / 16; ++c) {
        LOWP_DEVICE_UNROLL
        for (int r = 0; r < 4; ++r) {
          const int channel = tile::value_lanes::channel(g, c / 2) + c % 2 * 2 + r / 2;
          float x = found.result[c][thread].reg[r];
          if constexpr (Page::value::scheme::has_zero && Page::value::granularity == kv_granularity::token)
            x -= found.zeros[thread].head[r % 2];
          if constexpr (tile::has_units) x *= found.unit[thread];
          part[(t * 2 + r % 2) * head_size + channel] = x * scale;
        }
      }
      if (g == 0) {
        LOWP_DEVICE_UNROLL
        for (int h = 0; h < 2; ++h) {
          part[highest_at(t * 2 + h)] = found.highest[thread].head[h];
          part[weights_at(t * 2 + h)] = found.weights[thread].head[h];
        }
      }
    });
    block.barrier();
    const bool whole = at.splits == 1;
    const std::size_t slot = std::size_t{at.sequence} * a.cache.heads * a.head_tiles() + at.group;
    float* const parts = a.workspace.parts + slot * a.splits * part_floats;
    block.each_thread([&](int thread) {
      float* const mine = parts + (at.split - at.first_split) * part_floats;
      for (int i = thread; i < at.heads * head_size; i += threads) {
        const sum s = sum_of(i, warps, [&](int w, int index) { return shared[w * part_floats + index]; });
        if (whole) {
          store(a, at, i, s);
        } else {
          mine[i] = s.result;
          if (i % head_size == 0) {
            mine[highest_at(i / head_size)] = s.highest;
            mine[weights_at(i / head_size)] = s.weights;
          }
        }
      }
    });
    if (whole) return;
    if (!block.last_to_arrive(a.workspace.arrivals + slot, at.splits)) return;
    block.each_thread([&](int thread) {
      for (int i = thread; i < at.heads * head_size; i += threads) {
        store(a, at, i, sum_of(i, static_cast<int>(at.splits), [&](int s, int index) {
                return ptx::load_shared_between_blocks(parts + s * part_floats + index);
              }));
      }
    });
  }

  template <class Block, class Pairs>
  LOWP_HD static void add_over_tokens(const Block& block, Pairs& pairs, int h) {
    LOWP_DEVICE_UNROLL
    for (int mask = 4; mask < 32; mask *= 2) {
      typename Block::template per_thread<float> one;
      block.each_thread([&](int thread) { one[thread] = pairs[thread].head[h]; });
      const auto other = block.shuffle_xor(one, mask);
      block.each_thread([&](int thread) { pairs[thread].head[h] += other[thread]; });
    }
  }

  struct sum {
    float result, highest, weights;
  };

  // Result i of all parts, brought to the highest score of all and added up in order.
  template <class Read>
  LOWP_HD static sum sum_of(int i, int parts, Read&& read) {
    const int head = i / head_size;
    float highest = -infinity();
    for (int p = 0; p < parts; ++p) {
      const float one = read(p, highest_at(head));
      highest = one > highest ? one : highest;
    }
    sum s{0, highest, 0};
    const float reference = highest == -infinity() ? 0.0f : highest;
    for (int p = 0; p < parts; ++p) {
      const float share = detail::power_of_two_of(read(p, highest_at(head)) - reference);
      s.result = ptx::fma(read(p, i), share, s.result);
      s.weights = ptx::fma(read(p, weights_at(head)), share, s.weights);
    }
    return s;
  }

  // Without tokens, zeros.
  LOWP_HD static void store(const arguments& a, const place& at, int i, const sum& s) {
    const float value = s.weights == 0.0f ? 0.0f : s.result / s.weights;
    Y& y = a.out[at.sequence * a.out_stride + std::size_t{at.query_head} * head_size + static_cast<std::size_t>(i)];
    if constexpr (std::same_as<Y, float>) y = value;
    else y = Y::from_code(static_cast<std::uint16_t>(ptx::narrow<Y>(value)));
  }
};

// Whether a device of compute capability major.minor (10 * major + minor) attends over such pages with queries of T, for load-time checks
// and launches alike.
template <class Page, class T>
constexpr bool kv_attention_supports(int compute_capability) noexcept {
  return compute_capability >= mma_m16n8k16<T>::compute_capability &&
         kv_attention_body<Page, T, T>::shared_bytes <= shared_memory_of(compute_capability);
}

}  // namespace lowp::inline LOWP_ABI
