// The demo's second table: the unquantized model with its past in quantized caches.
#pragma once

#include "measurement.hpp"

#include "tinylm/cache_memory.hpp"

#include <lowp/kv/kivi.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace demo {

struct cache_kind {
  std::string name;
  double bits;  // of a number
  std::function<std::unique_ptr<tinylm::attention_memory>(std::size_t block)> make;
};

struct cache_measurement {
  std::string name;
  double bits = 0;
  double perplexity = 0;
};

template <class Key, class Value = Key>
cache_kind cache_of(std::string name, const tinylm::config& c, std::size_t keep_last = 0) {
  using cache = lowp::kv_cache<Key, Value, lowp::contiguous<64>>;
  const cache empty(c.kv_heads, c.head_width, {.keep_last = keep_last});
  const double bits = empty.keys().bits_of_row() + empty.values().bits_of_row();
  return {std::move(name), bits / static_cast<double>(2 * c.head_width), [empty](std::size_t) { return tinylm::make_memory(empty); }};
}

inline std::vector<cache_kind> cache_kinds(const tinylm::config& c) {
  using namespace lowp;
  return {cache_of<scheme<i8, per_token, symmetric, f16>>("INT8, a scale a token", c),
          cache_of<scheme<e4m3, per_token, symmetric, f16>>("FP8 E4M3, a scale a token", c),
          cache_of<kivi_keys<4>, kivi_values<4>>("4 bits, KIVI", c),
          cache_of<kivi_keys<2>, kivi_values<2>>("2 bits, KIVI, latest 32 kept", c, 32)};
}

}  // namespace demo
