// The kernels for products with narrow activations: dots for few tokens, which decode in registers, and tiles for many, which share
// decoded weights; narrow_product.hpp says what they compute.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
//
// Needs from that namespace: vec as in loops/dot.hpp; bits (sixteen words of 32 bits) with load_bits, store_bits; fused_add(a, b, c) =
// a * b + c and fused_subtract(a, b, c) = c - a * b, each rounded once; narrow_panels, which are decoded together and meet
// narrow_tile_rows tokens at a time, up to narrow_tokens; narrow_dot_panels, which meet up to narrow_dot_tokens tokens undecoded; and,
// as template arguments,
//
//   Dot      how four columns are multiplied: parts, the vectors that they take; column_bytes of an activation; sum_type, begin(start),
//            operand(x) of four bytes, add(sum, w, operand), merge(a, b), value(sum); settle(sum), which keeps a sum in its
//            register; stretch, the columns that are decoded together
//   Columns  how they are decoded: code_bits; get(unit, c, part), the part of the step c of a unit
//
// Calls that an argument's namespace could capture are qualified, since one instruction set may use another's vectors.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// What a piece adds to a total. `sum_of_x` and `x_scale` belong to the piece's token.
template <bool Grouped, term Term>
LOWP_ALWAYS_INLINE vec add_piece(vec total, vec s, const float& unit, vec scale, const float* zero, const float* sum_of_x,
                                 const float* x_scale) {
  if constexpr (Term != term::none) s = multiply(s, splat(unit));
  if constexpr (Term == term::zero) s = fused_subtract(load(zero), splat(*sum_of_x), s);
  if constexpr (Grouped) scale = multiply(scale, splat(*x_scale));
  total = fused_add(s, scale, total);
  if constexpr (Term == term::minimum) return fused_subtract(load(zero), splat(Grouped ? *sum_of_x * *x_scale : *sum_of_x), total);
  else return total;
}

// M tokens by the panels from `panel` on, of which the first `count` exist.
template <class Columns, class Dot, bool Grouped, term Term, int M>
void dot_steps(const narrow_product& a, std::size_t token, std::size_t panel, std::size_t count, float* totals) {
  constexpr int P = narrow_dot_panels;
  constexpr int chains = M == 1 ? 2 : 1;  // of sums, to hide the latency of a dot product
  constexpr std::size_t unit_steps = layout::tile16::unit_cols<Columns::code_bits> / step_columns;
  constexpr std::size_t unit_bytes = layout::tile16::unit_bytes<Columns::code_bits>;
  constexpr std::size_t expanded = 16;  // groups whose parameters are read at a time
  constexpr std::size_t ahead = 640;    // bytes that a panel is asked for before they are read
  alignas(cache_line) float scale[expanded * P * 16];
  alignas(cache_line) float zero[Term != term::none ? expanded * P * 16 : 16];
  const Columns codes(a.table);
  const std::uint8_t* line[P];
  const std::uint8_t* x[M];
  vec total[M][P];
  LOWP_UNROLL
  for (int p = 0; p < P; ++p) line[p] = a.panel_codes(panel + (static_cast<std::size_t>(p) < count ? static_cast<std::size_t>(p) : 0));
  LOWP_UNROLL
  for (int m = 0; m < M; ++m) {
    x[m] = a.x + (token + static_cast<std::size_t>(m)) * a.x_stride;
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) total[m][p] = splat(0.0f);
  }
  std::size_t window = static_cast<std::size_t>(-1);  // which of the groups' parameters are at hand
  for (std::size_t i = 0; i < a.piece_count; ++i) {
    const piece at = a.pieces[i];
    if (at.group / expanded != window) {
      window = at.group / expanded;
      const std::size_t first = window * expanded;
      const std::size_t n = a.groups - first < expanded ? a.groups - first : expanded;
      for (std::size_t p = 0; p < P; ++p) {
        const std::size_t from = (panel + (p < count ? p : 0)) * a.groups + first;
        a.scales.expand(a.scales, from, n, scale + p * 16, P * 16);
        if constexpr (Term != term::none) a.zeros.expand(a.zeros, from, n, zero + p * 16, P * 16);
      }
    }
    const std::size_t for_tokens = i * a.tokens + token;
    typename Dot::sum_type sum[chains][M][P];
    LOWP_UNROLL
    for (int m = 0; m < M; ++m) {
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) {
        sum[0][m][p] = Dot::begin(a.starts + for_tokens + m);
        if constexpr (chains == 2) sum[1][m][p] = Dot::zero();
      }
    }
    const auto step = [&](std::size_t at_unit, auto c, auto first_chain) LOWP_INLINE_LAMBDA {
      each_of(
          [&](auto part) LOWP_INLINE_LAMBDA {
            constexpr int chain = (first_chain + part) % chains;
            bits w[P];
            LOWP_UNROLL
            for (int p = 0; p < P; ++p) w[p] = codes.get(line[p] + at_unit * unit_bytes, c, part);
            LOWP_UNROLL
            for (int m = 0; m < M; ++m) {
              const auto four = Dot::operand(x[m] + 4 * part);
              LOWP_UNROLL
              for (int p = 0; p < P; ++p) sum[chain][m][p] = Dot::add(sum[chain][m][p], w[p], four);
            }
          },
          std::make_integer_sequence<int, Dot::parts>{});
      LOWP_UNROLL
      for (int m = 0; m < M; ++m) x[m] += step_columns * Dot::column_bytes;
    };
    constexpr std::integral_constant<int, 0> even;
    constexpr std::integral_constant<int, 1> odd;
    const std::size_t last = at.first_step + at.steps;
    std::size_t s = at.first_step;
    for (; s < last && s % unit_steps != 0; ++s) step(s / unit_steps, static_cast<unsigned>(s % unit_steps), even);
    for (; s + unit_steps <= last; s += unit_steps) {
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) LOWP_PREFETCH(line[p] + s / unit_steps * unit_bytes + ahead);
      if constexpr (unit_steps == 1) {
        step(s, std::integral_constant<int, 0>{}, even);
        if (chains == 2 && s + 2 <= last) step(++s, std::integral_constant<int, 0>{}, odd);
      } else {
        each_of([&](auto c) LOWP_INLINE_LAMBDA { step(s / unit_steps, c, std::integral_constant<int, c % 2>{}); },
                std::make_integer_sequence<int, static_cast<int>(unit_steps)>{});
      }
    }
    for (; s < last; ++s) step(s / unit_steps, static_cast<unsigned>(s % unit_steps), even);
    const std::size_t slot = at.group % expanded * P * 16;
    LOWP_UNROLL
    for (int m = 0; m < M; ++m) {
      const float* sum_of_x = Term != term::none ? a.sums + for_tokens + m : nullptr;
      const float* x_scale = Grouped ? a.x_scales + at.x_group * a.tokens + token + m : nullptr;
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) {
        if constexpr (chains == 2) sum[0][m][p] = Dot::merge(sum[0][m][p], sum[chains - 1][m][p]);
        const std::size_t at_slot = slot + static_cast<std::size_t>(p) * 16;
        total[m][p] = LOWP_TARGET::add_piece<Grouped, Term>(total[m][p], Dot::value(sum[0][m][p]), a.unit, load(scale + at_slot),
                                                             zero + (Term != term::none ? at_slot : 0), sum_of_x, x_scale);
      }
    }
  }
  LOWP_UNROLL
  for (int m = 0; m < M; ++m) {
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) store(totals + (m * P + p) * 16, total[m][p]);
  }
}

template <class Columns, class Dot>
void decode_steps(const narrow_product& a, std::size_t panel, std::size_t count, std::size_t first, std::size_t last, std::uint8_t* out) {
  constexpr std::size_t unit_steps = layout::tile16::unit_cols<Columns::code_bits> / step_columns;
  constexpr std::size_t unit_bytes = layout::tile16::unit_bytes<Columns::code_bits>;
  constexpr std::size_t part_bytes = narrow_panels * 64;
  const Columns codes(a.table);
  const auto decode = [&](const std::uint8_t* unit, auto c, std::uint8_t* to) LOWP_INLINE_LAMBDA {
    each_of([&](auto part) LOWP_INLINE_LAMBDA { store_bits(to + part * part_bytes, codes.get(unit, c, part)); },
            std::make_integer_sequence<int, Dot::parts>{});
  };
  for (std::size_t p = 0; p < count; ++p) {
    const std::uint8_t* line = a.panel_codes(panel + p);
    std::uint8_t* to = out + p * 64;
    for (std::size_t i = first; i < last; ++i) {
      const piece& at = a.pieces[i];
      const std::size_t end = at.first_step + at.steps;
      std::size_t s = at.first_step;
      const std::uint8_t* unit = line + s / unit_steps * unit_bytes;
      const auto some = [&](std::size_t until) LOWP_INLINE_LAMBDA {
        for (; s < until; ++s, to += Dot::parts * part_bytes) decode(unit, static_cast<unsigned>(s % unit_steps), to);
      };
      if (s % unit_steps != 0) {
        const std::size_t next = (s / unit_steps + 1) * unit_steps;
        some(next < end ? next : end);
        unit += unit_bytes;
      }
      for (; s + unit_steps <= end; s += unit_steps, unit += unit_bytes, to += unit_steps * Dot::parts * part_bytes) {
        each_of([&](auto c) LOWP_INLINE_LAMBDA { decode(unit, c, to + c * Dot::parts * part_bytes); },
                std::make_integer_sequence<int, static_cast<int>(unit_steps)>{});
      }
      some(end);
    }
  }
}

// Pieces [first, last) of weights, decoded, with their scales and zero points, [group][narrow_panels][16]; their activations begin at
// the byte x of the kernels' order.
struct step_block {
  std::size_t first;
  std::size_t last;
  std::size_t x;
  const std::uint8_t* lines;
  const float* scales;
  const float* zeros;
  const std::uint8_t* ahead;  // what to ask memory for, for each panel, ahead_bytes a step
  std::size_t ahead_bytes;
};

// R tokens by the panels of the block. Sums and totals both stay in registers: totals that went through memory after each piece would
// hold up the loads that follow, where addresses agree in their lower 12 bits.
template <int R, class Dot, bool Grouped, term Term>
LOWP_NOINLINE void tile_steps(const narrow_product& a, const step_block& b, std::size_t token, float* totals) {
  constexpr int P = narrow_panels;
  constexpr std::size_t width = narrow_panels * 16;
  constexpr std::size_t step_bytes = step_columns * Dot::column_bytes;
  const std::size_t tokens = a.tokens;
  const std::uint8_t* line = b.lines;
  const std::uint8_t* ahead = b.ahead;
  const std::size_t next_panel = b.ahead_bytes != 0 ? a.panel_bytes : 0;
  const piece* at = a.pieces + b.first;
  const std::size_t first_group = at->group;
  const std::int32_t* start = a.starts + b.first * tokens + token;
  const float* sum_of_x = Term != term::none ? a.sums + b.first * tokens + token : nullptr;
  const float* x_scales = Grouped ? a.x_scales + token : nullptr;
  const std::uint8_t* x = a.tiled_x + token * a.x_bytes + R * b.x;
  vec total[R][P];
  LOWP_UNROLL
  for (int r = 0; r < R; ++r) {
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) total[r][p] = load(totals + static_cast<std::size_t>(r) * width + p * 16);
  }
  for (std::size_t pieces = b.last - b.first; pieces != 0; --pieces, ++at, start += tokens) {
    typename Dot::sum_type sum[R][P];
    LOWP_UNROLL
    for (int r = 0; r < R; ++r) {
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) sum[r][p] = Dot::begin(start + r);
    }
    const std::uint8_t* end = x + at->steps * R * step_bytes;
    do {
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) LOWP_PREFETCH(ahead + static_cast<std::size_t>(p) * next_panel);
      ahead += b.ahead_bytes;
      LOWP_UNROLL
      for (int part = 0; part < Dot::parts; ++part, line += width * 4, x += R * 4) {
        bits w[P];
        LOWP_UNROLL
        for (int p = 0; p < P; ++p) w[p] = load_bits(line + p * 64);
        LOWP_UNROLL
        for (int r = 0; r < R; ++r) {
          const auto four = Dot::operand(x + 4 * r);
          LOWP_UNROLL
          for (int p = 0; p < P; ++p) sum[r][p] = Dot::add(sum[r][p], w[p], four);
        }
      }
      LOWP_UNROLL
      for (int r = 0; r < R; ++r) {
        LOWP_UNROLL
        for (int p = 0; p < P; ++p) Dot::settle(sum[r][p]);
      }
    } while (x != end);
    const std::size_t parameter = (at->group - first_group) * width;
    const float* x_scale = Grouped ? x_scales + at->x_group * tokens : nullptr;
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) {
      const vec scale = load(b.scales + parameter + p * 16);
      const float* zero = Term != term::none ? b.zeros + parameter + p * 16 : nullptr;
      LOWP_UNROLL
      for (int r = 0; r < R; ++r) {
        total[r][p] = LOWP_TARGET::add_piece<Grouped, Term>(total[r][p], Dot::value(sum[r][p]), a.unit, scale, zero,
                                                            Term != term::none ? sum_of_x + r : nullptr, Grouped ? x_scale + r : nullptr);
      }
    }
    if constexpr (Term != term::none) sum_of_x += tokens;
  }
  LOWP_UNROLL
  for (int r = 0; r < R; ++r) {
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) store(totals + static_cast<std::size_t>(r) * width + p * 16, total[r][p]);
  }
}

// Activations in the order of tiles: each tile's tokens side by side, four bytes at a time.
inline void tile_activations(const narrow_product& a, std::uint8_t* out) {
  for (std::size_t chunk = 0; chunk < a.tokens;) {
    const std::size_t chunk_end = chunk + next_share(a.tokens - chunk, narrow_tokens);
    while (chunk < chunk_end) {
      const std::size_t rows = next_share(chunk_end - chunk, narrow_tile_rows);
      const std::uint8_t* from = a.x + chunk * a.x_stride;
      for (std::size_t k = 0; k < a.x_bytes; k += 4) {
        for (std::size_t r = 0; r < rows; ++r, out += 4) __builtin_memcpy(out, from + r * a.x_stride + k, 4);
      }
      chunk += rows;
    }
  }
}

// The smallest tile that next_share makes of more tokens than dots take.
constexpr int narrow_least_rows() noexcept {
  constexpr int dots = static_cast<int>(narrow_dot_tokens) + 1;
  constexpr int half = (narrow_tile_rows + 1) / 2;
  return dots < half ? dots : half;
}

// A tile of `rows` tokens, narrow_least_rows() to narrow_tile_rows.
template <class Dot, bool Grouped, term Term, int R = narrow_tile_rows>
LOWP_ALWAYS_INLINE void tile_steps_of(std::size_t rows, const narrow_product& a, const step_block& b, std::size_t token, float* totals) {
  if constexpr (R == narrow_least_rows()) {
    tile_steps<R, Dot, Grouped, Term>(a, b, token, totals);
  } else {
    if (rows == R) tile_steps<R, Dot, Grouped, Term>(a, b, token, totals);
    else tile_steps_of<Dot, Grouped, Term, R - 1>(rows, a, b, token, totals);
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
