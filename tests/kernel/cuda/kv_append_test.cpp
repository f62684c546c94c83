// Appending to a KV cache on the host: the bytes of lowp::quantize, however the tokens arrive.
#include <lowp_test.hpp>

#include "kv_formats.hpp"
#include "kv_on_host.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using lowp::bf16;
using lowp::f16;
using namespace lowp_test;
using counts = std::vector<std::uint32_t>;

// How many bytes of all pages differ, when the tokens come in the steps given, from pages written code by code.
template <class Page, class T>
std::size_t differing_bytes(const std::vector<counts>& steps) {
  host_cache<Page, T> cache(steps.back(), 2);
  const auto expected = cache.page_bytes();
  cache.clear();
  counts from(steps.back().size(), 0);
  for (const counts& to : steps) {
    append_on_host(cache.view(), host_batch<Page, T>(cache, from, to));
    from = to;
  }
  const auto found = cache.page_bytes();
  std::size_t different = 0;
  for (std::size_t i = 0; i < found.size(); ++i) different += found[i] != expected[i] ? 1u : 0u;
  return different;
}

const std::vector<counts> at_once{{77, 1, 130}};
const std::vector<counts> in_parts{{40, 0, 3}, {41, 1, 4}, {41, 1, 99}, {76, 1, 128}, {77, 1, 130}};

}  // namespace

TEST_CASE("appended tokens have the codes and parameters of lowp::quantize, bit for bit", "[cuda]") {
  for_each_kv_format([]<class Format>(const char* name) {
    CAPTURE(std::string(name));
    using page = lowp::kv_page<Format, 64, 32>;
    CHECK(differing_bytes<page, f16>(at_once) == 0);
    CHECK(differing_bytes<page, f16>(in_parts) == 0);
  });
  CHECK(differing_bytes<lowp::kv_page<kv_nvfp4, 128, 16>, bf16>(in_parts) == 0);
  CHECK(differing_bytes<lowp::kv_page<kv_kivi<32>, 96, 64>, bf16>(in_parts) == 0);
  CHECK(differing_bytes<lowp::kv_page<lowp::kv_unquantized<bf16>, 32, 16>, bf16>(in_parts) == 0);
  CHECK(differing_bytes<lowp::kv_page<per_token_kv<lowp::u4, lowp::asymmetric>, 256, 16>, f16>(in_parts) == 0);
}

TEST_CASE("tokens one by one fill a cache with a residual window as a prompt does", "[cuda]") {
  std::vector<counts> one_by_one;
  for (std::uint32_t n = 1; n <= 140; ++n) one_by_one.push_back({n});
  CHECK(differing_bytes<lowp::kv_page<kv_kivi<32>, 64, 32>, f16>(one_by_one) == 0);
}

TEST_CASE("keys are rotated before they are quantized", "[cuda]") {
  constexpr std::size_t head_size = 64;
  constexpr std::size_t tokens = 21;
  using page = lowp::kv_page<lowp::kv_unquantized<f16>, 64, 16>;
  std::vector<float> cosines(tokens * head_size / 2);
  std::vector<float> sines(cosines.size());
  for (std::size_t p = 0; p < tokens; ++p) {
    for (std::size_t i = 0; i < head_size / 2; ++i) {
      const double angle = static_cast<double>(p) * std::pow(10000.0, -2.0 * static_cast<double>(i) / head_size);
      cosines[p * head_size / 2 + i] = static_cast<float>(std::cos(angle));
      sines[p * head_size / 2 + i] = static_cast<float>(std::sin(angle));
    }
  }
  for (const bool adjacent : {false, true}) {
    host_cache<page, f16> cache({tokens}, 2);
    cache.clear();
    append_on_host(cache.view(), host_batch<page, f16>(cache, {0}, {tokens}), {cosines.data(), sines.data(), adjacent});
    double worst = 0;
    for (std::uint32_t h = 0; h < 2; ++h) {
      for (std::size_t t = 0; t < tokens; ++t) {
        const auto* const row = reinterpret_cast<const f16*>(cache.page(0, t, h)) + t % 16 * head_size;
        for (std::size_t i = 0; i < head_size / 2; ++i) {
          const std::size_t a = adjacent ? 2 * i : i;
          const std::size_t b = adjacent ? a + 1 : i + head_size / 2;
          const double x = cache.original(cache.keys(), 0, h, t, a);
          const double y = cache.original(cache.keys(), 0, h, t, b);
          const double c = cosines[t * head_size / 2 + i];
          const double s = sines[t * head_size / 2 + i];
          worst = std::fmax(worst, std::abs(static_cast<double>(row[a]) - (x * c - y * s)));
          worst = std::fmax(worst, std::abs(static_cast<double>(row[b]) - (y * c + x * s)));
        }
      }
    }
    CHECK(worst < 0x1p-9);  // half a unit in the last place of f16 between 2 and 4
  }
  // The rotated keys, quantized apart, are what the one kernel writes.
  using fp8 = lowp::kv_page<per_token_kv<lowp::i8>, 64, 16>;
  host_cache<fp8, f16> fused({tokens}, 1);
  fused.clear();
  host_batch<fp8, f16> batch(fused, {0}, {tokens});
  append_on_host(fused.view(), batch, {cosines.data(), sines.data(), false});
  const auto expected = fused.page_bytes();
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t i = 0; i < head_size / 2; ++i) {
      f16& x = batch.keys[t * head_size + i];
      f16& y = batch.keys[t * head_size + i + head_size / 2];
      const float c = cosines[t * head_size / 2 + i];
      const float s = sines[t * head_size / 2 + i];
      const float before = x;
      x = f16(lowp::rounded(before * c) - lowp::rounded(static_cast<float>(y) * s));
      y = f16(lowp::rounded(static_cast<float>(y) * c) + lowp::rounded(before * s));
    }
  }
  fused.clear();
  append_on_host(fused.view(), batch);
  CHECK((fused.page_bytes() == expected));
}

TEST_CASE("a token with NaN or infinity reads back as NaN, and its neighbours do not", "[cuda]") {
  using page = lowp::kv_page<per_token_kv<lowp::i8>, 64, 16>;
  for (const float bad : {lowp::quiet_nan(), lowp::infinity(), -lowp::infinity()}) {
    host_cache<page, f16> cache({20}, 1);
    cache.clear();
    host_batch<page, f16> batch(cache, {0}, {20});
    batch.keys[7 * 64 + 63] = f16(bad);
    append_on_host(cache.view(), batch);
    const auto* const scales = reinterpret_cast<const f16*>(cache.page(0, 0, 0) + page::key_scales_at);
    for (int t = 0; t < 16; ++t) CHECK(lowp::is_nan(scales[t]) == (t == 7));
  }
}

TEST_CASE("appending refuses what does not fit", "[cuda]") {
  using page = lowp::kv_page<per_token_kv<lowp::i8>, 64, 16>;
  const host_cache<page, f16> cache({20}, 2);
  alignas(16) f16 numbers[256];
  const auto rows = [&](std::size_t count, std::size_t cols) { return lowp::matrix_view<const f16>{numbers, count, cols}; };
  const std::uint32_t first[2] = {0, 1};
  const auto make = [&](lowp::matrix_view<const f16> keys, lowp::matrix_view<const f16> values, lowp::kv_rotation rotation = {}) {
    return lowp::kv_append_arguments_of(cache.view(), keys, values, first, cache.lengths().data(), 1, rotation);
  };
  CHECK(make(rows(1, 128), rows(1, 128)).sequences == 1);
  CHECK_THROWS_AS(make(rows(1, 64), rows(1, 64)), lowp::error);
  CHECK_THROWS_AS(make(rows(1, 128), rows(2, 128)), lowp::error);
  CHECK_THROWS_AS(make(lowp::matrix_view<const f16>{numbers + 1, 1, 128}, rows(1, 128)), lowp::error);
  const float one = 1;
  CHECK_THROWS_AS(make(rows(1, 128), rows(1, 128), {&one, nullptr, false}), lowp::error);
}
