#include <lowp/kv/attention.hpp>
#include <lowp/scheme/presets.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace {

using namespace lowp;

using int4 = scheme<u4, per_group<32>, asymmetric, f16>;
using kivi_keys = scheme<u2, per_block<32, 1>, asymmetric_as<f16>, f16>;
using kivi_values = scheme<u2, per_group<32>, asymmetric_as<f16>, f16>;

constexpr std::size_t heads = 2, size = 32, width = heads * size;

struct numbers {
  std::vector<float> keys = normal_numbers(800 * width, 1), values = normal_numbers(800 * width, 2), q = normal_numbers(width, 3);

  template <class Cache>
  void append(Cache& cache, std::size_t first, std::size_t count) const {
    cache.append({keys.data() + first * width, count, width}, {values.data() + first * width, count, width});
  }
};

// All that a cache says: its numbers, and what a query finds.
template <class Cache>
std::vector<float> contents(const Cache& cache, const numbers& n) {
  std::vector<float> all(2 * cache.tokens() * width + width);
  float* at = all.data();
  for (std::size_t h = 0; h < heads; ++h, at += 2 * cache.tokens() * size) {
    cache.read_keys(h, 0, {at, cache.tokens(), size});
    cache.read_values(h, 0, {at + cache.tokens() * size, cache.tokens(), size});
  }
  attend({n.q.data(), heads, size}, cache, {at, heads, size});
  return all;
}

template <class Key, class Value>
void same_everywhere(std::size_t keep_first, std::size_t keep_last) {
  const numbers n;
  kv_cache<Key, Value, contiguous<>> one_piece(heads, size, {.keep_first = keep_first, .keep_last = keep_last});
  kv_cache<Key, Value, contiguous<>> reserved(heads, size, {.keep_first = keep_first, .keep_last = keep_last, .storage = contiguous<>(4)});
  kv_cache<Key, Value> pages(heads, size, {.keep_first = keep_first, .keep_last = keep_last});
  kv_cache<Key, Value, paged<32>> small(heads, size, {.keep_first = keep_first, .keep_last = keep_last});
  n.append(one_piece, 0, 700);
  n.append(pages, 0, 100);
  n.append(pages, 100, 600);
  n.append(reserved, 0, 699);
  n.append(reserved, 699, 1);
  for (std::size_t t = 0; t < 700; ++t) n.append(small, t, 1);
  const std::vector<float> expected = contents(one_piece, n);
  CHECK(contents(pages, n) == expected);
  CHECK(contents(reserved, n) == expected);
  // The result is summed page by page, so that other pages may change its last bits.
  const std::vector<float> by_small = contents(small, n);
  bool same = true, near = true;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (i < expected.size() - width) same = same && by_small[i] == expected[i];
    else near = near && std::abs(by_small[i] - expected[i]) < 1e-4f;
  }
  CHECK(same);
  CHECK(near);
}

}  // namespace

TEST_CASE("pages anywhere and in one piece hold the same", "[kv]") {
  same_everywhere<int4, int4>(0, 0);
  same_everywhere<kivi_keys, kivi_values>(0, 32);
  same_everywhere<nvfp4, int8_channel>(4, 17);
}

TEST_CASE("a copy shares pages until one of the two is written", "[kv]") {
  const numbers n;
  kv_page_pool pool(7);
  using cache_type = kv_cache<int4, int4, paged<64>>;
  cache_type cache(heads, size, {.storage = {pool}});
  n.append(cache, 0, 200);
  CHECK(pool.pages_in_use() == 4);
  cache_type fork = cache;
  CHECK(pool.pages_in_use() == 4);
  const std::vector<float> before = contents(cache, n);
  n.append(fork, 500, 30);
  CHECK(pool.pages_in_use() == 5);
  CHECK(contents(cache, n) == before);
  n.append(cache, 300, 50);
  CHECK(pool.pages_in_use() == 5);
  cache_type other(heads, size), third(heads, size);
  n.append(other, 0, 200);
  n.append(other, 500, 30);
  CHECK(contents(fork, n) == contents(other, n));
  n.append(third, 0, 200);
  n.append(third, 300, 50);
  CHECK(contents(cache, n) == contents(third, n));
  fork.truncate(130);
  CHECK(contents(cache, n) == contents(third, n));
  CHECK_THROWS_AS(n.append(cache, 0, 400), error);
  CHECK(contents(cache, n) == contents(third, n));
  { const cache_type gone = std::move(fork); }
  CHECK(pool.pages_in_use() == 4);
}

TEST_CASE("evicted tokens are as if they had never been", "[kv]") {
  const numbers n;
  for (const auto& [first, count] :
       {std::pair<std::size_t, std::size_t>{0, 256}, {256, 256}, {5, 256}, {100, 1}, {0, 600}, {599, 1}, {3, 0}}) {
    kv_cache<int4, nvfp4> cache(heads, size), rebuilt(heads, size);
    n.append(cache, 0, 600);
    kv_cache<int4, nvfp4> fork = cache;
    const std::vector<float> before = contents(cache, n);
    cache.evict(first, count);
    n.append(rebuilt, 0, first);
    n.append(rebuilt, first + count, 600 - first - count);
    CHECK(cache.tokens() == 600 - count);
    if (count < 600) CHECK(contents(cache, n) == contents(rebuilt, n));
    n.append(cache, 600, 20);
    n.append(rebuilt, 600, 20);
    CHECK(contents(cache, n) == contents(rebuilt, n));
    CHECK(contents(fork, n) == before);
  }
  kv_cache<kivi_keys, kivi_values> cache(heads, size, {.keep_first = 4, .keep_last = 10}), rebuilt = cache;
  n.append(cache, 0, 300);
  CHECK_THROWS_AS(cache.evict(0, 4), error);
  CHECK_THROWS_AS(cache.evict(4, 31), error);
  CHECK_THROWS_AS(cache.evict(5, 32), error);
  CHECK_THROWS_AS(cache.evict(260, 32), error);
  cache.evict(4 + 64, 32);
  n.append(rebuilt, 0, 68);
  n.append(rebuilt, 100, 200);
  CHECK(contents(cache, n) == contents(rebuilt, n));
}

TEST_CASE("a window keeps the pages that it needs", "[kv]") {
  const numbers n;
  kv_cache<int8_channel, int8_channel, paged<64>> cache(heads, size, {.keep_first = 4});
  std::vector<float> all(width), some(width);
  for (std::size_t t = 0; t < 800; ++t) {
    n.append(cache, t, 1);
    auto whole = cache;
    cache.slide(150);
    CHECK(cache.tokens() <= 4 + 150 + 63);
    CHECK(cache.pages() <= 4);
    if (t % 97 != 0) continue;
    attend({n.q.data(), heads, size}, whole, {all.data(), heads, size}, {.window = 150});
    attend({n.q.data(), heads, size}, cache, {some.data(), heads, size}, {.window = 150});
    CHECK(all == some);
  }
}

TEST_CASE("keys are turned to their positions as they are appended", "[kv]") {
  const numbers n;
  kv_cache<int4> cache(heads, size, {.keep_first = 3, .keep_last = 20, .rotary_theta = 500.0f}),
      expected(heads, size, {.keep_first = 3, .keep_last = 20});
  numbers turned;
  rotate_to_positions({n.keys.data(), 300, width}, size, 500.0f, 0, {turned.keys.data(), 300, width});
  for (const std::size_t t : {0u, 100u}) n.append(cache, t, 100);
  for (std::size_t t = 200; t < 300; ++t) n.append(cache, t, 1);
  turned.append(expected, 0, 300);
  CHECK(contents(cache, n) == contents(expected, n));
  const double a = 7 * std::pow(500.0, -2.0 * 5 / size);
  CHECK(std::abs(turned.keys[7 * width + 5] - (n.keys[7 * width + 5] * std::cos(a) - n.keys[7 * width + 5 + size / 2] * std::sin(a))) <
        1e-5);
}

TEST_CASE("a cut cache grows as a new one", "[kv]") {
  const numbers n;
  for (const std::size_t left : {0u, 2u, 4u, 5u, 299u, 260u, 100u}) {
    kv_cache<nvfp4, int4> cache(heads, size, {.keep_first = 4}), fresh = cache;
    n.append(cache, 0, 300);
    cache.truncate(left);
    n.append(fresh, 0, left);
    n.append(cache, 500, 100);
    n.append(fresh, 500, 100);
    CHECK(contents(cache, n) == contents(fresh, n));
  }
  kv_cache<kivi_keys, kivi_values> cache(heads, size, {.keep_last = 10});
  n.append(cache, 0, 100);
  CHECK_THROWS_AS(cache.truncate(63), error);
  cache.truncate(70);
  CHECK(cache.tokens() == 70);
  cache.truncate(32);
  CHECK(cache.tokens() == 32);
}
