// A paged KV cache in host memory, written code by code, and the CUDA attention over it on the host, beside a naive one in double.
#pragma once

#include <lowp/kernel/cuda/kv_append_body.hpp>
#include <lowp/kernel/cuda/kv_attention_body.hpp>
#include <lowp/quantize/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace lowp_test {

// The keys or values of one head, quantized by the library on the host.
template <lowp::scheme_type S>
struct head_rows {
  std::vector<float> numbers;  // [tokens][head size], those of the model's type
  lowp::quantized<S> codes;
  float outer = 1.0f;  // the scale above the others

  head_rows(std::vector<float> n, std::size_t tokens, std::size_t head_size) : numbers(std::move(n)) {
    codes = lowp::quantize<S>(lowp::matrix_view<const float>{numbers.data(), tokens, head_size});
    if constexpr (lowp::scheme_type<typename S::scale>) outer = codes.scales().scales().value(0, 0);
    else if constexpr (std::is_same_v<typename S::granularity, lowp::per_tensor> && S::scale::bits != 0) outer = codes.scales().value(0, 0);
  }
};

inline void set_bits(std::uint8_t* bytes, std::size_t bit, int count, std::uint32_t code) {
  for (int i = 0; i < count; ++i) {
    const std::size_t at = bit + static_cast<std::size_t>(i);
    bytes[at / 8] = static_cast<std::uint8_t>((bytes[at / 8] & ~(1u << at % 8)) | (code >> i & 1u) << at % 8);
  }
}

template <class Grid>
void set_parameter(std::uint8_t* part, std::size_t at, const Grid& grid, std::size_t row, std::size_t col) {
  if (grid.codes().rows() == 0) return;
  const auto code = grid.codes()(row, col);
  std::memcpy(part + at * sizeof(code), &code, sizeof(code));
}

// Sequences of some lengths in pages that lie in an order of their own; unused bytes are 0xff.
template <class Page, class T>
class host_cache {
 public:
  using key_scheme = typename Page::key::scheme;
  using value_scheme = typename Page::value::scheme;
  static constexpr std::size_t head_size = static_cast<std::size_t>(Page::head_size);
  static constexpr std::size_t page_tokens = static_cast<std::size_t>(Page::tokens);

  host_cache(std::vector<std::uint32_t> lengths, std::uint32_t heads, unsigned seed = 1, bool contiguous = false, float deviation = 1.0f)
      : lengths_(std::move(lengths)), heads_(heads) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, deviation);
    std::uint32_t longest = 1;
    for (const std::uint32_t n : lengths_) longest = std::max(longest, n);
    table_stride_ = (longest + page_tokens - 1) / page_tokens;
    const std::size_t pages = lengths_.size() * table_stride_ + 3;
    table_.resize(pages);
    std::iota(table_.begin(), table_.end(), 0u);
    if (!contiguous) std::shuffle(table_.begin(), table_.end(), std::mt19937(5));
    bytes_.assign(pages * Page::page_bytes(heads) + 16, 0xff);
    rings_.assign(lengths_.size() * heads * ring_head_bytes() + 16, 0xff);
    key_scales_.assign(heads, 1.0f);
    value_scales_.assign(heads, 1.0f);
    const auto draw = [&](std::size_t tokens) {
      std::vector<float> n(tokens * head_size);
      for (float& x : n) x = T(normal(random));
      return n;
    };
    // Scales above others are those of a head, so all sequences are quantized as one matrix.
    std::size_t all = 0;
    for (const std::uint32_t n : lengths_) all += n;
    for (std::uint32_t h = 0; h < heads; ++h) {
      auto keys = draw(all);
      auto values = draw(all);
      std::size_t first = 0;
      if constexpr (Page::key::has_outer_scale || Page::value::has_outer_scale) {
        const head_rows<key_scheme> k(keys, all, head_size);
        const head_rows<value_scheme> v(values, all, head_size);
        key_scales_[h] = k.outer;
        value_scales_[h] = v.outer;
        for (std::uint32_t s = 0; s < lengths_.size(); ++s) {
          for (std::size_t t = 0; t < lengths_[s]; ++t) write_token(s, h, t, first + t, k, v);
          first += lengths_[s];
        }
        keys_.push_back(k);
        values_.push_back(v);
      } else {
        for (std::uint32_t s = 0; s < lengths_.size(); ++s) {
          const auto part = [&](const std::vector<float>& n) {
            const auto at = n.begin() + static_cast<std::ptrdiff_t>(first * head_size);
            return std::vector<float>(at, at + static_cast<std::ptrdiff_t>(lengths_[s] * head_size));
          };
          const head_rows<key_scheme> k(part(keys), lengths_[s], head_size);
          const head_rows<value_scheme> v(part(values), lengths_[s], head_size);
          for (std::size_t t = 0; t < lengths_[s]; ++t) write_token(s, h, t, t, k, v);
          keys_.push_back(k);
          values_.push_back(v);
          first += lengths_[s];
        }
      }
    }
  }

  lowp::device_kv_cache<Page> view() const {
    return {.pages = aligned(bytes_),
            .table = table_.data(),
            .table_stride = table_stride_,
            .heads = heads_,
            .key_scales = key_scales_.data(),
            .value_scales = value_scales_.data(),
            .rings = aligned(rings_)};
  }
  // The same table and scales without the tokens, and the bytes of all pages and rings.
  void clear() {
    std::fill(bytes_.begin(), bytes_.end(), std::uint8_t{0xff});
    std::fill(rings_.begin(), rings_.end(), std::uint8_t{0xff});
  }
  std::vector<std::uint8_t> page_bytes() const { return {aligned(bytes_), aligned(bytes_) + bytes_.size() - 16}; }
  const std::vector<std::uint32_t>& lengths() const { return lengths_; }
  std::uint32_t heads() const { return heads_; }
  std::vector<std::uint32_t>& table() { return table_; }
  std::uint8_t* page(std::uint32_t sequence, std::size_t token, std::uint32_t head) const { return view().page_of(sequence, token, head); }

  // A number as the model gave it.
  template <class Rows>
  float original(const std::vector<Rows>& all, std::uint32_t s, std::uint32_t h, std::size_t t, std::size_t c) const {
    const auto [index, row] = row_of(s, h, t);
    return all[index].numbers[row * head_size + c];
  }
  double key(std::uint32_t s, std::uint32_t h, std::size_t t, std::size_t c) const { return number(keys_, s, h, t, c); }
  double value(std::uint32_t s, std::uint32_t h, std::size_t t, std::size_t c) const { return number(values_, s, h, t, c); }
  const std::vector<head_rows<key_scheme>>& keys() const { return keys_; }
  const std::vector<head_rows<value_scheme>>& values() const { return values_; }

 private:
  static constexpr std::size_t ring_head_bytes() {
    if constexpr (Page::has_residual) return static_cast<std::size_t>(lowp::kv_ring<Page, T>::head_bytes);
    else return 0;
  }
  static std::uint8_t* aligned(const std::vector<std::uint8_t>& v) {
    const auto address = reinterpret_cast<std::uintptr_t>(v.data());
    return reinterpret_cast<std::uint8_t*>((address + 15) / 16 * 16);
  }

  template <class Rows>
  static void write_row(std::uint8_t* head, int codes_at, int scales_at, int zeros_at, std::size_t in_page, std::size_t row,
                        const head_rows<typename Rows::scheme>& from) {
    constexpr auto bits = static_cast<std::size_t>(Rows::bits);
    for (std::size_t c = 0; c < head_size; ++c) {
      set_bits(head + codes_at, (in_page * head_size + c) * bits, Rows::bits, from.codes.codes()(row, c));
      const lowp::grid_position g = Rows::scheme::granularity::group_of(row, c, from.codes.rows(), head_size);
      // One a token, several a token, or one a channel and 32 tokens.
      const std::size_t groups = from.codes.grid().cols;
      const std::size_t at = Rows::granularity == lowp::kv_granularity::channel ? in_page / 32 * head_size + c : in_page * groups + g.col;
      if constexpr (Rows::granularity != lowp::kv_granularity::head) {
        set_parameter(head + scales_at, at, from.codes.scales(), g.row, g.col);
        if constexpr (Rows::scheme::has_zero) set_parameter(head + zeros_at, at, from.codes.zeros(), g.row, g.col);
      }
    }
  }

  void write_token(std::uint32_t s, std::uint32_t h, std::size_t t, std::size_t row, const head_rows<key_scheme>& k,
                   const head_rows<value_scheme>& v) {
    if constexpr (Page::has_residual) {
      if (t >= Page::quantized_tokens(lengths_[s])) {
        using ring = lowp::kv_ring<Page, T>;
        std::uint8_t* const to = aligned(rings_) + (s * heads_ + h) * ring_head_bytes();
        const std::size_t slot = t % static_cast<std::size_t>(Page::ring_tokens);
        for (std::size_t c = 0; c < head_size; ++c) {
          const T key(k.numbers[row * head_size + c]);
          const T value(v.numbers[row * head_size + c]);
          std::memcpy(to + ring::keys_at + (slot * head_size + c) * 2, &key, 2);
          std::memcpy(to + ring::values_at + (slot * head_size + c) * 2, &value, 2);
        }
        return;
      }
    }
    std::uint8_t* const head = page(s, t, h);
    const std::size_t in_page = t % page_tokens;
    write_row<typename Page::key>(head, Page::keys_at, Page::key_scales_at, Page::key_zeros_at, in_page, row, k);
    write_row<typename Page::value>(head, Page::values_at, Page::value_scales_at, Page::value_zeros_at, in_page, row, v);
  }

  // Which matrix the token is in, and its row there.
  std::pair<std::size_t, std::size_t> row_of(std::uint32_t s, std::uint32_t h, std::size_t t) const {
    if constexpr (Page::key::has_outer_scale || Page::value::has_outer_scale) {
      for (std::uint32_t i = 0; i < s; ++i) t += lengths_[i];
      return {h, t};
    } else {
      return {std::size_t{h} * lengths_.size() + s, t};
    }
  }

  template <class Rows>
  double number(const std::vector<Rows>& all, std::uint32_t s, std::uint32_t h, std::size_t t, std::size_t c) const {
    if (t >= Page::quantized_tokens(lengths_[s])) return original(all, s, h, t, c);
    const auto [index, row] = row_of(s, h, t);
    const auto group = all[index].codes.group_of(row, c);
    const double code = decltype(all[index].codes)::format::decode(all[index].codes.codes()(row, c));
    return static_cast<double>(group.scale) * (code - static_cast<double>(group.zero));
  }

  std::vector<std::uint32_t> lengths_;
  std::uint32_t heads_;
  std::size_t table_stride_ = 0;
  std::vector<std::uint32_t> table_;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint8_t> rings_;
  std::vector<float> key_scales_;
  std::vector<float> value_scales_;
  std::vector<head_rows<key_scheme>> keys_;
  std::vector<head_rows<value_scheme>> values_;
};

template <class T>
std::vector<T> random_queries(std::size_t count, unsigned seed = 9) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 1.0f);
  std::vector<T> q(count);
  for (T& x : q) x = T(normal(random));
  return q;
}

// All blocks of a launch, in an order that `seed` decides, with shared memory that starts as NaN.
template <class Y = float, class Page, class T>
std::vector<Y> attention_on_host(const lowp::device_kv_cache<Page>& cache, const std::vector<std::uint32_t>& lengths,
                                 const std::vector<T>& queries, lowp::kv_attention_options options, unsigned seed = 1) {
  using body = lowp::kv_attention_body<Page, T, Y>;
  const std::size_t cols = queries.size() / lengths.size();
  std::vector<Y> out(queries.size(), Y(-77.0f));
  auto a = lowp::kv_attention_arguments_of(cache, lowp::matrix_view<const T>{queries.data(), lengths.size(), cols}, lengths.data(),
                                           lowp::matrix_view<Y>{out.data(), lengths.size(), cols}, options);
  const auto size = lowp::kv_attention_workspace_for(a);
  std::vector<float> parts(size.parts / sizeof(float), lowp::quiet_nan());
  std::vector<std::uint32_t> arrivals(size.arrivals / sizeof(std::uint32_t), 0);
  a.workspace = {parts.data(), arrivals.data()};
  const std::uint32_t groups = cache.heads * a.head_tiles();
  std::vector<std::uint32_t> order(a.splits * groups * a.sequences);
  std::iota(order.begin(), order.end(), 0u);
  if (seed != 1) std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  const lowp::host_block<body::threads> block;
  for (const std::uint32_t b : order) {
    std::vector<lowp::vector_of_words> shared(body::shared_bytes / sizeof(lowp::vector_of_words), {{~0u, ~0u, ~0u, ~0u}});
    body::run(block, a, shared.data(), b % a.splits, b / a.splits % groups, b / a.splits / groups);
  }
  for (const std::uint32_t count : arrivals) {
    if (count != 0) LOWP_THROW("a counter of arrivals was left at ", count);
  }
  return out;
}

// The keys and values of a cache in the order of a batch: of tokens from[s] .. to[s] - 1 of each sequence.
template <class Page, class T>
struct host_batch {
  std::vector<T> keys;
  std::vector<T> values;
  std::vector<std::uint32_t> first{0};
  std::vector<std::uint32_t> lengths;

  host_batch(const host_cache<Page, T>& cache, const std::vector<std::uint32_t>& from, const std::vector<std::uint32_t>& to) : lengths(to) {
    for (std::uint32_t s = 0; s < to.size(); ++s) {
      for (std::uint32_t t = from[s]; t < to[s]; ++t) {
        for (std::uint32_t h = 0; h < cache.heads(); ++h) {
          for (std::size_t c = 0; c < cache.head_size; ++c) {
            keys.push_back(T(cache.original(cache.keys(), s, h, t, c)));
            values.push_back(T(cache.original(cache.values(), s, h, t, c)));
          }
        }
      }
      first.push_back(first.back() + to[s] - from[s]);
    }
  }
};

template <class Page, class T>
void append_on_host(const lowp::device_kv_cache<Page>& cache, const host_batch<Page, T>& batch, lowp::kv_rotation rotation = {}) {
  using body = lowp::kv_append_body<Page, T>;
  const std::size_t cols = std::size_t{cache.heads} * static_cast<std::size_t>(Page::head_size);
  std::vector<lowp::vector_of_words> room(batch.keys.size() / 4 + 2);
  auto* const keys = reinterpret_cast<T*>(room.data());
  auto* const values = keys + batch.keys.size();
  std::copy(batch.keys.begin(), batch.keys.end(), keys);
  std::copy(batch.values.begin(), batch.values.end(), values);
  const std::size_t rows = batch.first.back();
  const auto a =
      lowp::kv_append_arguments_of(cache, lowp::matrix_view<const T>{keys, rows, cols}, lowp::matrix_view<const T>{values, rows, cols},
                                   batch.first.data(), batch.lengths.data(), batch.lengths.size(), rotation);
  const lowp::host_block<body::threads> block;
  const std::uint32_t chunks = Page::has_residual ? 1 : (a.new_tokens + body::block_tokens - 1) / body::block_tokens;
  for (std::uint32_t s = 0; s < a.sequences; ++s) {
    for (std::uint32_t h = 0; h < cache.heads; ++h) {
      for (std::uint32_t c = 0; c < chunks; ++c) body::run(block, a, c, h, s);
    }
  }
}

// The largest distance from attention in double over the dequantized cache, as a share of the largest value that takes part.
template <class Cache, class T, class Y>
double attention_error(const Cache& cache, const std::vector<T>& queries, const std::vector<Y>& out, float softmax_scale,
                       std::uint32_t window = 0) {
  const std::size_t sequences = cache.lengths().size();
  constexpr std::size_t head_size = Cache::head_size;
  const std::size_t query_heads = queries.size() / sequences / head_size;
  double worst = 0;
  for (std::uint32_t s = 0; s < sequences; ++s) {
    const std::size_t length = cache.lengths()[s];
    const std::size_t first = window != 0 && length > window ? length - window : 0;
    for (std::size_t q = 0; q < query_heads; ++q) {
      const auto h = static_cast<std::uint32_t>(q / (query_heads / cache.heads()));
      const T* const query = &queries[(s * query_heads + q) * head_size];
      std::vector<double> weight(length);
      double highest = -1e300;
      for (std::size_t t = first; t < length; ++t) {
        double score = 0;
        for (std::size_t c = 0; c < head_size; ++c) score += static_cast<double>(query[c]) * cache.key(s, h, t, c);
        weight[t] = score * static_cast<double>(softmax_scale);
        highest = std::max(highest, weight[t]);
      }
      double sum = 0;
      for (std::size_t t = first; t < length; ++t) sum += weight[t] = std::exp(weight[t] - highest);
      double largest = 1e-30;
      for (std::size_t t = first; t < length; ++t) {
        for (std::size_t c = 0; c < head_size; ++c) largest = std::max(largest, std::abs(cache.value(s, h, t, c)));
      }
      for (std::size_t c = 0; c < head_size; ++c) {
        double expected = 0;
        for (std::size_t t = first; t < length; ++t) expected += weight[t] / sum * cache.value(s, h, t, c);
        const double error = std::abs(static_cast<double>(out[(s * query_heads + q) * head_size + c]) - expected) / largest;
        if (std::isnan(error)) return error;
        worst = std::max(worst, error);
      }
    }
  }
  return worst;
}

}  // namespace lowp_test
