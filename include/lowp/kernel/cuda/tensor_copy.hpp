// Tiles of a matrix in global memory, copied to shared memory by the hardware that knows the matrix from a tensor map: swizzled in rows
// of 128 bytes as wgmma reads them, zeros beyond the matrix's ends (sm_90 and later).
//
//   bar.arrive_and_expect(source.tile_rows * 128);           // all bytes of the tile count, zeros too
//   lowp::ptx::copy_tile(stage, source, col, row, bar);      // one thread; `stage` is a multiple of 1024
//
// On the device the source is the address of a tensor map (cuTensorMapEncodeTiled), a parameter of the kernel; on the host the matrix
// itself. Source: PTX ISA 9.0, cp.async.bulk.tensor, "Swizzling Modes".
#pragma once

#include <lowp/kernel/cuda/bulk_copy.hpp>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

inline constexpr int tensor_tile_cols = 128;  // bytes of a row of a tile

// Bytes [rows][cols], rows `stride` bytes apart, copied in tiles of `tile_rows` x 128.
struct tensor_source {
#if defined(__CUDA_ARCH__)
  const void* map;
#else
  const std::uint8_t* data;
  std::size_t stride;
  std::uint32_t rows;
  std::uint32_t cols;
  std::uint32_t tile_rows;
#endif
};

namespace ptx {

LOWP_HD inline void copy_tile(void* shared, const tensor_source& source, std::uint32_t col, std::uint32_t row, transfer_barrier& barrier) {
#if !defined(__CUDA_ARCH__)
  auto* const to = static_cast<std::uint8_t*>(shared);
  for (std::uint32_t r = 0; r < source.tile_rows; ++r) {
    for (std::uint32_t c = 0; c < static_cast<std::uint32_t>(tensor_tile_cols); ++c) {
      const bool exists = row + r < source.rows && col + c < source.cols;
      const std::uint32_t sixteen = (c >> 4) ^ (r & 7u);
      to[r * 128 + (sixteen << 4) + (c & 15u)] = exists ? source.data[(row + r) * source.stride + col + c] : std::uint8_t{0};
    }
  }
  barrier.received(source.tile_rows * static_cast<std::uint32_t>(tensor_tile_cols));
#elif __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
                   shared_address(shared)),
               "l"(source.map), "r"(col), "r"(row), "r"(barrier.address())
               : "memory");
#else
  __trap();
#endif
}

}  // namespace ptx
}  // namespace lowp::inline LOWP_ABI
