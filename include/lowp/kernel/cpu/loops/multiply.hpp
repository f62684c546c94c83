// A product in f32: dots for few tokens, tiles over a block of decoded weights for many.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// Sixteens of parameters in their stream's order: next() is the value of the next sixteen.
template <class P>
struct parameter_reader;
template <number_format F>
struct parameter_reader<F> {
  const code_t<F>* codes;

  LOWP_ALWAYS_INLINE parameter_reader(const parameter_stream& stream, std::size_t first)
      : codes(static_cast<const code_t<F>*>(stream.codes) + (F::bits != 0 ? first * 16 : 0)) {}

  LOWP_ALWAYS_INLINE vec next() {
    if constexpr (F::bits == 0) return splat(decode<F>(0));
    const vec v = read_parameters<F>(codes);
    codes += 16;
    return v;
  }
};
template <number_format F, number_format Upper>
struct parameter_reader<nested_format<F, Upper>> {
  parameter_reader<F> inner;
  const code_t<Upper>* upper_codes;
  std::size_t together;
  std::size_t left;
  vec upper;

  LOWP_ALWAYS_INLINE parameter_reader(const parameter_stream& stream, std::size_t first)
      : inner(stream, first), together(stream.upper_groups) {
    const std::size_t group = first % stream.groups;
    const std::size_t at = first / stream.groups * ceil_div(stream.groups, together) + group / together;
    upper_codes = static_cast<const code_t<Upper>*>(stream.upper_codes) + at * 16;
    left = together - group % together;
    upper = read_parameters<Upper>(upper_codes);
  }

  LOWP_ALWAYS_INLINE vec next() {
    if (left == 0) {
      upper_codes += 16;
      upper = read_parameters<Upper>(upper_codes);
      left = together;
    }
    --left;
    return settled(multiply(inner.next(), upper));
  }
};

// Sixteens of scales, zero points or minima from their codes to floats.
template <class P>
void expand(const parameter_stream& stream, std::size_t first, std::size_t count, float* out, std::size_t stride) {
  parameter_reader<P> reader(stream, first);
  const vec multiplier = splat(stream.multiplier);
  const vec offset = splat(stream.offset);
  // Compared once: a comparison of floats takes an arithmetic unit.
  const bool multiplies = stream.multiplier != 1.0f;
  const bool subtracts = stream.offset != 0.0f;
  for (std::size_t i = 0; i < count; ++i) {
    vec v = reader.next();
    if (multiplies) v = settled(multiply(v, multiplier));
    if (subtracts) v = subtract(v, offset);
    store(out + i * stride, v);
  }
}

inline void dot_tokens(const product& a, std::size_t token, std::size_t tokens, std::size_t panel, std::size_t count, float* totals) {
  constexpr std::size_t most = dot_rows == 0 ? 1 : dot_rows < 4 ? dot_rows : 4;
  for (std::size_t m = 0; m < tokens;) {
    const std::size_t left = tokens - m;
    const std::size_t rows = left < most ? left : most;
    const float* x[4];
    for (std::size_t r = 0; r < 4; ++r) x[r] = &a.x(token + m + (r < rows ? r : rows - 1), 0);
    // Three are four of which one is in vain: totals have room for it.
    (rows == 1 ? a.dot1 : rows == 2 ? a.dot2 : a.dot4)(a, x, panel, count, totals + m * dot_panels * 16);
    m += rows;
  }
}

inline void block_tokens(const product& a, std::size_t token, std::size_t tokens, std::size_t panel, std::size_t count, float* totals) {
  constexpr std::size_t width = tile_panels * 16;
  constexpr std::size_t most = 8 * tile_rows;
  alignas(cache_line) float block[tile_panels][decode_columns * 16];
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
    for (std::size_t m = 0; m < tokens; m += most) {
      const std::size_t rows = tokens - m < most ? tokens - m : most;
      const float* x[most];
      for (std::size_t r = 0; r < rows; ++r) x[r] = &a.x(token + m + r, k);
      multiply_rows(rows, x, w, end - k, totals + m * width, width, k != 0);
    }
  }
}

inline void multiply_floats(const product& a, std::size_t first_row, std::size_t last_row) {
  if (a.x.rows() <= a.dot_rows) {
    walk<dot_panels, (dot_rows > quick_dot_rows ? dot_rows : quick_dot_rows) + 1>(
        a.x.rows(), first_row, last_row, a.out,
        [&](auto... place) LOWP_INLINE_LAMBDA { dot_tokens(a, place...); });
  } else {
    walk<tile_panels, 16 * tile_rows>(a.x.rows(), first_row, last_row, a.out,
                                      [&](auto... place) LOWP_INLINE_LAMBDA { block_tokens(a, place...); });
  }
}

// Completes a product of weights in F, scales in Scale and zero points or minima in Zero: the functions that decode them.
template <number_format F, class Scale, class Zero, term Term>
void choose_float_kernels(product& a) {
  constexpr bool centred = Term == term::zero;
  constexpr code_rule rule = code_rule_of<F, centred>;
  a.values = code_values<F, centred>();
  a.unit = rule.unit;
  a.scales.expand = &expand<Scale>;
  if constexpr (Term != term::none) a.zeros.expand = &expand<Zero>;
  if (choose_kernels<rule.kind, Term>(a)) {
    a.zeros.offset = centred ? code_centre<F>() : 0.0f;
  } else {
    a.decode = &decode_scalar<F, Term>;
  }
  a.plain = rule.kind.how == decoding::f32 && a.scales.all_ones() && Term == term::none;
  a.multiply = &multiply_floats;
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
