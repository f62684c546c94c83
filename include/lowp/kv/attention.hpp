// Attention over a quantized cache, without a copy of it: one query for each head, as when a token is generated.
//
//   lowp::attend(q, cache, out);                 // q and out [query heads, head size], as many query heads as heads or a multiple
//
//   scores = scale * q k^T          products with codes, in 16 bits where codes are small integers (compute::split); a token's scale and
//                                   zero point are applied to its score
//   p = e^(scores - largest)        in f32
//   out = (p v) / sum p             a token's scale goes to its p, zero points become one term for each group: sum p * scale * zero
//
// Query heads that share a head are consecutive, and share the reading of it (grouped-query attention).
#pragma once

#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/kernel/cpu/softmax.hpp>
#include <lowp/kv/kv_cache.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct attention_options {
  float scale = 0;                    // of the scores; 0: 1 / sqrt(head size)
  std::size_t window = ~std::size_t{0};  // only so many of the latest tokens are seen
  isa limit = newest_isa;             // the best instruction set to use, if the machine has it
};

namespace detail::inline LOWP_BUILD {

template <scheme_type S>
using attention_compute = std::conditional_t<takes_bytes<S>, compute::split, compute::exact>;

// One head and the query heads that share it: q and out [queries, head size].
template <scheme_type Key, scheme_type Value>
void attend_head(matrix_view<const float> q, const kv_cache<Key, Value>& cache, std::size_t head, matrix_view<float> out,
                 const attention_options& options) {
  using cache_type = kv_cache<Key, Value>;
  using codes = typename cache_type::value_codes;
  constexpr std::size_t block = cache_type::block_tokens;
  const std::size_t tokens = cache.tokens(), size = cache.head_size(), queries = q.rows();
  const std::size_t first = options.window < tokens ? tokens - options.window : 0;
  const std::size_t first_block = first / block, begin = first_block * block;
  const float scale = options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<float>(size));
  std::vector<float> scores(queries * (tokens - begin));
  const std::size_t stride = tokens - begin;
  for (std::size_t at = begin; at < tokens; at += block) {
    const std::size_t count = (std::min)(block, tokens - at);
    const matrix_view<float> to(scores.data() + (at - begin), queries, count, stride);
    gemm<attention_compute<Key>>(q, cache.keys(at / block, head, count), to, {.limit = options.limit});
  }
  std::vector<float> sums(queries);
  for (std::size_t m = 0; m < queries; ++m) {
    float* const row = scores.data() + m * stride;
    std::fill(row, row + (first - begin), 0.0f);
    sums[m] = cpu::exponentials({row + (first - begin), tokens - first}, scale, options.limit);
  }
  const std::size_t groups = groups_of_head<Value>(size), channels = size / groups;
  std::vector<float> p(queries * block), part(queries * channels), shift(queries);
  for (std::size_t m = 0; m < queries; ++m) std::fill_n(&out(m, 0), size, 0.0f);
  for (std::size_t at = begin; at < tokens; at += block) {
    const std::size_t count = (std::min)(block, tokens - at);
    const kv_head_block<Value>& values = cache.values(at / block, head);
    for (std::size_t g = 0; g < groups; ++g) {
      std::fill(p.begin(), p.end(), 0.0f);
      for (std::size_t t = 0; t < count; ++t) {
        const float scale_of_token = values.scales.value(t, g, groups);
        for (std::size_t m = 0; m < queries; ++m) p[m * block + t] = scores[m * stride + at - begin + t] * scale_of_token;
      }
      std::fill(shift.begin(), shift.end(), 0.0f);
      if constexpr (Value::has_zero) {
        for (std::size_t t = 0; t < count; ++t) {
          const float zero = values.zeros.value(t, g, groups);
          for (std::size_t m = 0; m < queries; ++m) shift[m] += p[m * block + t] * zero;
        }
      }
      gemm<attention_compute<codes>>(matrix_view<const float>(p.data(), queries, block),
                                     cache.value_channels(at / block, head, g * channels, channels),
                                     matrix_view<float>(part.data(), queries, channels), {.limit = options.limit});
      for (std::size_t m = 0; m < queries; ++m) {
        for (std::size_t c = 0; c < channels; ++c) out(m, g * channels + c) += part[m * channels + c] - shift[m];
      }
    }
  }
  for (std::size_t m = 0; m < queries; ++m) {
    for (std::size_t c = 0; c < size; ++c) out(m, c) /= sums[m];
  }
}

}  // namespace detail::inline LOWP_BUILD

inline namespace LOWP_BUILD {

// out [query heads, head size] = softmax(scale * q k^T) v over the tokens of the cache. Throws lowp::error where shapes do not fit or the
// cache is empty, before anything is written. Results do not depend on the executor.
template <scheme_type Key, scheme_type Value, executor_type Executor = serial_executor>
void attend(matrix_view<const float> q, const kv_cache<Key, Value>& cache, matrix_view<float> out, const attention_options& options = {},
            const Executor& executor = {}) {
  if (q.cols() != cache.head_size() || q.rows() % cache.heads() != 0 || q.rows() == 0 || out.rows() != q.rows() || out.cols() != q.cols() ||
      !q.contiguous_rows() || !out.contiguous_rows()) {
    LOWP_THROW("queries of ", q.rows(), " x ", q.cols(), " into ", out.rows(), " x ", out.cols(), " for ", cache.heads(), " heads of ",
               cache.head_size());
  }
  if (cache.tokens() == 0 || options.window == 0) LOWP_THROW("no tokens to attend to");
  const std::size_t shared = q.rows() / cache.heads();
  executor(cache.heads(), [&](std::size_t head) {
    detail::attend_head(q.block(head * shared, 0, shared, q.cols()), cache, head, out.block(head * shared, 0, shared, out.cols()), options);
  });
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
