// How much memory caches take: what a serving plan starts from.
//
//   const lowp::kv_memory memory(cache, 32);           // of a model of 32 layers like this one, which may be empty
//   memory.bytes(8192);                                // of a sequence, as its caches will allocate
//   memory.bits_per_number(8192);                      // of what that stores, 16 for f16
//   memory.longest(24e9);                              // tokens of a sequence that fits into so many bytes
//   memory.sequences(24e9, 8192);                      // sequences of so many tokens that do
//
// Outliers, which depend on the numbers, are left out: 8 bytes each.
#pragma once

#include <lowp/kv/kv_cache.hpp>

#include <algorithm>
#include <cstddef>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

class kv_memory {
 public:
  template <class Key, class Value, class Storage>
  explicit kv_memory(const kv_cache<Key, Value, Storage>& cache, std::size_t layers = 1) noexcept
      : layers_(layers),
        page_bytes_(cache.page_bytes()),
        page_tokens_(cache.page_tokens),
        group_tokens_(cache.group_tokens),
        keep_first_(cache.keep_first()),
        keep_last_(cache.keep_last()),
        numbers_(2 * cache.heads() * cache.head_size()) {}

  // Bytes of the caches of all layers once they have so many tokens: pages whole, tokens that are kept as they came in f32.
  std::size_t bytes(std::size_t tokens) const noexcept {
    const kv_division parts = kv_division::of(tokens, keep_first_, keep_last_, group_tokens_);
    return layers_ * (ceil_div(parts.quantized, page_tokens_) * page_bytes_ + (parts.first + parts.last) * numbers_ * sizeof(float));
  }
  double bits_per_number(std::size_t tokens) const noexcept {
    return tokens == 0 ? 0 : 8.0 * static_cast<double>(bytes(tokens)) / static_cast<double>(layers_ * tokens * numbers_);
  }
  // The most tokens whose caches take at most `budget` bytes.
  std::size_t longest(std::size_t budget) const noexcept {
    std::size_t low = 0, high = 1;
    while (bytes(high) <= budget) high *= 2;
    while (high - low > 1) {
      const std::size_t middle = low + (high - low) / 2;
      (bytes(middle) <= budget ? low : high) = middle;
    }
    // A token that leaves the unquantized ones for a page that is there already makes room.
    while (bytes(low + 1) <= budget) ++low;
    return low;
  }
  std::size_t sequences(std::size_t budget, std::size_t tokens) const noexcept {
    const std::size_t each = bytes(tokens);
    return each == 0 ? 0 : budget / each;
  }

 private:
  std::size_t layers_;
  std::size_t page_bytes_;
  std::size_t page_tokens_;
  std::size_t group_tokens_;
  std::size_t keep_first_;
  std::size_t keep_last_;
  std::size_t numbers_;  // of a token's keys and values
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
