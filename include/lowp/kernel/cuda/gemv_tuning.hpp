// How the GEMV divides its work, as a value, and which value it takes on which device.
//
//   struct my_tuning {
//     constexpr lowp::gemv_tile operator()(int compute_capability, int tokens) const { return {.rows_per_warp = 2}; }
//   };
//   lowp::gemv<my_tuning>(stream, w, x, y);
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/kernel/cuda/block.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// A block computes a tile of rows. Each warp has rows of its own, and its share of the columns: the warps along the columns
// add up their sums in order at the end. The result depends on warps_along_cols in its last bits, on nothing else here.
struct gemv_tile {
  int rows_per_warp = 4;  // rows that share one read of the activations
  int warps_along_rows = 4;
  int warps_along_cols = 2;
  int blocks_per_processor = 2;  // for which registers must suffice

  LOWP_HD constexpr int warps() const noexcept { return warps_along_rows * warps_along_cols; }
  LOWP_HD constexpr int threads() const noexcept { return warps() * warp_threads; }
  LOWP_HD constexpr int rows() const noexcept { return rows_per_warp * warps_along_rows; }
  friend constexpr bool operator==(const gemv_tile&, const gemv_tile&) = default;
};

// The default. compute_capability: 10 * major + minor of the architecture that the kernel was compiled for; tokens: the
// columns that the kernel computes at once (1, 2, 4 or 8). More tokens mean more sums a row, so fewer rows.
struct gemv_tuning {
  constexpr gemv_tile operator()(int, int tokens) const noexcept { return {.rows_per_warp = tokens <= 2 ? 4 : 2}; }
};

template <class T>
concept gemv_tuning_policy = requires(const T tuning, int n) {
  { tuning(n, n) } -> std::same_as<gemv_tile>;
};

// What follows from the sizes: how many columns of activations lie in shared memory at once, and the bytes of it.
struct gemv_plan {
  std::size_t panel;
  std::size_t shared_bytes;
  std::size_t tiles;
};

inline constexpr int gemv_chunk = 1024;  // columns that a warp reads at once: 32 lanes times 16 bytes of 4-bit codes

// Where vector v of 8 activations lies in shared memory. Lane l reads vectors 4 l .. 4 l + 3; in this order eight lanes that
// read at once read all 32 banks.
LOWP_HD constexpr std::uint32_t gemv_slot(std::uint32_t v) noexcept { return v ^ (v >> 3 & 3u); }

constexpr gemv_plan plan_gemv(std::size_t rows, std::size_t cols, int tokens, gemv_tile tile) noexcept {
  constexpr std::size_t available = 48 * 1024;  // what every device has without asking
  constexpr std::size_t chunk = gemv_chunk;
  const auto columns = static_cast<std::size_t>(tokens);
  const std::size_t sums = round_up(sizeof(float) * static_cast<std::size_t>(tile.warps() * tile.rows_per_warp) * columns, std::size_t{16});
  const std::size_t most = (available - sums) / (2 * columns * chunk) * chunk;
  const std::size_t all = round_up(cols, chunk);
  const std::size_t panel = all < most ? all : most;
  return {panel, 2 * columns * panel + sums, ceil_div(rows, static_cast<std::size_t>(tile.rows()))};
}

}  // namespace lowp::inline LOWP_ABI
