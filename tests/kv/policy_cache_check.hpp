// A cache of any policy against attention, in double precision, over what it reads back as.
#pragma once

#include <lowp/kv/attention.hpp>
#include <lowp/kv/prefill.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace policy_cache {

using namespace lowp;

// One query head over one head, in double precision, over what the cache reads back as.
template <class Cache>
std::vector<double> expected(const Cache& cache, std::size_t head, const float* q) {
  const std::size_t size = cache.head_size(), tokens = cache.tokens();
  std::vector<float> keys(tokens * size), values(tokens * size);
  cache.read_keys(head, 0, matrix_view<float>(keys.data(), tokens, size));
  cache.read_values(head, 0, matrix_view<float>(values.data(), tokens, size));
  if constexpr (Cache::before_rope) {
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t c = 0; c < size / 2; ++c) {
        const double angle = static_cast<double>(t) * std::pow(10000.0, -2.0 * static_cast<double>(c) / static_cast<double>(size));
        float &a = keys[t * size + c], &b = keys[t * size + c + size / 2];
        const double x = static_cast<double>(a), y = static_cast<double>(b);
        a = static_cast<float>(x * std::cos(angle) - y * std::sin(angle));
        b = static_cast<float>(y * std::cos(angle) + x * std::sin(angle));
      }
    }
  }
  std::vector<double> scores(tokens), out(size);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t c = 0; c < size; ++c) scores[t] += static_cast<double>(q[c]) * static_cast<double>(keys[t * size + c]);
    scores[t] /= std::sqrt(static_cast<double>(size));
  }
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (std::size_t t = 0; t < tokens; ++t) {
    const double p = std::exp(scores[t] - most);
    sum += p;
    for (std::size_t c = 0; c < size; ++c) out[c] += p * static_cast<double>(values[t * size + c]);
  }
  for (double& x : out) x /= sum;
  return out;
}

// A cache of these policies, filled at once, answers as what it holds does; filled token by token, and in small pages, it is the same.
template <class Key, class Value>
void check(std::size_t size, kv_policy<Key> key, kv_policy<Value> value, std::size_t keep_first = 0, std::size_t keep_last = 0) {
  CAPTURE(size, keep_first, keep_last);
  const std::size_t heads = 2, tokens = 300, width = heads * size;
  const auto keys = normal_numbers(tokens * width, 1), values = normal_numbers(tokens * width, 2), q = normal_numbers(2 * width, 3);
  kv_cache<Key, Value> cache(heads, size, {.key = key, .value = value, .keep_first = keep_first, .keep_last = keep_last});
  kv_cache<Key, Value, paged<32>> by_token(heads, size, {.key = key, .value = value, .keep_first = keep_first, .keep_last = keep_last});
  cache.append(view_of(keys, tokens, width), view_of(values, tokens, width));
  for (std::size_t t = 0; t < tokens; ++t)
    by_token.append(view_of(keys, tokens, width).block(t, 0, 1, width), view_of(values, tokens, width).block(t, 0, 1, width));
  std::vector<float> out(2 * width), again(2 * width);
  attend(view_of(q, 2 * heads, size), cache, {out.data(), 2 * heads, size});
  attend(view_of(q, 2 * heads, size), by_token, {again.data(), 2 * heads, size});
  double worst = 0, apart = 0;
  for (std::size_t h = 0; h < 2 * heads; ++h) {
    const auto exact = expected(cache, h / 2, q.data() + h * size);
    for (std::size_t c = 0; c < size; ++c) {
      worst = std::max(worst, std::abs(exact[c] - static_cast<double>(out[h * size + c])));
      apart = std::max(apart, static_cast<double>(std::abs(out[h * size + c] - again[h * size + c])));
    }
  }
  CHECK(worst < 2e-4);
  CHECK(apart < 2e-4);
  // The last two tokens of a prompt: what the last one sees is what a query sees.
  std::vector<float> two(q.begin(), q.end()), both(4 * width);
  two.insert(two.end(), q.begin(), q.end());
  attend_causal(view_of(two, 2, 2 * width), cache, {both.data(), 2, 2 * width});
  double off = 0;
  for (std::size_t i = 0; i < 2 * width; ++i) off = std::max(off, static_cast<double>(std::abs(both[2 * width + i] - out[i])));
  CHECK(off < 2e-4);
  std::vector<float> a(tokens * size), b(tokens * size);
  for (std::size_t h = 0; h < heads; ++h) {
    cache.read_keys(h, 0, {a.data(), tokens, size});
    by_token.read_keys(h, 0, {b.data(), tokens, size});
    CHECK(a == b);
    cache.read_values(h, 0, {a.data(), tokens, size});
    by_token.read_values(h, 0, {b.data(), tokens, size});
    CHECK(a == b);
  }
}

}  // namespace policy_cache
