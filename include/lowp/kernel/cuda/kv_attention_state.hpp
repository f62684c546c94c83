// What a warp of decode attention knows of the tokens that it has seen: the highest score, the sum of weights and the results, which
// are brought to each new highest score as it comes.
//
//   Source of the method: Milakov and Gimelshein 2018 (arXiv 1805.02867), algorithm 3; Dao et al. 2022 (arXiv 2205.14135).
#pragma once

#include <lowp/kernel/cuda/block.hpp>

#include <cstdint>

#if !defined(__CUDA_ARCH__)
#include <cmath>
#endif

namespace lowp::inline LOWP_ABI {

namespace detail {

LOWP_HD LOWP_ALWAYS_INLINE float power_of_two_of(float x) noexcept {
#if defined(__CUDA_ARCH__)
  float y = 0;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return std::exp2(x);
#endif
}

// A power of two near a positive scale, whose inverse is one too.
LOWP_HD constexpr float power_near(float scale) noexcept {
  const std::uint32_t field = bit_cast<std::uint32_t>(scale) >> 23;
  return bit_cast<float>((field < 1 ? 1u : field > 253 ? 253u : field) << 23);
}
LOWP_HD constexpr float inverse_power(float power) noexcept { return bit_cast<float>((254u << 23) - bit_cast<std::uint32_t>(power)); }

}  // namespace detail

// What a warp knows so far of eight query heads. Lane 4 g + t has heads 2 t and 2 t + 1.
template <class Block, class T, int HeadSize>
struct kv_attention_state {
  using shape = mma_m16n8k16<T>;
  template <class V>
  using per_thread = typename Block::template per_thread<V>;
  struct pair {
    float head[2];
  };

  per_thread<typename shape::b_type> query[HeadSize / 16];
  per_thread<typename shape::c_type> query_sum;
  per_thread<pair> highest;  // score, times log2(e)
  per_thread<pair> weights;  // the sum of those of this lane's tokens
  per_thread<pair> zeros;    // the sum of weights times zero points
  per_thread<float> unit;    // results and zeros are in units of this power of two
  per_thread<typename shape::c_type> result[HeadSize / 16];
};

}  // namespace lowp::inline LOWP_ABI
