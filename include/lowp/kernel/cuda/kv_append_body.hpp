// What the blocks that append to a KV cache do, phase by phase, for the device and for tests on the host alike: new keys and values
// are rotated, quantized as lowp::quantize does with the same scheme, bit for bit, and written to their pages.
//
// A warp has a row of a head, a thread eight channels of it; the range of a group is found by shuffles. Scales beyond the largest
// number of their format are that number (lowp::quantize throws); a group with NaN or infinity reads back as NaN.
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/convert.hpp>
#include <lowp/kernel/cuda/kv_append_arguments.hpp>
#include <lowp/quantize/affine.hpp>
#include <lowp/quantize/group_rule.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

namespace detail {

// The parameters of one group, as stored and as numbers.
template <class Rows>
struct kv_group {
  using scheme = typename Rows::scheme;
  affine<scheme> terms;
  code_t<typename Rows::scale_format> scale;
  code_t<typename Rows::zero_format> zero;

  // outer: the scale above, or the only one.
  LOWP_HD static constexpr kv_group of(value_range range, float outer) noexcept {
    kv_group g{};
    if constexpr (Rows::granularity == kv_granularity::head) {
      g.terms.scale = outer;
    } else {
      using rule = scale_rule_for<default_scale, scheme>;
      using scale_format = typename Rows::scale_format;
      const bool numbers = !is_nan(range.high);
      range = fitting_range<scheme>(range);
      const float scale = numbers ? rule::quotient(scale_numerator<scheme, rule>(range), scale_divisor<scheme, rule>()) : quiet_nan();
      if constexpr (scheme_type<typename scheme::scale>) {
        const affine<typename scheme::scale> above{.scale = outer};
        g.scale = numbers ? above.encode(scale, typename rule::rounding{}) : encode<scale_format>(scale);
        if (ordered(scale) > 0 && numbers && ordered(above.decode(g.scale)) <= 0) g.scale = smallest_positive_code<scale_format>();
        g.terms.scale = above.decode(g.scale);
      } else {
        g.scale = encode_scale<scale_format>(scale, typename rule::rounding{});
        g.terms.scale = decode<scale_format>(g.scale);
      }
      if constexpr (scheme::has_zero) {
        using zero_format = typename Rows::zero_format;
        g.zero = encode<zero_format>(zero_point<scheme>(range, g.terms.scale));
        g.terms.zero = decode<zero_format>(g.zero);
      }
    }
    return g;
  }

  LOWP_HD constexpr std::uint32_t encode_number(float x) const noexcept {
    return is_nan(terms.scale) ? encode<typename scheme::format>(0.0f) : terms.encode(x);
  }

  // Writes the parameters as number `at` of their parts.
  LOWP_HD void store(std::uint8_t* scales, std::uint8_t* zeros, int at) const noexcept {
    if constexpr (Rows::scale_format::bits != 0) reinterpret_cast<code_t<typename Rows::scale_format>*>(scales)[at] = scale;
    if constexpr (scheme::has_zero) reinterpret_cast<code_t<typename Rows::zero_format>*>(zeros)[at] = zero;
  }
};

// The range of numbers seen so far; NaN where one of them is not finite.
LOWP_HD constexpr value_range joined(value_range a, value_range b) noexcept {
  if (is_nan(a.high)) return a;
  if (is_nan(b.high)) return b;
  return {a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
}
LOWP_HD constexpr value_range range_of(float x) noexcept {
  if (!is_finite(x)) return {quiet_nan(), quiet_nan()};
  return {x, x};
}

}  // namespace detail

template <class Page, class T>
struct kv_append_body {
  using arguments = kv_append_arguments<Page, T>;
  static constexpr int warps = 4;
  static constexpr int threads = warps * warp_threads;
  static constexpr int head_size = Page::head_size;
  static constexpr std::uint32_t block_tokens = 16;

  // chunk: which 16 of a sequence's new tokens; formats with a residual window have one block for all of them.
  template <class Block>
  LOWP_HD static void run(const Block& block, const arguments& a, std::uint32_t chunk, std::uint32_t head, std::uint32_t sequence) {
    static_assert(Block::threads == threads);
    const std::uint32_t count = a.first[sequence + 1] - a.first[sequence];
    const place at{sequence, head, a.lengths[sequence] - count, a.lengths[sequence]};
    if constexpr (!Page::has_residual) {
      const std::uint32_t begin = at.start + chunk * block_tokens;
      const std::uint32_t end = begin + block_tokens < at.length ? begin + block_tokens : at.length;
      quantize_rows<typename Page::key, true>(block, a, at, begin, end);
      quantize_rows<typename Page::value, false>(block, a, at, begin, end);
    } else {
      const auto begin = static_cast<std::uint32_t>(Page::quantized_tokens(at.start));
      const auto end = static_cast<std::uint32_t>(Page::quantized_tokens(at.length));
      if constexpr (Page::key::granularity == kv_granularity::channel) quantize_channels(block, a, at, begin, end);
      else quantize_rows<typename Page::key, true>(block, a, at, begin, end);
      quantize_rows<typename Page::value, false>(block, a, at, begin, end);
      // New tokens may take the places of those that were just read.
      block.barrier();
      keep_rows(block, a, at, end > at.start ? end : at.start);
    }
  }

 private:
  static constexpr int lanes = head_size / 8;  // that have channels of their own; the others repeat theirs and store nothing

  struct place {
    std::uint32_t sequence, head, start, length;
  };
  struct eight {
    float number[8];
  };

  LOWP_HD static int channel_of(int thread) noexcept { return thread % warp_threads % lanes * 8; }
  LOWP_HD static bool stores(int thread) noexcept { return thread % warp_threads < lanes; }

  LOWP_HD static eight load(const T* p) noexcept {
    std::uint32_t word[4];
    ptx::load_words<4>(word, p);
    eight e;
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < 8; ++i) e.number[i] = ptx::widen<T>(word[i / 2] >> (i % 2 * 16) & 0xffffu);
    return e;
  }

  // Channels channel .. channel + 7 of a token: a new one, or one that waits in the ring.
  template <bool IsKey>
  LOWP_HD static eight numbers_of(const arguments& a, const place& at, std::uint32_t token, int channel) {
    if constexpr (Page::has_residual) {
      if (token < at.start) {
        using ring = kv_ring<Page, T>;
        const std::uint8_t* const from = a.cache.template ring_of<ring>(at.sequence, at.head) + (IsKey ? ring::keys_at : ring::values_at);
        return load(reinterpret_cast<const T*>(from) + static_cast<int>(token % ring::tokens) * head_size + channel);
      }
    }
    const std::size_t index = a.first[at.sequence] + (token - at.start);
    if constexpr (IsKey) {
      return rotated_key(a.keys + index * a.key_stride + std::size_t{at.head} * head_size, a.rotation, token, channel);
    } else {
      return load(a.values + index * a.value_stride + std::size_t{at.head} * head_size + channel);
    }
  }

  LOWP_HD static eight rotated_key(const T* row, const kv_rotation& rotation, std::uint32_t token, int channel) {
    const eight x = load(row + channel);
    if (rotation.cosines == nullptr) return x;
    constexpr int half = head_size / 2;
    const std::size_t pairs = std::size_t{token} * half;
    const bool second = channel >= half;
    const eight other = rotation.adjacent ? x : load(row + (second ? channel - half : channel + half));
    eight y;
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < 8; ++i) {
      const std::size_t pair = pairs + static_cast<std::size_t>(rotation.adjacent ? (channel + i) / 2 : channel + i - (second ? half : 0));
      const float partner = rotation.adjacent ? x.number[i ^ 1] : other.number[i];
      const bool is_second = rotation.adjacent ? i % 2 == 1 : second;
      const float along = rounded(x.number[i] * rotation.cosines[pair]);
      const float across = rounded(partner * rotation.sines[pair]);
      y.number[i] = ptx::widen<T>(ptx::narrow<T>(is_second ? along + across : along - across));
    }
    return y;
  }

  template <class Rows>
  LOWP_HD static void store_codes(std::uint8_t* row, int channel, const detail::kv_group<Rows>& group, const eight& x) {
    constexpr int bits = Rows::bits;
    std::uint32_t word[bits < 4 ? 1 : bits / 4] = {};
    LOWP_DEVICE_UNROLL
    for (int i = 0; i < 8; ++i) {
      std::uint32_t code = 0;
      if constexpr (std::same_as<typename Rows::format, T>) code = ptx::narrow<T>(x.number[i]);
      else code = group.encode_number(x.number[i]);
      word[i * bits / 32] |= code << (i * bits % 32);
    }
    std::uint8_t* const to = row + channel * bits / 8;
    if constexpr (bits == 2) {
      *reinterpret_cast<std::uint16_t*>(to) = static_cast<std::uint16_t>(word[0]);
    } else {
      LOWP_DEVICE_UNROLL
      for (int w = 0; w < bits / 4; ++w) reinterpret_cast<std::uint32_t*>(to)[w] = word[w];
    }
  }

  // Tokens begin .. end - 1, one a warp.
  template <class Rows, bool IsKey, class Block>
  LOWP_HD static void quantize_rows(const Block& block, const arguments& a, const place& at, std::uint32_t begin, std::uint32_t end) {
    constexpr int codes_at = IsKey ? Page::keys_at : Page::values_at;
    constexpr int scales_at = IsKey ? Page::key_scales_at : Page::value_scales_at;
    constexpr int zeros_at = IsKey ? Page::key_zeros_at : Page::value_zeros_at;
    constexpr int group_lanes = Rows::granularity == kv_granularity::group ? static_cast<int>(Rows::group_channels) / 8 : warp_threads;
    const float outer = IsKey ? a.cache.key_scale(at.head) : a.cache.value_scale(at.head);
    LOWP_DEVICE_NO_UNROLL
    for (std::uint32_t first = begin; first < end; first += warps) {
      typename Block::template per_thread<eight> x;
      typename Block::template per_thread<value_range> range;
      const auto token_of = [&](int thread) { return first + static_cast<std::uint32_t>(thread / warp_threads); };
      block.each_thread([&](int thread) {
        x[thread] = numbers_of<IsKey>(a, at, token_of(thread) < end ? token_of(thread) : first, channel_of(thread));
        value_range r = detail::range_of(x[thread].number[0]);
        LOWP_DEVICE_UNROLL
        for (int i = 1; i < 8; ++i) r = detail::joined(r, detail::range_of(x[thread].number[i]));
        range[thread] = r;
      });
      if constexpr (Rows::granularity != kv_granularity::head) join_lanes<group_lanes>(block, range);
      block.each_thread([&](int thread) {
        const std::uint32_t token = token_of(thread);
        if (token >= end || !stores(thread)) return;
        std::uint8_t* const page = a.cache.page_of(at.sequence, token, at.head);
        const int row = static_cast<int>(token % Page::tokens);
        const int channel = channel_of(thread);
        const auto group = detail::kv_group<Rows>::of(range[thread], outer);
        store_codes<Rows>(page + codes_at + row * Rows::row_bytes, channel, group, x[thread]);
        if (thread % warp_threads % group_lanes == 0) group.store(page + scales_at, page + zeros_at, Rows::parameter_at(row, channel));
      });
    }
  }

  template <int Lanes, class Block>
  LOWP_HD static void join_lanes(const Block& block, typename Block::template per_thread<value_range>& range) {
    LOWP_DEVICE_UNROLL
    for (int mask = 1; mask < Lanes; mask *= 2) {
      typename Block::template per_thread<float> low;
      typename Block::template per_thread<float> high;
      block.each_thread([&](int thread) {
        low[thread] = range[thread].low;
        high[thread] = range[thread].high;
      });
      const auto other_low = block.shuffle_xor(low, mask);
      const auto other_high = block.shuffle_xor(high, mask);
      block.each_thread([&](int thread) { range[thread] = detail::joined(range[thread], {other_low[thread], other_high[thread]}); });
    }
  }

  // Keys begin .. end - 1, which are whole groups of 32 tokens, one group a warp; a thread's channels have scales of their own.
  template <class Block>
  LOWP_HD static void quantize_channels(const Block& block, const arguments& a, const place& at, std::uint32_t begin, std::uint32_t end) {
    using key = typename Page::key;
    block.each_thread([&](int thread) {
      if (!stores(thread)) return;
      const int channel = channel_of(thread);
      LOWP_DEVICE_NO_UNROLL
      for (std::uint32_t first = begin + static_cast<std::uint32_t>(thread / warp_threads) * 32; first < end; first += warps * 32) {
        std::uint8_t* const page = a.cache.page_of(at.sequence, first, at.head);
        const int row = static_cast<int>(first % Page::tokens);
        value_range range[8];
        LOWP_DEVICE_NO_UNROLL
        for (std::uint32_t t = 0; t < 32; ++t) {
          const eight x = numbers_of<true>(a, at, first + t, channel);
          LOWP_DEVICE_UNROLL
          for (int i = 0; i < 8; ++i)
            range[i] = t == 0 ? detail::range_of(x.number[i]) : detail::joined(range[i], detail::range_of(x.number[i]));
        }
        detail::kv_group<key> group[8];
        LOWP_DEVICE_UNROLL
        for (int i = 0; i < 8; ++i) {
          group[i] = detail::kv_group<key>::of(range[i], 1.0f);
          group[i].store(page + Page::key_scales_at, page + Page::key_zeros_at, key::parameter_at(row, channel + i));
        }
        LOWP_DEVICE_NO_UNROLL
        for (std::uint32_t t = 0; t < 32; ++t) {
          const eight x = numbers_of<true>(a, at, first + t, channel);
          std::uint64_t codes = 0;
          LOWP_DEVICE_UNROLL
          for (int i = 0; i < 8; ++i) codes |= std::uint64_t{group[i].encode_number(x.number[i])} << (i * key::bits);
          std::uint8_t* const to = page + Page::keys_at + (row + static_cast<int>(t)) * key::row_bytes + channel * key::bits / 8;
          LOWP_DEVICE_UNROLL
          for (int b = 0; b < key::bits; ++b) to[b] = static_cast<std::uint8_t>(codes >> (8 * b));
        }
      }
    });
  }

  // New tokens from `begin` on that stay as they are, in the ring.
  template <class Block>
  LOWP_HD static void keep_rows(const Block& block, const arguments& a, const place& at, std::uint32_t begin) {
    using ring = kv_ring<Page, T>;
    block.each_thread([&](int thread) {
      if (!stores(thread)) return;
      const int channel = channel_of(thread);
      std::uint8_t* const to = a.cache.template ring_of<ring>(at.sequence, at.head);
      const detail::kv_group<typename ring::key> as_is{};
      for (std::uint32_t token = begin + static_cast<std::uint32_t>(thread / warp_threads); token < at.length; token += warps) {
        const int row = static_cast<int>(token % ring::tokens) * ring::key::row_bytes;
        store_codes<typename ring::key>(to + ring::keys_at + row, channel, as_is, numbers_of<true>(a, at, token, channel));
        store_codes<typename ring::value>(to + ring::values_at + row, channel, as_is, numbers_of<false>(a, at, token, channel));
      }
    });
  }
};

}  // namespace lowp::inline LOWP_ABI
