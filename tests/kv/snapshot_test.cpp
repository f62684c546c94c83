#include <lowp/kv/kv_memory.hpp>
#include <lowp/kv/kv_snapshot.hpp>
#include <lowp/scheme/presets.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace {

using namespace lowp;

using int4 = scheme<u4, per_group<32>, asymmetric, f16>;
using kivi_keys = scheme<u2, per_block<32, 1>, with_bias<f16>, f16>;
using kivi_values = scheme<u2, per_group<32>, with_bias<f16>, f16>;

constexpr std::size_t heads = 2, size = 32, width = heads * size;

template <class Cache>
void fill(Cache& cache, std::size_t tokens) {
  const auto keys = normal_numbers(tokens * width, 1), values = normal_numbers(tokens * width, 2);
  cache.append({keys.data(), tokens, width}, {values.data(), tokens, width});
}

template <class Cache>
void round_trip(Cache empty, std::size_t tokens) {
  Cache cache = empty, other = empty;
  fill(cache, tokens);
  const auto bytes = snapshot(cache);
  fill(other, 5);
  restore(other, bytes);
  CHECK(snapshot(other) == bytes);
  CHECK(other.tokens() == tokens);
  fill(cache, 40);
  fill(other, 40);
  CHECK(snapshot(other) == snapshot(cache));
}

// The number of the snapshot's head that is `field`, with a checksum that fits.
std::vector<std::uint8_t> with_field(std::vector<std::uint8_t> bytes, std::size_t field, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) bytes[8 + 8 * field + i] = static_cast<std::uint8_t>(value >> (8 * i));
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i + 8 < bytes.size(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  for (std::size_t i = 0; i < 8; ++i) bytes[bytes.size() - 8 + i] = static_cast<std::uint8_t>(hash >> (8 * i));
  return bytes;
}

template <class Cache>
void same_memory(const Cache& empty, std::size_t most) {
  const kv_memory memory(empty, 3);
  Cache cache = empty;
  bool same = memory.bytes(0) == 0;
  for (std::size_t t = 1; t <= most; ++t) {
    fill(cache, 1);
    same = same && memory.bytes(t) == 3 * cache.bytes();
  }
  CHECK(same);
  for (const std::size_t budget : {std::size_t{0}, memory.bytes(1), memory.bytes(most / 2), memory.bytes(most) + 1}) {
    const std::size_t longest = memory.longest(budget);
    CHECK(memory.bytes(longest) <= budget);
    CHECK(memory.bytes(longest + 1) > budget);
  }
  CHECK(memory.sequences(10 * memory.bytes(most) + 1, most) == 10);
}

}  // namespace

TEST_CASE("a snapshot is the cache", "[kv]") {
  round_trip(kv_cache<int4>(heads, size), 0);
  round_trip(kv_cache<int4, nvfp4>(heads, size, {.value_scales = {2.0f, 0.5f}}), 300);
  round_trip(kv_cache<kivi_keys, kivi_values, contiguous<64>>(heads, size, {.keep_first = 4, .keep_last = 20}), 333);
}

TEST_CASE("bytes that are no snapshot of such a cache are refused, and change nothing", "[kv]") {
  kv_cache<int4> cache(heads, size, {.keep_first = 4});
  fill(cache, 300);
  const auto good = snapshot(cache);
  const auto refused = [&](const std::vector<std::uint8_t>& bytes) {
    CHECK_THROWS_AS(restore(cache, bytes), error);
    CHECK(snapshot(cache) == good);
  };
  for (std::size_t length = 0; length < good.size(); length += length < 200 ? 1 : 997) {
    refused(std::vector<std::uint8_t>(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
  }
  for (std::size_t at = 0; at < good.size(); at += 1013) {
    auto bytes = good;
    bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ 0x10u);
    refused(bytes);
  }
  for (std::size_t field = 0; field < 12; ++field) {
    for (const std::uint64_t value : {std::uint64_t{1}, std::uint64_t{1} << 31, ~std::uint64_t{0}}) {
      if (field != 9) refused(with_field(good, field, value));
    }
  }
  auto longer = good;
  longer.insert(longer.begin() + 200, 8, std::uint8_t{0});
  refused(with_field(longer, 0, 0));
  const auto others = [&](const auto& other) {
    auto copy = other;
    fill(copy, 300);
    refused(snapshot(copy));
  };
  others(kv_cache<int4, int8_channel>(heads, size, {.keep_first = 4}));
  others(kv_cache<scheme<u4, per_group<32>, asymmetric_as<f16>, f16>>(heads, size, {.keep_first = 4}));
  others(kv_cache<int4, int4, paged<64>>(heads, size, {.keep_first = 4}));
  others(kv_cache<int4>(heads, size));
  restore(cache, good);
  CHECK(snapshot(cache) == good);
}

TEST_CASE("the memory of a cache is known before it is taken", "[kv]") {
  same_memory(kv_cache<int4>(heads, size), 600);
  same_memory(kv_cache<kivi_keys, kivi_values, paged<64>>(heads, size, {.keep_first = 4, .keep_last = 20}), 300);
  same_memory(kv_cache<nvfp4, int8_channel, contiguous<32>>(heads, size, {.keep_last = 33}), 200);
  CHECK(kv_memory(kv_cache<scheme<i8, per_token, symmetric, f16>>(8, 128)).bits_per_number(1024) == 8.125);
  CHECK(kv_memory(kv_cache<nvfp4>(8, 128)).bits_per_number(1024) == 4.5);
}
