// A product of small integers: dots for few tokens, tiles over a block of decoded bytes for many.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

inline void dot_tokens(const integer_product& a, std::size_t token, std::size_t tokens, std::size_t panel, std::size_t count, float* totals) {
  constexpr std::size_t width = integer_panels * 16;
  for (std::size_t m = 0; m < tokens;) {
    const std::size_t left = tokens - m;
    const std::size_t rows = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    (rows == 4 ? a.dot4 : rows == 2 ? a.dot2 : a.dot1)(a, token + m, panel, count, totals + m * width);
    m += rows;
  }
}

template <bool Wide, bool Grouped, bool Zeros>
void block_tokens(const integer_product& a, std::size_t token, std::size_t tokens, std::size_t panel, std::size_t count, float* totals) {
  constexpr std::size_t width = integer_panels * 16;
  alignas(cache_line) std::uint8_t bytes[most_piece_steps * integer_panels * 64];
  alignas(cache_line) float scales[most_piece_steps * integer_panels * 16];
  alignas(cache_line) float zeros[Zeros ? most_piece_steps * integer_panels * 16 : 16];
  for (std::size_t i = 0; i < tokens * width; i += 16) store(totals + i, splat(0.0f));
  byte_block b{0, 0, 0, bytes, scales, zeros};
  while (b.first < a.piece_count) {
    std::size_t steps = a.pieces[b.first].steps;
    b.last = b.first + 1;
    while (b.last < a.piece_count && steps + a.pieces[b.last].steps <= most_piece_steps) steps += a.pieces[b.last++].steps;
    const std::size_t group = a.pieces[b.first].group;
    const std::size_t groups = a.pieces[b.last - 1].group - group + 1;
    a.decode(a, panel, count, b.first, b.last, bytes);
    for (std::size_t p = 0; p < count; ++p) {
      a.scales.expand(a.scales, (panel + p) * a.groups + group, groups, scales + p * 16, width);
      if constexpr (Zeros) a.zeros.expand(a.zeros, (panel + p) * a.groups + group, groups, zeros + p * 16, width);
    }
    for (std::size_t m = 0; m < tokens;) {
      // Tiles as even as can be, since small ones wait for their own sums.
      const std::size_t rows = ceil_div(tokens - m, ceil_div(tokens - m, std::size_t{integer_tile_rows}));
      tile_bytes_of<Wide, Grouped, Zeros>(rows, a, b, token + m, totals + m * width);
      m += rows;
    }
    b.first = b.last;
    b.x += steps * step_columns;
  }
}

template <bool Wide, bool Grouped, bool Zeros>
void multiply_bytes(const integer_product& a, std::size_t first_row, std::size_t last_row) {
  constexpr std::size_t width = integer_panels * 16;
  walk<integer_panels, 22 * integer_tile_rows>(
      a.tokens, first_row, last_row, a.out,
      [&](std::size_t token, std::size_t tokens, std::size_t panel, std::size_t count, float* totals) LOWP_INLINE_LAMBDA {
        if (a.tokens <= a.dot_tokens) dot_tokens(a, token, tokens, panel, count, totals);
        else block_tokens<Wide, Grouped, Zeros>(a, token, tokens, panel, count, totals);
        for (std::size_t m = 0; m < tokens; ++m) {
          const vec factor = splat(Grouped ? a.x_unit : a.x_unit * a.x_scales[token + m]);
          float* total = totals + m * width;
          for (std::size_t n = 0; n < width; n += 16) store(total + n, multiply(load(total + n), factor));
        }
      });
}

// Completes a product with weights in F, scales in Scale and zero points in Zero (void: none): the functions that decode them.
// Grouped: activations have several scales a token.
template <number_format F, number_format Scale, class Zero, bool Grouped>
void choose_integer_kernels(integer_product& a) {
  constexpr bool zeros = !std::is_void_v<Zero>;
  constexpr byte_rule rule = byte_rule_of<F, zeros>;
  constexpr byte_kind kind = rule.kind;
  a.bytes = byte_table_of<F, zeros>.value;
  a.scales.expand = &expand<Scale>;
  if constexpr (zeros) {
    a.zeros.expand = &expand<Zero>;
    a.zeros.offset = code_centre<F>();
  }
  a.sum = &sum_of_bytes;
  a.decode = &decode_bytes<kind>;
  a.dot_tokens = integer_dot_tokens;
  if constexpr (integer_dot_tokens > 0) {
    a.dot1 = &dot_bytes<kind, Grouped, zeros, 1>;
    a.dot2 = &dot_bytes<kind, Grouped, zeros, 2>;
    a.dot4 = &dot_bytes<kind, Grouped, zeros, 4>;
  }
  a.multiply = &multiply_bytes<kind.wide && dots_narrow_bytes, Grouped, zeros>;
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
