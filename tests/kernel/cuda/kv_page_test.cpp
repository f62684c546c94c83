// Pages of a KV cache: parts that do not overlap, and lanes that have each channel once.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/kv_fragment.hpp>

#include "kv_formats.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace {

using namespace lowp_test;

template <class Rows, class Lanes, int Parts>
bool every_channel_once(int codes) {
  std::vector<int> seen(static_cast<std::size_t>(Rows::row_bytes * 8 / Rows::bits), 0);
  for (int part = 0; part < Parts; ++part) {
    for (int run = 0; run < Lanes::vectors * Lanes::runs; ++run) {
      for (int i = 0; i < codes; ++i) ++seen[static_cast<std::size_t>(Lanes::channel(part, run) + i)];
    }
  }
  for (const int n : seen) {
    if (n != 1) return false;
  }
  return true;
}

// Whether the 16-byte vectors of a row keep to the row in another order.
template <class Rows, class Lanes>
bool places_are_a_permutation() {
  constexpr int vectors = Rows::row_bytes / 16;
  for (int row = 0; row < 16; ++row) {
    std::vector<int> seen(vectors, 0);
    for (int v = 0; v < vectors; ++v) {
      const int place = Lanes::place(row, v);
      if (place < 0 || place >= vectors || ++seen[static_cast<std::size_t>(place)] != 1) return false;
    }
  }
  return true;
}

template <class Format, int HeadSize>
void check_lanes() {
  using page = lowp::kv_page<Format, HeadSize, 32>;
  using key_lanes = lowp::kv_key_lanes<typename page::key>;
  using value_lanes = lowp::kv_value_lanes<typename page::value>;
  CHECK(every_channel_once<typename page::key, key_lanes, 4>(8));
  CHECK(every_channel_once<typename page::value, value_lanes, 8>(4));
  CHECK(places_are_a_permutation<typename page::key, key_lanes>());
  CHECK(places_are_a_permutation<typename page::value, value_lanes>());
}

}  // namespace

TEST_CASE("lanes have each channel of a row once, for every format and head size", "[cuda]") {
  for_each_kv_format([]<class Format>(const char* name) {
    CAPTURE(std::string(name));
    check_lanes<Format, 32>();
    check_lanes<Format, 64>();
    check_lanes<Format, 96>();
    check_lanes<Format, 128>();
    check_lanes<Format, 160>();
    check_lanes<Format, 256>();
  });
}

TEST_CASE("pages have the sizes that their formats ask for", "[cuda]") {
  using lowp::kv_page;
  CHECK(kv_page<kv_fp8, 128, 64>::head_bytes == 64 * 2 * 128);
  CHECK(kv_page<per_token_kv<lowp::i8>, 128, 64>::head_bytes == 64 * 2 * (128 + 2));
  CHECK(kv_page<per_token_kv<lowp::u4, lowp::asymmetric>, 128, 64>::head_bytes == 64 * 2 * (64 + 2 + 1));
  CHECK(kv_page<kv_nvfp4, 128, 64>::head_bytes == 64 * 2 * (64 + 8));
  CHECK(kv_page<kv_kivi<32>, 128, 64>::head_bytes == 64 * 2 * 32 + 2 * 128 * 4 + 64 * 4 * 4);
  CHECK(kv_page<kv_nvfp4, 128, 64>::page_bytes(8) == 8 * 64 * 2 * (64 + 8));
  // Keys, values, and then the parameters of either.
  using page = kv_page<per_token_kv<lowp::u4, lowp::asymmetric>, 64, 16>;
  CHECK(page::values_at == 16 * 32);
  CHECK(page::key_scales_at == 2 * 16 * 32);
  CHECK(page::key_zeros_at == page::key_scales_at + 32);
  CHECK(page::value_scales_at == page::key_zeros_at + 16);
  CHECK(page::value_zeros_at == page::value_scales_at + 32);
  CHECK(page::key_bit(5, 17) == 5 * 256 + 17 * 4);
  CHECK(page::value_bit(5, 17) == (16 + 5) * 256 + 17 * 4);
}

TEST_CASE("the residual window holds the latest tokens until 32 are ready", "[cuda]") {
  using lowp::kv_page;
  using kivi = kv_page<kv_kivi<32>, 64, 32>;
  for (std::size_t length = 0; length < 500; ++length) {
    const std::size_t quantized = kivi::quantized_tokens(length);
    CHECK(quantized % 32 == 0);
    CHECK(length - quantized < static_cast<std::size_t>(kivi::ring_tokens));
    CHECK((length < 32 || length - quantized >= 32));
  }
  CHECK(kv_page<kv_kivi<0>, 64, 32>::quantized_tokens(64) == 64);
  CHECK(kv_page<kv_fp8, 64, 32>::quantized_tokens(65) == 65);
}
