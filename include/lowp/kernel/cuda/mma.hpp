// The shapes of mma.sync and of wgmma's register operand: which number of a matrix each register of each lane holds, as
// functions that layouts, kernels and tests share. block.mma<Shape>(c, a, b) multiplies: block.hpp and device_block.cuh.
//
//   using shape = lowp::mma_m16n8k16<lowp::f16>;               // c [16, 8] += a [16, 16] * b [16, 8]
//   shape::a_at(lane, 2, 1) == lowp::mma_position{lane / 4, lane % 4 * 2 + 9};
//
//   lane = 4 g + t        register of a, 16 bits        8 bits                           register of b, 16 bits
//   reg 0                 row g,     k = 2t, 2t+1       row g,     k = 4t .. 4t+3        k = 2t, 2t+1     column g
//   reg 1                 row g + 8, the same           row g + 8, the same              k + 8 (8 bits: k + 16)
//   reg 2, 3              k + 8                         k + 16
//
// Source: PTX ISA 9.0, section 9.7.14.5, "Matrix Fragments for mma.m16n8k8", "... m16n8k16 with floating point type" and
// "... m16n8k32"; section 9.7.15.5, "Register Fragments for wgmma.mma_async.m64k16" and "... m64k32".
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/format/minifloat.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

struct mma_position {
  int row;
  int col;
  friend constexpr bool operator==(const mma_position&, const mma_position&) = default;
};

// Count 32-bit registers of one thread: a thread's share of an operand. Numbers lie in it least significant first.
template <int Count>
struct operand_registers {
  std::uint32_t reg[Count];
};

// A thread's share of the sums.
template <class T, int Count = 4>
struct accumulator_registers {
  T reg[Count];
};

// c [16, 8] += a [16, K] * b [K, 8], K = 128 / bits or 256 / bits: all of mma.sync with 16 rows. `operand` is the format of
// both operands, `accumulator` the type of the sums.
template <number_format Operand, class Accumulator, int K>
struct mma_m16n8 {
  using operand = Operand;
  using accumulator = Accumulator;
  static constexpr int rows = 16;
  static constexpr int cols = 8;
  static constexpr int depth = K;

  static constexpr int per_register = 32 / Operand::bits;
  static constexpr int a_registers = 16 * K / per_register / 32;
  static constexpr int b_registers = 8 * K / per_register / 32;
  static constexpr int c_registers = 4;
  static_assert(K == 4 * per_register || K == 8 * per_register, "mma.sync with 16 rows is 128 or 256 bits deep");

  using a_type = operand_registers<a_registers>;
  using b_type = operand_registers<b_registers>;
  using c_type = accumulator_registers<Accumulator>;

  // The oldest architecture (10 * major + minor) whose tensor cores take this shape, though maybe in several instructions.
  static constexpr int compute_capability = Operand::bits == 8 && !std::same_as<Operand, i8> ? 89 : std::same_as<Operand, f16> ? 75 : 80;

  // Where element `element` of register `reg` of a lane lies: in a {row, k}, in b {k, column}, in c {row, column}.
  LOWP_HD static constexpr mma_position a_at(int lane, int reg, int element) noexcept {
    return {lane / 4 + reg % 2 * 8, depth_of(lane, reg / 2, element)};
  }
  LOWP_HD static constexpr mma_position b_at(int lane, int reg, int element) noexcept { return {depth_of(lane, reg, element), lane / 4}; }
  LOWP_HD static constexpr mma_position c_at(int lane, int reg) noexcept { return {lane / 4 + reg / 2 * 8, lane % 4 * 2 + reg % 2}; }

 private:
  LOWP_HD static constexpr int depth_of(int lane, int half, int element) noexcept {
    return lane % 4 * per_register + element + half * 4 * per_register;
  }
};

template <number_format T>
using mma_m16n8k8 = mma_m16n8<T, float, 8>;  // f16, on sm_75 and later
template <number_format T>
using mma_m16n8k16 = mma_m16n8<T, float, 16>;  // f16 and bf16
using mma_m16n8k32_s8 = mma_m16n8<i8, std::int32_t, 32>;
template <number_format T>
using mma_m16n8k32 = mma_m16n8<T, float, 32>;  // e4m3 and e5m2; sm_90 has no tensor core instruction for it and emulates

template <class S>
concept mma_shape = requires {
  typename S::operand;
  typename S::accumulator;
  { S::a_at(0, 0, 0) } -> std::same_as<mma_position>;
  { S::b_at(0, 0, 0) } -> std::same_as<mma_position>;
  { S::c_at(0, 0) } -> std::same_as<mma_position>;
};

// The register operand and the sums of wgmma: 64 rows over the 128 threads of a warpgroup, 256 bits deep. Each warp holds 16
// rows, as mma.sync has them.
template <number_format Operand>
struct wgmma_m64 {
  using quarter = mma_m16n8<Operand, float, 256 / Operand::bits>;
  static constexpr int rows = 64;
  static constexpr int depth = quarter::depth;
  static constexpr int a_registers = quarter::a_registers;
  using a_type = typename quarter::a_type;

  // a {row, k}
  LOWP_HD static constexpr mma_position a_at(int thread, int reg, int element) noexcept {
    const mma_position p = quarter::a_at(thread % 32, reg, element);
    return {thread / 32 * 16 + p.row, p.col};
  }
  // Sums [64, n], n a multiple of 8: register i of n / 2 in each thread. {row, column}
  LOWP_HD static constexpr mma_position c_at(int thread, int reg) noexcept {
    const mma_position p = quarter::c_at(thread % 32, reg % 4);
    return {thread / 32 * 16 + p.row, reg / 4 * 8 + p.col};
  }
};

namespace detail {

// One number of a register as the tensor core sees it.
template <class Operand>
constexpr auto operand_number(std::uint32_t word, int element) noexcept {
  const std::uint32_t code = word >> (element * Operand::bits) & low_mask(Operand::bits);
  if constexpr (std::same_as<Operand, i8>) return static_cast<std::int32_t>(Operand::decode(code));
  else return static_cast<double>(decode<Operand>(code));
}

// What one warp computes, over arrays of the registers of 32 lanes. Products are exact; the sum of a row and a column is taken
// in double and rounded once. (Tensor cores round in a way of their own, by at most a few units in the last place of f32.)
template <mma_shape S>
void mma_of_warp(typename S::c_type* c, const typename S::a_type* a, const typename S::b_type* b) noexcept {
  using number = std::conditional_t<std::same_as<typename S::accumulator, std::int32_t>, std::int32_t, double>;
  number left[S::rows][S::depth];
  number right[S::cols][S::depth];
  for (int lane = 0; lane < 32; ++lane) {
    for (int e = 0; e < S::per_register; ++e) {
      for (int r = 0; r < S::a_registers; ++r) {
        const mma_position p = S::a_at(lane, r, e);
        left[p.row][p.col] = operand_number<typename S::operand>(a[lane].reg[r], e);
      }
      for (int r = 0; r < S::b_registers; ++r) {
        const mma_position p = S::b_at(lane, r, e);
        right[p.col][p.row] = operand_number<typename S::operand>(b[lane].reg[r], e);
      }
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int r = 0; r < S::c_registers; ++r) {
      const mma_position p = S::c_at(lane, r);
      auto sum = static_cast<number>(c[lane].reg[r]);
      for (int k = 0; k < S::depth; ++k) {
        if constexpr (std::same_as<number, std::int32_t>) {
          // Sums wrap around, as on the device.
          sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(left[p.row][k] * right[p.col][k]));
        } else {
          sum += left[p.row][k] * right[p.col][k];
        }
      }
      c[lane].reg[r] = static_cast<typename S::accumulator>(sum);
    }
  }
}

}  // namespace detail
}  // namespace lowp::inline LOWP_ABI
