// A Llama-architecture language model over linear layers of any kind: RMSNorm, rotary positions, grouped-query attention,
// SwiGLU. One function serves a window of text and a single new byte alike.
//
//   model lm(weights, make_layers(weights, "int4_g128"));
//   session state(lm);
//   lm.forward(bytes, state);           // state.logits() [bytes.size(), 256]; the next call continues the text
#pragma once

#include "attention_memory.hpp"
#include "checkpoint.hpp"
#include "linear.hpp"
#include "vector_math.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace tinylm {

using block_layers = std::array<std::unique_ptr<linear>, projections>;

// Where forward shows what flows by: the residual stream (after the embedding as block 0, then after each block), or what a
// group of linear layers is about to read.
enum class site { residual, attention_input, output_input, mlp_input, down_input };

// The site whose inputs a projection reads.
constexpr site input_of(std::size_t p) noexcept {
  if (p <= value) return site::attention_input;
  if (p == output) return site::output_input;
  return p == down ? site::down_input : site::mlp_input;
}

// What belongs to one text: the cache of its past, and room to work in. Models share nothing between sessions, so each
// thread has its own.
class session {
 public:
  explicit session(const config& c) : config_(c) {
    for (std::size_t i = 0; i < c.layers; ++i) cache_.emplace_back(c.kv_heads, c.head_width, c.context);
  }
  // With memories of another kind, one a block.
  session(const config& c, const std::function<std::unique_ptr<attention_memory>(std::size_t block)>& make) : config_(c) {
    for (std::size_t i = 0; i < c.layers; ++i) memory_.push_back(make(i));
  }

  // Starts another text.
  void reset() {
    length_ = 0;
    for (const auto& memory : memory_) memory->reset();
  }
  // Bytes seen so far.
  std::size_t length() const noexcept { return length_; }
  // Of the bytes of the last call, [n, 256].
  lowp::matrix_view<const float> logits() const noexcept { return logits_.view(); }

 private:
  friend class model;

  // Room for n bytes at once.
  void resize(std::size_t n) {
    if (n == stream_.rows()) return;
    const config& c = config_;
    stream_ = matrix(n, c.width);
    normed_ = matrix(n, c.width);
    added_ = matrix(n, c.width);
    q_ = matrix(n, c.heads * c.head_width);
    attended_ = matrix(n, c.heads * c.head_width);
    k_ = matrix(n, c.kv_heads * c.head_width);
    v_ = matrix(n, c.kv_heads * c.head_width);
    gate_ = matrix(n, c.mlp_width);
    up_ = matrix(n, c.mlp_width);
    logits_ = matrix(n, c.vocabulary);
  }

  config config_;
  std::vector<kv_cache> cache_;  // one of these two is empty
  std::vector<std::unique_ptr<attention_memory>> memory_;
  std::size_t length_ = 0;
  matrix stream_, normed_, added_, q_, k_, v_, attended_, gate_, up_, logits_;
};

// One for each thread.
inline std::vector<session> make_sessions(const config& c, std::size_t count) {
  std::vector<session> sessions;
  for (std::size_t i = 0; i < count; ++i) sessions.emplace_back(c);
  return sessions;
}

class model {
 public:
  // The embedding, the norms and the head stay as they are in `weights`, which must outlive the model.
  model(const checkpoint& weights, std::vector<block_layers> blocks)
      : weights_(weights), blocks_(std::move(blocks)), head_(make_linear("f32", weights.head.view())) {
    const tinylm::config& c = weights.config;
    const std::size_t half = c.head_width / 2;
    cosines_ = matrix(c.context, half);
    sines_ = matrix(c.context, half);
    for (std::size_t i = 0; i < half; ++i) {
      const float frequency = 1.0f / std::pow(c.rope_base, static_cast<float>(2 * i) / static_cast<float>(c.head_width));
      for (std::size_t position = 0; position < c.context; ++position) {
        cosines_.view()(position, i) = std::cos(static_cast<float>(position) * frequency);
        sines_.view()(position, i) = std::sin(static_cast<float>(position) * frequency);
      }
    }
  }

  const tinylm::config& config() const noexcept { return weights_.config; }

  // Bits per weight of the quantized layers: codes, scales and zero points of all blocks.
  double bits_per_weight() const { return static_cast<double>(storage_bits()) / static_cast<double>(layer_weights()); }
  std::size_t storage_bits() const { return total(&linear::storage_bits); }
  std::size_t layer_weights() const { return total(&linear::weights); }

  // Tokens are bytes, or wider numbers for larger vocabularies.
  template <class Tokens>
  void forward(const Tokens& tokens, session& s) const {
    forward(tokens, s, [](std::size_t, site, lowp::matrix_view<const float>) {});
  }

  // Puts another layer in a block's place.
  void replace(std::size_t block, std::size_t p, std::unique_ptr<linear> layer) { blocks_[block][p] = std::move(layer); }

  // The residual stream of tokens before the first block. Throws lowp::error for a token that the vocabulary does not have.
  template <class Tokens>
  matrix embed(const Tokens& tokens) const {
    matrix x(tokens.size(), config().width);
    embed(tokens, x.view());
    return x;
  }

  // Takes the residual stream of a text from its start through one block.
  template <class Observer>
  void run_block(std::size_t block, matrix& stream, session& s, const Observer& observe) const {
    s.resize(stream.rows());
    std::swap(s.stream_, stream);
    attention(block, 0, s, observe);
    mlp(block, s, observe);
    std::swap(s.stream_, stream);
  }

  // Continues the session's text by these tokens. Calls observe(block, site, values [n, features]) on the way. Throws
  // lowp::error if the text outgrows the model's context.
  template <class Tokens, class Observer>
  void forward(const Tokens& tokens, session& s, const Observer& observe) const {
    const std::size_t first = s.length_;
    const std::size_t n = tokens.size();
    if (n > config().context - first) LOWP_THROW("a text of ", first + n, " tokens is longer than the context of ", config().context);
    s.resize(n);
    const auto x = s.stream_.view();
    embed(tokens, x);
    observe(0, site::residual, x);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      attention(i, first, s, observe);
      mlp(i, s, observe);
      observe(i + 1, site::residual, x);
    }
    normalize(x, weights_.final_norm, s.normed_.view());
    head_->apply(s.normed_.view(), s.logits_.view());
    s.length_ = first + n;
  }

 private:
  template <class Tokens>
  void embed(const Tokens& tokens, lowp::matrix_view<float> x) const {
    for (std::size_t t = 0; t < x.rows(); ++t) {
      if (tokens[t] >= config().vocabulary) LOWP_THROW("token ", t, " is ", +tokens[t], ", but the vocabulary has ", config().vocabulary);
      const auto row = weights_.embedding.view().row(tokens[t]);
      std::copy(row.begin(), row.end(), x.row(t).begin());
    }
  }

  template <class Observer>
  void attention(std::size_t i, std::size_t first, session& s, const Observer& observe) const {
    normalize(s.stream_.view(), weights_.blocks[i].attention_norm, s.normed_.view());
    observe(i, site::attention_input, s.normed_.view());
    apply(i, query, s.normed_, s.q_);
    apply(i, key, s.normed_, s.k_);
    apply(i, value, s.normed_, s.v_);
    for (std::size_t t = 0; t < s.stream_.rows(); ++t) {
      const auto cosines = cosines_.view().row(first + t);
      const auto sines = sines_.view().row(first + t);
      rotate(s.q_.view().row(t), cosines, sines);
      if (s.memory_.empty() || !s.memory_[i]->before_rope()) rotate(s.k_.view().row(t), cosines, sines);
      if (s.memory_.empty()) s.cache_[i].put(first + t, s.k_.view().row(t), s.v_.view().row(t));
    }
    if (s.memory_.empty()) attend(s.q_.view(), first, s.cache_[i], s.attended_.view());
    else s.memory_[i]->attend(s.q_.view(), s.k_.view(), s.v_.view(), s.attended_.view());
    observe(i, site::output_input, s.attended_.view());
    apply(i, output, s.attended_, s.added_);
    add(s.added_, s.stream_);
  }

  template <class Observer>
  void mlp(std::size_t i, session& s, const Observer& observe) const {
    normalize(s.stream_.view(), weights_.blocks[i].mlp_norm, s.normed_.view());
    observe(i, site::mlp_input, s.normed_.view());
    apply(i, gate, s.normed_, s.gate_);
    apply(i, up, s.normed_, s.up_);
    for (std::size_t t = 0; t < s.stream_.rows(); ++t) swiglu(s.gate_.view().row(t), s.up_.view().row(t));
    observe(i, site::down_input, s.gate_.view());
    apply(i, down, s.gate_, s.added_);
    add(s.added_, s.stream_);
  }

  void apply(std::size_t block, projection p, const matrix& x, matrix& y) const { blocks_[block][p]->apply(x.view(), y.view()); }

  void normalize(lowp::matrix_view<const float> x, std::span<const float> weight, lowp::matrix_view<float> out) const {
    for (std::size_t t = 0; t < x.rows(); ++t) rms_norm(x.row(t), weight, config().epsilon, out.row(t));
  }

  static void add(const matrix& x, matrix& to) {
    for (std::size_t t = 0; t < x.rows(); ++t) {
      const auto from = x.view().row(t);
      const auto sum = to.view().row(t);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += from[i];
    }
  }

  std::size_t total(std::size_t (linear::*of)() const noexcept) const {
    std::size_t sum = 0;
    for (const block_layers& block : blocks_) {
      for (const auto& layer : block) sum += (*layer.*of)();
    }
    return sum;
  }

  const checkpoint& weights_;
  std::vector<block_layers> blocks_;
  std::unique_ptr<linear> head_;
  matrix cosines_, sines_;  // [context, head_width / 2]
};

}  // namespace tinylm
