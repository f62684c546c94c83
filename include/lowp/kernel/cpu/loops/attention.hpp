// Attention over the codes of a cache: queries times keys, weights times values.
// Part of attention.hpp, which includes it again with LOWP_TARGET set to the namespace of an instruction set, LOWP_TARGET_SUMS to how many
// sums stay in registers, and LOWP_TARGET_FLOATS to whether it decodes to floats in registers; empty otherwise.
//
// Needs from that namespace: loops/code_dots.hpp.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// Panels that are read together so that their sums stay in registers.
template <class C, int M>
constexpr int panels_together() {
  constexpr int most = LOWP_TARGET_SUMS / (C::rows * M);
  return most < 1 ? 1 : most > 4 ? 4 : most;
}

// What the sums of dots of bytes begin with, for each unit of the sum of a row: codes are read as n + bias, and by some as less.
template <class C>
constexpr int byte_offset() {
  return (LOWP_NEON && C::bytes.kind.wide && !dots_unsigned_bytes ? 128 : 0) - C::bytes.bias;
}

LOWP_ALWAYS_INLINE float sum_of_sixteen(vec v) {
  alignas(cache_line) float x[16];
  store(x, v);
  return sum_of(x, 16);
}

// Sixteen scales of a page; zero points, counted as codes are, or minima.
template <class C>
LOWP_ALWAYS_INLINE vec read_scales(const kv_head& page, std::size_t first) {
  if constexpr (!C::has_scale) return splat(1.0f);
  else return read_parameters<typename C::scale>(reinterpret_cast<const code_t<typename C::scale>*>(page.scales) + first);
}
template <class C>
LOWP_ALWAYS_INLINE vec read_zeros(const kv_head& page, std::size_t first) {
  if constexpr (C::terms == term::none) return splat(0.0f);
  const vec zero = read_parameters<typename C::zero>(reinterpret_cast<const code_t<typename C::zero>*>(page.zeros) + first);
  return C::terms == term::zero ? subtract(zero, splat(C::centre)) : zero;
}

// The scales of a page, which many groups have many of: they are looked over first, and read in a quicker way where that takes them all.
template <class C>
struct group_scales {
  kv_head page;
  float unit = 1.0f;  // of what read() gives
#if LOWP_TARGET_SUMS >= 16
  static constexpr bool may_be_quick = C::scaling::granularity == kv_granularity::group && C::terms != term::minimum &&
                                       quick_scales<typename C::scale>::exists;
  bool quick = false;

  LOWP_ALWAYS_INLINE group_scales(const kv_head& of, std::size_t count) : page(of) {
    if constexpr (may_be_quick) {
      quick = quick_scales<typename C::scale>::fit(page.scales, count);
      if (quick) unit = quick_scales<typename C::scale>::unit;
    }
  }
  LOWP_ALWAYS_INLINE vec read(std::size_t first) const {
    if constexpr (may_be_quick) {
      if (quick) return quick_scales<typename C::scale>::read(page.scales + first);
    }
    return LOWP_TARGET::read_scales<C>(page, first);
  }
#else
  LOWP_ALWAYS_INLINE group_scales(const kv_head& of, std::size_t) : page(of) {}
  LOWP_ALWAYS_INLINE vec read(std::size_t first) const { return LOWP_TARGET::read_scales<C>(page, first); }
#endif
};

// scores[m][16 * panel + i] for the tokens of a page: queries `first` to first + M - 1 of `q` times its keys.
template <class C, int M>
void score_tokens(const kv_head& keys, const prepared_rows& q, std::size_t first, std::size_t panels, float* scores, std::size_t stride) {
  constexpr int P = LOWP_TARGET::panels_together<C, M>();
  using walk_dots = dots<C, M, P, 1>;
  const std::size_t units = ceil_div(q.width, walk_dots::unit_cols);
  const std::size_t group_units = q.groups == 1 ? units : C::scaling::group_channels / walk_dots::unit_cols;
  const std::size_t line_bytes = units * walk_dots::unit_bytes;
  codes_ahead ahead(keys, panels * line_bytes);
  const group_scales<C> scales(keys, panels * panel_rows * q.groups);
  for (std::size_t panel = 0; panel < panels; panel += P) {
    const std::size_t count = panels - panel < P ? panels - panel : P;
    keys.ask_for_parameters(panel / P, ceil_div(panels, std::size_t{P}));
    walk_dots run;
    run.finite = keys.finite;
    const auto place = [&](std::size_t p) { return panel + (p < count ? p : 0); };
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) run.line[p] = keys.codes + place(static_cast<std::size_t>(p)) * line_bytes;
    LOWP_UNROLL
    for (int r = 0; r < C::rows * M; ++r) run.x[0][r] = q.row(first * C::rows + static_cast<std::size_t>(r));
    vec total[M][P]{};
    for (std::size_t g = 0; g < q.groups; ++g) {
      vec sum[M][P];
      run.start[0] = q.starts_of(g) + first * C::rows;
      run.run(q.table, group_units, ahead, sum);
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) run.line[p] += group_units * walk_dots::unit_bytes;
      LOWP_UNROLL
      for (int r = 0; r < C::rows * M; ++r) run.x[0][r] += group_units * walk_dots::unit_cols * C::number_bytes;
      const float* sums = q.sums_of(g) + first;
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) {
        const std::size_t at = (place(static_cast<std::size_t>(p)) * q.groups + g) * panel_rows;
        const vec scale = scales.read(at), zero = LOWP_TARGET::read_zeros<C>(keys, at);
        LOWP_UNROLL
        for (int m = 0; m < M; ++m) {
          vec s = sum[m][p];
          if constexpr (C::terms != term::none) s = multiply(s, splat(LOWP_TARGET::sum_unit<C>()));
          if constexpr (C::terms == term::zero) s = subtract(s, multiply(zero, splat(sums[m])));
          if constexpr (C::has_scale) s = g == 0 ? multiply(s, scale) : fused_multiply_add(s, scale, total[m][p]);
          else if (g != 0) s = add(s, total[m][p]);
          if constexpr (C::terms == term::minimum) s = subtract(s, multiply(zero, splat(C::term_sign * sums[m])));
          total[m][p] = s;
        }
      }
    }
    LOWP_UNROLL
    for (int m = 0; m < M; ++m) {
      const vec scale = splat(q.scales.data()[first + static_cast<std::size_t>(m)] * scales.unit);
      float* to = scores + static_cast<std::size_t>(m) * stride + panel * panel_rows;
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) {
        if (static_cast<std::size_t>(p) < count) store_anywhere(to + p * 16, multiply(total[m][p], scale));
      }
    }
  }
}

#if LOWP_TARGET_FLOATS
template <code_kind Kind>
LOWP_ALWAYS_INLINE void decode_units(const columns<Kind>& codes, const std::uint8_t* line, std::size_t units, float* out) {
  constexpr int steps = columns<Kind>::steps, step = columns<Kind>::step;
  const auto put = [&](auto c) LOWP_INLINE_LAMBDA {
    const auto prepared = codes.prepare(line, c);
    LOWP_TARGET::each_of([&](auto i)
                             LOWP_INLINE_LAMBDA { store(out + (static_cast<int>(c) * step + i) * 16, codes.template get<i>(prepared)); },
                         std::make_integer_sequence<int, step>{});
  };
  for (; units != 0; --units, line += layout::tile16::unit_bytes<Kind.bits>, out += steps * step * 16) {
    if constexpr (steps <= 2) {
      LOWP_TARGET::each_of(put, std::make_integer_sequence<int, steps>{});
    } else {
      for (unsigned c = 0; c < static_cast<unsigned>(steps); ++c) put(c);
    }
  }
}
#endif

// The numbers of a panel, [column][16], before the unit's factor.
template <class C>
void decode_panel_of(const kv_table& table, const std::uint8_t* line, std::size_t units, float* out) {
#if LOWP_TARGET_FLOATS
  if constexpr (can_read<C::floats.kind>) return LOWP_TARGET::decode_units(columns<C::floats.kind>(table.values), line, units, out);
#endif
  for (; units != 0; --units, line += layout::tile16::unit_bytes<C::bits>, out += layout::tile16::unit_cols<C::bits> * 16) {
    scalar_unit<C::bits>(line, out, [&](std::uint32_t code) { return C::value(table, code); });
  }
}

// Keys that come before their rotary positions, for one query. With u = (q1, q2), the query turned back to the page's first position, and
// v = (q2, -q1), a key j positions on has q . k = sum of cos(j a) u . (k1, k2) + sin(j a) v . (k1, k2) over its pairs and their angles a.
template <class C>
void score_turning(const kv_head& keys, const prepared_rows& q, std::size_t first, std::size_t panels, float* scores, std::size_t) {
  const std::size_t units = ceil_div(q.width, layout::tile16::unit_cols<C::bits>), half = q.width / 2;
  const float *u = q.floats_of(4 * first), *v = u + q.padded, *u_offsets = v + q.padded, *v_offsets = u_offsets + q.padded;
  scratch<float> numbers(units * layout::tile16::unit_cols<C::bits> * 16);
  for (std::size_t panel = 0; panel < panels; ++panel) {
    LOWP_TARGET::decode_panel_of<C>(q.table, keys.codes + panel * units * layout::tile16::unit_bytes<C::bits>, units, numbers.data());
    vec scale = splat(LOWP_TARGET::float_unit<C>());
    if constexpr (C::has_scale) scale = multiply(scale, LOWP_TARGET::read_scales<C>(keys, panel * panel_rows));
    constexpr std::size_t chains = 2;  // for cosines and for sines, that do not wait for each other
    vec total[2][chains]{};
    const auto take = [&](std::size_t f, std::size_t i) LOWP_INLINE_LAMBDA {
      const vec k1 = multiply(load(numbers.data() + f * 16), scale), k2 = multiply(load(numbers.data() + (f + half) * 16), scale);
      const vec a = fused_multiply_add(k1, splat(u[f]), fused_multiply_add(k2, splat(u[f + half]), splat(u_offsets[f])));
      const vec b = fused_multiply_add(k1, splat(v[f]), fused_multiply_add(k2, splat(v[f + half]), splat(v_offsets[f])));
      const float* turn = q.turns + (panel * q.width + 2 * f) * panel_rows;
      total[0][i] = fused_multiply_add(load(turn), a, total[0][i]);
      total[1][i] = fused_multiply_add(load(turn + panel_rows), b, total[1][i]);
    };
    std::size_t f = 0;
    for (; f + chains <= half; f += chains) {
      LOWP_UNROLL
      for (std::size_t i = 0; i < chains; ++i) take(f + i, i);
    }
    for (; f < half; ++f) take(f, 0);
    store_anywhere(scores + panel * panel_rows, add(add(total[0][0], total[0][1]), add(total[1][0], total[1][1])));
  }
}

// The same where 32 tokens of a channel share a scale: the scales are multiplied into the queries. `q` holds the queries as floats.
template <class C, int M>
void score_channels(const kv_head& keys, const prepared_rows& q, std::size_t first, std::size_t panels, float* scores, std::size_t stride) {
  constexpr int P = LOWP_TARGET::panels_together<C, M>() >= 2 ? 2 : 1;  // which share the group of 32 tokens
  using walk_dots = dots<C, M, P, 1>;
  const std::size_t units = ceil_div(q.width, walk_dots::unit_cols);
  const std::size_t line_bytes = units * walk_dots::unit_bytes;
  const std::size_t groups = ceil_div(panels, std::size_t{2});
  value_rows rows(*q.workspace, M);
  float* shifts = rows.shifts();  // [group][m]
  for (std::size_t g = 0; g < groups; ++g) {
    keys.ask_for_parameters(g, groups);
    for (std::size_t m = 0; m < static_cast<std::size_t>(M); ++m) {
      const float* x = q.floats_of(first + m);
      float* to = rows.numbers(m, g);
      vec shift = splat(0.0f);
      for (std::size_t c = 0; c < q.padded; c += 16) {
        const std::size_t at = g * q.padded + c;
        vec y = load(x + c);
        if constexpr (C::terms == term::minimum) shift = fused_multiply_add(y, LOWP_TARGET::read_zeros<C>(keys, at), shift);
        if constexpr (C::has_scale) y = multiply(y, LOWP_TARGET::read_scales<C>(keys, at));
        if constexpr (C::terms == term::zero) shift = fused_multiply_add(y, LOWP_TARGET::read_zeros<C>(keys, at), shift);
        store(to + c, y);
      }
      shifts[g * M + m] = C::terms == term::none ? 0.0f : C::term_sign * LOWP_TARGET::sum_of_sixteen(shift);
    }
  }
  rows.template prepare<C>(*q.split, groups, q.padded, byte_offset<C>(), &sum_of_bytes);
  codes_ahead ahead(keys, panels * line_bytes);
  for (std::size_t panel = 0; panel < panels; panel += P) {
    const std::size_t g = panel / 2;
    const std::size_t count = panels - panel < P ? panels - panel : P;
    walk_dots run;
    run.finite = keys.finite;
    LOWP_UNROLL
    for (int p = 0; p < P; ++p) {
      run.line[p] = keys.codes + (panel + (static_cast<std::size_t>(p) < count ? static_cast<std::size_t>(p) : 0)) * line_bytes;
    }
    LOWP_UNROLL
    for (int r = 0; r < C::rows * M; ++r) run.x[0][r] = rows.template row<C>(g, static_cast<std::size_t>(r));
    run.start[0] = rows.starts(g);
    vec sum[M][P];
    run.run(q.table, units, ahead, sum);
    LOWP_UNROLL
    for (int m = 0; m < M; ++m) {
      const auto row = static_cast<std::size_t>(m);
      const vec scale = splat(rows.scale(g, row) * LOWP_TARGET::sum_unit<C>()), shift = splat(shifts[g * M + row]);
      float* to = scores + row * stride + panel * 16;
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) {
        if (static_cast<std::size_t>(p) < count) store_anywhere(to + p * 16, subtract(multiply(sum[m][p], scale), shift));
      }
    }
  }
}

// out[m][channel] += the weights of the tokens of a page times its values. weights [m][stride], zeros from `tokens` on to a multiple of 32.
template <class C, int M>
void add_values(const kv_head& values, const value_side& side, const float* weights, std::size_t stride, std::size_t tokens, float* out,
                std::size_t out_stride) {
  constexpr int P = LOWP_TARGET::panels_together<C, M>();
  constexpr std::size_t unit_cols = layout::tile16::unit_cols<C::bits>;
  constexpr std::size_t unit_bytes = layout::tile16::unit_bytes<C::bits>;
  const std::size_t units = ceil_div(tokens, unit_cols);
  const std::size_t line_bytes = side.page_tokens / unit_cols * unit_bytes;
  const std::size_t padded = ceil_div(tokens, std::size_t{32}) * 32;
  const std::size_t panels = ceil_div(side.width, panel_rows);
  const std::size_t group_panels = side.groups == 1 ? panels : C::scaling::group_channels / panel_rows;
  // While weights are prepared, memory is not to wait: a part of the next codes is asked for here, more where there are many groups.
  constexpr bool in_quarters = C::as_bytes && unit_bytes / layout::tile16::line_bytes * P % 4 == 0;
  constexpr int quarters = !in_quarters ? 0 : C::scaling::granularity == kv_granularity::group ? 2 : 1;
  codes_ahead ahead(values, panels * line_bytes);
  const std::size_t lines = panels * line_bytes / cache_line * std::size_t{quarters} / 4;
  const std::size_t lines_a_step = ceil_div(lines, ceil_div(tokens, panel_rows) * side.groups);
  std::size_t asked = 0;
  const group_scales<C> scales(values, ceil_div(tokens, panel_rows) * panel_rows * side.groups);
  value_rows rows(*side.workspace, M);
  float* shifts = rows.shifts();  // [group][m]
  for (std::size_t g = 0; g < side.groups; ++g) {
    for (std::size_t m = 0; m < static_cast<std::size_t>(M); ++m) {
      const float* from = weights + m * stride;
      float* to = rows.numbers(m, g);
      vec shift = splat(0.0f);
      std::size_t at = g * panel_rows, t = 0;
      for (; t < tokens; t += panel_rows, at += side.groups * panel_rows) {
        vec w = load_anywhere(from + t);
        if constexpr (C::terms == term::minimum) shift = fused_multiply_add(w, LOWP_TARGET::read_zeros<C>(values, at), shift);
        if constexpr (C::has_scale) w = multiply(w, scales.read(at));
        if constexpr (C::terms == term::zero) shift = fused_multiply_add(w, LOWP_TARGET::read_zeros<C>(values, at), shift);
        store(to + t, w);
        for (std::size_t i = 0; i < lines_a_step && asked < lines; ++i) ahead.ask(asked++);
      }
      for (; t < padded; t += panel_rows) store(to + t, splat(0.0f));
      shifts[g * M + m] = C::terms == term::none ? 0.0f : C::term_sign * scales.unit * LOWP_TARGET::sum_of_sixteen(shift);
    }
  }
  ahead.advance(lines);
  rows.template prepare<C>(*side.split, side.groups, padded, byte_offset<C>(), &sum_of_bytes);
  const float unit = LOWP_TARGET::sum_unit<C>() * scales.unit;
  const auto walk_panels = [&](auto sets) LOWP_INLINE_LAMBDA {
    constexpr int X = sets;
    for (std::size_t panel = 0; panel < panels; panel += P) {
      const std::size_t count = panels - panel < P ? panels - panel : P;
      dots<C, M, P, X, quarters> run;
      run.finite = values.finite;
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) {
        const std::size_t here = panel + (static_cast<std::size_t>(p) < count ? static_cast<std::size_t>(p) : 0);
        run.line[p] = values.codes + here * line_bytes;
        if (p >= X) continue;
        const std::size_t g = here / group_panels;
        run.start[p < X ? p : 0] = rows.starts(g);
        LOWP_UNROLL
        for (int r = 0; r < C::rows * M; ++r) run.x[p < X ? p : 0][r] = rows.template row<C>(g, static_cast<std::size_t>(r));
      }
      vec sum[M][P];
      run.run(side.table, units, ahead, sum);
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) {
        if (static_cast<std::size_t>(p) >= count) continue;
        const std::size_t g = (panel + static_cast<std::size_t>(p)) / group_panels;
        LOWP_UNROLL
        for (int m = 0; m < M; ++m) {
          const auto row = static_cast<std::size_t>(m);
          float* to = out + row * out_stride + (panel + static_cast<std::size_t>(p)) * 16;
          vec total = fused_multiply_add(sum[m][p], splat(rows.scale(g, row) * unit), load_anywhere(to));
          if constexpr (C::terms != term::none) total = subtract(total, splat(shifts[g * M + row]));
          store_anywhere(to, total);
        }
      }
    }
  };
  if (group_panels % P == 0 || group_panels >= panels) walk_panels(std::integral_constant<int, 1>{});
  else if constexpr (P != 1) walk_panels(std::integral_constant<int, P>{});
}

template <class C>
void choose_attention(attention_kernels& k) {
  k.byte_offset = byte_offset<C>();
  k.unit = LOWP_TARGET::sum_unit<C>();
  if constexpr (C::turning) {
    k.score[0] = &score_turning<C>;
    return;
  }
  if constexpr (C::scaling::granularity == kv_granularity::channel) {
    k.score[0] = &score_channels<C, 1>;
    k.score[1] = &score_channels<C, 2>;
  } else {
    k.score[0] = &score_tokens<C, 1>;
    k.score[1] = &score_tokens<C, 2>;
    k.add[0] = &add_values<C, 1>;
    k.add[1] = &add_values<C, 2>;
  }
  if constexpr (LOWP_TARGET_SUMS >= 16) {
    if constexpr (C::scaling::granularity == kv_granularity::channel) {
      k.score[2] = &score_channels<C, 4>;
    } else {
      k.score[2] = &score_tokens<C, 4>;
      k.add[2] = &add_values<C, 4>;
    }
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
