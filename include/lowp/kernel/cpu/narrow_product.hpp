// One product y = x * w^T as the kernels see it whose activations were made narrow: bytes, multiplied with weights that are small
// integers and summed exactly, or bf16, multiplied and summed in f32. The schemes are forgotten but for the functions that decode them.
//
// Columns are cut into pieces wherever a group of weights or of activations ends, and after so many columns. A row's pieces are
// added in order, in f32, by fused multiply-add:
//
//   total = fma(sum [* unit] [- zero * sum of x], scale of w [* scale of x], total) [- minimum * sum of x [* scale of x]]
//
// Sums of integers being exact, such an output is the same on every instruction set, for every range of rows and every number of
// tokens.
#pragma once

#include <lowp/kernel/cpu/product.hpp>
#include <lowp/kernel/cpu/scratch.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

// Dot products take columns four at a time.
inline constexpr std::size_t step_columns = 4;

// The longest pieces. Of bytes: 255 * 128 * 256 is below 2^24, so that a sum is exact as a float too. Of bf16: what stays in the first
// cache while all tokens pass, once decoded.
inline constexpr std::size_t byte_piece = 256;
inline constexpr std::size_t pair_piece = 128;

// The activations of a piece's steps follow those of the piece before it.
struct piece {
  std::size_t first_step;  // of the weights' columns
  std::size_t steps;
  std::size_t group;    // of weights
  std::size_t x_group;  // of activations
};

// The pieces of `cols` columns. Where all begin at multiples of four columns, activations are read where they lie; else pieces
// have their own copies, in which columns that belong to others are zeros.
struct piece_list {
  std::vector<piece> pieces;
  bool aligned = true;
  std::size_t x_columns = 0;  // of a row of activations that is laid out for the pieces

  static piece_list make(std::size_t cols, std::size_t group_cols, std::size_t x_group_cols, std::size_t longest) {
    piece_list list;
    for (std::size_t k = 0; k < cols;) {
      const std::size_t end = end_of(k, cols, group_cols, x_group_cols, longest);
      list.aligned = list.aligned && k % step_columns == 0;
      k = end;
    }
    list.aligned = list.aligned && cols % step_columns == 0;
    for (std::size_t k = 0; k < cols;) {
      const std::size_t end = end_of(k, cols, group_cols, x_group_cols, longest);
      const std::size_t first = k / step_columns;
      const std::size_t steps = ceil_div(end, step_columns) - first;
      list.pieces.push_back({first, steps, k / group_cols, k / x_group_cols});
      list.x_columns += steps * step_columns;
      k = end;
    }
    return list;
  }

  static std::size_t end_of(std::size_t k, std::size_t cols, std::size_t group_cols, std::size_t x_group_cols,
                            std::size_t longest) noexcept {
    std::size_t end = cols - k < longest ? cols : k + longest;
    for (const std::size_t group : {group_cols, x_group_cols}) {
      const std::size_t next = cols - k / group * group < group ? cols : (k / group + 1) * group;
      end = next < end ? next : end;
    }
    return end;
  }
};

struct narrow_product;

// The steps of pieces [first, last) of `count` panels, decoded: [step][part of a step][narrow_panels][64 bytes].
using decode_steps_function = void (*)(const narrow_product&, std::size_t panel, std::size_t count, std::size_t first, std::size_t last,
                                       std::uint8_t* out);
// Totals of some tokens from `token` on, [token][narrow_panels * 16].
using dot_steps_function = void (*)(const narrow_product&, std::size_t token, std::size_t panel, std::size_t count, float* totals);

struct narrow_product {
  std::size_t tokens = 0;
  const std::uint8_t* x = nullptr;  // [tokens][x_stride]: signed bytes, or bf16 with each four columns in the order 0 2 1 3
  std::size_t x_stride = 0;         // in bytes
  std::size_t x_bytes = 0;          // of a token's row that pieces read
  const std::uint8_t* tiled_x = nullptr;  // [tokens][x_bytes] in the order of tiles, for more than dot_tokens tokens
  const std::int32_t* starts = nullptr;  // [pieces][tokens], of bytes: what a sum begins with, (centre - bias) * sum of x
  const float* sums = nullptr;           // [pieces][tokens]: sum of x, for zero points and minima
  const float* x_scales = nullptr;       // [x_groups][tokens]
  const piece* pieces = nullptr;
  std::size_t piece_count = 0;

  const std::uint8_t* codes = nullptr;  // of the weights
  std::size_t panel_bytes = 0;
  std::size_t steps = 0;  // of a panel
  const void* table = nullptr;  // what codes decode to, if that is looked up
  std::size_t groups = 0;
  parameter_stream scales;
  parameter_stream zeros;  // or minima
  int centre = 0;       // what the kernels take off the weights' bytes
  float unit = 1.0f;    // of a sum, where zero points or minima are taken off
  float x_unit = 1.0f;  // of everything, at the end
  output_sink out;

  // The best functions for the format.
  std::int32_t (*sum)(const std::int8_t* x, std::size_t count) = nullptr;
  void (*tile)(const narrow_product&, std::uint8_t* out) = nullptr;  // x to tiled_x
  void (*multiply)(const narrow_product&, std::size_t first_row, std::size_t last_row) = nullptr;
  decode_steps_function decode = nullptr;
  std::size_t dot_tokens = 0;  // up to how many tokens dots are faster than decoding first
  dot_steps_function dot1 = nullptr;
  dot_steps_function dot2 = nullptr;
  dot_steps_function dot4 = nullptr;

  const std::uint8_t* panel_codes(std::size_t panel) const noexcept { return codes + panel * panel_bytes; }
};

// Lays activations out in tiles where those are used; `store` keeps them.
inline void tile_activations(narrow_product& a, scratch<std::uint8_t>& store) {
  if (a.tokens <= a.dot_tokens) return;
  store.resize(a.tokens * a.x_bytes);
  a.tile(a, store.data());
  a.tiled_x = store.data();
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
