// Decode attention over quantized KV caches on a GPU, and appending to them: time and share of the measured read stream.
//
//   attention_gpu OUT_FOLDER [SECONDS]      writes OUT_FOLDER/attention.md and attention.json; takes at most 90 s
//
// Caches rotate over 200 MB or more, so that none is in the second cache; each figure is the median of graph replays. Bytes are those of
// the pages that hold the context. The f16 cache is the baseline.
#include <lowp/kernel/cuda/kv_append.cuh>
#include <lowp/kernel/cuda/kv_attention.cuh>
#include <lowp/scheme/presets.hpp>

#include "gpu_bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace gpu_bench;
using lowp::f16;

struct workload {
  std::uint32_t sequences;
  std::uint32_t length;
  std::uint32_t heads;
  std::uint32_t ratio;
};

struct times {
  double attention;
  double append;
  double bytes;
};

template <class Format, int HeadSize>
times measure(cudaStream_t stream, const workload& w) {
  using page = lowp::kv_page<Format, HeadSize, 64>;
  const std::size_t each = (w.length + 63) / 64;
  const std::size_t pages = each * w.sequences;
  const std::size_t bytes = pages * page::page_bytes(w.heads);
  const int copies = copies_for(bytes);
  const device_bytes data(bytes * static_cast<std::size_t>(copies));
  // Bits that are small finite numbers in every format of codes and of parameters.
  fill(data.as(), bytes * static_cast<std::size_t>(copies), 0x3b3f3b3fu);
  std::vector<std::uint32_t> table(pages);
  for (std::size_t i = 0; i < pages; ++i) table[i] = static_cast<std::uint32_t>(i * 7919 % pages);
  if (pages % 7919 == 0) {
    for (std::size_t i = 0; i < pages; ++i) table[i] = static_cast<std::uint32_t>(i);
  }
  const device_bytes table_memory(pages * 4);
  table_memory.copy_from(table);
  const device_bytes scales(w.heads * 4);
  scales.copy_from(std::vector<float>(w.heads, 0.01f));
  std::size_t ring_bytes = 0;
  if constexpr (page::has_residual) ring_bytes = std::size_t{w.sequences} * w.heads * lowp::kv_ring<page, f16>::head_bytes;
  const device_bytes rings(ring_bytes);
  fill(rings.as(), ring_bytes, 0x83ff83ffu, 0x20002000u);
  const std::size_t cols = std::size_t{w.heads} * HeadSize;
  const std::size_t query_cols = cols * w.ratio;
  const device_bytes queries(w.sequences * query_cols * 2);
  const device_bytes out(w.sequences * query_cols * 2);
  const device_bytes keys(w.sequences * cols * 2);
  fill(queries.as(), w.sequences * query_cols * 2, 0x83ff83ffu, 0x30003000u);
  fill(keys.as(), w.sequences * cols * 2, 0x83ff83ffu, 0x38003800u);
  const device_bytes lengths(w.sequences * 4);
  lengths.copy_from(std::vector<std::uint32_t>(w.sequences, w.length));
  std::vector<std::uint32_t> first(w.sequences + 1);
  for (std::uint32_t i = 0; i <= w.sequences; ++i) first[i] = i;
  const device_bytes first_memory(first.size() * 4);
  first_memory.copy_from(first);
  const auto cache_of = [&](int call) {
    return lowp::device_kv_cache<page>{.pages = data.as<std::uint8_t>() + static_cast<std::size_t>(call % copies) * bytes,
                                .table = table_memory.as<const std::uint32_t>(),
                                .table_stride = each,
                                .heads = w.heads,
                                .key_scales = scales.as<const float>(),
                                .value_scales = scales.as<const float>(),
                                .rings = rings.as<std::uint8_t>()};
  };
  // Two blocks a processor and more, in splits of at least 512 tokens.
  int processors = 0;
  check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0), "asking for the number of processors");
  const std::uint32_t groups = w.sequences * w.heads * ((w.ratio + 7) / 8);
  const std::uint32_t wanted = (static_cast<std::uint32_t>(processors) * 4 + groups - 1) / groups;
  const std::uint32_t split = std::max(512u, (w.length / wanted + 127) / 128 * 128);
  const auto arguments_of = [&](int call) {
    return lowp::kv_attention_arguments_of(cache_of(call), lowp::matrix_view<const f16>{queries.as<const f16>(), w.sequences, query_cols},
                                           lengths.as<const std::uint32_t>(),
                                           lowp::matrix_view<f16>{out.as<f16>(), w.sequences, query_cols},
                                           {.softmax_scale = 0.088f, .split_tokens = split, .longest = w.length});
  };
  const auto size = lowp::kv_attention_workspace_for(arguments_of(0));
  const device_bytes parts(size.parts);
  const device_bytes arrivals(size.arrivals);
  check_cuda(cudaMemset(arrivals.as(), 0, size.arrivals), "clearing");
  times t{};
  t.bytes = static_cast<double>(bytes);
  t.attention = seconds_per_call(stream, calls_for(copies), [&](int call) {
    auto a = arguments_of(call);
    a.workspace = {parts.as<float>(), arrivals.as<std::uint32_t>()};
    lowp::kv_attention(stream, a);
  });
  const lowp::matrix_view<const f16> rows{keys.as<const f16>(), w.sequences, cols};
  t.append = seconds_per_call(stream, calls_for(copies), [&](int call) {
    lowp::kv_append(stream, lowp::kv_append_arguments_of(cache_of(call), rows, rows, first_memory.as<const std::uint32_t>(),
                                                         lengths.as<const std::uint32_t>(), w.sequences));
  });
  return t;
}

void run(const std::string& folder, int seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  cudaDeviceProp device{};
  check_cuda(cudaGetDeviceProperties(&device, 0), "asking for the device");
  cudaStream_t stream = nullptr;
  check_cuda(cudaStreamCreate(&stream), "creating a stream");
  const double read_stream = measure_read_stream(stream);
  table figures({"format", "batch x context", "heads", "attention us", "share of the stream", "over f16", "append us"});
  for (const workload& w : {workload{1, 131072, 8, 4}, workload{32, 8192, 8, 4}, workload{64, 4096, 8, 8}, workload{128, 2048, 4, 1}}) {
    double baseline = 0;
    const auto add = [&]<class Format>(const char* name, Format) {
      if (std::chrono::steady_clock::now() > end) return;
      const times t = measure<Format, 128>(stream, w);
      if (baseline == 0) baseline = t.attention;
      figures.add({name, std::to_string(w.sequences) + " x " + std::to_string(w.length),
                   std::to_string(w.heads * w.ratio) + "/" + std::to_string(w.heads), fixed(t.attention * 1e6, 1),
                   fixed(100 * t.bytes / t.attention / read_stream, 1) + " %", fixed(baseline / t.attention, 2), fixed(t.append * 1e6, 1)});
    };
    using lowp::kv_format;
    using lowp::scheme;
    add("f16", lowp::kv_unquantized<f16>{});
    add("e4m3 head", kv_format<lowp::fp8_tensor>{});
    add("e4m3 token", kv_format<scheme<lowp::e4m3, lowp::per_token, lowp::symmetric, f16>>{});
    add("i8 token", kv_format<scheme<lowp::i8, lowp::per_token, lowp::symmetric, f16>>{});
    add("u4 token", kv_format<scheme<lowp::u4, lowp::per_token, lowp::asymmetric, f16>>{});
    add("nvfp4", kv_format<lowp::nvfp4>{});
    add("kivi 2 bit", kv_format<scheme<lowp::u2, lowp::per_block<32, 1>, lowp::asymmetric_as<f16>, f16>,
                                scheme<lowp::u2, lowp::per_group<32>, lowp::asymmetric_as<f16>, f16>, 32>{});
  }
  figures.write(folder, "attention", std::string("Decode attention over a quantized KV cache on ") + device.name, read_stream);
  std::printf("wrote %s/attention.md and attention.json: %zu figures\n", folder.c_str(), figures.size());
}

}  // namespace

int main(int argc, char** argv) { return run_on_device(argc, argv, 90, run); }
