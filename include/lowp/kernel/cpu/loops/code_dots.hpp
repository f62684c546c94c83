// Dot products of rows of bytes or floats with codes of a cache.
// Part of attention.hpp, which includes it again with LOWP_TARGET set to the namespace of an instruction set, LOWP_TARGET_SUMS to how many
// sums stay in registers, and LOWP_TARGET_FLOATS to whether it decodes to floats in registers; empty otherwise.
//
// Needs from that namespace: what loops/steps.hpp needs of bytes, and what loops/dot.hpp needs of floats.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// The unit of what floats are decoded to, and of sums: what is read one code at a time is its number already.
template <class C>
constexpr float float_unit() {
  return LOWP_TARGET_FLOATS && can_read<C::floats.kind> ? C::floats.unit : 1.0f;
}
template <class C>
constexpr float sum_unit() {
  return C::as_bytes ? C::bytes.unit : LOWP_TARGET::float_unit<C>();
}

// How dot products read the codes of C: whole units of some panels of sixteen rows, times the rows of M queries. X: sets of rows, one
// for all panels or one for each. Quarters: how much of what is read next has been asked for while the
// rows were prepared.
template <class C, int M, int P, int X, int Quarters = 0>
struct dots {
  static constexpr std::size_t unit_cols = layout::tile16::unit_cols<C::bits>;
  static constexpr std::size_t unit_bytes = layout::tile16::unit_bytes<C::bits>;

  const std::uint8_t* line[P];
  const std::uint8_t* x[X][C::rows * M];  // at the first unit's columns: bytes, or floats
  const std::int32_t* start[X];           // of bytes: what the sums of a set begin with
  bool finite = false;                    // no code is NaN or infinity

  LOWP_ALWAYS_INLINE void run(const kv_table& table, std::size_t units, codes_ahead& ahead, vec (&sum)[M][P]) const {
    if constexpr (C::as_bytes) run_bytes(table, units, ahead, sum);
    else run_floats(table, units, ahead, sum);
    ahead.advance(units * asked<P>);
  }

 private:
  static constexpr std::size_t unit_lines = unit_bytes / layout::tile16::line_bytes;
  // Lines that are asked for at each unit: as many as it has.
  template <int Panels>
  static constexpr std::size_t asked = unit_lines * Panels * (4 - Quarters) / 4;
  template <int Panels>
  LOWP_ALWAYS_INLINE static void ask(const codes_ahead& ahead, std::size_t unit) {
    LOWP_UNROLL
    for (std::size_t i = 0; i < asked<Panels>; ++i) ahead.ask(unit * asked<Panels> + i);
  }
  static constexpr byte_kind kind{C::bytes.kind.bits, C::bytes.kind.table, C::bytes.kind.wide && !dots_unsigned_bytes, C::bytes.kind.flip};

  LOWP_ALWAYS_INLINE void run_bytes(const kv_table& table, std::size_t units, const codes_ahead& ahead, vec (&sum)[M][P]) const {
    using dot = byte_dot<kind.wide>;
    static_assert(dot::parts == 1 && dot::column_bytes == 1);
    constexpr int R = 2 * M;
    constexpr int steps = static_cast<int>(unit_cols / step_columns);
    const byte_columns<kind> codes(table.bytes);
    typename dot::sum_type s[R][P];
    LOWP_UNROLL
    for (int r = 0; r < R; ++r) {
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) s[r][p] = dot::begin(start[X == 1 ? 0 : p] + r);
    }
    for (std::size_t u = 0; u < units; ++u) {
      ask<P>(ahead, u);
      each_of(
          [&](auto c) LOWP_INLINE_LAMBDA {
            const std::size_t at = (u * steps + static_cast<std::size_t>(c)) * step_columns;
            bits w[P];
            LOWP_UNROLL
            for (int p = 0; p < P; ++p) w[p] = codes.get(line[p] + u * unit_bytes, c, 0);
            if constexpr (X == 1) {
              LOWP_UNROLL
              for (int r = 0; r < R; ++r) {
                const auto four = dot::operand(x[0][r] + at);
                LOWP_UNROLL
                for (int p = 0; p < P; ++p) s[r][p] = dot::add(s[r][p], w[p], four);
              }
            } else {
              LOWP_UNROLL
              for (int p = 0; p < P; ++p) {
                LOWP_UNROLL
                for (int r = 0; r < R; ++r) s[r][p] = dot::add(s[r][p], w[p], dot::operand(x[p][r] + at));
              }
            }
          },
          std::make_integer_sequence<int, steps>{});
    }
    LOWP_UNROLL
    for (int m = 0; m < M; ++m) {
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) sum[m][p] = fused_multiply_add(dot::value(s[2 * m][p]), splat(256.0f), dot::value(s[2 * m + 1][p]));
    }
  }

  LOWP_ALWAYS_INLINE void run_floats(const kv_table& table, std::size_t units, [[maybe_unused]] const codes_ahead& ahead,
                                     vec (&sum)[M][P]) const {
    LOWP_UNROLL
    for (int m = 0; m < M; ++m) {
      LOWP_UNROLL
      for (int p = 0; p < P; ++p) sum[m][p] = splat(0.0f);
    }
#if LOWP_TARGET_FLOATS
    if constexpr (can_read<C::floats.kind>) {
      const columns<C::floats.kind> codes(table.values);
      if constexpr (X == 1) {
        read_units(codes, line, ahead, x[0], units, finite, sum);
      } else {
        codes_ahead then = ahead;
        for (int p = 0; p < P; ++p, then.advance(units * asked<1>)) {
          const std::uint8_t* const one_line[1] = {line[p]};
          vec one[M][1];
          for (int m = 0; m < M; ++m) one[m][0] = splat(0.0f);
          read_units(codes, one_line, then, x[p], units, finite, one);
          for (int m = 0; m < M; ++m) sum[m][p] = one[m][0];
        }
      }
      return;
    }
#endif
    alignas(cache_line) float w[unit_cols * 16];
    for (std::size_t u = 0; u < units; ++u) {
      for (int p = 0; p < P; ++p) {
        scalar_unit<C::bits>(line[p] + u * unit_bytes, w, [&](std::uint32_t code) { return C::value(table, code); });
        for (int m = 0; m < M; ++m) {
          const float* row = reinterpret_cast<const float*>(x[X == 1 ? 0 : p][m]) + u * unit_cols;
          for (std::size_t j = 0; j < unit_cols; ++j) sum[m][p] = fused_multiply_add(splat(row[j]), load(w + 16 * j), sum[m][p]);
        }
      }
    }
  }

#if LOWP_TARGET_FLOATS
  template <code_kind Kind, int Panels>
  LOWP_ALWAYS_INLINE static void read_units(const columns<Kind>& codes, const std::uint8_t* const (&line)[Panels], const codes_ahead& ahead,
                                            const std::uint8_t* const (&x)[C::rows * M], std::size_t units, [[maybe_unused]] bool finite,
                                            vec (&sum)[M][Panels]) {
    const float* row[M];
    LOWP_UNROLL
    for (int m = 0; m < M; ++m) row[m] = reinterpret_cast<const float*>(x[m]);
    for (std::size_t u = 0; u < units; ++u) {
      ask<Panels>(ahead, u);
#if LOWP_TARGET_SUMS >= 16
      if constexpr (minifloat_columns<Kind>::exists) {
        bits codes_of[Panels];
        LOWP_UNROLL
        for (int p = 0; p < Panels; ++p) codes_of[p] = load_bits(line[p] + u * unit_bytes);
        if (finite && minifloat_columns<Kind>::all_normal(codes_of)) {
          each_of(
              [&](auto j) LOWP_INLINE_LAMBDA {
                vec w[Panels];
                LOWP_UNROLL
                for (int p = 0; p < Panels; ++p) w[p] = minifloat_columns<Kind>::template get<j>(codes_of[p]);
                LOWP_UNROLL
                for (int m = 0; m < M; ++m) multiply_add(row[m] + u * unit_cols + static_cast<std::size_t>(j), w, sum[m]);
              },
              std::make_integer_sequence<int, 4>{});
          continue;
        }
      }
#endif
      // Not each_step, which may be another instruction set's and could not take this one's function in.
      constexpr int steps = columns<Kind>::steps;
      if constexpr (steps <= 2) {
        LOWP_TARGET::each_of([&](auto c) LOWP_INLINE_LAMBDA { add_step(codes, line, u, c, row, sum); },
                             std::make_integer_sequence<int, steps>{});
      } else {
        for (unsigned c = 0; c < static_cast<unsigned>(steps); ++c) add_step(codes, line, u, c, row, sum);
      }
    }
  }
#endif
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
