// Keys and values that a cache keeps unquantized, and how many.
#pragma once

#include <lowp/core/matrix_view.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace lowp::inline LOWP_ABI {

// How many of the tokens of a cache are kept as they came, first and last, when they are appended and none is cut or evicted.
struct kv_division {
  std::size_t first;
  std::size_t quantized;
  std::size_t last;

  static constexpr kv_division of(std::size_t tokens, std::size_t keep_first, std::size_t keep_last, std::size_t group_tokens) noexcept {
    const std::size_t first = (std::min)(tokens, keep_first), later = tokens - first;
    const std::size_t quantized = (later - (std::min)(later, keep_last)) / group_tokens * group_tokens;
    return {first, quantized, later - quantized};
  }
};

}  // namespace lowp::inline LOWP_ABI

namespace lowp::inline LOWP_ABI::detail {

inline void append_rows(matrix_view<const float> from, std::size_t first, std::size_t count, std::vector<float>& to) {
  for (std::size_t r = first; r < first + count; ++r) {
    for (std::size_t c = 0; c < from.cols(); ++c) to.push_back(from(r, c));
  }
}

// Tokens of a cache that stay as they came, [tokens][heads * head size].
struct kept_tokens {
  kept_tokens(std::size_t heads, std::size_t head_size) : width(heads * head_size) {}

  std::size_t width;
  std::size_t tokens = 0;
  std::vector<float> keys;
  std::vector<float> values;

  void add(matrix_view<const float> k, matrix_view<const float> v, std::size_t row) {
    append_rows(k, row, 1, keys);
    append_rows(v, row, 1, values);
    ++tokens;
  }
  void remove_front(std::size_t count) {
    const auto numbers = static_cast<std::ptrdiff_t>(count * width);
    keys.erase(keys.begin(), keys.begin() + numbers);
    values.erase(values.begin(), values.begin() + numbers);
    tokens -= count;
  }
  void cut(std::size_t count) {
    keys.resize(count * width);
    values.resize(count * width);
    tokens = count;
  }
  std::size_t bytes() const noexcept { return (keys.size() + values.size()) * sizeof(float); }
};

}  // namespace lowp::inline LOWP_ABI::detail
