// ldmatrix: a warp reads one, two or four 8 x 8 matrices of 16-bit numbers from shared memory into the registers that mma.sync wants.
//
//   // Lane l names the address of row l % 8 of matrix l / 8 (16 bytes, aligned to 16).
//   auto a = lowp::load_matrices<4>(block, rows);            // per_thread<matrix_registers<4>>; a[t].reg[i] is of matrix i
//
// Afterwards register i of lane l holds the two numbers at row l / 4, columns 2 (l % 4) and the next, of matrix i; transposed, those at
// column l / 4, rows 2 (l % 4) and the next. Runs on the device and, for all lanes of each warp, on the host. Source: PTX ISA 9.0,
// ldmatrix.
#pragma once

#include <lowp/kernel/cuda/async_copy.hpp>
#include <lowp/kernel/cuda/block.hpp>

#include <cstdint>
#include <cstring>

namespace lowp::inline LOWP_ABI {

template <int Count>
struct matrix_registers {
  std::uint32_t reg[Count];
};

namespace ptx {

// For one warp: rows[l] is the address that lane l names.
template <int Count, bool Transposed>
void load_matrices_of_warp(matrix_registers<Count>* registers, const void* const* rows) {
  for (int lane = 0; lane < warp_threads; ++lane) {
    for (int i = 0; i < Count; ++i) {
      std::uint16_t number[2];
      for (int half = 0; half < 2; ++half) {
        const int along = 2 * (lane % 4) + half;
        const int row = Transposed ? along : lane / 4;
        const int column = Transposed ? lane / 4 : along;
        std::memcpy(&number[half], static_cast<const std::uint8_t*>(rows[8 * i + row]) + 2 * column, 2);
      }
      registers[lane].reg[i] = static_cast<std::uint32_t>(number[0]) | static_cast<std::uint32_t>(number[1]) << 16;
    }
  }
}

#if defined(__CUDA_ARCH__)
template <int Count, bool Transposed>
__device__ inline matrix_registers<Count> load_matrices(const void* row) {
  matrix_registers<Count> m;
  const std::uint32_t address = shared_address(row);
  if constexpr (Count == 1 && !Transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(m.reg[0]) : "r"(address) : "memory");
  } else if constexpr (Count == 1) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(m.reg[0]) : "r"(address) : "memory");
  } else if constexpr (Count == 2 && !Transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(m.reg[0]), "=r"(m.reg[1]) : "r"(address) : "memory");
  } else if constexpr (Count == 2) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(m.reg[0]), "=r"(m.reg[1])
                 : "r"(address)
                 : "memory");
  } else if constexpr (!Transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(m.reg[0]), "=r"(m.reg[1]), "=r"(m.reg[2]), "=r"(m.reg[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(m.reg[0]), "=r"(m.reg[1]), "=r"(m.reg[2]), "=r"(m.reg[3])
                 : "r"(address)
                 : "memory");
  }
  return m;
}
#endif

}  // namespace ptx

template <int Count, bool Transposed = false, class Block>
LOWP_HD auto load_matrices(const Block&, const typename Block::template per_thread<const void*>& rows) {
  static_assert(Count == 1 || Count == 2 || Count == 4, "one, two or four matrices are loaded at a time");
  typename Block::template per_thread<matrix_registers<Count>> m;
#if defined(__CUDA_ARCH__)
  m[0] = ptx::load_matrices<Count, Transposed>(rows[0]);
#else
  for (int t = 0; t < Block::threads; t += warp_threads) ptx::load_matrices_of_warp<Count, Transposed>(&m[t], &rows[t]);
#endif
  return m;
}

}  // namespace lowp::inline LOWP_ABI
