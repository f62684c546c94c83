// The numbers of a page of a cache as floats, for products with many queries.
// Part of attention.hpp, which includes it again with LOWP_TARGET set to the namespace of an instruction set; empty otherwise.
//
// Needs from that namespace: loops/attention.hpp.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// What codes stand for, given their scale and zero point, bias or minimum.
template <class C>
LOWP_ALWAYS_INLINE vec apply_parameters(vec number, vec scale, vec zero) {
  if constexpr (LOWP_TARGET::float_unit<C>() != 1.0f) number = multiply(number, splat(LOWP_TARGET::float_unit<C>()));
  if constexpr (C::terms == term::zero) number = subtract(number, zero);
  if constexpr (C::has_scale) number = multiply(number, scale);
  if constexpr (C::terms == term::minimum) number = subtract(number, multiply(splat(C::term_sign), zero));
  return number;
}

// Keys of `panels` panels of a page: out [panel][width, to whole units][16 tokens].
template <class C>
void decode_keys(const kv_head& keys, const kv_table& table, std::size_t width, std::size_t groups, std::size_t panels, float* out) {
  constexpr std::size_t unit_cols = layout::tile16::unit_cols<C::bits>;
  const std::size_t units = ceil_div(width, unit_cols), columns_there = units * unit_cols;
  const std::size_t group = groups == 1 ? columns_there : C::scaling::group_channels;
  const std::size_t padded = ceil_div(width, std::size_t{32}) * 32;  // channels that have parameters
  for (std::size_t panel = 0; panel < panels; ++panel, out += columns_there * 16) {
    LOWP_TARGET::decode_panel_of<C>(table, keys.codes + panel * units * layout::tile16::unit_bytes<C::bits>, units, out);
    if constexpr (C::scaling::granularity == kv_granularity::channel) {
      for (std::size_t c = 0; c < width; c += 16) {
        const std::size_t at = panel / 2 * padded + c;
        alignas(cache_line) float scale[16], zero[16];
        store(scale, LOWP_TARGET::read_scales<C>(keys, at));
        store(zero, LOWP_TARGET::read_zeros<C>(keys, at));
        for (std::size_t i = 0; i < 16 && c + i < width; ++i) {
          float* at_column = out + (c + i) * 16;
          store(at_column, LOWP_TARGET::apply_parameters<C>(load(at_column), splat(scale[i]), splat(zero[i])));
        }
      }
    } else {
      for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t at = (panel * groups + g) * panel_rows;
        const vec scale = LOWP_TARGET::read_scales<C>(keys, at), zero = LOWP_TARGET::read_zeros<C>(keys, at);
        for (std::size_t c = g * group; c < (g + 1) * group; ++c) {
          store(out + c * 16, LOWP_TARGET::apply_parameters<C>(load(out + c * 16), scale, zero));
        }
      }
    }
  }
}

// Values of the first `tokens` of a page: out [panel of channels][tokens, to a multiple of 32][16 channels].
template <class C>
void decode_values(const kv_head& values, const value_side& side, std::size_t tokens, float* out) {
  constexpr std::size_t unit_cols = layout::tile16::unit_cols<C::bits>;
  const std::size_t padded = ceil_div(tokens, std::size_t{32}) * 32, panels = ceil_div(side.width, panel_rows);
  const std::size_t line_bytes = side.page_tokens / unit_cols * layout::tile16::unit_bytes<C::bits>;
  const std::size_t group_panels = side.groups == 1 ? panels : C::scaling::group_channels / panel_rows;
  for (std::size_t panel = 0; panel < panels; ++panel, out += padded * 16) {
    LOWP_TARGET::decode_panel_of<C>(side.table, values.codes + panel * line_bytes, padded / unit_cols, out);
    for (std::size_t t = 0; t < padded; t += 16) {
      const std::size_t at = (t / 16 * side.groups + panel / group_panels) * panel_rows;
      alignas(cache_line) float scale[16], zero[16];
      store(scale, LOWP_TARGET::read_scales<C>(values, at));
      store(zero, LOWP_TARGET::read_zeros<C>(values, at));
      for (std::size_t i = 0; i < 16; ++i) {
        float* at_token = out + (t + i) * 16;
        store(at_token, LOWP_TARGET::apply_parameters<C>(load(at_token), splat(scale[i]), splat(zero[i])));
      }
    }
  }
}

template <class C>
void choose_decoders(page_decoders& k) {
  k.decode_keys = &decode_keys<C>;
  if constexpr (C::scaling::granularity != kv_granularity::channel) k.decode_values = &decode_values<C>;
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
