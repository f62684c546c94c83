#include "policy_cache_check.hpp"

#include <lowp/kv/kv_memory.hpp>
#include <lowp/kv/kv_snapshot.hpp>
#include <lowp/kv/qjl_outliers.hpp>
#include <lowp/kv/turboquant_product.hpp>

#include <cstdint>

namespace {

using namespace lowp;

double dot(const float* a, const float* b, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// Rows of keys as sums of both summands, read back.
template <class Policy>
std::vector<float> read_back(const Policy& policy, const std::vector<float>& keys, std::size_t size, std::size_t heads = 1) {
  const std::size_t n = keys.size() / size;
  const auto q = policy.encode(view_of(keys, n, size), heads);
  std::vector<float> back(keys.size()), numbers, part(size);
  const auto add = [&](const auto& p, const auto& codes) {
    numbers.resize(codes.cols());
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < codes.cols(); ++c) numbers[c] = codes.value(r, c);
      p.turn_back(view_of(numbers, 1, codes.cols()), {part.data(), 1, size}, r % heads);
      for (std::size_t c = 0; c < size; ++c) back[r * size + c] += part[c];
    }
  };
  add(policy, q);
  add(policy.second(), q.second);
  return back;
}

struct estimates {
  double slope = 0;  // of estimated products over exact ones
  double error = 0;  // mean square, over the squares of both lengths
};

template <class Policy>
estimates estimate(std::size_t size, const auto& make) {
  const std::size_t n = 300, seeds = 12;
  // Keys lean towards the query, so that products have something to shrink.
  const auto q = normal_numbers(size, 1);
  auto keys = normal_numbers(n * size, 2);
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] += 0.5f * q[i % size];
  double both = 0, squares = 0, error = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Policy policy = make(seed);
    const auto back = read_back(policy, keys, size);
    for (std::size_t r = 0; r < n; ++r) {
      const float *key = keys.data() + r * size, *other = back.data() + r * size;
      const double exact = dot(q.data(), key, size), found = dot(q.data(), other, size);
      both += exact * found;
      squares += exact * exact;
      error += (found - exact) * (found - exact) / (dot(q.data(), q.data(), size) * dot(key, key, size));
    }
  }
  return {both / squares, error / static_cast<double>(n * seeds)};
}

template <int Bits>
estimates of_turboquant(std::size_t size) {
  using policy = turboquant_product<Bits, f32>;
  return estimate<policy>(size, [&](std::uint64_t seed) { return policy(size, 2 * seed); });
}

}  // namespace

TEST_CASE("attention over keys that are sums is attention over what the cache holds", "[kv]") {
  policy_cache::check<turboquant_product<3>, turboquant<3>>(64, turboquant_product<3>(64), turboquant<3>(64, 3), 2, 5);
  std::vector<bool> apart(64);
  apart[3] = apart[40] = true;
  policy_cache::check<qjl_outliers<>, turboquant<3>>(32, qjl_outliers<>(32, 160, 32, apart), turboquant<3>(32));
}

TEST_CASE("TurboQuant's scores are right on average, with the error that its paper promises", "[kv]") {
  const std::size_t size = 128;
  const auto two = of_turboquant<2>(size), three = of_turboquant<3>(size), four = of_turboquant<4>(size);
  CHECK(std::abs(two.slope - 1) < 0.01);
  CHECK(std::abs(three.slope - 1) < 0.01);
  CHECK(std::abs(four.slope - 1) < 0.005);
  CHECK(two.error < 0.56 / static_cast<double>(size));
  CHECK(three.error < 0.18 / static_cast<double>(size));
  CHECK(four.error < 0.047 / static_cast<double>(size));
  // What they are a correction of.
  const auto keys = normal_numbers(200 * size, 5);
  double length = 0, along = 0;
  const turboquant<1> plain(size);
  const auto q = plain.encode(view_of(keys, 200, size));
  std::vector<float> numbers(size), back(size);
  for (std::size_t r = 0; r < 200; ++r) {
    for (std::size_t c = 0; c < size; ++c) numbers[c] = q.value(r, c);
    plain.turn_back(view_of(numbers, 1, size), {back.data(), 1, size});
    along += dot(back.data(), keys.data() + r * size, size);
    length += dot(keys.data() + r * size, keys.data() + r * size, size);
  }
  CHECK(std::abs(along / length - 0.6366) < 0.01);
}

TEST_CASE("QJL's error no longer grows with channels that are apart", "[kv]") {
  const std::size_t size = 64, n = 200, heads = 2;
  auto keys = normal_numbers(n * heads * size, 7);
  for (std::size_t r = 0; r < n; ++r) {
    keys[r * heads * size + 5] *= 20;
    keys[r * heads * size + size + 17] *= 20;
  }
  const auto apart = largest_channels(view_of(keys, n, heads * size), heads, 1);
  for (std::size_t c = 0; c < apart.size(); ++c) CHECK(apart[c] == (c == 5 || c == size + 17));
  // A query that does not look at those channels.
  auto q = normal_numbers(size, 8);
  q[5] = q[17] = 0;
  double plain = 0, split = 0;
  const qjl_outliers<> policy(size, 128, 32, apart);
  const qjl<> together(size, 160);
  const auto codes = policy.encode(view_of(keys, n * heads, size), heads);
  const auto one = together.encode(view_of(keys, n * heads, size));
  std::vector<float> first(128), second(32), all(160);
  together.turn_query(view_of(q, 1, size), {all.data(), 1, 160});
  for (std::size_t r = 0; r < n * heads; ++r) {
    policy.turn_query(view_of(q, 1, size), {first.data(), 1, 128}, r % heads);
    policy.second().turn_query(view_of(q, 1, size), {second.data(), 1, 32}, r % heads);
    double found = 0, before = 0;
    for (std::size_t i = 0; i < 128; ++i) found += static_cast<double>(first[i]) * static_cast<double>(codes.value(r, i));
    for (std::size_t i = 0; i < 32; ++i) found += static_cast<double>(second[i]) * static_cast<double>(codes.second.value(r, i));
    for (std::size_t i = 0; i < 160; ++i) before += static_cast<double>(all[i]) * static_cast<double>(one.value(r, i));
    const double exact = dot(q.data(), keys.data() + r * size, size);
    split += (found - exact) * (found - exact);
    plain += (before - exact) * (before - exact);
  }
  CHECK(split < 0.4 * plain);
}

TEST_CASE("keys that are sums are evicted, kept as bytes and counted as others are", "[kv]") {
  const std::size_t heads = 2, size = 32, width = heads * size, tokens = 300;
  using cache_type = kv_cache<turboquant_product<2>, turboquant<2>, paged<64>>;
  const auto x = normal_numbers(tokens * width, 3);
  const auto view = view_of(x, tokens, width);
  const cache_type empty(heads, size, {.key = turboquant_product<2>(size), .value = turboquant<2>(size)});
  cache_type cache = empty, others = empty, again = empty;
  cache.append(view, view);
  const auto read = [&](const cache_type& from, std::size_t head, bool values) {
    std::vector<float> numbers(from.tokens() * size);
    const matrix_view<float> to(numbers.data(), from.tokens(), size);
    values ? from.read_values(head, 0, to) : from.read_keys(head, 0, to);
    return numbers;
  };
  CHECK(kv_memory(empty).bytes(tokens) == cache.bytes());
  CHECK(empty.keys().bits_of_row() == 2 * size + 32);
  restore(again, snapshot(cache));
  CHECK((snapshot(again) == snapshot(cache)));
  cache.evict(40, 83);
  cache.truncate(200);
  others.append(view.block(0, 0, 40, width), view.block(0, 0, 40, width));
  others.append(view.block(123, 0, 160, width), view.block(123, 0, 160, width));
  bool same = cache.tokens() == others.tokens();
  for (std::size_t h = 0; h < heads; ++h)
    same = same && read(cache, h, false) == read(others, h, false) && read(cache, h, true) == read(others, h, true);
  CHECK(same);
  // The same pages would be another sum.
  kv_cache<sum_of<turboquant<1>, turboquant<1>>, turboquant<2>, paged<64>> stranger(
      heads, size, {.key = {turboquant<1>(size), turboquant<1>(size)}, .value = turboquant<2>(size)});
  CHECK(stranger.page_bytes() == cache.page_bytes());
  CHECK_THROWS_AS(restore(stranger, snapshot(cache)), error);
}

TEST_CASE("mistakes with sums are errors", "[kv]") {
  CHECK_THROWS_AS(turboquant_product<2>(48), error);
  CHECK_THROWS_AS(turboquant_product<2>(64).width(32), error);
  CHECK_THROWS_AS(qjl_outliers<>(32, 64, 32, std::vector<bool>(40)), error);
  CHECK_THROWS_AS(qjl_outliers<>(32, 64, 20, std::vector<bool>(64)), error);
  std::vector<float> x(3 * 32);
  CHECK_THROWS_AS(qjl_outliers<>(32, 64, 32, std::vector<bool>(64)).encode(view_of(x, 3, 32), 1), error);
  CHECK_THROWS_AS(largest_channels(view_of(x, 3, 32), 2, 17), error);
  CHECK_THROWS_AS(largest_channels(view_of(x, 3, 32), 5, 1), error);
}
