#include <lowp/kernel/cpu/thread_executor.hpp>
#include <lowp/kv/attention.hpp>
#include <lowp/scheme/presets.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace lowp;

// Attention in double precision over what the cache reads back as.
template <class Cache>
std::vector<double> expected(const Cache& cache, const std::vector<float>& q, std::size_t query_heads, std::size_t window) {
  const std::size_t size = cache.head_size(), tokens = cache.tokens();
  std::vector<double> out(query_heads * size);
  for (std::size_t h = 0; h < query_heads; ++h) {
    const std::size_t head = h / (query_heads / cache.heads());
    std::vector<float> keys(tokens * size), values(tokens * size);
    cache.read_keys(head, 0, matrix_view<float>(keys.data(), tokens, size));
    cache.read_values(head, 0, matrix_view<float>(values.data(), tokens, size));
    std::vector<double> scores(tokens, -1e300);
    for (std::size_t t = window < tokens ? tokens - window : 0; t < tokens; ++t) {
      scores[t] = 0;
      for (std::size_t c = 0; c < size; ++c) scores[t] += static_cast<double>(q[h * size + c]) * static_cast<double>(keys[t * size + c]);
      scores[t] /= std::sqrt(static_cast<double>(size));
    }
    const double most = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      const double p = std::exp(scores[t] - most);
      sum += p;
      for (std::size_t c = 0; c < size; ++c) out[h * size + c] += p * static_cast<double>(values[t * size + c]);
    }
    for (std::size_t c = 0; c < size; ++c) out[h * size + c] /= sum;
  }
  return out;
}

template <class Key, class Value>
void check(std::size_t heads, std::size_t size, std::size_t tokens, std::size_t shared, double tolerance) {
  CAPTURE(heads, size, tokens, shared);
  const auto keys = normal_numbers(tokens * heads * size, 1), values = normal_numbers(tokens * heads * size, 2), q = normal_numbers(heads * shared * size, 3);
  kv_cache<Key, Value> cache(heads, size);
  cache.append({keys.data(), tokens, heads * size}, {values.data(), tokens, heads * size});
  for (const std::size_t window : {tokens + 1, tokens / 2 + 1, std::size_t{1}}) {
    const std::vector<double> exact = expected(cache, q, heads * shared, window);
    std::vector<float> out(q.size()), again(q.size());
    attend({q.data(), heads * shared, size}, cache, {out.data(), heads * shared, size}, {.window = window});
    double worst = 0;
    for (std::size_t i = 0; i < out.size(); ++i) worst = std::max(worst, std::abs(exact[i] - static_cast<double>(out[i])));
    CHECK(worst <= tolerance);
    attend({q.data(), heads * shared, size}, cache, {again.data(), heads * shared, size}, {.window = window}, thread_executor{2});
    CHECK(std::memcmp(out.data(), again.data(), out.size() * sizeof(float)) == 0);
  }
}

using fp8 = scheme<e4m3, per_token, symmetric, f32>;
using int4 = scheme<u4, per_group<32>, asymmetric, f16>;
using fp4 = scheme<e2m1, per_group<16>, symmetric, e4m3>;
using plain = scheme<f16, per_tensor, symmetric, unit>;

}  // namespace

TEST_CASE("attention over a quantized cache is attention over what it holds", "[kv]") {
  check<int8_channel, int8_channel>(2, 64, 300, 1, 1e-4);
  check<int8_channel, int8_channel>(2, 128, 17, 4, 1e-4);
  check<fp8, fp8>(3, 32, 513, 2, 1e-5);
  check<int4, int4>(2, 128, 257, 3, 1e-4);
  check<fp4, fp4>(1, 64, 600, 8, 1e-4);
  check<plain, plain>(2, 80, 100, 1, 1e-5);
  check<plain, int4>(1, 96, 256, 2, 1e-4);
  check<mxfp4, fp8>(1, 64, 1, 1, 1e-4);
  check<scheme<u2, per_group<32>, asymmetric, f16>, scheme<u2, per_group<32>, asymmetric, f16>>(1, 128, 520, 1, 1e-4);
}

TEST_CASE("a cache holds what its schemes make of each token, one at a time or all at once", "[kv]") {
  const std::size_t heads = 2, size = 64, tokens = 270;
  const auto keys = normal_numbers(tokens * heads * size, 4), values = normal_numbers(tokens * heads * size, 5);
  kv_cache<int4, fp4> at_once(heads, size), one_by_one(heads, size);
  at_once.append({keys.data(), tokens, heads * size}, {values.data(), tokens, heads * size});
  for (std::size_t t = 0; t < tokens; ++t)
    one_by_one.append({keys.data() + t * heads * size, 1, heads * size}, {values.data() + t * heads * size, 1, heads * size});
  CHECK(one_by_one.tokens() == tokens);
  const auto k = quantize<int4>(matrix_view<const float>(keys.data(), tokens * heads, size));
  const auto v = quantize<fp4>(matrix_view<const float>(values.data(), tokens * heads, size));
  bool same = true;
  for (std::size_t h = 0; h < heads; ++h) {
    std::vector<float> a(tokens * size), b(tokens * size), c(tokens * size);
    at_once.read_keys(h, 0, {a.data(), tokens, size});
    one_by_one.read_keys(h, 0, {b.data(), tokens, size});
    same = same && a == b;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t i = 0; i < size; ++i) same = same && a[t * size + i] == k.value(t * heads + h, i);
    }
    at_once.read_values(h, 0, {a.data(), tokens, size});
    one_by_one.read_values(h, 100, {c.data(), tokens - 100, size});
    same = same && std::equal(c.begin(), c.begin() + static_cast<std::ptrdiff_t>((tokens - 100) * size), a.begin() + 100 * size);
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t i = 0; i < size; ++i) same = same && a[t * size + i] == v.value(t * heads + h, i);
    }
  }
  CHECK(same);
}

TEST_CASE("a cache is cut and grows again", "[kv]") {
  const std::size_t heads = 1, size = 32, tokens = 600;
  const auto keys = normal_numbers(tokens * size, 4), values = normal_numbers(tokens * size, 5), q = normal_numbers(size, 6);
  kv_cache<int8_channel> cache(heads, size), fresh(heads, size);
  cache.append({keys.data(), tokens, size}, {values.data(), tokens, size});
  CHECK(cache.bytes() == 3 * cache.block_bytes(heads, size));
  CHECK(cache.block_bytes(heads, size) == 256 * (2 * size + 2 * 4));
  cache.truncate(200);
  cache.append({keys.data() + 7 * size, 100, size}, {values.data() + 7 * size, 100, size});
  fresh.append({keys.data(), 200, size}, {values.data(), 200, size});
  fresh.append({keys.data() + 7 * size, 100, size}, {values.data() + 7 * size, 100, size});
  std::vector<float> a(size), b(size);
  attend({q.data(), 1, size}, cache, {a.data(), 1, size});
  attend({q.data(), 1, size}, fresh, {b.data(), 1, size});
  CHECK(a == b);
}

TEST_CASE("mistakes with a cache are errors", "[kv]") {
  using cache_type = kv_cache<int4>;
  CHECK_THROWS_AS(cache_type(0, 32), error);
  CHECK_THROWS_AS(cache_type(1, 48), error);
  cache_type cache(2, 32);
  std::vector<float> x(256), y(256);
  CHECK_THROWS_AS(cache.append({x.data(), 2, 32}, {x.data(), 2, 32}), error);
  CHECK_THROWS_AS(cache.append({x.data(), 2, 64}, {x.data(), 3, 64}), error);
  CHECK_THROWS_AS(attend({x.data(), 2, 32}, cache, {y.data(), 2, 32}), error);
  cache.append({x.data(), 2, 64}, {x.data(), 2, 64});
  CHECK_THROWS_AS(attend({x.data(), 3, 32}, cache, {y.data(), 3, 32}), error);
  CHECK_THROWS_AS(attend({x.data(), 2, 32}, cache, {y.data(), 4, 32}), error);
  CHECK_THROWS_AS(attend({x.data(), 2, 32}, cache, {y.data(), 2, 32}, {.window = 0}), error);
  CHECK_THROWS_AS(cache.truncate(3), error);
  CHECK_THROWS_AS(cache.read_keys(2, 0, {y.data(), 1, 32}), error);
  CHECK_THROWS_AS(cache.read_keys(0, 2, {y.data(), 1, 32}), error);
}
