// Attention over a quantized cache, without a copy of it: one query for each head, as when a token is generated.
//
//   lowp::attend(q, cache, out);                 // q and out [query heads, head size], as many query heads as heads or a multiple
//
//   scores = scale * q k^T          products with codes, in 16 bits where codes are small integers; scales and zero points are applied to
//                                   scores, or to the queries where they belong to channels
//   p = e^(scores - largest)        in f32
//   out = (p v) / sum p             a token's scale goes to its p, zero points become one term for each group: sum p * scale * zero
//
// Query heads that share a head are consecutive, and share the reading of it (grouped-query attention).
#pragma once

#include <lowp/core/matrix_view.hpp>
#include <lowp/kernel/cpu/attention.hpp>
#include <lowp/kernel/cpu/executor.hpp>
#include <lowp/kernel/cpu/row_products.hpp>
#include <lowp/kernel/cpu/softmax.hpp>
#include <lowp/kv/kv_cache.hpp>
#include <lowp/kv/rotary.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct attention_options {
  float scale = 0;                       // of the scores; 0: 1 / sqrt(head size)
  std::size_t window = ~std::size_t{0};  // only so many of the latest tokens are seen, beside those that are kept first
  isa limit = newest_isa;                // the best instruction set to use, if the machine has it
};

namespace detail::inline LOWP_BUILD {

// What the codes of a policy are to the kernels.
template <class Policy, bool Turning = false>
using attention_codes = kv_codes<typename Policy::scheme, has_own_values<Policy>, Turning>;

// Calls visit(first, count, n), n = 0, 1, 2 for counts of 1, 2 and 4, until all queries have been in one.
template <class Function, class Visitor>
void for_query_blocks(std::size_t queries, const Function* functions, const Visitor& visit) {
  for (std::size_t m = 0; m < queries;) {
    const std::size_t left = queries - m;
    const std::size_t n = left >= 4 && functions[2] != nullptr ? 2 : left >= 2 && functions[1] != nullptr ? 1 : 0;
    visit(m, std::size_t{1} << n, n);
    m += std::size_t{1} << n;
  }
}

// One head and the query heads that share it: q and out [queries, head size].
template <class Key, class Value, class Storage>
class head_attention {
 public:
  using cache_type = kv_cache<Key, Value, Storage>;
  using key_policy = typename cache_type::key_policy;
  using value_policy = typename cache_type::value_policy;
  using key_codes = attention_codes<key_policy, cache_type::before_rope>;
  using value_codes = attention_codes<value_policy>;
  static constexpr std::size_t page_tokens = cache_type::page_tokens;

  head_attention(const cache_type& cache, std::size_t queries, const attention_options& options)
      : cache_(cache),
        key_table_(cache.key()),
        value_table_(cache.value()),
        queries_(queries),
        scale_(options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<float>(cache.head_size()))),
        limit_(options.limit),
        rows_(options.limit),
        split_(options.limit),
        score_(choose_attention_kernels<key_codes>(options.limit)),
        add_(choose_attention_kernels<value_codes>(options.limit)),
        workspace_(4, (std::max)(cache.keys().rows_anew(), cache.values().rows_anew()),
                   (std::max)(page_tokens, ceil_div(cache.keys().width(), std::size_t{32}) * 32)),
        first_(cache.first_tokens()),
        quantized_(cache.quantized_tokens()),
        last_(cache.tokens() - first_ - quantized_),
        hidden_(options.window < quantized_ + last_ ? quantized_ + last_ - options.window : 0),
        begin_((std::min)(hidden_, quantized_) / page_tokens * page_tokens),
        stride_(first_ + ceil_div(quantized_ - begin_, page_tokens) * page_tokens + last_ + 32),
        scores_(queries * stride_),
        sums_(queries),
        largest_(queries),
        turns_(turns_of_positions()) {}

  // Next: the head that comes after this one, or this one.
  void run(std::size_t head, std::size_t next, matrix_view<const float> q, matrix_view<float> out) {
    score(head, q);
    for (std::size_t m = 0; m < queries_; ++m) weigh(m);
    add(head, next, out);
  }

 private:
  // A row of scores: those of the first tokens, of pages from begin_ on, of the latest.
  float* row(std::size_t m) { return scores_.data() + m * stride_; }
  std::size_t paged() const { return quantized_ - begin_; }

  void score(std::size_t head, matrix_view<const float> q) {
    for (std::size_t m = 0; m < queries_; ++m) {
      score_kept(cache_.first_keys(), head, &q(m, 0), first_, row(m), 0);
      score_kept(cache_.last_keys(), head, &q(m, 0), last_, row(m) + first_ + paged(), first_);
    }
    if (paged() == 0) return;
    // The latest tokens' scores wait while whole panels are written over them.
    std::vector<float> waiting(queries_ * last_);
    for (std::size_t m = 0; m < queries_; ++m) std::copy_n(row(m) + first_ + paged(), last_, waiting.data() + m * last_);
    if constexpr (cache_type::before_rope) score_turning_pages(head, q);
    else score_pages(head, q);
    if constexpr (has_second<key_policy>) add_second_scores(head, q);
    for (std::size_t m = 0; m < queries_; ++m) std::copy_n(waiting.data() + m * last_, last_, row(m) + first_ + paged());
  }

  // Where queries meet keys before their rotary positions: those of the first tokens, of the latest, and of pages from begin_ on.
  std::vector<float> turns_of_positions() const {
    std::vector<std::size_t> positions;
    if constexpr (cache_type::before_rope) {
      for (std::size_t t = 0; t < first_; ++t) positions.push_back(t);
      for (std::size_t t = 0; t < last_; ++t) positions.push_back(cache_.position() + quantized_ + t);
      for (std::size_t at = begin_; at < quantized_; at += page_tokens) positions.push_back(cache_.position() + at);
      return position_turns(cache_.head_size(), cache_.key().theta, positions);
    }
    return {};
  }
  const float* turn(std::size_t i) const { return turns_.data() + i * cache_.head_size(); }

  // first_turn: that of the first of the tokens.
  void score_kept(std::span<const float> keys, std::size_t head, const float* q, std::size_t tokens, float* to,
                  [[maybe_unused]] std::size_t first_turn) {
    const std::size_t size = cache_.head_size();
    for (std::size_t t = 0; t < tokens; ++t) {
      const float* query = q;
      if constexpr (cache_type::before_rope) {
        turned_query_.resize(size);
        turn_back_by(turn(first_turn + t), q, size, turned_query_.data());
        query = turned_query_.data();
      }
      to[t] = rows_.dot(query, keys.data() + (t * cache_.heads() + head) * size, size);
    }
  }

  // Calls visit(first token of the page, its tokens, its keys) for each page that is seen.
  template <class Visitor>
  void for_pages(std::size_t head, const Visitor& visit) {
    for (std::size_t at = begin_; at < quantized_; at += page_tokens) {
      kv_head keys = cache_.keys().head(cache_.page_keys(at / page_tokens, head));
      keys.next = at + page_tokens < quantized_ ? cache_.page_keys(at / page_tokens + 1, head)
                                                : cache_.page_values(begin_ / page_tokens, head);
      visit(at, (std::min)(page_tokens, quantized_ - at), keys);
    }
  }
  float* scores_of(std::size_t m, std::size_t token) { return row(m) + first_ + (token - begin_); }

  void score_pages(std::size_t head, matrix_view<const float> q) {
    const std::size_t width = cache_.keys().width();
    scratch<float> turned(queries_ * width);
    cache_.key().turn_query(q, matrix_view<float>(turned.data(), queries_, width), head);
    if (const float outer = cache_.key_scale(head); outer != 1.0f) {
      for (std::size_t i = 0; i < queries_ * width; ++i) turned[i] *= outer;
    }
    prepared_rows rows = prepare_queries<key_codes>(turned.data(), width, queries_, width, score_, split_);
    rows.table = key_codes::table(key_table_.data());
    rows.workspace = &workspace_;
    for_pages(head, [&](std::size_t at, std::size_t tokens, const kv_head& keys) {
      for_query_blocks(queries_, score_.score, [&](std::size_t m, std::size_t, std::size_t n) {
        score_.score[n](keys, rows, m, ceil_div(tokens, panel_rows), scores_of(m, at), stride_);
      });
    });
    for (std::size_t m = 0; m < queries_; ++m) {
      if constexpr (has_offsets<key_policy>) {
        const float shift = rows_.dot(&q(m, 0), cache_.key().offsets(head), cache_.head_size());
        for (std::size_t t = begin_; t < quantized_; ++t) *scores_of(m, t) += shift;
      }
      for (const kept_outlier& o : cache_.key_outliers(head, begin_)) {
        *scores_of(m, o.token) += static_cast<float>(o.add) * turned[m * width + o.channel];
      }
    }
  }

  // Of keys that are sums, what the second summand adds.
  void add_second_scores(std::size_t head, matrix_view<const float> q) {
    using policy = typename key_policy::second_policy;
    using codes = attention_codes<policy>;
    const auto& part = cache_.keys().second();
    const own_values<policy> table(cache_.key().second());
    const attention_kernels kernels = choose_attention_kernels<codes>(limit_);
    attention_workspace workspace(4, part.rows_anew(), ceil_div(part.width(), std::size_t{32}) * 32);
    scratch<float> turned(queries_ * part.width()), scores(queries_ * page_tokens);
    cache_.key().second().turn_query(q, matrix_view<float>(turned.data(), queries_, part.width()), head);
    for (std::size_t i = 0; i < queries_ * part.width(); ++i) turned[i] *= cache_.key_scale(head);
    prepared_rows rows = prepare_queries<codes>(turned.data(), part.width(), queries_, part.width(), kernels, split_);
    rows.table = codes::table(table.data());
    rows.workspace = &workspace;
    for_pages(head, [&](std::size_t at, std::size_t tokens, const kv_head&) {
      const kv_head keys = part.head(cache_.keys().second_of(cache_.page_keys(at / page_tokens, head)));
      for_query_blocks(queries_, kernels.score, [&](std::size_t m, std::size_t, std::size_t n) {
        kernels.score[n](keys, rows, m, ceil_div(tokens, panel_rows), scores.data() + m * page_tokens, page_tokens);
      });
      for (std::size_t m = 0; m < queries_; ++m) {
        for (std::size_t t = 0; t < tokens; ++t) scores_of(m, at)[t] += scores[m * page_tokens + t];
      }
    });
  }

  // Keys before their rotary positions: each page meets the queries turned back to its first position.
  void score_turning_pages(std::size_t head, matrix_view<const float> q) {
    const std::size_t size = cache_.head_size(), half = size / 2;
    prepared_rows rows;
    rows.width = size;
    rows.padded = ceil_div(size, std::size_t{32}) * 32;
    rows.floats.resize(4 * queries_ * rows.padded);
    rows.table = key_codes::table(key_table_.data());
    rows.turns = cache_.rotation();
    std::vector<float> u(size), v(size);
    for_pages(head, [&](std::size_t at, std::size_t tokens, const kv_head& keys) {
      for (std::size_t m = 0; m < queries_; ++m) {
        float* const to = rows.floats.data() + 4 * m * rows.padded;
        turn_back_by(turn(first_ + last_ + (at - begin_) / page_tokens), &q(m, 0), size, u.data());
        for (std::size_t f = 0; f < half; ++f) {
          v[f] = u[f + half];
          v[f + half] = -u[f];
        }
        cache_.key().turn_query({u.data(), 1, size}, {to, 1, size}, head);
        cache_.key().turn_query({v.data(), 1, size}, {to + rows.padded, 1, size}, head);
        if constexpr (has_offsets<key_policy>) {
          const float* offsets = cache_.key().offsets(head);
          for (std::size_t f = 0; f < half; ++f) {
            to[2 * rows.padded + f] = offsets[f] * u[f] + offsets[f + half] * u[f + half];
            to[3 * rows.padded + f] = offsets[f] * v[f] + offsets[f + half] * v[f + half];
          }
        }
        score_.score[0](keys, rows, m, ceil_div(tokens, panel_rows), scores_of(m, at), stride_);
        for (const kept_outlier& o : cache_.key_outliers(head, at)) {
          if (o.token >= at + tokens) break;
          const std::size_t t = o.token - at;
          const float* by = rows.turns + (t / panel_rows * size + o.channel % half * 2) * panel_rows + t % panel_rows;
          *scores_of(m, o.token) += static_cast<float>(o.add) * (by[0] * to[o.channel] + by[panel_rows] * to[rows.padded + o.channel]);
        }
      }
    });
  }

  // The largest score of a row, and the weights of the tokens that are kept as they came. Hidden tokens have weights of zero.
  void weigh(std::size_t m) {
    const std::size_t in_pages = (std::min)(hidden_ - begin_, paged()), in_last = hidden_ - begin_ - in_pages;
    float* const pages = row(m) + first_;
    const std::span<float> first(row(m), first_), last(pages + paged() + in_last, last_ - in_last);
    largest_[m] = (std::max)({cpu::largest(first, limit_), cpu::largest({pages + in_pages, paged() - in_pages}, limit_),
                              cpu::largest(last, limit_)});
    std::fill_n(pages + paged(), in_last, 0.0f);
    sums_[m] = weights(m, first) + weights(m, last);
  }
  // Scores become weights; their sum.
  float weights(std::size_t m, std::span<float> scores) { return cpu::exponentials_below(largest_[m], scores, scale_, limit_); }
  // Weights of the tokens of a page: zeros where they are hidden.
  void weigh_page(std::size_t m, std::size_t at, std::size_t tokens) {
    const std::size_t hidden = (std::min)(hidden_ - (std::min)(hidden_, at), tokens);
    std::fill_n(scores_of(m, at), hidden, 0.0f);
    sums_[m] += weights(m, {scores_of(m, at) + hidden, tokens - hidden});
  }

  void add(std::size_t head, std::size_t next, matrix_view<float> out) {
    const std::size_t size = cache_.head_size(), width = cache_.values().width();
    const std::size_t padded = ceil_div(width, std::size_t{64}) * 64;
    scratch<float> sums(queries_ * padded), turned(queries_ * size), kept(queries_ * size);
    for (std::size_t m = 0; m < queries_; ++m) {
      add_kept(cache_.first_values(), head, row(m), first_, kept.data() + m * size);
      add_kept(cache_.last_values(), head, row(m) + first_ + paged(), last_, kept.data() + m * size);
      // Nothing but zeros up to the end of the last page's tokens.
      std::fill(row(m) + first_ + paged(), row(m) + stride_, 0.0f);
    }
    if (paged() != 0) {
      value_side side{width,   page_tokens, cache_.values().groups(), value_codes::table(value_table_.data()),
                      &split_, &workspace_};
      for (std::size_t at = begin_; at < quantized_; at += page_tokens) {
        kv_head values = cache_.values().head(cache_.page_values(at / page_tokens, head));
        values.next = at + page_tokens < quantized_ ? cache_.page_values(at / page_tokens + 1, head)
                                                    : cache_.page_keys(begin_ / page_tokens, next);
        const std::size_t tokens = (std::min)(page_tokens, quantized_ - at);
        values.ask_for_parameters();  // while exponentials take their time
        for (std::size_t m = 0; m < queries_; ++m) weigh_page(m, at, tokens);
        for_query_blocks(queries_, add_.add, [&](std::size_t m, std::size_t, std::size_t n) {
          add_.add[n](values, side, scores_of(m, at), stride_, tokens, sums.data() + m * padded, padded);
        });
      }
      for (std::size_t m = 0; m < queries_; ++m) {
        for (const kept_outlier& o : cache_.value_outliers(head, begin_)) {
          sums[m * padded + o.channel] += *scores_of(m, o.token) * static_cast<float>(o.add);
        }
      }
      cache_.value().turn_back(matrix_view<const float>(sums.data(), queries_, width, padded),
                               matrix_view<float>(turned.data(), queries_, size), head);
    }
    const float outer = cache_.value_scale(head);
    for (std::size_t m = 0; m < queries_; ++m) {
      for (std::size_t c = 0; c < size; ++c) out(m, c) = (turned[m * size + c] * outer + kept[m * size + c]) / sums_[m];
    }
  }

  void add_kept(std::span<const float> values, std::size_t head, const float* weights, std::size_t tokens, float* to) {
    const std::size_t size = cache_.head_size();
    for (std::size_t t = 0; t < tokens; ++t) rows_.add_scaled(to, values.data() + (t * cache_.heads() + head) * size, weights[t], size);
  }

  const cache_type& cache_;
  own_values<key_policy> key_table_;
  own_values<value_policy> value_table_;
  std::size_t queries_;
  float scale_;
  isa limit_;
  row_products rows_;
  row_splitter split_;
  attention_kernels score_;
  attention_kernels add_;
  attention_workspace workspace_;
  std::size_t first_;
  std::size_t quantized_;
  std::size_t last_;
  std::size_t hidden_;  // tokens after the first that are outside the window
  std::size_t begin_;   // where the first page begins that is seen
  std::size_t stride_;
  scratch<float> scores_;
  scratch<float> sums_;     // of the weights
  scratch<float> largest_;  // of the scores
  std::vector<float> turns_;
  std::vector<float> turned_query_;
};

}  // namespace detail::inline LOWP_BUILD

inline namespace LOWP_BUILD {

// out [query heads, head size] = softmax(scale * q k^T) v over the tokens of the cache. Throws lowp::error where shapes do not fit or the
// cache is empty, before anything is written. Results do not depend on the executor.
template <class Key, class Value, class Storage, executor_type Executor = serial_executor>
void attend(matrix_view<const float> q, const kv_cache<Key, Value, Storage>& cache, matrix_view<float> out,
            const attention_options& options = {}, const Executor& executor = {}) {
  if (q.cols() != cache.head_size() || q.rows() % cache.heads() != 0 || q.rows() == 0 || out.rows() != q.rows() || out.cols() != q.cols() ||
      !q.contiguous_rows() || !out.contiguous_rows()) {
    LOWP_THROW("queries of ", q.rows(), " x ", q.cols(), " into ", out.rows(), " x ", out.cols(), " for ", cache.heads(), " heads of ",
               cache.head_size());
  }
  if (cache.tokens() == 0 || options.window == 0) LOWP_THROW("no tokens to attend to");
  const std::size_t shared = q.rows() / cache.heads();
  const std::size_t workers = (std::min)(cache.heads(), (std::max<std::size_t>)(1, executor.concurrency()));
  executor(workers, [&](std::size_t worker) {
    detail::head_attention<Key, Value, Storage> attention(cache, shared, options);
    for (std::size_t head = worker; head < cache.heads(); head += workers) {
      const std::size_t next = head + workers < cache.heads() ? head + workers : head;
      attention.run(head, next, q.block(head * shared, 0, shared, q.cols()), out.block(head * shared, 0, shared, out.cols()));
    }
  });
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
