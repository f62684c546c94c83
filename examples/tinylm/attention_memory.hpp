// What a session keeps of the keys and values of a block, in place of the f32 cache that it has of its own.
//
//   session s(c, [&](std::size_t block) { return std::make_unique<my_memory>(c, block); });
#pragma once

#include <lowp/core/matrix_view.hpp>

#include <cstddef>

namespace tinylm {

class attention_memory {
 public:
  virtual ~attention_memory() = default;

  // Whether it wants keys before their rotary positions; queries always have theirs.
  virtual bool before_rope() const noexcept { return false; }
  virtual void reset() = 0;
  // Takes in keys and values [n, kv_heads * head_width] of the next n positions; out [n, heads * head_width] is the attention of the
  // queries q at those positions, each to itself and to what came before it.
  virtual void attend(lowp::matrix_view<const float> q, lowp::matrix_view<const float> k, lowp::matrix_view<const float> v,
                      lowp::matrix_view<float> out) = 0;
};

}  // namespace tinylm
