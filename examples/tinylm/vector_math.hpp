// The model's arithmetic beside the linear layers: attention, the gate of the MLP, the norm. Written once over a vector
// width, compiled for several instruction sets and chosen at run time, so that no compiler flags are needed.
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/core/matrix_view.hpp>

#include <cstddef>
#include <span>

namespace tinylm {

// Keys and values of one block for the positions seen so far. Keys lie transposed, one row of positions a feature, so that
// a query meets many positions at once.
struct kv_cache {
  kv_cache(std::size_t heads, std::size_t head_width, std::size_t positions);

  void put(std::size_t position, std::span<const float> k, std::span<const float> v);

  std::size_t heads, head_width;
  std::size_t capacity;                // positions, rounded up to a whole tile of any instruction set
  lowp::aligned_vector<float> keys;    // [heads * head_width, capacity]
  lowp::aligned_vector<float> values;  // [capacity, heads * head_width]
};

// Causal attention of the queries q [n, heads * head_width] at positions first, first + 1, ... over the cache, which holds
// those positions already; out has the shape of q. Neighbouring query heads share a key/value head (grouped-query attention).
void attend(lowp::matrix_view<const float> q, std::size_t first, const kv_cache& cache, lowp::matrix_view<float> out);

// gate[i] = silu(gate[i]) * up[i]
void swiglu(std::span<float> gate, std::span<const float> up);

// out = x / rms(x) * weight
void rms_norm(std::span<const float> x, std::span<const float> weight, float epsilon, std::span<float> out);

// Rotates the halves of each head of x [heads * head_width] by angles given as cosines and sines [head_width / 2].
void rotate(std::span<float> x, std::span<const float> cosines, std::span<const float> sines);

}  // namespace tinylm
