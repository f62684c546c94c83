// The kernel for many rows of x: a tile of tile_rows x (16 * tile_panels) sums is kept in registers while it walks along
// a block of decoded floats that stays in cache.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
//
// Needs from that namespace: vec (16 floats, the rows of a panel), load, store, splat, add, fused_multiply_add; tile_rows, tile_panels.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// y[r][p * 16 + n] (+)= sum over k of x[r][k] * w[p][k][n], for R rows of x and all panels of a tile.
template <int R>
LOWP_NOINLINE inline void multiply_tile(const float* const* x, const float* const* w, std::size_t count, float* y, std::size_t y_stride,
                                        bool accumulate) {
  vec sum[R][tile_panels];
  const float* row[R];
  const float* panel[tile_panels];
  LOWP_UNROLL
  for (int p = 0; p < tile_panels; ++p) panel[p] = w[p];
  LOWP_UNROLL
  for (int r = 0; r < R; ++r) {
    row[r] = x[r];
    LOWP_UNROLL
    for (int p = 0; p < tile_panels; ++p) sum[r][p] = splat(0.0f);
  }
  for (std::size_t k = 0; k < count; ++k) {
    vec v[tile_panels];
    LOWP_UNROLL
    for (int p = 0; p < tile_panels; ++p) v[p] = load(panel[p] + k * 16);
    LOWP_UNROLL
    for (int r = 0; r < R; ++r) {
      const vec xk = splat(row[r][k]);
      LOWP_UNROLL
      for (int p = 0; p < tile_panels; ++p) sum[r][p] = fused_multiply_add(xk, v[p], sum[r][p]);
    }
  }
  LOWP_UNROLL
  for (int r = 0; r < R; ++r) {
    LOWP_UNROLL
    for (int p = 0; p < tile_panels; ++p) {
      float* at = y + static_cast<std::size_t>(r) * y_stride + p * 16;
      store_anywhere(at, accumulate ? add(load_anywhere(at), sum[r][p]) : sum[r][p]);
    }
  }
}

inline void multiply_rows(std::size_t rows, const float* const* x, const float* const* w, std::size_t count, float* y, std::size_t y_stride,
                          bool accumulate) {
  for (std::size_t r = 0; r < rows;) {
    const std::size_t left = rows - r;
    float* at = y + r * y_stride;
    if (left >= tile_rows) {
      multiply_tile<tile_rows>(x + r, w, count, at, y_stride, accumulate);
      r += tile_rows;
    } else if (tile_rows > 4 && left >= 4) {
      multiply_tile<4>(x + r, w, count, at, y_stride, accumulate);
      r += 4;
    } else if (tile_rows > 2 && left >= 2) {
      multiply_tile<2>(x + r, w, count, at, y_stride, accumulate);
      r += 2;
    } else {
      multiply_tile<1>(x + r, w, count, at, y_stride, accumulate);
      r += 1;
    }
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
