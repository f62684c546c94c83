// A block's past in one of the library's quantized caches.
//
//   session s(c, [&](std::size_t) { return make_memory(lowp::kv_cache<lowp::int8_channel>(c.kv_heads, c.head_width)); });
#pragma once

#include "attention_memory.hpp"

#include <lowp/kv/attention.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace tinylm {

template <class Cache>
class cache_memory final : public attention_memory {
 public:
  cache_memory(Cache empty, std::size_t window) : empty_(std::move(empty)), cache_(empty_), window_(window) {}

  bool before_rope() const noexcept override { return Cache::before_rope; }
  void reset() override { cache_ = empty_; }

  // Token by token, so that each one meets the cache as it was when text was generated up to there.
  void attend(lowp::matrix_view<const float> q, lowp::matrix_view<const float> k, lowp::matrix_view<const float> v,
              lowp::matrix_view<float> out) override {
    const std::size_t size = cache_.head_size(), heads = q.cols() / size;
    for (std::size_t t = 0; t < q.rows(); ++t) {
      cache_.append(k.block(t, 0, 1, k.cols()), v.block(t, 0, 1, v.cols()));
      lowp::attend(lowp::matrix_view<const float>(q.row(t).data(), heads, size), cache_,
                   lowp::matrix_view<float>(out.row(t).data(), heads, size), {.window = window_});
      cache_.slide(window_);
    }
  }

 private:
  Cache empty_;
  Cache cache_;
  std::size_t window_;
};

// Only the latest `window` tokens, beside those that the cache keeps first, are seen; whole pages before them are given up.
template <class Cache>
std::unique_ptr<attention_memory> make_memory(Cache empty, std::size_t window = ~std::size_t{0}) {
  return std::make_unique<cache_memory<Cache>>(std::move(empty), window);
}

}  // namespace tinylm
