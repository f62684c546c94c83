// The walk over a product: which panels, which columns, which rows of x, and what becomes of the edges.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// Copies rows x (panels * 16) sums to their place in y, leaving out what lies beyond the rows of w asked for.
inline void put(const product& a, std::size_t token, std::size_t rows, std::size_t panel, std::size_t panels, const float* sums,
                std::size_t stride, bool accumulate) {
  const std::size_t begin = panel * 16 < a.first_row ? a.first_row : panel * 16;
  const std::size_t end = (panel + panels) * 16 > a.last_row ? a.last_row : (panel + panels) * 16;
  for (std::size_t r = 0; r < rows; ++r) {
    const float* from = sums + r * stride;
    for (std::size_t n = begin; n < end; ++n) {
      float& to = a.y(token + r, n);
      to = accumulate ? to + from[n - panel * 16] : from[n - panel * 16];
    }
  }
}

inline void multiply_dots(const product& a, std::size_t first_panel, std::size_t last_panel) {
  constexpr std::size_t most = dot_rows == 0 ? 1 : dot_rows < 4 ? dot_rows : 4;
  alignas(cache_line) float sums[4 * dot_panels * 16];
  for (std::size_t panel = first_panel; panel < last_panel; panel += dot_panels) {
    const std::size_t count = last_panel - panel < dot_panels ? last_panel - panel : dot_panels;
    for (std::size_t m = 0; m < a.x.rows();) {
      const std::size_t left = a.x.rows() - m;
      const std::size_t rows = left < most ? left : most;
      const float* x[4];
      for (std::size_t r = 0; r < 4; ++r) x[r] = &a.x(m + (r < rows ? r : rows - 1), 0);
      (rows == 1 ? a.dot1 : rows == 2 ? a.dot2 : a.dot4)(a, x, panel, count, sums);
      put(a, m, rows, panel, count, sums, dot_panels * 16, false);
      m += rows;
    }
  }
}

inline void multiply_blocks(const product& a, std::size_t first_panel, std::size_t last_panel) {
  constexpr std::size_t tokens = 8 * tile_rows;
  constexpr std::size_t width = tile_panels * 16;
  alignas(cache_line) float block[tile_panels][decode_columns * 16];
  alignas(cache_line) float sums[tile_rows * width];
  for (std::size_t panel = first_panel; panel < last_panel; panel += tile_panels) {
    const std::size_t count = last_panel - panel < tile_panels ? last_panel - panel : tile_panels;
    const bool whole = a.y.contiguous_rows() && panel * 16 >= a.first_row && (panel + tile_panels) * 16 <= a.last_row;
    for (std::size_t k = 0; k < a.cols; k += decode_columns) {
      const std::size_t end = a.cols - k < decode_columns ? a.cols : k + decode_columns;
      const float* w[tile_panels];
      for (std::size_t p = 0; p < tile_panels; ++p) {
        const std::size_t q = p < count ? p : 0;
        if (a.plain) {
          w[p] = reinterpret_cast<const float*>(a.panel_codes(panel + q)) + k * 16;
        } else {
          if (p < count) a.decode(a, panel + p, k, end, block[p]);
          w[p] = block[q];
        }
      }
      for (std::size_t m = 0; m < a.x.rows(); m += whole ? tokens : tile_rows) {
        const std::size_t most = whole ? tokens : tile_rows;
        const std::size_t rows = a.x.rows() - m < most ? a.x.rows() - m : most;
        const float* x[tokens];
        for (std::size_t r = 0; r < rows; ++r) x[r] = &a.x(m + r, k);
        if (whole) {
          multiply_rows(rows, x, w, end - k, &a.y(m, panel * 16), a.y.row_stride(), k != 0);
        } else {
          multiply_rows(rows, x, w, end - k, sums, width, false);
          put(a, m, rows, panel, count, sums, width, k != 0);
        }
      }
    }
  }
}

inline void multiply_range(const product& a) {
  const std::size_t first_panel = a.first_row / 16;
  const std::size_t last_panel = ceil_div(a.last_row, std::size_t{16});
  if (a.x.rows() <= a.dot_rows) multiply_dots(a, first_panel, last_panel);
  else multiply_blocks(a, first_panel, last_panel);
}

// Sixteens of scales or zero points from their codes to floats.
template <number_format F>
void expand(const parameter_stream& stream, std::size_t first, std::size_t count, float* out) {
  const auto* codes = static_cast<const code_t<F>*>(stream.codes) + (F::bits != 0 ? first * 16 : 0);
  const auto read = [&](std::size_t i) LOWP_INLINE_LAMBDA {
    if constexpr (F::bits == 0) return splat(decode<F>(0));
    else return read_parameters<F>(codes + i * 16);
  };
  if (stream.multiplier == 1.0f && stream.offset == 0.0f) {
    for (std::size_t i = 0; i < count; ++i) store(out + i * 16, read(i));
  } else {
    const vec multiplier = splat(stream.multiplier);
    const vec offset = splat(stream.offset);
    for (std::size_t i = 0; i < count; ++i) store(out + i * 16, subtract(multiply(read(i), multiplier), offset));
  }
}

// Completes a product of weights in F, scales in Scale and zero points in Zero (void: none), and runs it.
template <number_format F, number_format Scale, class Zero>
LOWP_NOINLINE void multiply_scheme(product a) {
  constexpr bool zeros = !std::is_void_v<Zero>;
  constexpr code_rule rule = code_rule_of<F, zeros>;
  a.values = code_values<F, zeros>();
  a.unit = rule.unit;
  a.scales.expand = &expand<Scale>;
  if constexpr (zeros) a.zeros.expand = &expand<Zero>;
  if (choose_kernels<rule.kind, zeros>(a)) {
    a.zeros.offset = zeros ? code_centre<F>() : 0.0f;
  } else {
    a.decode = &decode_scalar<F, zeros>;
  }
  a.plain = rule.kind.how == decoding::f32 && a.scales.all_ones() && !zeros;
  multiply_range(a);
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
