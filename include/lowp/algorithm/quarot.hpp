// QuaRot: a Llama-like model turned by orthogonal matrices, the same function without outliers: what norms multiply is folded into the
// layers behind them, the residual stream is turned by a randomized Hadamard matrix, each head's values by one of the head's size, and the
// inputs of the last layer of the MLP by one that is applied while the model runs.
//
//   const lowp::hadamard_transform stream(4096, 7), head(128), inner(14336);
//   for (auto& b : blocks) lowp::rotate_block(lowp::llama_block{b.norm1, b.norm2, q, k, v, o, gate, up, down}, stream, &head, &inner);
//   lowp::rotate_ends(embedding, final_norm, lm_head, stream);          // [vocabulary, width] both; not one matrix of two uses
//   inner(x);                                                          // what `down` reads from now on; rotate_quantize.hpp
//
// Queries and keys are turned after their rotary positions, by the cache or the attention (kv/rotated.hpp).
// Source: Ashkboos et al. 2024 (arXiv 2404.00456), sections 3 and 4.
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/core/matrix_view.hpp>
#include <lowp/kernel/cpu/hadamard.hpp>

#include <cstddef>
#include <span>

namespace lowp::inline LOWP_ABI {

// The weights of a block, [out, in], and of its norms. Norms are RMSNorms, whose weight multiplies.
struct llama_block {
  std::span<float> attention_norm;
  std::span<float> mlp_norm;
  matrix_view<float> query;
  matrix_view<float> key;
  matrix_view<float> value;
  matrix_view<float> output;
  matrix_view<float> gate;
  matrix_view<float> up;
  matrix_view<float> down;
};

// Multiplies the columns of the layers that read a norm by its weight, which becomes ones. Throws lowp::error, and nothing is changed,
// where their sizes differ.
inline void fold_norm(std::span<float> norm, std::span<const matrix_view<float>> readers) {
  for (const auto& w : readers) {
    if (w.cols() != norm.size()) LOWP_THROW("a norm of ", norm.size(), " does not fit a layer of ", w.cols(), " inputs");
  }
  for (const auto& w : readers) {
    for (std::size_t r = 0; r < w.rows(); ++r) {
      for (std::size_t c = 0; c < w.cols(); ++c) w(r, c) *= norm[c];
    }
  }
  for (float& weight : norm) weight = 1.0f;
}

inline namespace LOWP_BUILD {

// Folds the norms and turns a block: its inputs and outputs by `stream`, values between the projections by `head` and what `down` reads by
// `inner`, where these are given. Throws lowp::error, and nothing is changed, where sizes do not fit.
inline void rotate_block(const llama_block& b, const hadamard_transform& stream, const hadamard_transform* head = nullptr,
                         const hadamard_transform* inner = nullptr) {
  for (const std::size_t width : {b.query.cols(), b.key.cols(), b.value.cols(), b.gate.cols(), b.up.cols(), b.output.rows(), b.down.rows(),
                                  b.attention_norm.size(), b.mlp_norm.size()}) {
    if (width != stream.size()) LOWP_THROW("a residual stream of ", width, " is not turned by a matrix of ", stream.size());
  }
  if (head != nullptr) {
    head->check(b.value.rows());
    head->check(b.output.cols());
  }
  if (inner != nullptr && inner->size() != b.down.cols()) {
    LOWP_THROW("a layer of ", b.down.cols(), " inputs is not turned by a matrix of ", inner->size());
  }
  const matrix_view<float> of_attention[] = {b.query, b.key, b.value}, of_mlp[] = {b.gate, b.up};
  fold_norm(b.attention_norm, of_attention);
  fold_norm(b.mlp_norm, of_mlp);
  for (const auto& w : of_attention) stream(w);
  for (const auto& w : of_mlp) stream(w);
  stream(b.output.transposed());
  stream(b.down.transposed());
  if (head != nullptr) {
    (*head)(b.value.transposed());
    (*head)(b.output);
  }
  if (inner != nullptr) (*inner)(b.down);
}

// The ends of a model whose blocks are turned: the embedding [vocabulary, width], the last norm and the head [vocabulary, width].
inline void rotate_ends(matrix_view<float> embedding, std::span<float> final_norm, matrix_view<float> head,
                        const hadamard_transform& stream) {
  for (const std::size_t width : {embedding.cols(), final_norm.size(), head.cols()}) {
    if (width != stream.size()) LOWP_THROW("a residual stream of ", width, " is not turned by a matrix of ", stream.size());
  }
  fold_norm(final_norm, std::span<const matrix_view<float>>(&head, 1));
  stream(head);
  stream(embedding);
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
