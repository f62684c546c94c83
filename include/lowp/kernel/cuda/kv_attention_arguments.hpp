// What decode attention over a KV cache is given, and the checks that come first.
//
//   auto a = lowp::kv_attention_arguments_of(cache, queries, query_heads, lengths, out, {.softmax_scale = 0.088f});
#pragma once

#include <lowp/kernel/cuda/bits.hpp>
#include <lowp/kernel/cuda/device_kv_cache.hpp>
#if !defined(__CUDACC_RTC__)
#include <lowp/core/matrix_view.hpp>
#endif

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

struct kv_attention_options {
  float softmax_scale;
  std::uint32_t window = 0;          // only so many of the latest tokens are looked at; 0: all
  std::uint32_t split_tokens = 512;  // the context is cut at multiples of this, which alone decides the bits of the result
  std::uint32_t longest;             // an upper bound of the lengths; a longer context is a mistake, and cut
};

// Memory that the blocks of one call share. Arrivals are zero before the first call and after each.
struct kv_attention_workspace {
  float* parts = nullptr;
  std::uint32_t* arrivals = nullptr;
};

struct kv_attention_workspace_size {
  std::size_t parts;     // bytes
  std::size_t arrivals;  // bytes
};

template <class Page, class T, class Y>
struct kv_attention_arguments {
  static_assert(ptx::packed_type<T>, "queries are f16 or bf16");
  static_assert(ptx::packed_type<Y> || std::same_as<Y, float>, "results are float, f16 or bf16");

  device_kv_cache<Page> cache;
  const T* queries;  // [sequences][query heads][head size], sequences query_stride numbers apart
  std::size_t query_stride;
  Y* out;  // the same
  std::size_t out_stride;
  const std::uint32_t* lengths;  // [sequences]: tokens in the cache
  std::uint32_t sequences;
  std::uint32_t heads_per_group;  // query heads of one key head
  std::uint32_t splits;           // of the longest context
  kv_attention_options options;
  kv_attention_workspace workspace;

  // Eight query heads of one key head share a block.
  LOWP_HD std::uint32_t head_tiles() const noexcept { return (heads_per_group + 7) / 8; }
};

#if !defined(__CUDACC_RTC__)

// Query heads are those of a key head one after another. Throws lowp::error for shapes that do not fit.
template <class Page, class T, class Y>
kv_attention_arguments<Page, T, Y> kv_attention_arguments_of(const device_kv_cache<Page>& cache, matrix_view<const T> queries,
                                                             const std::uint32_t* lengths, matrix_view<Y> out,
                                                             const kv_attention_options& options, kv_attention_workspace workspace = {}) {
  detail::require_cache(cache, queries.rows());
  const std::size_t group = std::size_t{cache.heads} * Page::head_size;
  if (queries.cols() == 0 || queries.cols() % group != 0) {
    LOWP_THROW("queries of ", queries.cols(), " numbers are not those of whole groups of ", cache.heads, " key heads of ", Page::head_size);
  }
  if (out.rows() != queries.rows() || out.cols() != queries.cols()) {
    LOWP_THROW("the attention of ", queries.rows(), " x ", queries.cols(), " does not fit a matrix of ", out.rows(), " x ", out.cols());
  }
  if (!queries.contiguous_rows() || !out.contiguous_rows()) LOWP_THROW("the rows of queries and results must be contiguous in memory");
  if (options.split_tokens == 0 || options.split_tokens % 128 != 0)
    LOWP_THROW("a context is cut at multiples of 128 tokens, not of ", options.split_tokens);
  if (options.longest > cache.table_stride * Page::tokens) {
    LOWP_THROW("a context of ", options.longest, " tokens does not fit ", cache.table_stride, " pages of ", Page::tokens);
  }
  const std::uint32_t splits = options.longest == 0 ? 1 : (options.longest - 1) / options.split_tokens + 1;
  return {.cache = cache,
          .queries = queries.data(),
          .query_stride = queries.row_stride(),
          .out = out.data(),
          .out_stride = out.row_stride(),
          .lengths = lengths,
          .sequences = static_cast<std::uint32_t>(queries.rows()),
          .heads_per_group = static_cast<std::uint32_t>(queries.cols() / group),
          .splits = splits,
          .options = options,
          .workspace = workspace};
}

template <class Page, class T, class Y>
kv_attention_workspace_size kv_attention_workspace_for(const kv_attention_arguments<Page, T, Y>& a) noexcept {
  const std::size_t blocks = std::size_t{a.sequences} * a.cache.heads * a.head_tiles();
  return {blocks * a.splits * 8 * (Page::head_size + 2) * sizeof(float), blocks * sizeof(std::uint32_t)};
}

#endif

}  // namespace lowp::inline LOWP_ABI
