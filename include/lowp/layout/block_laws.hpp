// The law of a block layout: it is a bijection. Users run it on their own.
//
//   static_assert(lowp::laws::block_layout<lowp::layout::ggml::q4_k>());
#pragma once

#include <lowp/layout/block_layout.hpp>

#include <cstddef>

namespace lowp::inline LOWP_ABI::laws {

// Every bit of every code of a block has a place of its own, and every bit of the block is such a place, but for as many as the
// layout calls spare_bits. Base-3 digits own the byte that they lie in, each digit once.
template <lowp::block_layout L>
constexpr bool block_layout() {
  bool taken[8 * L::bytes] = {};
  std::size_t owned = 0;
  const auto part_is_whole = [&]<block_part Part>() {
    if constexpr (part_count<L>(Part) != 0) {
      constexpr int bits = part_format<L, Part>::bits;
      for (std::size_t i = 0; i < part_count<L>(Part); ++i) {
        std::uint32_t seen = 0;
        bool right = true;
        for_each_bit<L>(Part, i, [&](int of_code, int of_block) {
          right = right && of_code < bits && (seen >> of_code & 1u) == 0 && of_block >= 0 &&
                  static_cast<std::size_t>(of_block) < 8 * L::bytes && !taken[of_block];
          if (!right) return;
          seen |= 1u << of_code;
          taken[of_block] = true;
          ++owned;
        });
        if (!right || seen != (trit_layout<L> && Part == block_part::codes ? 0 : low_mask(bits))) return false;
      }
    }
    return true;
  };
  const bool whole = part_is_whole.template operator()<block_part::codes>() && part_is_whole.template operator()<block_part::scales>() &&
                     part_is_whole.template operator()<block_part::zeros>() &&
                     part_is_whole.template operator()<block_part::scales_above_scales>() &&
                     part_is_whole.template operator()<block_part::scales_above_zeros>();
  if (!whole) return false;
  for (const block_strip& s : L::strips) {
    const int last = s.first + (s.count - 1) * s.step;
    if (s.first < 0 || s.count < 1 || s.step < 1 || s.width < 1 || s.shift < 0 || static_cast<std::size_t>(last) >= part_count<L>(s.part)) {
      return false;
    }
    if (s.width <= 8 ? s.shift + s.width > 8 : s.shift != 0 || s.width % 8 != 0) return false;
  }
  if constexpr (trit_layout<L>) {
    bool placed[L::columns] = {};
    bool digits[L::bytes][5] = {};
    std::size_t found = 0;
    for (const block_trits& t : L::trits) {
      for (int i = 0; i < t.count; ++i, ++found) {
        bool& element = placed[t.first + i];
        bool& digit = digits[t.byte + i][t.digit];
        if (element || digit) return false;
        element = true;
        digit = true;
      }
    }
    if (found != L::columns) return false;
    for (std::size_t byte = 0; byte < L::bytes; ++byte) {
      if (!digits[byte][0]) continue;
      for (std::size_t bit = 8 * byte; bit < 8 * byte + 8; ++bit) {
        if (taken[bit]) return false;
        ++owned;
      }
    }
  }
  std::size_t spare = 0;
  if constexpr (requires { L::spare_bits; }) spare = L::spare_bits;
  return owned + spare == 8 * L::bytes;
}

}  // namespace lowp::inline LOWP_ABI::laws
