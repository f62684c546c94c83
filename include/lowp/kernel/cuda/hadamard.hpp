// The fast Hadamard transform by a warp, for kernels that rotate a row before they quantize it: 32 * Registers numbers, of which lane l
// holds number 32 r + l in register r.
//
//   typename Block::template per_thread<lowp::warp_row<4>> x;          // 128 numbers: a head, a group
//   lowp::hadamard_of_warp(block, x);                                  // Sylvester's matrix times x, not scaled
//
// Multiplied by signs over sqrt(128) before, it has the bits of hadamard_transform(128, seed). Longer rows take several warps: transform
// what each holds, and then across them.
#pragma once

#include <lowp/kernel/cuda/block.hpp>

namespace lowp::inline LOWP_ABI {

// A lane's share of a row.
template <int Registers>
struct warp_row {
  static_assert(Registers > 0 && (Registers & (Registers - 1)) == 0, "Sylvester's matrices have a power of two of rows");
  float number[Registers];
};

// Each warp of the block transforms a row of its own: `x` is a per_thread<warp_row<Registers>> of the block. 5 * Registers shuffles.
template <class Block, class Rows>
LOWP_HD void hadamard_of_warp(const Block& block, Rows& x) {
  constexpr int registers = static_cast<int>(sizeof(x[0].number) / sizeof(float));
  LOWP_DEVICE_UNROLL
  for (int apart = 1; apart < warp_threads; apart *= 2) {
    LOWP_DEVICE_UNROLL
    for (int r = 0; r < registers; ++r) {
      typename Block::template per_thread<float> own;
      block.each_thread([&](int thread) { own[thread] = x[thread].number[r]; });
      const auto other = block.shuffle_xor(own, apart);
      block.each_thread([&](int thread) {
        x[thread].number[r] = (thread & apart) != 0 ? other[thread] - own[thread] : own[thread] + other[thread];
      });
    }
  }
  block.each_thread([&](int thread) {
    LOWP_DEVICE_UNROLL
    for (int apart = 1; apart < registers; apart *= 2) {
      LOWP_DEVICE_UNROLL
      for (int r = 0; r < registers; ++r) {
        if ((r & apart) != 0) continue;
        const float a = x[thread].number[r];
        const float b = x[thread].number[r + apart];
        x[thread].number[r] = a + b;
        x[thread].number[r + apart] = a - b;
      }
    }
  });
}

}  // namespace lowp::inline LOWP_ABI
