// Pages of a quantized KV cache: what lies where. Keys and values are quantized by schemes over the matrix [tokens, head size] of
// each head; a page has the same few tokens of all heads.
//
//   using fp8  = lowp::kv_format<lowp::fp8_tensor, lowp::fp8_tensor>;                // one scale a head, outside the pages
//   using int4 = lowp::kv_format<lowp::scheme<lowp::u4, lowp::per_token, lowp::asymmetric, lowp::f16>>;
//   using page = lowp::kv_page<int4, 128, 64>;                                       // heads of 128, pages of 64 tokens
//   page::key_bit(5, 17);                     // bit 5 * 512 + 17 * 4 of the block of a head
//   page::page_bytes(8);                      // of 8 heads
//
//   page:   head 0 | head 1 | ...
//   head:   key codes [tokens][head size] | value codes | key scales [tokens][groups] | key zeros | value scales | value zeros
//
// Codes are packed least significant bit first, and every part starts at a multiple of 16 bytes. Keys that are scaled by channel
// (per_block<32, 1>, KIVI's) have parameters [tokens / 32][head size]; since such a scale is known only when its tokens are, the
// latest tokens wait unquantized in a ring. Source: KIVI, Liu et al. 2024 (arXiv 2402.02750), section 3.3.
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/kernel/kv_scaling.hpp>

#include <cstddef>

namespace lowp::inline LOWP_ABI {

// Rows of keys or of values: what follows from the scheme.
template <scheme_type S, int HeadSize>
struct kv_rows : kv_scaling<S> {
  using typename kv_scaling<S>::format;
  using kv_scaling<S>::granularity;
  using kv_scaling<S>::group_channels;
  static_assert(HeadSize % 32 == 0 && HeadSize >= 32 && HeadSize <= 256, "a head has 32, 64, ... 256 numbers");
  static_assert(format::bits == 2 || format::bits == 4 || format::bits == 8 || format::bits == 16,
                "codes of a device's KV cache have 2, 4, 8 or 16 bits");
  static_assert(!S::has_added_term, "a device's KV cache takes zero points, not biases");

  static constexpr int bits = format::bits;
  static constexpr int row_bytes = HeadSize * bits / 8;

  static_assert(granularity == kv_granularity::channel || group_channels == 0 ||
                    ((group_channels & (group_channels - 1)) == 0 && group_channels % 8 == 0 && HeadSize % group_channels == 0),
                "groups of channels are 8, 16, 32, ... and divide the head");

  // Parameters of a token (by channel: of 32 tokens, one a channel), and bytes of those of some tokens.
  static constexpr int groups = granularity == kv_granularity::group ? HeadSize / static_cast<int>(group_channels == 0 ? 1 : group_channels)
                                : granularity == kv_granularity::channel ? HeadSize
                                                                         : 1;
  template <number_format P>
  static constexpr int parameter_bytes(int tokens) noexcept {
    constexpr int each = P::bits == 0 ? 0 : static_cast<int>(sizeof(code_t<P>));
    return each * groups * (granularity == kv_granularity::channel ? tokens / 32 : tokens);
  }
  // Which of a part's parameters is that of a channel of token `token`.
  LOWP_HD static constexpr int parameter_at(int token, int channel) noexcept {
    if constexpr (granularity == kv_granularity::channel) return token / 32 * HeadSize + channel;
    else if constexpr (granularity == kv_granularity::group) return token * groups + channel / static_cast<int>(group_channels);
    else return token;
  }
};

// A cache's number format: the schemes of keys and values. ResidualTokens, a multiple of 32, is how many of the latest tokens are
// never quantized; formats whose keys are scaled by channel keep up to 31 more back, others none unless asked to.
template <scheme_type Key, scheme_type Value = Key, int ResidualTokens = 0>
struct kv_format {
  using key = Key;
  using value = Value;
  static_assert(ResidualTokens >= 0 && ResidualTokens % 32 == 0, "the residual window is a multiple of 32 tokens");
  static constexpr int residual_tokens = ResidualTokens;
};

template <class Format, int HeadSize, int PageTokens>
struct kv_page {
  using format = Format;
  using key = kv_rows<typename Format::key, HeadSize>;
  using value = kv_rows<typename Format::value, HeadSize>;
  static constexpr int head_size = HeadSize;
  static constexpr int tokens = PageTokens;
  static_assert(tokens >= 16 && tokens % 16 == 0, "a page has a multiple of 16 tokens");
  static_assert(value::granularity != kv_granularity::channel, "values are scaled by token");
  static_assert(tokens % 32 == 0 || key::granularity != kv_granularity::channel,
                "a page has a multiple of the 32 tokens that share scales");

  // Offsets of the parts in the block of a head.
  static constexpr int keys_at = 0;
  static constexpr int values_at = keys_at + tokens * key::row_bytes;
  static constexpr int key_scales_at = values_at + tokens * value::row_bytes;
  static constexpr int key_zeros_at = key_scales_at + key::template parameter_bytes<typename key::scale_format>(tokens);
  static constexpr int value_scales_at = key_zeros_at + key::template parameter_bytes<typename key::zero_format>(tokens);
  static constexpr int value_zeros_at = value_scales_at + value::template parameter_bytes<typename value::scale_format>(tokens);
  static constexpr int head_bytes = value_zeros_at + value::template parameter_bytes<typename value::zero_format>(tokens);
  static_assert(head_bytes % 16 == 0);

  LOWP_HD static constexpr int key_bit(int token, int channel) noexcept { return keys_at * 8 + (token * HeadSize + channel) * key::bits; }
  LOWP_HD static constexpr int value_bit(int token, int channel) noexcept {
    return values_at * 8 + (token * HeadSize + channel) * value::bits;
  }

  LOWP_HD static constexpr std::size_t page_bytes(std::size_t heads) noexcept { return heads * static_cast<std::size_t>(head_bytes); }

  // The tokens that are not quantized yet, in a ring of `ring_tokens`: those from quantized_tokens(length) on.
  static constexpr bool has_residual = key::granularity == kv_granularity::channel || Format::residual_tokens != 0;
  static_assert(!has_residual || (!key::has_outer_scale && !value::has_outer_scale), "with a residual window, all scales are in the pages");
  static constexpr int ring_tokens = has_residual ? Format::residual_tokens + 32 : 0;
  LOWP_HD static constexpr std::size_t quantized_tokens(std::size_t length) noexcept {
    if constexpr (has_residual) {
      constexpr std::size_t kept = Format::residual_tokens;
      return (length > kept ? length - kept : 0) / 32 * 32;
    } else {
      return length;
    }
  }
};

// The ring of a cache with a residual window is one page of unquantized numbers: token t lies at t % ring_tokens.
template <class T>
using kv_unquantized = kv_format<scheme<T, per_tensor, symmetric, unit>>;
template <class Page, class T>
using kv_ring = kv_page<kv_unquantized<T>, Page::head_size, Page::ring_tokens>;

}  // namespace lowp::inline LOWP_ABI
