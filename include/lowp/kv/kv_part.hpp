// A head's keys or values in a page: where codes and parameters lie, one token or 32 at a time.
//
//   keys     codes as a matrix [tokens, width] in layout::tile16, panels of sixteen tokens
//   values   codes as a matrix [width, tokens], panels of sixteen channels
//   scales, zero points   [tokens / 16][groups of a token][16]; by channel: [tokens / 32][width, to a multiple of 32]
//
//   where codes may be NaN or infinity: a byte that says whether any is
//
// Each begins at a multiple of 64 bytes.
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/kernel/cpu/attention.hpp>
#include <lowp/layout/tile16.hpp>
#include <lowp/quantize/quantized.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

inline constexpr std::size_t kv_group_tokens = 32;  // that share the scales of channels

template <scheme_type S, bool Values>
class kv_part {
 public:
  using scaling = kv_scaling<S>;
  using scheme = typename scaling::inner;
  using format = typename S::format;
  using scale = typename scaling::scale_format;
  using zero = typename scaling::zero_format;
  static constexpr int bits = format::bits;
  static constexpr bool by_channel = scaling::granularity == kv_granularity::channel;
  static_assert(!(Values && by_channel), "values have scales for their tokens, since those are multiplied into the weights of the tokens");

  // Kernels decode bytes another way where none is NaN.
  static constexpr bool always_finite = [] {
    if constexpr (bits == 8) {
      for (std::uint32_t c = 0; c < 256; ++c) {
        if (!is_finite(lowp::decode<format>(c))) return false;
      }
    }
    return true;
  }();

  // Throws lowp::error where groups do not divide the width.
  kv_part(std::size_t width, std::size_t page_tokens) : width_(width), tokens_(page_tokens) {
    constexpr std::size_t group = scaling::granularity == kv_granularity::group ? scaling::group_channels : 0;
    constexpr std::size_t unit = Values ? layout::tile16::panel_rows : layout::tile16::unit_cols<bits>;
    if constexpr (group != 0) {
      static_assert(group % unit == 0, "groups of values are multiples of 16 channels, of keys multiples of a unit of layout::tile16");
      if (width % group != 0) LOWP_THROW("groups of ", group, " do not divide heads of ", width);
      groups_ = width / group;
    }
    const std::size_t parameters = by_channel ? tokens_ / kv_group_tokens * padded() : tokens_ * groups_;
    scales_at_ = lines(Values ? layout::tile16::size<bits>(width_, tokens_) : layout::tile16::size<bits>(tokens_, width_));
    zeros_at_ = scales_at_ + lines(scale::bits == 0 ? 0 : parameters * sizeof(code_t<scale>));
    special_at_ = zeros_at_ + lines(zero::bits == 0 ? 0 : parameters * sizeof(code_t<zero>));
    bytes_ = special_at_ + lines(always_finite ? 0 : 1);
  }

  std::size_t width() const noexcept { return width_; }
  std::size_t groups() const noexcept { return groups_; }
  // Rows that attention makes anew of each row for a page: one for each group, by channel one for each 32 tokens.
  std::size_t rows_anew() const noexcept { return by_channel ? tokens_ / kv_group_tokens : groups_; }
  std::size_t bytes() const noexcept { return bytes_; }
  quantized<scheme> codes(std::size_t rows) const { return {rows, width_}; }

  kv_head head(const std::uint8_t* part) const noexcept {
    return {part, part + scales_at_, part + zeros_at_, part + special_at_, always_finite || part[special_at_] == 0};
  }

  // Puts a row of q, a token, where tokens have not been or have been cleared.
  void put(std::uint8_t* part, std::size_t token, const quantized<scheme>& q, std::size_t row) const {
    put_codes(part, token, q, row);
    for (std::size_t g = 0; g < groups_; ++g) {
      const std::size_t at = parameter_of(token, g);
      if constexpr (scale::bits != 0) store(part + scales_at_, at, q.scales().codes()(row, g));
      if constexpr (zero::bits != 0) store(part + zeros_at_, at, q.zeros().codes()(row, g));
    }
  }
  // Puts 32 rows of q that share the scales of channels, from `row` on.
  void put_group(std::uint8_t* part, std::size_t token, const quantized<scheme>& q, std::size_t row) const {
    for (std::size_t i = 0; i < kv_group_tokens; ++i) put_codes(part, token + i, q, row + i);
    const std::size_t at = token / kv_group_tokens * padded(), from = row / kv_group_tokens;
    for (std::size_t c = 0; c < width_; ++c) {
      if constexpr (scale::bits != 0) store(part + scales_at_, at + c, q.scales().codes()(from, c));
      if constexpr (zero::bits != 0) store(part + zeros_at_, at + c, q.zeros().codes()(from, c));
    }
  }

  // The reverse: row `row` of q; by channel with the parameters of its group.
  void get(const std::uint8_t* part, std::size_t token, quantized<scheme>& q, std::size_t row) const {
    for (std::size_t c = 0; c < width_; ++c) {
      const std::uint32_t code = Values ? read_code<layout::tile16, bits>(part, c, token, width_, tokens_)
                                        : read_code<layout::tile16, bits>(part, token, c, tokens_, width_);
      q.codes()(row, c) = static_cast<code_t<format>>(code);
    }
    for (std::size_t g = 0; g < (by_channel ? width_ : groups_); ++g) {
      const std::size_t at = by_channel ? token / kv_group_tokens * padded() + g : parameter_of(token, g);
      const std::size_t grid_row = by_channel ? row / kv_group_tokens : row;
      if constexpr (scale::bits != 0) q.scales().codes()(grid_row, g) = load<scale>(part + scales_at_, at);
      if constexpr (zero::bits != 0) q.zeros().codes()(grid_row, g) = load<zero>(part + zeros_at_, at);
    }
  }

  // Makes the codes of tokens from `first` on zero.
  void clear(std::uint8_t* part, std::size_t first) const {
    const std::size_t rows = Values ? width_ : tokens_, cols = Values ? tokens_ : width_;
    aligned_vector<std::uint8_t> kept(scales_at_);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) {
        if ((Values ? c : r) < first)
          write_code<layout::tile16, bits>(kept.data(), r, c, rows, cols, read_code<layout::tile16, bits>(part, r, c, rows, cols));
      }
    }
    std::memcpy(part, kept.data(), kept.size());
  }

  // Bits of codes and parameters that a token's row has.
  double bits_of_row() const noexcept {
    const double each = (scale::bits == 0 ? 0 : 8.0 * sizeof(code_t<scale>)) + (zero::bits == 0 ? 0 : 8.0 * sizeof(code_t<zero>));
    const auto columns = static_cast<double>(width_);
    if (by_channel) return columns * (bits + each / kv_group_tokens);
    return columns * bits + static_cast<double>(groups_) * each;
  }

 private:
  static constexpr std::size_t lines(std::size_t bytes) noexcept { return ceil_div(bytes, cache_line) * cache_line; }
  std::size_t padded() const noexcept { return ceil_div(width_, std::size_t{32}) * 32; }
  std::size_t parameter_of(std::size_t token, std::size_t group) const noexcept { return (token / 16 * groups_ + group) * 16 + token % 16; }

  template <class T>
  static void store(std::uint8_t* to, std::size_t at, T code) noexcept {
    std::memcpy(to + at * sizeof(T), &code, sizeof(T));
  }
  template <class P>
  static code_t<P> load(const std::uint8_t* from, std::size_t at) noexcept {
    code_t<P> code;
    std::memcpy(&code, from + at * sizeof(code), sizeof(code));
    return code;
  }

  // A token's codes: of keys, the same lane of each unit of a panel; of values, the same bits of each lane.
  void put_codes(std::uint8_t* part, std::size_t token, const quantized<scheme>& q, std::size_t row) const {
    constexpr std::size_t unit_cols = layout::tile16::unit_cols<bits>;
    constexpr std::size_t unit_bytes = layout::tile16::unit_bytes<bits>;
    const code_t<format>* codes = &q.codes()(row, 0);
    if constexpr (!always_finite) {
      bool special = false;
      for (std::size_t c = 0; c < width_; ++c) special |= !is_finite(decode<format>(codes[c]));
      if (special) part[special_at_] = 1;
    }
    if constexpr (Values) {
      constexpr auto planes = layout::tile16::planes<bits>();
      for (std::size_t i = 0; i < planes.size(); ++i) {
        const place at = place_of<bits>(token % unit_cols, i);
        const std::uint32_t mask = low_mask(planes[i].width);
        std::uint8_t* lane = part + token / unit_cols * unit_bytes + at.line;
        const auto put_lane = [&](std::uint8_t* to, std::uint32_t code) {
          store(to, 0, load_word(to) | (code >> at.first & mask) << at.shift);
        };
        std::size_t c = 0;
        for (; c + panel_rows <= width_; c += panel_rows, lane += layout::tile16::panel_bytes<bits>(tokens_)) {
          for (std::size_t n = 0; n < panel_rows; ++n) put_lane(lane + 4 * n, codes[c + n]);
        }
        for (std::size_t n = 0; c + n < width_; ++n) put_lane(lane + 4 * n, codes[c + n]);
      }
    } else {
      std::uint8_t* unit = part + token / panel_rows * layout::tile16::panel_bytes<bits>(width_) + token % panel_rows * 4;
      std::size_t c = 0;
      for (; c + unit_cols <= width_; c += unit_cols, unit += unit_bytes) put_unit(unit, codes + c);
      if (c < width_) {
        code_t<format> last[unit_cols] = {};
        std::copy(codes + c, codes + width_, last);
        put_unit(unit, last);
      }
    }
  }
  // A token's lane of a unit: of codes in bytes, four columns at a time, which lie side by side in the lane's bytes.
  static void put_unit(std::uint8_t* unit, const code_t<format>* codes) noexcept {
    if constexpr (bits >= 8) {
      std::memcpy(unit, codes, sizeof(std::uint32_t));
    } else {
      constexpr auto planes = layout::tile16::planes<bits>();
      for (std::size_t i = 0; i < planes.size(); ++i) {
        const std::uint32_t mask = low_mask(planes[i].width) * 0x01010101u;
        for (std::size_t j = 0; j < layout::tile16::unit_cols<bits>; j += 32 / static_cast<std::size_t>(planes[i].width)) {
          std::uint32_t word = 0;
          for (unsigned k = 0; k < 8; k += static_cast<unsigned>(planes[i].width)) {
            word |= (load_word(codes + j + 4 * (k / static_cast<unsigned>(planes[i].width))) >> planes[i].first & mask) << k;
          }
          store(unit + place_of<bits>(j, i).line, 0, word);
        }
      }
    }
  }
  static std::uint32_t load_word(const std::uint8_t* from) noexcept {
    std::uint32_t word;
    std::memcpy(&word, from, sizeof(word));
    return word;
  }

  std::size_t width_;
  std::size_t tokens_;
  std::size_t groups_ = 1;
  std::size_t scales_at_ = 0;
  std::size_t zeros_at_ = 0;
  std::size_t special_at_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
