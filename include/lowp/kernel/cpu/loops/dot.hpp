// The kernel for few rows of x: codes are decoded in registers and never stored, and a group's scale is applied to its sum.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
//
// Needs from that namespace: vec (16 floats, the rows of a panel) with zero, load, store, splat, fused_multiply_add;
// columns<Kind>, with prepare(unit, c), the step c of a unit, and get<J>(prepared), the column J of the step; multiply_add(x, w, sum),
// which adds x[0] * w to each sum; or instead of both a better order than column by column, columns<Kind>::multiply_add_step.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// Calls visit(c) for the steps of a unit; few of them at compile time.
template <code_kind Kind, class Visitor>
LOWP_ALWAYS_INLINE void each_step(Visitor&& visit) {
  constexpr int steps = columns<Kind>::steps;
  if constexpr (steps <= 2) {
    each_of(visit, std::make_integer_sequence<int, steps>{});
  } else {
    for (unsigned c = 0; c < static_cast<unsigned>(steps); ++c) visit(c);
  }
}

// Adds step c of unit u of P panels, times as many columns of M rows of x.
template <code_kind Kind, class Index, int M, int P>
LOWP_ALWAYS_INLINE void add_step(const columns<Kind>& codes, const std::uint8_t* const (&line)[P], std::size_t u, Index c,
                                 const float* const* x, vec (&sum)[M][P]) {
  constexpr std::size_t unit_cols = layout::tile16::unit_cols<Kind.bits>;
  if constexpr (requires { codes.multiply_add_step(line, u, c, x, sum); }) {
    codes.multiply_add_step(line, u, c, x, sum);
  } else {
    typename columns<Kind>::prepared prepared[P];
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) prepared[p] = codes.prepare(line[p] + u * layout::tile16::unit_bytes<Kind.bits>, c);
    each_of(
        [&](auto i) LOWP_INLINE_LAMBDA {
          vec w[P];
          LOWP_UNROLL
          for (int p = 0; p < P; ++p) w[p] = codes.template get<i>(prepared[p]);
          LOWP_UNROLL
          for (int m = 0; m < M; ++m) {
            multiply_add(x[m] + u * unit_cols + static_cast<unsigned>(c) * columns<Kind>::step + static_cast<unsigned>(i), w, sum[m]);
          }
        },
        std::make_integer_sequence<int, columns<Kind>::step>{});
  }
}

// Columns [begin, end) of one unit that a group covers in part.
template <code_kind Kind, int M, int P>
LOWP_NOINLINE void dot_ragged(const columns<Kind>& codes, const std::uint8_t* const* unit, const float* const* x, std::size_t begin,
                              std::size_t end, float* sum) {
  constexpr int unit_cols = static_cast<int>(layout::tile16::unit_cols<Kind.bits>);
  alignas(cache_line) float w[unit_cols * 16];
  for (int p = 0; p < P; ++p) {
    each_step<Kind>([&](auto c) LOWP_INLINE_LAMBDA {
      const auto prepared = codes.prepare(unit[p], c);
      float* to = w + static_cast<int>(c) * columns<Kind>::step * 16;
      each_of([&](auto i) LOWP_INLINE_LAMBDA { store(to + 16 * i, codes.template get<i>(prepared)); },
              std::make_integer_sequence<int, columns<Kind>::step>{});
    });
    for (int m = 0; m < M; ++m) {
      vec s = load(sum + (m * P + p) * 16);
      for (std::size_t j = begin; j < end; ++j) s = fused_multiply_add(splat(x[m][j]), load(w + 16 * j), s);
      store(sum + (m * P + p) * 16, s);
    }
  }
}

// Rows x[0..M) by P panels from `panel` on, of which the first `count` exist.
template <code_kind Kind, term Term, int M, int P>
void dot(const product& a, const float* const* x, std::size_t panel, std::size_t count, float* out) {
  constexpr std::size_t unit_cols = layout::tile16::unit_cols<Kind.bits>;
  constexpr std::size_t unit_bytes = layout::tile16::unit_bytes<Kind.bits>;
  constexpr std::size_t expanded = 16;  // groups whose parameters are read at a time
  constexpr std::size_t ahead = 640;    // bytes that a panel is asked for before they are read
  alignas(cache_line) float scale[P][expanded * 16];
  alignas(cache_line) float zero[Term != term::none ? P : 1][Term != term::none ? expanded * 16 : 16];
  const columns<Kind> codes(a.values);
  const std::uint8_t* line[P];
  const vec unit = splat(a.unit);
  vec total[M][P];
  LOWP_UNROLL
  for (int p = 0; p < P; ++p) {
    const std::size_t q = panel + (static_cast<std::size_t>(p) < count ? static_cast<std::size_t>(p) : 0);
    line[p] = a.panel_codes(q);
    LOWP_UNROLL
    for (int m = 0; m < M; ++m) total[m][p] = splat(0.0f);
  }
  for (std::size_t group = 0; group < a.groups; ++group) {
    const std::size_t slot = group % expanded;
    if (slot == 0) {
      const std::size_t n = a.groups - group < expanded ? a.groups - group : expanded;
      for (int p = 0; p < P; ++p) {
        const std::size_t q = panel + (static_cast<std::size_t>(p) < count ? static_cast<std::size_t>(p) : 0);
        a.scales.expand(a.scales, q * a.groups + group, n, scale[p], 16);
        if constexpr (Term != term::none) a.zeros.expand(a.zeros, q * a.groups + group, n, zero[p], 16);
      }
    }
    const std::size_t group_end = a.cols - group * a.group_cols < a.group_cols ? a.cols : (group + 1) * a.group_cols;
    for (std::size_t k = group * a.group_cols; k < group_end;) {
      const std::size_t end = group_end - k < dot_columns ? group_end : k + dot_columns;
      vec sum[M][P];
      LOWP_UNROLL
      for (int m = 0; m < M; ++m) {
        LOWP_UNROLL
        for (int p = 0; p < P; ++p) sum[m][p] = splat(0.0f);
      }
      const std::size_t first = ceil_div(k, unit_cols);
      const std::size_t last = end / unit_cols;
      for (std::size_t u = first; u < last; ++u) {
        if constexpr (unit_bytes == layout::tile16::line_bytes) {
          LOWP_UNROLL
          for (int p = 0; p < P; ++p) LOWP_PREFETCH(line[p] + u * unit_bytes + ahead);
        }
        each_step<Kind>([&](auto c) LOWP_INLINE_LAMBDA { add_step(codes, line, u, c, x, sum); });
      }
      if (k % unit_cols != 0 || end % unit_cols != 0) {
        alignas(cache_line) float rest[M * P * 16] = {};
        const auto ragged = [&](std::size_t u, std::size_t from, std::size_t to) {
          const std::uint8_t* at_unit[P];
          const float* at_x[M];
          for (int p = 0; p < P; ++p) at_unit[p] = line[p] + u * unit_bytes;
          for (int m = 0; m < M; ++m) at_x[m] = x[m] + u * unit_cols;
          dot_ragged<Kind, M, P>(codes, at_unit, at_x, from - u * unit_cols, to - u * unit_cols, rest);
        };
        const std::size_t head_end = first * unit_cols < end ? first * unit_cols : end;
        if (k < head_end) ragged(k / unit_cols, k, head_end);
        if (last >= first && last * unit_cols < end) ragged(last, last * unit_cols, end);
        LOWP_UNROLL
        for (int m = 0; m < M; ++m) {
          LOWP_UNROLL
          for (int p = 0; p < P; ++p) sum[m][p] = add(sum[m][p], load(rest + (m * P + p) * 16));
        }
      }
      LOWP_UNROLL
      for (int m = 0; m < M; ++m) {
        vec x_sum;
        if constexpr (Term != term::none) x_sum = splat(sum_of(x[m] + k, end - k));
        LOWP_UNROLL
        for (int p = 0; p < P; ++p) {
          vec s = sum[m][p];
          if constexpr (Kind.scaled) s = multiply(s, unit);
          if constexpr (Term == term::zero) s = fused_negative_multiply_add(load(zero[p] + slot * 16), x_sum, s);
          total[m][p] = fused_multiply_add(load(scale[p] + slot * 16), s, total[m][p]);
          if constexpr (Term == term::minimum) total[m][p] = fused_negative_multiply_add(load(zero[p] + slot * 16), x_sum, total[m][p]);
        }
      }
      k = end;
    }
  }
  LOWP_UNROLL
  for (int m = 0; m < M; ++m) {
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) store(out + (m * P + p) * 16, total[m][p]);
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
