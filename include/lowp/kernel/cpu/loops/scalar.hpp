// Decoding of a panel one code at a time: for every format and layout of planes, and what all else is compared with.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

template <number_format F>
LOWP_ALWAYS_INLINE float scalar_value(std::uint32_t code) {
  if constexpr (table_format<F>) return code_table_of<F>.value[code & low_mask(F::bits)];
  else return lowp::decode<F>(code);
}

template <number_format F>
LOWP_ALWAYS_INLINE vec read_scalars(const code_t<F>* codes) {
  alignas(cache_line) float values[16];
  for (int n = 0; n < 16; ++n) values[n] = scalar_value<F>(codes[n]);
  return load(values);
}

// All columns of a unit, [column][16]: row by row, since a row's codes lie in the same few words.
template <int Bits, class Value>
LOWP_ALWAYS_INLINE void scalar_unit(const std::uint8_t* unit, float* out, const Value& value) {
  constexpr int unit_cols = static_cast<int>(layout::tile16::unit_cols<Bits>);
  constexpr auto planes = layout::tile16::planes<Bits>();
  for (std::size_t n = 0; n < 16; ++n) {
    each_of(
        [&](auto j) LOWP_INLINE_LAMBDA {
          std::uint32_t code = 0;
          each_of(
              [&](auto i) LOWP_INLINE_LAMBDA {
                constexpr place at = place_of<Bits>(j, i);
                const std::uint8_t* lane = unit + at.line + 4 * n;
                const std::uint32_t word =
                    lane[0] | std::uint32_t{lane[1]} << 8 | std::uint32_t{lane[2]} << 16 | std::uint32_t{lane[3]} << 24;
                code |= (word >> at.shift & low_mask(planes[i].width)) << at.first;
              },
              std::make_integer_sequence<int, static_cast<int>(planes.size())>{});
          out[16 * j + static_cast<int>(n)] = value(code);
        },
        std::make_integer_sequence<int, unit_cols>{});
  }
}

template <number_format F, term Term>
void decode_scalar(const product& a, std::size_t panel, std::size_t begin, std::size_t end, float* out) {
  constexpr std::size_t unit_cols = layout::tile16::unit_cols<F::bits>;
  constexpr std::size_t unit_bytes = layout::tile16::unit_bytes<F::bits>;
  alignas(cache_line) float scale[16];
  alignas(cache_line) float zero[16] = {};
  std::size_t group = begin / a.group_cols;
  const auto read_parameters = [&] {
    a.scales.expand(a.scales, panel * a.groups + group, 1, scale, 16);
    if constexpr (Term != term::none) a.zeros.expand(a.zeros, panel * a.groups + group, 1, zero, 16);
  };
  read_parameters();
  for (std::size_t k = begin; k < end; k += unit_cols, out += unit_cols * 16) {
    scalar_unit<F::bits>(a.panel_codes(panel) + k / unit_cols * unit_bytes, out, [](std::uint32_t code) { return scalar_value<F>(code); });
    for (std::size_t j = 0; j < unit_cols && k + j < end; ++j) {
      if ((k + j) / a.group_cols != group) {
        group = (k + j) / a.group_cols;
        read_parameters();
      }
      float* w = out + j * 16;
      for (int n = 0; n < 16; ++n) {
        if constexpr (Term == term::zero) w[n] -= zero[n];
        w[n] *= scale[n];
        if constexpr (Term == term::minimum) w[n] -= zero[n];
      }
    }
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
