// Attention of many queries at a time over a quantized cache: a prompt's tokens, or several tokens that are checked at once.
//
//   cache.append(keys, values);                        // of the prompt's tokens
//   lowp::attend_causal(q, cache, out);                // q and out [tokens, query heads * head size]; the last is the cache's last token
//
// Row i of n sees all tokens of the cache but the last n - 1 - i. Pages are decoded to floats one at a time, for all queries of a block,
// and softmax is kept up as pages go by: the largest score so far, the sum and the result scaled to it. Source: Milakov and Gimelshein
// 2018 (arXiv 1805.02867); blocks as in FlashAttention, Dao et al. 2022 (arXiv 2205.14135), algorithm 1.
#pragma once

#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/kv/attention.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

template <class Key, class Value, class Storage>
class block_attention {
 public:
  using cache_type = kv_cache<Key, Value, Storage>;
  using key_policy = typename cache_type::key_policy;
  using value_policy = typename cache_type::value_policy;
  using key_codes = attention_codes<key_policy, cache_type::before_rope>;
  using value_codes = attention_codes<value_policy>;
  using floats = scheme<f32, per_tensor, symmetric, unit>;
  static constexpr std::size_t page_tokens = cache_type::page_tokens;
  static constexpr std::size_t block_rows = 96;  // a multiple of the rows of the kernels' tiles

  block_attention(const cache_type& cache, const attention_options& options)
      : cache_(cache),
        key_table_(cache.key()),
        value_table_(cache.value()),
        options_(options),
        scale_(options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<float>(cache.head_size()))),
        rows_(options.limit),
        keys_(choose_page_decoders<key_codes>(options.limit)),
        values_(choose_page_decoders<value_codes>(options.limit)),
        key_width_(units_of<key_codes>(cache.keys().width())),
        second_(cache, options.limit),
        tile_(page_tokens * (std::max)({key_width_, second_.width,
                                        ceil_div((std::max)(cache.values().width(), cache.head_size()), panel_rows) * panel_rows})),
        scores_(block_rows * page_tokens),
        part_(block_rows * (std::max)(cache.values().width(), cache.head_size())),
        largest_(block_rows),
        sums_(block_rows) {}

  // Rows [rows][head size] of queries of a head, the r-th of which sees `seen[r]` tokens, and from `hidden[r]` on, beside the first.
  void run(std::size_t head, matrix_view<const float> q, const std::size_t* hidden, const std::size_t* seen, matrix_view<float> out) {
    const std::size_t rows = q.rows(), size = cache_.head_size(), width = cache_.values().width();
    const std::size_t first = cache_.first_tokens(), quantized = cache_.quantized_tokens(), last = first + quantized;
    std::fill_n(largest_.data(), rows, -infinity());
    std::fill_n(sums_.data(), rows, 0.0f);
    plain_.assign(rows * size, 0.0f);
    coded_.assign(rows * width, 0.0f);
    kept(head, q, cache_.first_keys(), cache_.first_values(), 0, first, 0, hidden, seen);
    const std::size_t key_width = cache_.keys().width();
    turned_.assign(rows * key_width_, 0.0f);
    matrix_view<float> turned(turned_.data(), rows, key_width, key_width_);
    if constexpr (cache_type::before_rope) {
      for (std::size_t r = 0; r < rows; ++r) std::copy_n(&q(r, 0), size, &turned(r, 0));
    } else {
      cache_.key().turn_query(q, turned, head);
    }
    if constexpr (has_second<key_policy>) {
      second_.turned.assign(rows * second_.width, 0.0f);
      cache_.key().second().turn_query(q, {second_.turned.data(), rows, cache_.keys().second().width(), second_.width}, head);
    }
    const std::size_t most = *std::max_element(seen, seen + rows);
    const std::size_t end = (std::min)(quantized, most - (std::min)(first, most));
    for (std::size_t at = 0; at < end; at += page_tokens) {
      const std::size_t tokens = (std::min)(page_tokens, end - at);
      if (nobody_sees(rows, first + at, tokens, hidden, seen)) continue;
      decode_page_keys(head, at, tokens);
      product(matrix_view<const float>(turned_.data(), rows, key_width_), tokens, key_width_, scores_.data(), page_tokens);
      add_to_scores(head, q, at, tokens);
      if constexpr (has_second<key_policy>) add_second_scores(head, at, tokens, rows);
      soften(rows, first + at, tokens, first, hidden, seen);
      decode_page_values(head, at, tokens);
      const std::size_t padded = ceil_div(tokens, std::size_t{32}) * 32;
      product(matrix_view<const float>(scores_.data(), rows, padded, page_tokens), width, padded, part_.data(), width);
      rows_.add_scaled(coded_.data(), part_.data(), 1.0f, rows * width);
    }
    kept(head, q, cache_.last_keys(), cache_.last_values(), last, cache_.tokens() - last, cache_.position() + quantized, hidden, seen);
    matrix_view<float> back(part_.data(), rows, size);
    cache_.value().turn_back(matrix_view<const float>(coded_.data(), rows, width), back, head);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < size; ++c) out(r, c) = (back(r, c) * cache_.value_scale(head) + plain_[r * size + c]) / sums_[r];
    }
  }

 private:
  template <class C>
  static std::size_t units_of(std::size_t width) {
    constexpr std::size_t unit = layout::tile16::unit_cols<C::bits>;
    return ceil_div(width, unit) * unit;
  }

  struct no_second {
    static constexpr std::size_t width = 0;
    no_second(const cache_type&, isa) noexcept {}
  };
  template <class Policy>
  struct second_keys {
    using codes_type = attention_codes<Policy>;
    std::size_t width;  // to whole units of the layout
    own_values<Policy> table;
    page_decoders decoders;
    std::vector<float> turned;
    scratch<float> scores;

    second_keys(const cache_type& cache, isa limit)
        : width(units_of<codes_type>(cache.keys().second().width())),
          table(cache.key().second()),
          decoders(choose_page_decoders<codes_type>(limit)),
          scores(block_rows * page_tokens) {}
  };
  template <class Policy>
  struct second_of {
    using type = no_second;
  };
  template <class Policy>
    requires has_second<Policy>
  struct second_of<Policy> {
    using type = second_keys<typename Policy::second_policy>;
  };

  // y [rows of x][count] = x [rows][cols] times the tile as [count][cols].
  void product(matrix_view<const float> x, std::size_t count, std::size_t cols, float* y, std::size_t y_stride) {
    const packed_view<floats, layout::tile16> w{count, cols, reinterpret_cast<const std::uint8_t*>(tile_.data()), {}, {}};
    gemm(x, w, matrix_view<float>(y, x.rows(), count, y_stride), {.limit = options_.limit});
  }

  static bool nobody_sees(std::size_t rows, std::size_t token, std::size_t tokens, const std::size_t* hidden, const std::size_t* seen) {
    for (std::size_t r = 0; r < rows; ++r) {
      if (seen[r] > token && hidden[r] < token + tokens) return false;
    }
    return true;
  }

  void decode_page_keys(std::size_t head, std::size_t at, std::size_t tokens) {
    const std::size_t width = cache_.keys().width();
    keys_.decode_keys(cache_.keys().head(cache_.page_keys(at / page_tokens, head)), key_codes::table(key_table_.data()), width,
                      cache_.keys().groups(), ceil_div(tokens, panel_rows), tile_.data());
    const auto number = [&](std::size_t token, std::size_t c) -> float& {
      return tile_[(token / panel_rows * key_width_ + c) * panel_rows + token % panel_rows];
    };
    for (const kept_outlier& o : cache_.key_outliers(head, at)) {
      if (o.token >= at + tokens) break;
      number(o.token - at, o.channel) += static_cast<float>(o.add);
    }
    if (cache_.key_scale(head) != 1.0f) {
      for (std::size_t i = 0; i < ceil_div(tokens, panel_rows) * panel_rows * key_width_; ++i) tile_[i] *= cache_.key_scale(head);
    }
    if constexpr (cache_type::before_rope) {
      std::vector<float> row(width), back(width);
      for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t c = 0; c < width; ++c) row[c] = number(t, c);
        cache_.key().turn_back({row.data(), 1, width}, {back.data(), 1, width}, head);
        turn(back.data(), cache_.position() + at + t, row.data());
        for (std::size_t c = 0; c < width; ++c) number(t, c) = row[c];
      }
    }
  }
  // A key of the cache's head size, before its rotary position, to that.
  void turn(const float* from, std::size_t position, float* to) const {
    const std::size_t size = cache_.head_size();
    rotate_to_positions(matrix_view<const float>(from, 1, size), size, cache_.key().theta, position, matrix_view<float>(to, 1, size));
  }
  // What the scores of a page have beside the products with the numbers of its codes.
  void add_to_scores([[maybe_unused]] std::size_t head, [[maybe_unused]] matrix_view<const float> q, [[maybe_unused]] std::size_t at,
                     [[maybe_unused]] std::size_t tokens) {
    if constexpr (has_offsets<key_policy> && !cache_type::before_rope) {
      const float* offsets = cache_.key().offsets(head);
      for (std::size_t r = 0; r < q.rows(); ++r) {
        float shift = 0;
        for (std::size_t c = 0; c < q.cols(); ++c) shift += q(r, c) * offsets[c];
        for (std::size_t t = 0; t < tokens; ++t) scores_[r * page_tokens + t] += shift;
      }
    }
  }

  // Of keys that are sums, what the second summand adds.
  void add_second_scores(std::size_t head, std::size_t at, std::size_t tokens, std::size_t rows) {
    const auto& part = cache_.keys().second();
    second_.decoders.decode_keys(part.head(cache_.keys().second_of(cache_.page_keys(at / page_tokens, head))),
                                 decltype(second_)::codes_type::table(second_.table.data()), part.width(), part.groups(),
                                 ceil_div(tokens, panel_rows), tile_.data());
    product(matrix_view<const float>(second_.turned.data(), rows, second_.width), tokens, second_.width, second_.scores.data(),
            page_tokens);
    const float outer = cache_.key_scale(head);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t t = 0; t < tokens; ++t) scores_[r * page_tokens + t] += outer * second_.scores[r * page_tokens + t];
    }
  }

  void decode_page_values(std::size_t head, std::size_t at, std::size_t tokens) {
    const value_side side{
        cache_.values().width(), page_tokens, cache_.values().groups(), value_codes::table(value_table_.data()), nullptr, nullptr};
    values_.decode_values(cache_.values().head(cache_.page_values(at / page_tokens, head)), side, tokens, tile_.data());
    const std::size_t padded = ceil_div(tokens, std::size_t{32}) * 32;
    for (const kept_outlier& o : cache_.value_outliers(head, at)) {
      if (o.token >= at + tokens) break;
      tile_[(o.channel / panel_rows * padded + (o.token - at)) * panel_rows + o.channel % panel_rows] += static_cast<float>(o.add);
    }
  }

  // Tokens that are kept as they came, the first of which is `token`: the same by tiles of floats.
  void kept(std::size_t head, matrix_view<const float> q, std::span<const float> keys, std::span<const float> values, std::size_t token,
            std::size_t count, [[maybe_unused]] std::size_t position, const std::size_t* hidden, const std::size_t* seen) {
    const std::size_t rows = q.rows(), size = cache_.head_size(), first = cache_.first_tokens();
    std::vector<float> query(rows * size), key(size);
    for (std::size_t r = 0; r < rows; ++r) std::copy_n(&q(r, 0), size, query.data() + r * size);
    for (std::size_t at = 0; at < count; at += page_tokens) {
      const std::size_t tokens = (std::min)(page_tokens, count - at), padded = ceil_div(tokens, std::size_t{32}) * 32;
      if (nobody_sees(rows, token + at, tokens, token < first ? none_hidden_.data() : hidden, seen)) continue;
      std::fill_n(tile_.data(), padded * size, 0.0f);
      for (std::size_t t = 0; t < tokens; ++t) {
        const float* from = keys.data() + ((at + t) * cache_.heads() + head) * size;
        if constexpr (cache_type::before_rope) {
          turn(from, position + at + t, key.data());
          from = key.data();
        }
        for (std::size_t c = 0; c < size; ++c) tile_[(t / panel_rows * size + c) * panel_rows + t % panel_rows] = from[c];
      }
      product(matrix_view<const float>(query.data(), rows, size), tokens, size, scores_.data(), page_tokens);
      soften(rows, token + at, tokens, first, hidden, seen);
      const std::size_t panels = ceil_div(size, panel_rows);
      std::fill_n(tile_.data(), panels * padded * panel_rows, 0.0f);
      for (std::size_t t = 0; t < tokens; ++t) {
        const float* from = values.data() + ((at + t) * cache_.heads() + head) * size;
        for (std::size_t c = 0; c < size; ++c) tile_[(c / panel_rows * padded + t) * panel_rows + c % panel_rows] = from[c];
      }
      product(matrix_view<const float>(scores_.data(), rows, padded, page_tokens), size, padded, part_.data(), size);
      rows_.add_scaled(plain_.data(), part_.data(), 1.0f, rows * size);
    }
  }

  // Scores of tokens from `token` on become weights beside the largest score so far; what came before is scaled to it.
  void soften(std::size_t rows, std::size_t token, std::size_t tokens, std::size_t first, const std::size_t* hidden,
              const std::size_t* seen) {
    const std::size_t size = cache_.head_size(), width = cache_.values().width(), padded = ceil_div(tokens, std::size_t{32}) * 32;
    for (std::size_t r = 0; r < rows; ++r) {
      float* const scores = scores_.data() + r * page_tokens;
      const std::size_t end = (std::min)(tokens, seen[r] > token ? seen[r] - token : 0);
      const std::size_t begin = token < first ? 0 : (std::min)(end, hidden[r] > token ? hidden[r] - token : 0);
      std::fill(scores, scores + begin, 0.0f);
      std::fill(scores + end, scores + padded, 0.0f);
      if (begin == end) continue;
      const std::span<float> visible(scores + begin, end - begin);
      const float largest = (std::max)(largest_[r], cpu::largest(visible, options_.limit));
      const float before = largest_[r] == -infinity() ? 0.0f : std::exp((largest_[r] - largest) * scale_);
      sums_[r] = sums_[r] * before + cpu::exponentials_below(largest, visible, scale_, options_.limit);
      largest_[r] = largest;
      if (before != 1.0f) {
        for (std::size_t c = 0; c < size; ++c) plain_[r * size + c] *= before;
        for (std::size_t c = 0; c < width; ++c) coded_[r * width + c] *= before;
      }
    }
  }

  const cache_type& cache_;
  own_values<key_policy> key_table_;
  own_values<value_policy> value_table_;
  attention_options options_;
  float scale_;
  row_products rows_;
  page_decoders keys_;
  page_decoders values_;
  std::size_t key_width_;  // to whole units of the layout
  typename second_of<key_policy>::type second_;
  scratch<float> tile_;
  scratch<float> scores_;
  scratch<float> part_;
  scratch<float> largest_;
  scratch<float> sums_;
  std::vector<float> plain_;  // results over tokens that are kept as they came, and over codes, before they are turned back
  std::vector<float> coded_;
  std::vector<float> turned_;
  std::vector<std::size_t> none_hidden_ = std::vector<std::size_t>(block_rows, 0);
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

// out [tokens, query heads * head size]: row i of n attends to all tokens but the last n - 1 - i, or with a window to so many of them,
// beside those that are kept first. Throws lowp::error where shapes do not fit or the cache has fewer tokens, before anything is written.
template <class Key, class Value, class Storage, executor_type Executor = serial_executor>
void attend_causal(matrix_view<const float> q, const kv_cache<Key, Value, Storage>& cache, matrix_view<float> out,
                   const attention_options& options = {}, const Executor& executor = {}) {
  using attention = detail::block_attention<Key, Value, Storage>;
  const std::size_t width = cache.heads() * cache.head_size();
  if (q.cols() == 0 || q.cols() % width != 0 || out.rows() != q.rows() || out.cols() != q.cols() || !q.contiguous_rows() ||
      !out.contiguous_rows()) {
    LOWP_THROW("queries of ", q.rows(), " x ", q.cols(), " into ", out.rows(), " x ", out.cols(), " for ", cache.heads(), " heads of ",
               cache.head_size());
  }
  if (q.rows() > cache.tokens() || options.window == 0) LOWP_THROW(q.rows(), " queries for the ", cache.tokens(), " tokens of a cache");
  const std::size_t shared = q.cols() / width, size = cache.head_size(), past = cache.tokens() - q.rows();
  if (shared > attention::block_rows) LOWP_THROW(shared, " query heads share a head; at most ", attention::block_rows, " do");
  const std::size_t block = attention::block_rows / shared, blocks = ceil_div(q.rows(), block);
  const std::size_t parts = blocks * cache.heads();
  const std::size_t workers = (std::min)(parts, (std::max<std::size_t>)(1, executor.concurrency()));
  executor(workers, [&](std::size_t worker) {
    attention run(cache, options);
    std::vector<float> rows(attention::block_rows * size), results(rows.size());
    std::vector<std::size_t> seen(attention::block_rows), hidden(seen.size());
    for (std::size_t part = worker; part < parts; part += workers) {
      const std::size_t head = part / blocks, first = part % blocks * block, tokens = (std::min)(block, q.rows() - first);
      const auto at = [&](std::size_t r) { return (head * shared + r % shared) * size; };
      for (std::size_t r = 0; r < tokens * shared; ++r) {
        std::copy_n(&q(first + r / shared, at(r)), size, rows.data() + r * size);
        seen[r] = past + first + r / shared + 1;
        hidden[r] = seen[r] - (std::min)(seen[r], options.window);
      }
      run.run(head, {rows.data(), tokens * shared, size}, hidden.data(), seen.data(), {results.data(), tokens * shared, size});
      for (std::size_t r = 0; r < tokens * shared; ++r) std::copy_n(results.data() + r * size, size, &out(first + r / shared, at(r)));
    }
  });
}

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
