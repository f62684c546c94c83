// A product with narrow activations: dots for few tokens, tiles over a block of decoded weights for many.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

inline void dot_tokens(const narrow_product& a, std::size_t token, std::size_t tokens, std::size_t panel, std::size_t count,
                       float* totals) {
  constexpr std::size_t width = narrow_dot_panels * 16;
  for (std::size_t m = 0; m < tokens;) {
    const std::size_t left = tokens - m;
    const std::size_t rows = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    (rows == 4 ? a.dot4 : rows == 2 ? a.dot2 : a.dot1)(a, token + m, panel, count, totals + m * width);
    m += rows;
  }
}

template <class Dot, bool Grouped, term Term>
void block_tokens(const narrow_product& a, std::size_t token, std::size_t tokens, std::size_t panel, std::size_t count, float* totals) {
  constexpr std::size_t width = narrow_panels * 16;
  constexpr std::size_t most_steps = Dot::stretch / step_columns + 1;  // a piece may start and end inside a step
  alignas(cache_line) std::uint8_t lines[most_steps * Dot::parts * narrow_panels * 64];
  alignas(cache_line) float scales[most_steps * width];
  alignas(cache_line) float zeros[Term != term::none ? most_steps * width : 16];
  for (std::size_t i = 0; i < tokens * width; i += 16) store(totals + i, splat(0.0f));
  step_block b{0, 0, 0, lines, scales, zeros, lines, 0};
  while (b.first < a.piece_count) {
    std::size_t steps = a.pieces[b.first].steps;
    b.last = b.first + 1;
    while (b.last < a.piece_count && steps + a.pieces[b.last].steps <= most_steps) steps += a.pieces[b.last++].steps;
    const std::size_t group = a.pieces[b.first].group;
    const std::size_t groups = a.pieces[b.last - 1].group - group + 1;
    a.decode(a, panel, count, b.first, b.last, lines);
    for (std::size_t p = 0; p < count; ++p) {
      a.scales.expand(a.scales, (panel + p) * a.groups + group, groups, scales + p * 16, width);
      if constexpr (Term != term::none) a.zeros.expand(a.zeros, (panel + p) * a.groups + group, groups, zeros + p * 16, width);
    }
    // Each tile asks for its share of the stretch after this one, so that memory works while tiles compute; no stream of loads leads there.
    const std::size_t step_bytes = a.panel_bytes / a.steps;
    const std::size_t next_step = a.pieces[b.last - 1].first_step + a.pieces[b.last - 1].steps;
    b.ahead = a.panel_codes(panel) + next_step * step_bytes;
    for (std::size_t m = 0; m < tokens;) {
      const std::size_t rows = next_share(tokens - m, narrow_tile_rows);
      b.ahead_bytes = ceil_div(step_bytes * rows, tokens);
      tile_steps_of<Dot, Grouped, Term>(rows, a, b, token + m, totals + m * width);
      b.ahead += steps * b.ahead_bytes;
      m += rows;
    }
    b.first = b.last;
    b.x += steps * step_columns * Dot::column_bytes;
  }
}

template <int Panels, bool Grouped>
LOWP_ALWAYS_INLINE void scale_by_token(const narrow_product& a, std::size_t token, std::size_t tokens, float* totals) {
  constexpr std::size_t width = Panels * 16;
  for (std::size_t m = 0; m < tokens; ++m) {
    const vec factor = splat(Grouped || a.x_scales == nullptr ? a.x_unit : a.x_unit * a.x_scales[token + m]);
    float* total = totals + m * width;
    for (std::size_t n = 0; n < width; n += 16) store(total + n, multiply(load(total + n), factor));
  }
}

template <class Dot, bool Grouped, term Term>
void multiply_steps(const narrow_product& a, std::size_t first_row, std::size_t last_row) {
  if (a.tokens <= a.dot_tokens) {
    walk<narrow_dot_panels, narrow_dot_tokens + 1>(
        a.tokens, first_row, last_row, a.out,
        [&](std::size_t token, std::size_t tokens, std::size_t panel, std::size_t count, float* totals) LOWP_INLINE_LAMBDA {
          dot_tokens(a, token, tokens, panel, count, totals);
          scale_by_token<narrow_dot_panels, Grouped>(a, token, tokens, totals);
        });
  } else {
    walk<narrow_panels, narrow_tokens>(
        a.tokens, first_row, last_row, a.out,
        [&](std::size_t token, std::size_t tokens, std::size_t panel, std::size_t count, float* totals) LOWP_INLINE_LAMBDA {
          block_tokens<Dot, Grouped, Term>(a, token, tokens, panel, count, totals);
          scale_by_token<narrow_panels, Grouped>(a, token, tokens, totals);
        });
  }
}

// Completes a product whose weights decode by Columns and have scales in Scale and zero points, counted from `centre`, or minima in
// Zero. Grouped: activations have several scales a token.
template <class Columns, class Dot, class Scale, class Zero, term Term, bool Grouped>
void choose_step_kernels(narrow_product& a, float centre) {
  a.scales.expand = &expand<Scale>;
  if constexpr (Term != term::none) {
    a.zeros.expand = &expand<Zero>;
    if (Term == term::zero) a.zeros.offset = centre;
  }
  a.decode = &decode_steps<Columns, Dot>;
  a.dot_tokens = narrow_dot_tokens;
  if constexpr (narrow_dot_tokens > 0) {
    a.dot1 = &dot_steps<Columns, Dot, Grouped, Term, 1>;
    a.dot2 = &dot_steps<Columns, Dot, Grouped, Term, 2>;
    a.dot4 = &dot_steps<Columns, Dot, Grouped, Term, 4>;
  }
  a.tile = &tile_activations;
  a.multiply = &multiply_steps<Dot, Grouped, Term>;
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
