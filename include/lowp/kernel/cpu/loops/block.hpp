// What an instruction set that decodes in registers offers a product: blocks of decoded floats, dots, and parameters.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
//
// Needs from that namespace, beyond loops/dot.hpp: can_read<Kind>, read_codes<Kind>(codes, values), which turns sixteen
// codes in containers of their own into floats.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// The weights of the sixteen rows of a panel.
template <code_kind Kind, term Term>
LOWP_ALWAYS_INLINE vec weight(vec decoded, const product& a, vec scale, vec zero) {
  if constexpr (Kind.scaled) decoded = multiply(decoded, splat(a.unit));
  if constexpr (Term == term::zero) decoded = subtract(decoded, zero);
  decoded = multiply(decoded, scale);
  return Term == term::minimum ? subtract(decoded, zero) : decoded;
}

template <code_kind Kind, term Term>
void decode_panel(const product& a, std::size_t panel, std::size_t begin, std::size_t end, float* out) {
  constexpr std::size_t unit_cols = layout::tile16::unit_cols<Kind.bits>;
  constexpr std::size_t unit_bytes = layout::tile16::unit_bytes<Kind.bits>;
  alignas(cache_line) float scale[(decode_columns + 1) * 16];
  alignas(cache_line) float zero[Term != term::none ? (decode_columns + 1) * 16 : 16];
  const std::size_t first_group = begin / a.group_cols;
  const std::size_t groups = (end - 1) / a.group_cols - first_group + 1;
  a.scales.expand(a.scales, panel * a.groups + first_group, groups, scale, 16);
  if constexpr (Term != term::none) a.zeros.expand(a.zeros, panel * a.groups + first_group, groups, zero, 16);
  const columns<Kind> codes(a.values);
  const std::uint8_t* unit = a.panel_codes(panel) + begin / unit_cols * unit_bytes;
  std::size_t group = 0;
  std::size_t group_end = (first_group + 1) * a.group_cols;
  for (std::size_t k = begin; k < end; k += unit_cols, unit += unit_bytes, out += unit_cols * 16) {
    while (k >= group_end) {
      ++group;
      group_end += a.group_cols;
    }
    const float* s = scale + group * 16;
    const float* z = zero + (Term != term::none ? group * 16 : 0);
    const bool one_group = k + unit_cols <= group_end || group + 1 == groups;
    const vec scales = load(s);
    const vec zeros = load(z);
    // The stretch after this one is read when the rows of x have been through this one; no stream of loads leads there.
    LOWP_PREFETCH(unit + decode_columns / unit_cols * unit_bytes);
    each_step<Kind>([&](auto c) LOWP_INLINE_LAMBDA {
      float* to = out + static_cast<int>(c) * columns<Kind>::step * 16;
      const auto prepared = codes.prepare(unit, c);
      each_of(
          [&](auto i) LOWP_INLINE_LAMBDA {
            const vec decoded = codes.template get<i>(prepared);
            store(to + 16 * i, one_group ? weight<Kind, Term>(decoded, a, scales, zeros) : decoded);
          },
          std::make_integer_sequence<int, columns<Kind>::step>{});
    });
    if (one_group) continue;
    for (std::size_t j = 0; j < unit_cols; ++j) {
      const std::size_t later = k + j < group_end ? 0 : (k + j - group_end) / a.group_cols + 1;
      const std::size_t g = group + later < groups ? group + later : groups - 1;
      store(out + 16 * j, weight<Kind, Term>(load(out + 16 * j), a, load(scale + g * 16), load(zero + (Term != term::none ? g * 16 : 0))));
    }
  }
}

// Sixteen scales or zero points.
template <number_format F>
LOWP_ALWAYS_INLINE vec read_parameters(const code_t<F>* codes) {
  constexpr code_rule rule = code_rule_of<F>;
  if constexpr (can_read<rule.kind>) {
    const vec v = read_codes<rule.kind>(codes, code_values<F>());
    if constexpr (rule.kind.scaled) return multiply(v, splat(rule.unit));
    else return v;
  } else {
    return read_scalars<F>(codes);
  }
}

// Whether codes of this kind are decoded in registers; if so, by these functions.
template <code_kind Kind, term Term>
bool choose_kernels(product& a) {
  if constexpr (can_read<Kind>) {
    constexpr bool quick = Kind.bits == 4 || (Kind.bits == 8 && Kind.how == decoding::integer);
    a.dot_rows = quick ? quick_dot_rows : dot_rows;
    a.decode = &decode_panel<Kind, Term>;
    a.dot1 = &dot<Kind, Term, 1, dot_panels>;
    if constexpr (dot_rows > 1) a.dot2 = &dot<Kind, Term, 2, dot_panels>;
    if constexpr (dot_rows > 2) a.dot4 = &dot<Kind, Term, 4, dot_panels>;
  }
  return can_read<Kind>;
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
