// Appending to KV caches and attention over them on the device: the bytes of the host's cache, and its results.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/kv_append.cuh>
#include <lowp/kernel/cuda/kv_attention.cuh>

#include "device_memory.hpp"
#include "kv_formats.hpp"
#include "kv_on_host.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using lowp::f16;
using namespace lowp_test;

// A cache's memory on the device, with pages that begin as all ones.
template <class Page, class T>
struct cache_on_device {
  on_device<std::uint8_t> pages;
  on_device<std::uint8_t> rings;
  on_device<std::uint32_t> table;
  on_device<float> key_scales;
  on_device<float> value_scales;
  lowp::device_kv_cache<Page> view;

  cache_on_device(const host_cache<Page, T>& host, const lowp::device_kv_cache<Page>& from, std::size_t table_size)
      : pages(std::vector<std::uint8_t>(host.page_bytes().size(), 0xff)),
        rings(std::vector<std::uint8_t>(host.lengths().size() * from.heads * 65536 + 16, 0xff)),
        table(from.table, table_size),
        key_scales(from.key_scales, from.heads),
        value_scales(from.value_scales, from.heads),
        view(from) {
    view.pages = pages.data();
    view.rings = rings.data();
    view.table = table.data();
    view.key_scales = key_scales.data();
    view.value_scales = value_scales.data();
  }
};

template <class Format>
void check() {
  using page = lowp::kv_page<Format, 64, 32>;
  const std::vector<std::uint32_t> lengths{77, 1, 300};
  host_cache<page, f16> host(lengths, 2);
  const auto expected_bytes = host.page_bytes();
  const cache_on_device<page, f16> device(host, host.view(), host.table().size());
  std::vector<std::uint32_t> from(lengths.size(), 0);
  for (const auto& to : {std::vector<std::uint32_t>{40, 0, 3}, {41, 1, 4}, {76, 1, 299}, {77, 1, 300}}) {
    const host_batch<page, f16> batch(host, from, to);
    const on_device<f16> keys(batch.keys);
    const on_device<f16> values(batch.values);
    const on_device<std::uint32_t> first(batch.first);
    const on_device<std::uint32_t> now(to);
    const std::size_t rows = batch.first.back();
    lowp::kv_append(
        nullptr,
        lowp::kv_append_arguments_of(device.view, lowp::matrix_view<const f16>{keys.data(), rows, 128},
                                     lowp::matrix_view<const f16>{values.data(), rows, 128}, first.data(), now.data(), to.size()),
        300);
    lowp::check_cuda(cudaDeviceSynchronize(), "appending");
    from = to;
  }
  CHECK((device.pages.read() == expected_bytes));

  const auto queries = random_queries<f16>(lengths.size() * 2 * 5 * 64);
  const on_device<f16> q(queries);
  const on_device<float> out(std::vector<float>(queries.size(), -77.0f));
  const on_device<std::uint32_t> n(lengths);
  const lowp::kv_attention_options options{.softmax_scale = 0.125f, .split_tokens = 128, .longest = 300};
  auto a = lowp::kv_attention_arguments_of(device.view, lowp::matrix_view<const f16>{q.data(), lengths.size(), 640}, n.data(),
                                           lowp::matrix_view<float>{out.data(), lengths.size(), 640}, options);
  const auto size = lowp::kv_attention_workspace_for(a);
  const on_device<float> parts(std::vector<float>(size.parts / sizeof(float)));
  const on_device<std::uint32_t> arrivals(std::vector<std::uint32_t>(size.arrivals / sizeof(std::uint32_t)));
  a.workspace = {parts.data(), arrivals.data()};
  lowp::kv_attention(nullptr, a);
  lowp::check_cuda(cudaDeviceSynchronize(), "attending");
  const auto first_time = out.read();
  CHECK(attention_error(host, queries, first_time, options.softmax_scale) < 0x1p-10);
  lowp::kv_attention(nullptr, a);
  lowp::check_cuda(cudaDeviceSynchronize(), "attending");
  CHECK((out.read() == first_time));
}

}  // namespace

TEST_CASE("KV caches on the device are those on the host", "[cuda]") {
  check<lowp::kv_unquantized<f16>>();
  check<kv_fp8>();
  check<per_token_kv<lowp::i8>>();
  check<per_token_kv<lowp::u4, lowp::asymmetric>>();
  check<kv_nvfp4>();
  check<kv_kivi<32>>();
  check<lowp::kv_format<lowp::scheme<lowp::i4, lowp::per_token>, lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::asymmetric, f16>, 64>>();
}
