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
    for (std::size_t t = 0; t < tokens; ++t) {
      if (t >= cache.first_tokens() && t + window < tokens) continue;
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

template <class Key, class Value, class Storage = paged<>>
void check(std::size_t heads, std::size_t size, std::size_t tokens, std::size_t shared, double tolerance, std::size_t keep_first = 0,
           std::size_t keep_last = 0) {
  CAPTURE(heads, size, tokens, shared);
  const auto keys = normal_numbers(tokens * heads * size, 1), values = normal_numbers(tokens * heads * size, 2);
  const auto q = normal_numbers(heads * shared * size, 3);
  kv_cache<Key, Value, Storage> cache(heads, size, {.keep_first = keep_first, .keep_last = keep_last});
  cache.append({keys.data(), tokens, heads * size}, {values.data(), tokens, heads * size});
  for (const std::size_t window : {tokens + 1, tokens / 2 + 1, std::size_t{1}}) {
    const std::vector<double> exact = expected(cache, q, heads * shared, window);
    std::vector<float> out(q.size()), again(q.size());
    for_each_isa([&](isa version) {
      CAPTURE(name(version));
      attend({q.data(), heads * shared, size}, cache, {out.data(), heads * shared, size}, {.window = window, .limit = version});
      double worst = 0;
      for (std::size_t i = 0; i < out.size(); ++i) worst = std::max(worst, std::abs(exact[i] - static_cast<double>(out[i])));
      CHECK(worst <= tolerance);
    });
    attend({q.data(), heads * shared, size}, cache, {out.data(), heads * shared, size}, {.window = window});
    attend({q.data(), heads * shared, size}, cache, {again.data(), heads * shared, size}, {.window = window}, thread_executor{2});
    CHECK(std::memcmp(out.data(), again.data(), out.size() * sizeof(float)) == 0);
  }
}

using fp8 = scheme<e4m3, per_token, symmetric, f32>;
using int4 = scheme<u4, per_group<32>, asymmetric, f16>;
using fp4 = scheme<e2m1, per_group<16>, symmetric, e4m3>;
using plain = scheme<f16, per_tensor, symmetric, unit>;
using kivi_keys = scheme<u2, per_block<32, 1>, with_bias<f16>, f16>;
using kivi_values = scheme<u2, per_group<32>, with_bias<f16>, f16>;
using channels4 = scheme<u4, per_block<32, 1>, asymmetric, f16>;
using floating = scheme<nf4, per_block<32, 1>, symmetric, f16>;

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
  check<scheme<u3, per_token, asymmetric, f16>, scheme<i3, per_group<64>, symmetric, f16>>(2, 64, 300, 7, 2e-4);
  check<nf4_g64, scheme<nf4, per_token, symmetric, f16>>(2, 128, 290, 3, 1e-4);
  check<scheme<e5m2, per_token, symmetric, f16>, fp8_tensor>(2, 64, 300, 4, 1e-4);
  check<nvfp4, nvfp4>(2, 128, 700, 5, 1e-4);
  check<mxfp6_e2m3, mxfp6_e3m2>(1, 64, 300, 2, 1e-4);
  check<mxfp8_e4m3, mxint8>(1, 64, 300, 2, 1e-4);
}

TEST_CASE("tokens that share the scales of channels", "[kv]") {
  check<kivi_keys, kivi_values>(2, 64, 300, 1, 1e-4);
  check<kivi_keys, kivi_values>(2, 128, 31, 2, 1e-4);
  check<kivi_keys, kivi_values, contiguous<64>>(1, 64, 700, 5, 1e-4, 0, 128);
  check<channels4, kivi_values>(2, 64, 417, 4, 1e-4, 4, 32);
  check<floating, int8_channel>(1, 80, 300, 3, 1e-4, 3, 10);
}

TEST_CASE("the first and the latest tokens are kept as they came", "[kv]") {
  check<int4, int4>(2, 64, 300, 1, 1e-4, 4, 0);
  check<int4, int4>(2, 64, 3, 2, 1e-4, 4, 0);
  check<int4, fp4, contiguous<32>>(2, 64, 300, 3, 1e-4, 0, 64);
  check<int8_channel, fp8>(1, 32, 50, 1, 1e-4, 5, 200);
  const std::size_t heads = 2, size = 32, tokens = 100;
  const auto keys = normal_numbers(tokens * heads * size, 4), values = normal_numbers(tokens * heads * size, 5);
  kv_cache<kivi_keys, kivi_values> cache(heads, size, {.keep_first = 3, .keep_last = 20});
  for (std::size_t t = 0; t < tokens; ++t) {
    cache.append({keys.data() + t * heads * size, 1, heads * size}, {values.data() + t * heads * size, 1, heads * size});
    const std::size_t later = t + 1 > 3 ? t + 1 - 3 : 0;
    CHECK(cache.quantized_tokens() == (later > 20 ? (later - 20) / 32 * 32 : 0));
    CHECK(cache.tokens() == t + 1);
  }
  std::vector<float> k(tokens * size);
  cache.read_keys(1, 0, {k.data(), tokens, size});
  bool kept = true;
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t c = 0; c < size; ++c) {
      if (t < 3 || t >= 67) kept = kept && k[t * size + c] == keys[(t * heads + 1) * size + c];
    }
  }
  CHECK(kept);
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
  CHECK(cache.bytes() == 3 * cache.page_bytes());
  CHECK(cache.page_bytes() == 256 * (2 * size + 2 * 4));
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
