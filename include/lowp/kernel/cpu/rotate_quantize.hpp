// Rotating activations and quantizing them while they are still in the cache: what a layer with rotated weights does to its input.
//
//   lowp::quantized<lowp::int8_token> q(tokens, 4096);
//   lowp::cpu::rotate_and_quantize(rotation, x, q);        // x is rotated in place; q is what lowp::quantize makes of that
#pragma once

#include <lowp/kernel/cpu/hadamard.hpp>
#include <lowp/kernel/cpu/quantize.hpp>

#include <algorithm>
#include <cstddef>

namespace lowp::inline LOWP_ABI::cpu::inline LOWP_BUILD {

// Rotates the rows of x and quantizes them into q, of the same shape. Throws lowp::error, and nothing is changed, where shapes do not fit.
template <scheme_type S, executor_type Executor = serial_executor, fast_recipe Recipe = recipe<>>
void rotate_and_quantize(const hadamard_transform& rotation, matrix_view<float> x, quantized<S>& q, const Executor& executor = {},
                         const Recipe& r = {}, isa limit = newest_isa) {
  detail::require_same_shape(x, q);
  if constexpr (detail::groups_stand_alone<S>) {
    constexpr std::size_t group_rows = S::granularity::rows_per_group;
    if constexpr (group_rows != 0) {
      rotation.check(x.cols());
      constexpr std::size_t part_rows = round_up(std::size_t{4}, group_rows);
      executor(ceil_div(x.rows(), part_rows), [&](std::size_t part) {
        const std::size_t first = part * part_rows, last = (std::min)(first + part_rows, x.rows());
        rotation(x.block(first, 0, last - first, x.cols()), {}, limit);
        cpu::quantize(x, q, {first, last, limit}, r);
      });
      return;
    }
  }
  // Rows share scales, which are known when all are rotated.
  rotation(x, executor, limit);
  cpu::quantize(x, q, {.limit = limit}, r);
}

}  // namespace lowp::inline LOWP_ABI::cpu::inline LOWP_BUILD
