// A block's past as a policy of the library decodes it, in f32: what a policy costs in quality, whatever a cache can hold.
//
//   decoded_memory memory(c, keys, c.kv_heads, values, c.kv_heads, 1);      // the first token stays as it came
//
// For policies that encode each token by itself.
#pragma once

#include "attention_memory.hpp"
#include "checkpoint.hpp"
#include "vector_math.hpp"

#include <lowp/kv/kvquant.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace tinylm {

// Rotary positions first, first + 1, ... for the rows of x.
inline void rotate_rows(lowp::matrix_view<float> x, std::size_t first, const config& c) {
  std::vector<float> cosines(c.head_width / 2), sines(c.head_width / 2);
  for (std::size_t t = 0; t < x.rows(); ++t) {
    for (std::size_t i = 0; i < cosines.size(); ++i) {
      const float frequency = 1.0f / std::pow(c.rope_base, static_cast<float>(2 * i) / static_cast<float>(c.head_width));
      cosines[i] = std::cos(static_cast<float>(first + t) * frequency);
      sines[i] = std::sin(static_cast<float>(first + t) * frequency);
    }
    rotate(x.row(t), cosines, sines);
  }
}

// What a policy makes of x [tokens, width], whose rows are those of so many heads.
template <class Policy>
matrix decoded(const Policy& policy, std::size_t heads, lowp::matrix_view<const float> x) {
  const std::size_t rows = x.rows() * heads, size = x.cols() / heads;
  const lowp::matrix_view<const float> by_head(x.data(), rows, size);
  const auto q = policy.encode(by_head, heads);
  matrix numbers(rows, size), out(x.rows(), x.cols());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < size; ++c) numbers.view()(r, c) = q.group_of(r, c).value(policy.values()[q.codes()(r, c)]);
  }
  for (const lowp::kv_outlier& o : policy.encode_outliers(by_head, heads)) numbers.view()(o.row, o.channel) += o.add;
  for (std::size_t r = 0; r < rows; ++r) {
    policy.turn_back(numbers.view().block(r, 0, 1, size), {out.view().data() + r * size, 1, size}, r % heads);
  }
  return out;
}

template <class Key, class Value>
class decoded_memory final : public attention_memory {
 public:
  decoded_memory(const config& c, Key key, std::size_t key_heads, Value value, std::size_t value_heads, std::size_t keep_first)
      : config_(c),
        key_(std::move(key)),
        key_heads_(key_heads),
        value_(std::move(value)),
        value_heads_(value_heads),
        keep_first_(keep_first),
        cache_(c.kv_heads, c.head_width, c.context) {}

  bool before_rope() const noexcept override {
    if constexpr (requires { Key::before_rope; }) return Key::before_rope;
    else return false;
  }
  void reset() override { length_ = 0; }
  void attend(lowp::matrix_view<const float> q, lowp::matrix_view<const float> k, lowp::matrix_view<const float> v,
              lowp::matrix_view<float> out) override {
    matrix keys = decoded(key_, key_heads_, k), values = decoded(value_, value_heads_, v);
    for (std::size_t t = 0; t < k.rows() && length_ + t < keep_first_; ++t) {
      std::copy_n(k.row(t).begin(), k.cols(), keys.view().row(t).begin());
      std::copy_n(v.row(t).begin(), v.cols(), values.view().row(t).begin());
    }
    if (before_rope()) rotate_rows(keys.view(), length_, config_);
    for (std::size_t t = 0; t < k.rows(); ++t) cache_.put(length_ + t, keys.view().row(t), values.view().row(t));
    tinylm::attend(q, length_, cache_, out);
    length_ += k.rows();
  }

 private:
  config config_;
  Key key_;
  std::size_t key_heads_;
  Value value_;
  std::size_t value_heads_;
  std::size_t keep_first_;
  kv_cache cache_;
  std::size_t length_ = 0;
};

}  // namespace tinylm
