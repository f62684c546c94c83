// Decode attention over quantized KV caches on the host, against attention in double over the dequantized cache that shares none of
// its code.
#include <lowp_test.hpp>

#include "kv_formats.hpp"
#include "kv_on_host.hpp"

#include <algorithm>
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

// Weights are rounded to the type of the queries, and so are numbers with scales by group or channel.
template <class T>
constexpr double enough = std::is_same_v<T, f16> ? 0x1p-11 : 0x1p-8;

template <int HeadSize>
float softmax_scale() {
  return 1.0f / std::sqrt(static_cast<float>(HeadSize));
}

template <class Format, int HeadSize, class T = f16, int PageTokens = 32>
double error_of(const counts& lengths, std::uint32_t heads, std::size_t ratio, std::uint32_t window = 0, float deviation = 1.0f) {
  const host_cache<lowp::kv_page<Format, HeadSize, PageTokens>, T> cache(lengths, heads, 1, false, deviation);
  const auto queries = random_queries<T>(lengths.size() * heads * ratio * HeadSize);
  const float scale = softmax_scale<HeadSize>();
  const std::uint32_t longest = *std::max_element(lengths.begin(), lengths.end());
  const auto out = attention_on_host(cache.view(), lengths, queries,
                                     {.softmax_scale = scale, .window = window, .split_tokens = 128, .longest = longest});
  return attention_error(cache, queries, out, scale, window);
}

using int4 = per_token_kv<lowp::u4, lowp::asymmetric>;
using int4_page = lowp::kv_page<int4, 64, 16>;

}  // namespace

TEST_CASE("attention over every format equals attention in double", "[cuda]") {
  const counts lengths{77, 1, 300, 16};
  for_each_kv_format([&]<class Format>(const char* name) {
    CAPTURE(std::string(name));
    // A number with a scale and a zero point of its group is rounded twice.
    using value = typename lowp::kv_page<Format, 64, 32>::value;
    constexpr bool twice = value::granularity == lowp::kv_granularity::group && value::scheme::has_zero;
    CHECK(error_of<Format, 64>(lengths, 2, 4) < (twice ? 2 : 1) * enough<f16>);
  });
  CHECK(error_of<int4, 128>(lengths, 1, 8) < enough<f16>);
  CHECK(error_of<kv_fp8, 128>(lengths, 1, 8) < enough<f16>);
  CHECK(error_of<kv_nvfp4, 128>(lengths, 1, 8) < enough<f16>);
  CHECK(error_of<kv_kivi<32>, 128>(lengths, 1, 8) < enough<f16>);
  CHECK(error_of<per_token_kv<lowp::i8>, 128>(lengths, 1, 8) < enough<f16>);
}

TEST_CASE("attention takes every length and any number of query heads", "[cuda]") {
  for (const std::uint32_t length : {1u, 2u, 15u, 17u, 31u, 33u, 63u, 64u, 127u, 128u, 129u, 255u, 257u}) {
    CAPTURE(length);
    CHECK(error_of<int4, 64>({length}, 1, 2) < enough<f16>);
    CHECK(error_of<kv_kivi<32>, 64>({length}, 1, 2) < enough<f16>);
  }
  for (const std::size_t ratio : {1u, 2u, 3u, 5u, 7u, 8u, 9u, 16u, 17u}) {
    CAPTURE(ratio);
    CHECK(error_of<int4, 64>({100, 40}, 2, ratio) < enough<f16>);
    CHECK(error_of<kv_fp8, 64>({100, 40}, 3, ratio) < enough<f16>);
  }
}

TEST_CASE("attention takes heads of 32, 96 and 256, small pages, and bf16", "[cuda]") {
  const counts lengths{77, 1, 300};
  CHECK(error_of<int4, 32, f16, 16>(lengths, 2, 3) < enough<f16>);
  CHECK(error_of<int4, 96, f16, 16>(lengths, 2, 3) < enough<f16>);
  CHECK(error_of<int4, 256, f16, 48>(lengths, 1, 3) < enough<f16>);
  CHECK(error_of<kv_fp8, 96, f16, 16>(lengths, 2, 3) < enough<f16>);
  CHECK(error_of<kv_fp8, 256, f16, 16>(lengths, 1, 3) < enough<f16>);
  CHECK(error_of<kv_nvfp4, 96, f16, 16>(lengths, 2, 3) < enough<f16>);
  CHECK(error_of<kv_kivi<0>, 32>(lengths, 2, 3) < enough<f16>);
  CHECK(error_of<kv_kivi<0>, 96>(lengths, 2, 3) < enough<f16>);
  CHECK(error_of<kv_kivi<32>, 256>(lengths, 1, 3) < enough<f16>);
  CHECK(error_of<lowp::kv_unquantized<bf16>, 128, bf16>(lengths, 2, 3) < enough<bf16>);
  CHECK(error_of<int4, 128, bf16>(lengths, 2, 3) < enough<bf16>);
  CHECK(error_of<kv_fp8, 128, bf16>(lengths, 2, 3) < enough<bf16>);
  CHECK(error_of<kv_nvfp4, 128, bf16>(lengths, 2, 3) < enough<bf16>);
  CHECK(error_of<kv_kivi<32>, 128, bf16>(lengths, 2, 3) < 2 * enough<bf16>);
}

TEST_CASE("a sliding window looks at the latest tokens alone", "[cuda]") {
  for (const std::uint32_t window : {1u, 16u, 33u, 100u, 128u, 299u, 300u, 1000u}) {
    CAPTURE(window);
    CHECK(error_of<int4, 64>({77, 1, 300}, 2, 3, window) < enough<f16>);
    CHECK(error_of<kv_kivi<32>, 64>({77, 1, 300}, 2, 3, window) < enough<f16>);
  }
}

TEST_CASE("values of any size keep their precision", "[cuda]") {
  for (const float deviation : {1e-4f, 0.01f, 100.0f}) {
    CAPTURE(deviation);
    CHECK(error_of<per_token_kv<lowp::i8>, 64>({300}, 1, 3, 0, deviation) < enough<f16>);
    CHECK(error_of<int4, 64>({300}, 1, 3, 0, deviation) < enough<f16>);
    CHECK(error_of<lowp::kv_format<lowp::scheme<lowp::i4, lowp::per_token>, lowp::scheme<lowp::u4, lowp::per_token, lowp::asymmetric>, 64>,
                   64>({300}, 1, 3, 0, deviation) < enough<f16>);
  }
  // Far beyond f16, since scales are f32 here.
  CHECK(
      error_of<
          lowp::kv_format<lowp::scheme<lowp::f16, lowp::per_tensor, lowp::symmetric, lowp::unit>, lowp::scheme<lowp::i8, lowp::per_token>>,
          64>({300}, 1, 3, 0, 1e-6f) < enough<f16>);
}

TEST_CASE("pages in any order give the bits of pages in a row", "[cuda]") {
  const counts lengths{77, 1, 300};
  const auto queries = random_queries<f16>(lengths.size() * 2 * 4 * 64);
  const lowp::kv_attention_options options{.softmax_scale = 0.125f, .split_tokens = 128, .longest = 300};
  const host_cache<int4_page, f16> paged(lengths, 2);
  const host_cache<int4_page, f16> contiguous(lengths, 2, 1, true);
  CHECK((attention_on_host(paged.view(), lengths, queries, options) == attention_on_host(contiguous.view(), lengths, queries, options)));
  // So do pages of another size, if the warps' tiles are the same.
  const host_cache<lowp::kv_page<int4, 64, 32>, f16> larger(lengths, 2);
  const host_cache<lowp::kv_page<int4, 64, 64>, f16> largest(lengths, 2);
  CHECK((attention_on_host(larger.view(), lengths, queries, options) == attention_on_host(largest.view(), lengths, queries, options)));
}

TEST_CASE("the same splits give the same bits, and other splits nearly so", "[cuda]") {
  const counts lengths{770, 1, 1000};
  const host_cache<int4_page, f16> cache(lengths, 2);
  const auto queries = random_queries<f16>(lengths.size() * 2 * 4 * 64);
  lowp::kv_attention_options options{.softmax_scale = 0.125f, .split_tokens = 256, .longest = 1000};
  const auto first = attention_on_host(cache.view(), lengths, queries, options);
  // Whichever block comes last, and however long the longest context might be.
  for (const unsigned seed : {2u, 3u, 4u}) CHECK((attention_on_host(cache.view(), lengths, queries, options, seed) == first));
  options.longest = 1008;
  CHECK((attention_on_host(cache.view(), lengths, queries, options) == first));
  for (const std::uint32_t split : {128u, 384u, 512u, 1024u}) {
    options.split_tokens = split;
    const auto other = attention_on_host(cache.view(), lengths, queries, options);
    double worst = 0;
    for (std::size_t i = 0; i < other.size(); ++i) worst = std::fmax(worst, std::abs(static_cast<double>(other[i]) - first[i]));
    CHECK(worst < 0x1p-10);
  }
}

TEST_CASE("what else is in the batch does not change a result", "[cuda]") {
  const counts lengths{77, 1, 300};
  const host_cache<int4_page, f16> cache(lengths, 2);
  const auto queries = random_queries<f16>(lengths.size() * 2 * 4 * 64);
  const lowp::kv_attention_options options{.softmax_scale = 0.125f, .split_tokens = 128, .longest = 300};
  const auto all = attention_on_host(cache.view(), lengths, queries, options);
  const std::size_t each = queries.size() / 3;
  for (std::size_t s = 0; s < 3; ++s) {
    auto view = cache.view();
    view.table += s * view.table_stride;
    const auto at = static_cast<std::ptrdiff_t>(s * each);
    const std::vector<f16> own(queries.begin() + at, queries.begin() + at + static_cast<std::ptrdiff_t>(each));
    const auto alone = attention_on_host(view, {lengths[s]}, own, options);
    CHECK(std::equal(alone.begin(), alone.end(), all.begin() + at));
  }
}

TEST_CASE("results in f16 are those in float, rounded; a sequence without tokens gives zeros", "[cuda]") {
  const counts lengths{77, 0, 300};
  const host_cache<int4_page, f16> cache(lengths, 2);
  const auto queries = random_queries<f16>(lengths.size() * 2 * 4 * 64);
  const lowp::kv_attention_options options{.softmax_scale = 0.125f, .split_tokens = 128, .longest = 300};
  const auto wide = attention_on_host(cache.view(), lengths, queries, options);
  const auto narrow = attention_on_host<f16>(cache.view(), lengths, queries, options);
  int wrong = 0;
  for (std::size_t i = 0; i < wide.size(); ++i) wrong += narrow[i].code != f16(wide[i]).code ? 1 : 0;
  CHECK(wrong == 0);
  const std::size_t each = queries.size() / 3;
  int zeros = 0;
  for (std::size_t i = each; i < 2 * each; ++i) zeros += wide[i] == 0.0f ? 1 : 0;
  CHECK(zeros == static_cast<int>(each));
}

TEST_CASE("the scale of the wrong token and a page in the wrong place are found out", "[cuda]") {
  const counts lengths{100};
  const auto queries = random_queries<f16>(4 * 64);
  const lowp::kv_attention_options options{.softmax_scale = 0.125f, .split_tokens = 128, .longest = 100};
  host_cache<int4_page, f16> cache(lengths, 1);
  const auto error = [&] {
    return attention_error(cache, queries, attention_on_host(cache.view(), lengths, queries, options), options.softmax_scale);
  };
  CHECK(error() < enough<f16>);
  const auto swap_bytes = [&](std::size_t a, std::size_t b, int part, std::size_t size) {
    std::uint8_t* const x = cache.page(0, a, 0) + part + a % 16 * size;
    std::swap_ranges(x, x + size, cache.page(0, b, 0) + part + b % 16 * size);
  };
  for (const int part : {int4_page::key_scales_at, int4_page::value_scales_at}) {
    for (std::size_t t = 0; t < 48; ++t) swap_bytes(t, t + 48, part, 2);
    CHECK(error() > 8 * enough<f16>);
    for (std::size_t t = 0; t < 48; ++t) swap_bytes(t, t + 48, part, 2);
  }
  for (const int part : {int4_page::key_zeros_at, int4_page::value_zeros_at}) {
    for (std::size_t t = 0; t < 48; ++t) swap_bytes(t, t + 48, part, 1);
    CHECK(error() > 8 * enough<f16>);
    for (std::size_t t = 0; t < 48; ++t) swap_bytes(t, t + 48, part, 1);
  }
  CHECK(error() < enough<f16>);
  // The order of tokens does not matter to attention, so the page that is not full changes places.
  std::swap(cache.table()[0], cache.table()[6]);
  CHECK(!(error() < 8 * enough<f16>));
}

TEST_CASE("a key that is NaN makes the results of its own sequence NaN", "[cuda]") {
  const counts lengths{40, 40};
  using page = lowp::kv_page<per_token_kv<lowp::e4m3>, 64, 16>;
  const host_cache<page, f16> cache(lengths, 1);
  cache.page(0, 20, 0)[4 * 64 + 5] = 0x7f;
  const auto queries = random_queries<f16>(2 * 2 * 64);
  const auto out = attention_on_host(cache.view(), lengths, queries, {.softmax_scale = 0.125f, .split_tokens = 128, .longest = 40});
  int wrong = 0;
  for (std::size_t i = 0; i < out.size(); ++i) wrong += lowp::is_nan(out[i]) != (i < out.size() / 2) ? 1 : 0;
  CHECK(wrong == 0);
}

TEST_CASE("what a device can attend over is known beforehand", "[cuda]") {
  using large = lowp::kv_page<lowp::kv_unquantized<f16>, 256, 64>;
  CHECK(lowp::kv_attention_supports<int4_page, f16>(75));
  CHECK(!lowp::kv_attention_supports<int4_page, bf16>(75));
  CHECK(lowp::kv_attention_supports<int4_page, bf16>(86));
  CHECK(!lowp::kv_attention_supports<large, f16>(86));
  CHECK(lowp::kv_attention_supports<large, f16>(90));
  // The formats of the field run everywhere with heads of 128.
  for_each_kv_format([&]<class Format>(const char* name) {
    CAPTURE(std::string(name));
    CHECK(lowp::kv_attention_supports<lowp::kv_page<Format, 128, 64>, f16>(75));
  });
}

TEST_CASE("attention refuses what does not fit", "[cuda]") {
  const host_cache<int4_page, f16> cache({40}, 2);
  std::vector<f16> queries(2 * 4 * 64);
  std::vector<float> out(queries.size());
  const auto make = [&](std::size_t cols, std::size_t out_cols, lowp::kv_attention_options options) {
    return lowp::kv_attention_arguments_of(cache.view(), lowp::matrix_view<const f16>{queries.data(), 1, cols}, cache.lengths().data(),
                                           lowp::matrix_view<float>{out.data(), 1, out_cols}, options);
  };
  const lowp::kv_attention_options fits{.softmax_scale = 1, .split_tokens = 128, .longest = 40};
  CHECK(make(512, 512, fits).sequences == 1);
  CHECK_THROWS_AS(make(64, 64, fits), lowp::error);
  CHECK_THROWS_AS(make(512, 256, fits), lowp::error);
  CHECK_THROWS_AS(make(512, 512, {.softmax_scale = 1, .split_tokens = 100, .longest = 40}), lowp::error);
  CHECK_THROWS_AS(make(512, 512, {.softmax_scale = 1, .split_tokens = 128, .longest = 4000}), lowp::error);
  auto misplaced = cache.view();
  misplaced.pages += 1;
  CHECK_THROWS_AS(lowp::kv_attention_arguments_of(misplaced, lowp::matrix_view<const f16>{queries.data(), 1, 512}, cache.lengths().data(),
                                                  lowp::matrix_view<float>{out.data(), 1, 512}, fits),
                  lowp::error);
}
