// The keys and values of a layer's attention, quantized as they come, in the order that the CPU's products read.
//
//   lowp::kv_cache<lowp::int8_channel> cache(8, 128);                  // 8 heads of 128; a scale for each token of a head
//   lowp::kv_cache<lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::asymmetric, lowp::f16>, lowp::mxfp4> mixed(8, 128);
//   cache.append({keys, tokens, 8 * 128}, {values, tokens, 8 * 128});
//   lowp::attend(q, cache, out);                                       // attention.hpp
//
// Key and Value are schemes of the matrix [tokens, head size] of a head, whose groups lie within a token; so a token is quantized once,
// by itself, and appending one at a time or all at once is the same. A head's keys lie in panels of 16 tokens (layout::tile16 of [tokens,
// head size]); its values in panels of 16 channels (of [head size, tokens]); both in blocks of 256 tokens.
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/core/matrix_view.hpp>
#include <lowp/kernel/cpu/dequantize.hpp>
#include <lowp/kernel/cpu/quantize.hpp>
#include <lowp/format/unit.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/tile16.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

// Scales of each token by itself, of plain storage; or none at all.
template <scheme_type S>
constexpr bool is_scheme_of_tokens() {
  if constexpr (!rectangular_granularity<typename S::granularity> || !number_format<typename S::scale> || S::has_added_term) {
    return false;
  } else if constexpr (S::has_zero) {
    return number_format<typename S::zero> && S::granularity::rows_per_group == 1;
  } else {
    return S::granularity::rows_per_group == 1 || S::scale::bits == 0;
  }
}

// Groups of a head's numbers that share a scale.
template <scheme_type S>
constexpr std::size_t groups_of_head(std::size_t head_size) {
  constexpr std::size_t width = S::granularity::cols_per_group;
  return width == 0 ? 1 : ceil_div(head_size, width);
}

inline constexpr std::size_t parameter_place(std::size_t token, std::size_t group, std::size_t groups) noexcept {
  return (token / layout::tile16::panel_rows * groups + group) * layout::tile16::panel_rows + token % layout::tile16::panel_rows;
}

// Parameters of the tokens of a block, [tokens / 16][groups][16]; nothing where there are none.
template <class P>
struct token_parameters {
  aligned_vector<code_t<P>> codes;

  void resize(std::size_t tokens, std::size_t groups) { codes.resize(P::bits == 0 ? 0 : tokens * groups); }
  float value(std::size_t token, std::size_t group, std::size_t groups) const noexcept {
    if constexpr (P::bits == 0) return decode<P>(0);
    else return decode<P>(codes[parameter_place(token, group, groups)]);
  }
  std::size_t bytes() const noexcept { return codes.size() * sizeof(code_t<P>); }
};
template <>
struct token_parameters<void> {
  void resize(std::size_t, std::size_t) {}
  static constexpr std::size_t bytes() noexcept { return 0; }
};

// A head's keys or values in a block.
template <scheme_type S>
struct kv_head_block {
  aligned_vector<std::uint8_t> codes;
  token_parameters<typename S::scale> scales;
  token_parameters<typename S::zero> zeros;

  void resize(std::size_t tokens, std::size_t head_size, std::size_t code_bytes) {
    codes.resize(code_bytes);
    scales.resize(tokens, groups_of_head<S>(head_size));
    zeros.resize(tokens, groups_of_head<S>(head_size));
  }
  std::size_t bytes() const noexcept { return codes.size() + scales.bytes() + zeros.bytes(); }
};

}  // namespace detail

template <scheme_type Key, scheme_type Value = Key>
class kv_cache {
  static_assert(detail::is_scheme_of_tokens<Key>() && detail::is_scheme_of_tokens<Value>(),
                "the scales of a cache belong to a token or to groups within it, and are stored in a plain format");
  static_assert(is_finite(decode<typename Key::format>(0)) && is_finite(decode<typename Value::format>(0)),
                "code 0 stands for tokens that are not there yet, so it must be a finite number");
  static_assert(Value::granularity::cols_per_group % layout::tile16::panel_rows == 0, "groups of values are multiples of 16 channels");

 public:
  using key = Key;
  using value = Value;
  static constexpr std::size_t block_tokens = 256;

  // Throws lowp::error for sizes of zero, and for heads that groups do not divide.
  kv_cache(std::size_t heads, std::size_t head_size) : heads_(heads), head_size_(head_size) {
    if (heads == 0 || head_size == 0) LOWP_THROW("a cache of ", heads, " heads of ", head_size);
    for (const std::size_t group : {Key::granularity::cols_per_group, Value::granularity::cols_per_group}) {
      if (group != 0 && head_size % group != 0) LOWP_THROW("groups of ", group, " do not divide heads of ", head_size);
    }
  }

  std::size_t heads() const noexcept { return heads_; }
  std::size_t head_size() const noexcept { return head_size_; }
  std::size_t tokens() const noexcept { return tokens_; }

  // Bytes that hold codes and parameters, of the blocks that are there; and of one block.
  std::size_t bytes() const noexcept { return blocks_.size() * block_bytes(heads_, head_size_); }
  static constexpr std::size_t block_bytes(std::size_t heads, std::size_t head_size) noexcept {
    return heads * (key_bytes(head_size) + value_bytes(head_size) + parameter_bytes<Key>(head_size) + parameter_bytes<Value>(head_size));
  }

  // Quantizes tokens [tokens, heads * head size] and appends them. Throws lowp::error, and nothing is appended, where shapes do not fit.
  void append(matrix_view<const float> keys, matrix_view<const float> values) {
    const std::size_t width = heads_ * head_size_;
    if (keys.cols() != width || values.cols() != width || keys.rows() != values.rows()) {
      LOWP_THROW("keys of ", keys.rows(), " x ", keys.cols(), " and values of ", values.rows(), " x ", values.cols(), " for ", heads_,
                 " heads of ", head_size_);
    }
    const quantized<Key> k = quantize_heads<Key>(keys);
    const quantized<Value> v = quantize_heads<Value>(values);
    const std::size_t blocks = ceil_div(tokens_ + keys.rows(), block_tokens);
    while (blocks_.size() < blocks) blocks_.push_back(new_block());
    for (std::size_t i = 0; i < keys.rows(); ++i) {
      const std::size_t at = (tokens_ + i) % block_tokens;
      for (std::size_t h = 0; h < heads_; ++h) {
        head_share& to = blocks_[(tokens_ + i) / block_tokens][h];
        const std::size_t row = i * heads_ + h;
        for (std::size_t c = 0; c < head_size_; ++c) {
          write_code<layout::tile16, Key::format::bits>(to.keys.codes.data(), at, c, block_tokens, head_size_, k.codes()(row, c));
          write_code<layout::tile16, Value::format::bits>(to.values.codes.data(), c, at, head_size_, block_tokens, v.codes()(row, c));
        }
        put_parameters(k, row, at, to.keys);
        put_parameters(v, row, at, to.values);
      }
    }
    tokens_ += keys.rows();
  }

  // Forgets all but the first `tokens`.
  void truncate(std::size_t tokens) {
    if (tokens > tokens_) LOWP_THROW("a cache of ", tokens_, " tokens cannot be cut to ", tokens);
    tokens_ = tokens;
    blocks_.resize(ceil_div(tokens, block_tokens));
    if (tokens % block_tokens == 0) return;
    // Codes are written to places that are still zero.
    for (head_share& h : blocks_.back()) {
      clear<typename Key::format>(h.keys.codes, block_tokens, head_size_, [&](std::size_t row, std::size_t) { return row; });
      clear<typename Value::format>(h.values.codes, head_size_, block_tokens, [&](std::size_t, std::size_t col) { return col; });
    }
  }

  // The numbers that the cache has for tokens first, first + 1, ... of a head: out [tokens, head size]. Throws lowp::error where there
  // are none.
  void read_keys(std::size_t head, std::size_t first, matrix_view<float> out) const {
    read<Key>(
        head, first, out, [](const auto& block) -> const auto& { return block.keys; },
        [&](const std::uint8_t* codes, std::size_t token, std::size_t channel) {
          return read_code<layout::tile16, Key::format::bits>(codes, token, channel, block_tokens, head_size_);
        });
  }
  void read_values(std::size_t head, std::size_t first, matrix_view<float> out) const {
    read<Value>(
        head, first, out, [](const auto& block) -> const auto& { return block.values; },
        [&](const std::uint8_t* codes, std::size_t token, std::size_t channel) {
          return read_code<layout::tile16, Value::format::bits>(codes, channel, token, head_size_, block_tokens);
        });
  }

  // For kernels: the keys of tokens [0, tokens) of a block, as a matrix [tokens, head size].
  packed_view<Key, layout::tile16> keys(std::size_t block, std::size_t head, std::size_t tokens) const noexcept {
    const detail::kv_head_block<Key>& b = blocks_[block][head].keys;
    packed_view<Key, layout::tile16> view{tokens, head_size_, b.codes.data(), {}, {}};
    view.scales.codes = b.scales.codes.data();
    if constexpr (Key::has_zero) view.zeros.codes = b.zeros.codes.data();
    return view;
  }
  // The codes of values, channels from `first` on, as a matrix [channels, tokens of a block]; scales and zero points are in values().
  using value_codes = scheme<typename Value::format, per_tensor, symmetric, unit>;
  packed_view<value_codes, layout::tile16> value_channels(std::size_t block, std::size_t head, std::size_t first,
                                                          std::size_t channels) const noexcept {
    const std::size_t panel = layout::tile16::panel_bytes<Value::format::bits>(block_tokens);
    return {channels, block_tokens, blocks_[block][head].values.codes.data() + first / layout::tile16::panel_rows * panel, {}, {}};
  }
  const detail::kv_head_block<Value>& values(std::size_t block, std::size_t head) const noexcept { return blocks_[block][head].values; }

 private:
  struct head_share {
    detail::kv_head_block<Key> keys;
    detail::kv_head_block<Value> values;
  };

  static constexpr std::size_t key_bytes(std::size_t head_size) noexcept {
    return layout::tile16::size<Key::format::bits>(block_tokens, head_size);
  }
  static constexpr std::size_t value_bytes(std::size_t head_size) noexcept {
    return layout::tile16::size<Value::format::bits>(head_size, block_tokens);
  }
  template <scheme_type S>
  static constexpr std::size_t parameter_bytes(std::size_t head_size) noexcept {
    std::size_t each = S::scale::bits == 0 ? 0 : sizeof(code_t<typename S::scale>);
    if constexpr (S::has_zero) each += sizeof(code_t<typename S::zero>);
    return block_tokens * detail::groups_of_head<S>(head_size) * each;
  }

  std::vector<head_share> new_block() const {
    std::vector<head_share> block(heads_);
    for (head_share& h : block) {
      h.keys.resize(block_tokens, head_size_, key_bytes(head_size_));
      h.values.resize(block_tokens, head_size_, value_bytes(head_size_));
    }
    return block;
  }

  // Makes the codes of the tokens of the last block that are not there zero.
  template <number_format F, class TokenOf>
  void clear(aligned_vector<std::uint8_t>& codes, std::size_t rows, std::size_t cols, const TokenOf& token_of) const {
    using code = code_t<F>;
    std::vector<code> plain(rows * cols);
    unpack_codes<layout::tile16, F::bits>(std::span<const std::uint8_t>(codes), matrix_view<code>(plain.data(), rows, cols));
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) {
        if (token_of(r, c) >= tokens_ % block_tokens) plain[r * cols + c] = 0;
      }
    }
    pack_codes<layout::tile16, F::bits>(matrix_view<const code>(plain.data(), rows, cols), std::span<std::uint8_t>(codes));
  }

  // Each head of each token as a row.
  template <scheme_type S>
  quantized<S> quantize_heads(matrix_view<const float> x) const {
    const std::size_t rows = x.rows() * heads_;
    if (x.contiguous_rows() && x.row_stride() == x.cols()) return cpu::quantize<S>(matrix_view<const float>(x.data(), rows, head_size_));
    std::vector<float> copy(rows * head_size_);
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t c = 0; c < x.cols(); ++c) copy[r * x.cols() + c] = x(r, c);
    }
    return cpu::quantize<S>(matrix_view<const float>(copy.data(), rows, head_size_));
  }

  template <scheme_type S>
  void put_parameters(const quantized<S>& q, std::size_t row, std::size_t at, detail::kv_head_block<S>& to) const {
    const std::size_t groups = detail::groups_of_head<S>(head_size_);
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t place = detail::parameter_place(at, g, groups);
      if constexpr (S::scale::bits != 0) to.scales.codes[place] = q.scales().codes()(row, g);
      if constexpr (S::has_zero) to.zeros.codes[place] = q.zeros().codes()(row, g);
    }
  }

  template <scheme_type S, class Part, class Code>
  void read(std::size_t head, std::size_t first, matrix_view<float> out, const Part& part, const Code& code) const {
    if (head >= heads_ || first > tokens_ || out.rows() > tokens_ - first || out.cols() != head_size_) {
      LOWP_THROW("tokens ", first, " to ", first + out.rows(), " of head ", head, " as ", out.rows(), " x ", out.cols(), ", of ", tokens_,
                 " tokens of ", heads_, " heads of ", head_size_);
    }
    const std::size_t groups = detail::groups_of_head<S>(head_size_);
    quantized<S> q(out.rows(), head_size_);
    for (std::size_t i = 0; i < out.rows(); ++i) {
      const std::size_t at = (first + i) % block_tokens;
      const detail::kv_head_block<S>& from = part(blocks_[(first + i) / block_tokens][head]);
      for (std::size_t c = 0; c < head_size_; ++c)
        q.codes()(i, c) = static_cast<code_t<typename S::format>>(code(from.codes.data(), at, c));
      for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t place = detail::parameter_place(at, g, groups);
        if constexpr (S::scale::bits != 0) q.scales().codes()(i, g) = from.scales.codes[place];
        if constexpr (S::has_zero) q.zeros().codes()(i, g) = from.zeros.codes[place];
      }
    }
    cpu::dequantize(q.view(), out);
  }

  std::size_t heads_;
  std::size_t head_size_;
  std::size_t tokens_ = 0;
  std::vector<std::vector<head_share>> blocks_;
};

}  // namespace lowp::inline LOWP_ABI
