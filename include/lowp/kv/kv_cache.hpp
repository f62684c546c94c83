// The keys and values of a layer's attention, quantized as they come, in the order that the CPU's kernels read.
//
//   lowp::kv_cache<lowp::int8_channel> cache(8, 128);                  // 8 heads of 128; a scale for each token of a head
//   lowp::kv_cache<lowp::nvfp4, lowp::mxfp8_e4m3> mixed(8, 128, {.key_scales = ks});       // an f32 a head above the keys' scales
//   lowp::kv_cache<kivi_keys, kivi_values, lowp::paged<64>> paged(8, 128, {.keep_last = 128});
//   cache.append({keys, tokens, 8 * 128}, {values, tokens, 8 * 128});
//   lowp::attend(q, cache, out);                                       // attention.hpp
//
// Key and Value are schemes of the matrix [tokens, head size] of a head, or recipes around such (kv_policy.hpp). A token is quantized once,
// with its group, so appending one at a time or all at once is the same. The first and the latest tokens may be kept as they came
// (keep_first, keep_last); where 32 tokens share the scales of channels, up to 31 more wait for their group.
#pragma once

#include <lowp/kv/kept_tokens.hpp>
#include <lowp/kv/kv_outliers.hpp>
#include <lowp/kv/kv_part.hpp>
#include <lowp/kv/kv_policy.hpp>
#include <lowp/kv/kv_storage.hpp>
#include <lowp/kv/kv_sum_part.hpp>
#include <lowp/kv/rotary.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {
struct snapshot_access;
}

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

template <class Key, class Value = Key, class Storage = paged<>>
class kv_cache {
 public:
  using key_policy = kv_policy<Key>;
  using value_policy = kv_policy<Value>;
  using key_part = typename detail::key_part_of<key_policy>::type;
  using value_part = detail::kv_part<typename value_policy::scheme, true>;
  static constexpr std::size_t page_tokens = Storage::page_tokens;
  static constexpr bool before_rope = detail::comes_before_rope<key_policy>();  // keys are given before their rotary positions
  static constexpr std::size_t group_tokens = key_part::by_channel ? detail::kv_group_tokens : 1;  // that are quantized together

  struct options_type {
    key_policy key = {};
    value_policy value = {};
    std::vector<float> key_scales = {};    // outside the pages, one a head; none: all are 1
    std::vector<float> value_scales = {};
    std::size_t keep_first = 0;  // tokens that stay as they came
    std::size_t keep_last = 0;
    float rotary_theta = 0;  // keys are turned to their rotary positions as they are appended; 0: they come so
    Storage storage = {};
  };

  // Throws lowp::error for sizes of zero, heads that groups do not divide, and scales that do not fit.
  kv_cache(std::size_t heads, std::size_t head_size, options_type options = {})
      : heads_(require_size(heads, head_size)),
        head_size_(head_size),
        options_(std::move(options)),
        key_part_(detail::key_part_of<key_policy>::make(options_.key, head_size, page_tokens)),
        value_part_(options_.value.width(head_size), page_tokens),
        key_scales_(outer_scales<key_part>(options_.key_scales, "keys")),
        value_scales_(outer_scales<value_part>(options_.value_scales, "values")),
        first_(heads, head_size),
        last_(heads, head_size) {
    if constexpr (detail::has_outliers<key_policy>) key_outliers_.resize(heads);
    if constexpr (detail::has_outliers<value_policy>) value_outliers_.resize(heads);
    if (options_.rotary_theta != 0 && (before_rope || head_size % 2 != 0)) LOWP_THROW("these keys cannot be turned as they are appended");
    if constexpr (before_rope) rotation_ = detail::rotary_turns(head_size, options_.key.theta, page_tokens);
  }

  std::size_t heads() const noexcept { return heads_; }
  std::size_t head_size() const noexcept { return head_size_; }
  std::size_t tokens() const noexcept { return first_.tokens + quantized_ + last_.tokens; }
  std::size_t first_tokens() const noexcept { return first_.tokens; }  // that came first and are kept as they came
  std::size_t quantized_tokens() const noexcept { return quantized_; }
  std::size_t keep_first() const noexcept { return options_.keep_first; }
  std::size_t keep_last() const noexcept { return options_.keep_last; }
  const key_policy& key() const noexcept { return options_.key; }
  const value_policy& value() const noexcept { return options_.value; }

  // Bytes of the pages, and of the numbers that are kept as they came.
  std::size_t page_bytes() const noexcept { return heads_ * head_bytes(); }
  std::size_t bytes() const noexcept {
    std::size_t sum = options_.storage.pages() * page_bytes() + first_.bytes() + last_.bytes();
    for (const auto& list : key_outliers_) sum += list.bytes();
    for (const auto& list : value_outliers_) sum += list.bytes();
    return sum;
  }

  // Quantizes tokens [tokens, heads * head size] and appends them. Throws lowp::error, and nothing is appended, where shapes do not fit.
  void append(matrix_view<const float> keys, matrix_view<const float> values) {
    const std::size_t width = heads_ * head_size_;
    if (keys.cols() != width || values.cols() != width || keys.rows() != values.rows()) {
      LOWP_THROW("keys of ", keys.rows(), " x ", keys.cols(), " and values of ", values.rows(), " x ", values.cols(), " for ", heads_,
                 " heads of ", head_size_);
    }
    std::vector<float> turned;
    if (options_.rotary_theta != 0) {
      turned.resize(keys.rows() * width);
      const matrix_view<float> to(turned.data(), keys.rows(), width);
      rotate_to_positions(keys, head_size_, options_.rotary_theta, tokens() + evicted_, to);
      keys = to;
    }
    std::size_t row = 0;
    if (quantized_ + last_.tokens == 0) {
      for (; row < keys.rows() && first_.tokens < options_.keep_first; ++row) first_.add(keys, values, row);
    }
    const std::size_t later = first_.tokens + quantized_ + last_.tokens + keys.rows() - row;  // tokens, when all is done
    const std::size_t ready = kv_division::of(later, first_.tokens, options_.keep_last, group_tokens).quantized;
    if (ready > quantized_) {
      const std::size_t count = ready - quantized_, waiting = (std::min)(last_.tokens, count), fresh = count - waiting;
      if (waiting == 0) {
        quantize_rows(keys.block(row, 0, count, width), values.block(row, 0, count, width));
      } else {
        const auto numbers = static_cast<std::ptrdiff_t>(waiting * width);
        std::vector<float> k(last_.keys.begin(), last_.keys.begin() + numbers), v(last_.values.begin(), last_.values.begin() + numbers);
        detail::append_rows(keys, row, fresh, k);
        detail::append_rows(values, row, fresh, v);
        quantize_rows({k.data(), count, width}, {v.data(), count, width});
        last_.remove_front(waiting);
      }
      row += fresh;
    }
    for (; row < keys.rows(); ++row) last_.add(keys, values, row);
  }

  // Forgets all but the first `tokens`. Where tokens share scales, and among the latest that were kept as they came, throws lowp::error
  // for a cut that would need what is no longer known: the numbers of tokens that are quantized already.
  void truncate(std::size_t tokens) {
    if (tokens > this->tokens()) LOWP_THROW("a cache of ", this->tokens(), " tokens cannot be cut to ", tokens);
    if (tokens >= first_.tokens + quantized_) return last_.cut(tokens - first_.tokens - quantized_);
    const std::size_t left = tokens > first_.tokens ? tokens - first_.tokens : 0;
    if (left % group_tokens != 0) LOWP_THROW("a cut at token ", tokens, " parts ", group_tokens, " tokens that share scales");
    last_.cut(0);
    cut_quantized(left);
    if (tokens < first_.tokens) first_.cut(tokens);
  }

  // Forgets the tokens [first, first + count), as if they had never been; those after them keep what they were quantized to. Throws
  // lowp::error where that parts tokens that share scales, or reaches tokens that are kept as they came.
  void evict(std::size_t first, std::size_t count) {
    if (first < first_.tokens || first + count > first_.tokens + quantized_ || (first - first_.tokens) % group_tokens != 0 ||
        count % group_tokens != 0) {
      LOWP_THROW("tokens ", first, " to ", first + count, " cannot be evicted: ", first_.tokens, " tokens and all from ",
                 first_.tokens + quantized_, " on are kept as they came, and ", group_tokens, " share scales");
    }
    const std::size_t at = first - first_.tokens;
    if (before_rope && at != 0 && count != 0) LOWP_THROW("tokens before rotary positions are evicted from the first quantized one on");
    if (at % page_tokens == 0 && count % page_tokens == 0) {
      options_.storage.remove(at / page_tokens, count / page_tokens);
      quantized_ -= count;
      forget_beside_pages(at, count);
      return;
    }
    const std::size_t from = at + count, moved = quantized_ - from;
    // What may fail, a pool without room for copies of shared pages, does so before anything is changed.
    for (std::size_t page = at / page_tokens; page < pages(); ++page) options_.storage.writable(page);
    std::vector<decltype(key_part_.codes(0))> keys(heads_, key_part_.codes(moved));
    std::vector<decltype(value_part_.codes(0))> values(heads_, value_part_.codes(moved));
    for (std::size_t h = 0; h < heads_; ++h) {
      for (std::size_t i = 0; i < moved; ++i) {
        key_part_.get(keys_of(from + i, h), (from + i) % page_tokens, keys[h], i);
        value_part_.get(values_of(from + i, h), (from + i) % page_tokens, values[h], i);
      }
    }
    cut_pages(at);
    make_room(moved);
    for (std::size_t h = 0; h < heads_; ++h) put(h, at, moved, keys[h], 0, 1, values[h], 0, 1);
    quantized_ += moved;
    forget_beside_pages(at, count);
  }

  // Forgets quantized tokens that are not among the latest `window`, as many whole pages as there are.
  void slide(std::size_t window) {
    const std::size_t seen = window > last_.tokens ? window - last_.tokens : 0;
    if (quantized_ > seen) evict(first_.tokens, (quantized_ - seen) / page_tokens * page_tokens);
  }

  // The numbers that the cache has for tokens first, first + 1, ... of a head: out [tokens, head size]; of keys before their rotary
  // positions, these. Throws lowp::error where there are none.
  void read_keys(std::size_t head, std::size_t first, matrix_view<float> out) const {
    read(key_part_, options_.key, key_scales_, head, first, out, &detail::kept_tokens::keys, key_outliers_,
         [&](std::size_t token) { return keys_of(token, head); });
  }
  void read_values(std::size_t head, std::size_t first, matrix_view<float> out) const {
    read(value_part_, options_.value, value_scales_, head, first, out, &detail::kept_tokens::values, value_outliers_,
         [&](std::size_t token) { return values_of(token, head); });
  }

  // For kernels: a head's share of a page of quantized tokens; tokens [tokens][heads][head size] that are kept as they came.
  const key_part& keys() const noexcept { return key_part_; }
  const value_part& values() const noexcept { return value_part_; }
  std::size_t pages() const noexcept { return options_.storage.pages(); }
  const std::uint8_t* page_keys(std::size_t page, std::size_t head) const noexcept {
    return options_.storage.page(page) + head * head_bytes();
  }
  const std::uint8_t* page_values(std::size_t page, std::size_t head) const noexcept { return page_keys(page, head) + key_part_.bytes(); }
  std::span<const float> first_keys() const noexcept { return first_.keys; }
  std::span<const float> first_values() const noexcept { return first_.values; }
  std::span<const float> last_keys() const noexcept { return last_.keys; }
  std::span<const float> last_values() const noexcept { return last_.values; }
  std::span<const detail::kept_outlier> key_outliers(std::size_t head, std::size_t first) const noexcept {
    return key_outliers_.empty() ? std::span<const detail::kept_outlier>() : key_outliers_[head].from(first);
  }
  std::span<const detail::kept_outlier> value_outliers(std::size_t head, std::size_t first) const noexcept {
    return value_outliers_.empty() ? std::span<const detail::kept_outlier>() : value_outliers_[head].from(first);
  }
  // The rotary position of the first quantized token, and cosines and sines within a page (rotary.hpp).
  std::size_t position() const noexcept { return first_.tokens + evicted_; }
  const float* rotation() const noexcept { return rotation_.data(); }
  float key_scale(std::size_t head) const noexcept { return key_scales_[head]; }
  float value_scale(std::size_t head) const noexcept { return value_scales_[head]; }

 private:
  friend struct detail::snapshot_access;

  static std::size_t require_size(std::size_t heads, std::size_t head_size) {
    if (heads == 0 || head_size == 0) LOWP_THROW("a cache of ", heads, " heads of ", head_size);
    return heads;
  }
  template <class Part>
  std::vector<float> outer_scales(const std::vector<float>& given, const char* side) const {
    if (given.empty()) return std::vector<float>(heads_, 1.0f);
    if (!Part::scaling::has_outer_scale) LOWP_THROW("the scheme of the ", side, " has no scale outside the pages");
    if (given.size() != heads_) LOWP_THROW(given.size(), " scales of ", side, " for ", heads_, " heads");
    for (const float scale : given) {
      if (!(scale > 0) || !is_finite(scale)) LOWP_THROW("a scale of ", side, " is ", scale);
    }
    return given;
  }

  std::size_t head_bytes() const noexcept { return key_part_.bytes() + value_part_.bytes(); }
  const std::uint8_t* keys_of(std::size_t token, std::size_t head) const noexcept { return page_keys(token / page_tokens, head); }
  const std::uint8_t* values_of(std::size_t token, std::size_t head) const noexcept { return page_values(token / page_tokens, head); }

  // Each head of each token as a row, divided by the head's scale; by channel the tokens of a head after each other.
  template <class Part>
  std::vector<float> rows_to_encode(matrix_view<const float> x, const std::vector<float>& scales) const {
    std::vector<float> rows(x.rows() * x.cols());
    for (std::size_t t = 0; t < x.rows(); ++t) {
      for (std::size_t h = 0; h < heads_; ++h) {
        float* to = rows.data() + (Part::by_channel ? h * x.rows() + t : t * heads_ + h) * head_size_;
        for (std::size_t c = 0; c < head_size_; ++c) to[c] = x(t, h * head_size_ + c);
        if (scales[h] != 1.0f) {
          for (std::size_t c = 0; c < head_size_; ++c) to[c] /= scales[h];
        }
      }
    }
    return rows;
  }
  template <class Part, class Policy>
  auto encode(matrix_view<const float> x, const Policy& policy, const std::vector<float>& scales,
              std::vector<detail::outlier_list>& outliers) const {
    const auto encode_rows = [&](matrix_view<const float> rows) {
      std::vector<kv_outlier> apart;
      auto q = [&] {
        if constexpr (detail::has_outliers<Policy>) return policy.encode(rows, heads_, apart);
        else return policy.encode(rows, heads_);
      }();
      for (const kv_outlier& o : apart) outliers[o.row % heads_].add(quantized_ + o.row / heads_, o.channel, o.add);
      return q;
    };
    const std::size_t rows = x.rows() * heads_;
    const bool as_it_is = !Part::by_channel && x.contiguous_rows() && x.row_stride() == x.cols() &&
                          std::all_of(scales.begin(), scales.end(), [](float s) { return s == 1.0f; });
    if (as_it_is) return encode_rows(matrix_view<const float>(x.data(), rows, head_size_));
    const std::vector<float> copy = rows_to_encode<Part>(x, scales);
    return encode_rows(matrix_view<const float>(copy.data(), rows, head_size_));
  }

  void quantize_rows(matrix_view<const float> keys, matrix_view<const float> values) {
    // What a side that throws leaves behind is taken back.
    struct cutter {
      kv_cache& cache;
      bool done = false;
      ~cutter() {
        if (done) return;
        for (auto& list : cache.key_outliers_) list.cut(cache.quantized_);
        for (auto& list : cache.value_outliers_) list.cut(cache.quantized_);
        const std::size_t pages = ceil_div(cache.quantized_, page_tokens);
        cache.options_.storage.remove(pages, cache.pages() - pages);
      }
    } taken_back{*this};
    const auto k = encode<key_part>(keys, options_.key, key_scales_, key_outliers_);
    const auto v = encode<value_part>(values, options_.value, value_scales_, value_outliers_);
    make_room(keys.rows());
    for (std::size_t h = 0; h < heads_; ++h) {
      put(h, quantized_, keys.rows(), k, key_part::by_channel ? h * keys.rows() : h, key_part::by_channel ? 1 : heads_, v, h, heads_);
    }
    quantized_ += keys.rows();
    taken_back.done = true;
  }

  // Pages for `more` tokens after the quantized ones, none of them shared.
  void make_room(std::size_t more) {
    Storage& storage = options_.storage;
    while (storage.pages() * page_tokens < quantized_ + more) storage.add(page_bytes());
    if (quantized_ % page_tokens != 0) storage.writable(quantized_ / page_tokens);
  }

  // Writes `count` tokens of a head from token `at` on: rows row, row + step, ... of k and of v.
  template <class K, class V>
  void put(std::size_t head, std::size_t at, std::size_t count, const K& k, std::size_t k_row, std::size_t k_step, const V& v,
           std::size_t v_row, std::size_t v_step) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t token = at + i;
      std::uint8_t* part = options_.storage.writable(token / page_tokens) + head * head_bytes();
      if constexpr (key_part::by_channel) {
        if (i % group_tokens == 0) key_part_.put_group(part, token % page_tokens, k, k_row + i);
      } else {
        key_part_.put(part, token % page_tokens, k, k_row + i * k_step);
      }
      value_part_.put(part + key_part_.bytes(), token % page_tokens, v, v_row + i * v_step);
    }
  }

  // What else there is of quantized tokens [at, at + count).
  void forget_beside_pages(std::size_t at, std::size_t count) {
    evicted_ += at == 0 ? count : 0;
    for (auto& list : key_outliers_) list.remove(at, count);
    for (auto& list : value_outliers_) list.remove(at, count);
  }

  void cut_quantized(std::size_t tokens) {
    for (auto& list : key_outliers_) list.cut(tokens);
    for (auto& list : value_outliers_) list.cut(tokens);
    cut_pages(tokens);
  }
  void cut_pages(std::size_t tokens) {
    Storage& storage = options_.storage;
    const std::size_t pages = ceil_div(tokens, page_tokens);
    std::uint8_t* const page = tokens % page_tokens == 0 ? nullptr : storage.writable(pages - 1);
    storage.remove(pages, storage.pages() - pages);
    quantized_ = tokens;
    if (page == nullptr) return;
    // Codes are written to places that are still zero.
    for (std::size_t h = 0; h < heads_; ++h) {
      key_part_.clear(page + h * head_bytes(), tokens % page_tokens);
      value_part_.clear(page + h * head_bytes() + key_part_.bytes(), tokens % page_tokens);
    }
  }

  template <class Part, class Policy, class PartOf>
  void read(const Part& part, const Policy& policy, const std::vector<float>& scales, std::size_t head, std::size_t first,
            matrix_view<float> out, std::vector<float> detail::kept_tokens::*side, const std::vector<detail::outlier_list>& outliers,
            const PartOf& part_of) const {
    if (head >= heads_ || first > tokens() || out.rows() > tokens() - first || out.cols() != head_size_) {
      LOWP_THROW("tokens ", first, " to ", first + out.rows(), " of head ", head, " as ", out.rows(), " x ", out.cols(), ", of ", tokens(),
                 " tokens of ", heads_, " heads of ", head_size_);
    }
    auto q = part.codes(Part::by_channel ? detail::kv_group_tokens : 1);
    std::vector<float> numbers(part.width());
    for (std::size_t i = 0; i < out.rows(); ++i) {
      const std::size_t token = first + i;
      const bool early = token < first_.tokens;
      if (early || token >= first_.tokens + quantized_) {
        const detail::kept_tokens& kept = early ? first_ : last_;
        const float* from = (kept.*side).data() + ((early ? token : token - first_.tokens - quantized_) * heads_ + head) * head_size_;
        for (std::size_t c = 0; c < head_size_; ++c) out(i, c) = from[c];
        continue;
      }
      const std::size_t at = token - first_.tokens;
      part.get(part_of(at), at % page_tokens, q, 0);
      for (std::size_t c = 0; c < part.width(); ++c) numbers[c] = detail::number_of(policy, q, 0, c) * scales[head];
      if constexpr (detail::has_outliers<Policy>) {
        for (const detail::kept_outlier& o : outliers[head].from(at)) {
          if (o.token != at) break;
          numbers[o.channel] += o.add;
        }
      }
      policy.turn_back({numbers.data(), 1, part.width()}, out.block(i, 0, 1, head_size_), head);
      if constexpr (detail::has_second<Policy>) {
        std::vector<float> second(part.second().width()), added(head_size_);
        for (std::size_t c = 0; c < second.size(); ++c) second[c] = detail::number_of(policy.second(), q.second, 0, c) * scales[head];
        policy.second().turn_back({second.data(), 1, second.size()}, {added.data(), 1, head_size_}, head);
        for (std::size_t c = 0; c < head_size_; ++c) out(i, c) += added[c];
      }
    }
  }

  std::size_t heads_;
  std::size_t head_size_;
  options_type options_;
  key_part key_part_;
  value_part value_part_;
  std::vector<float> key_scales_;
  std::vector<float> value_scales_;
  detail::kept_tokens first_;
  detail::kept_tokens last_;
  std::size_t quantized_ = 0;
  std::size_t evicted_ = 0;  // of the first quantized tokens
  std::vector<detail::outlier_list> key_outliers_;  // of each head, if any
  std::vector<detail::outlier_list> value_outliers_;
  aligned_vector<float> rotation_;
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
