// mma.sync as device functions over registers, for kernels that do not use block.mma.
//
//   lowp::ptx::mma<lowp::mma_m16n8k16<lowp::f16>>(c, a, b);      // c, a, b: the shape's c_type, a_type, b_type
//
// Source: PTX ISA 9.0, section 9.7.14.5 (mma).
#pragma once

#include <lowp/kernel/cuda/mma.hpp>

#include <concepts>
#include <cstdint>

namespace lowp::inline LOWP_ABI::ptx {

#if defined(__CUDA_ARCH__)

// c += a * b with sums of f32 in one instruction of four a and two b registers.
#define LOWP_MMA(shape, types)                                                                                               \
  asm("mma.sync.aligned." shape ".row.col.f32." types ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
      : "+f"(c.reg[0]), "+f"(c.reg[1]), "+f"(c.reg[2]), "+f"(c.reg[3])                                                       \
      : "r"(a.reg[0]), "r"(a.reg[1]), "r"(a.reg[2]), "r"(a.reg[3]), "r"(b.reg[0]), "r"(b.reg[1]))

__device__ inline void mma_k8_f16(accumulator_registers<float>& c, std::uint32_t a0, std::uint32_t a1, std::uint32_t b) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+f"(c.reg[0]), "+f"(c.reg[1]), "+f"(c.reg[2]), "+f"(c.reg[3])
      : "r"(a0), "r"(a1), "r"(b));
}

// c += a * b in one warp. On architectures before Shape::compute_capability it stops the kernel: ask before launching.
template <mma_shape Shape>
__device__ LOWP_ALWAYS_INLINE void mma(typename Shape::c_type& c, const typename Shape::a_type& a, const typename Shape::b_type& b) {
  using operand = typename Shape::operand;
  if constexpr (__CUDA_ARCH__ < Shape::compute_capability * 10) {
    __trap();
  } else if constexpr (std::same_as<operand, f16> && Shape::depth == 8) {
    mma_k8_f16(c, a.reg[0], a.reg[1], b.reg[0]);
  } else if constexpr (std::same_as<operand, f16>) {
    static_assert(Shape::depth == 16);
#if __CUDA_ARCH__ >= 800
    LOWP_MMA("m16n8k16", "f16.f16");
#else
    mma_k8_f16(c, a.reg[0], a.reg[1], b.reg[0]);
    mma_k8_f16(c, a.reg[2], a.reg[3], b.reg[1]);
#endif
  } else if constexpr (std::same_as<operand, bf16>) {
    static_assert(Shape::depth == 16);
#if __CUDA_ARCH__ >= 800
    LOWP_MMA("m16n8k16", "bf16.bf16");
#endif
  } else if constexpr (std::same_as<operand, i8>) {
    static_assert(Shape::depth == 32);
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(c.reg[0]), "+r"(c.reg[1]), "+r"(c.reg[2]), "+r"(c.reg[3])
        : "r"(a.reg[0]), "r"(a.reg[1]), "r"(a.reg[2]), "r"(a.reg[3]), "r"(b.reg[0]), "r"(b.reg[1]));
#endif
  } else {
    static_assert(Shape::depth == 32 && (std::same_as<operand, e4m3> || std::same_as<operand, e5m2>),
                  "mma.sync multiplies f16, bf16, i8, e4m3 and e5m2");
#if __CUDA_ARCH__ >= 890
    if constexpr (std::same_as<operand, e4m3>) LOWP_MMA("m16n8k32", "e4m3.e4m3");
    else LOWP_MMA("m16n8k32", "e5m2.e5m2");
#endif
  }
}

#undef LOWP_MMA

#endif

}  // namespace lowp::inline LOWP_ABI::ptx
