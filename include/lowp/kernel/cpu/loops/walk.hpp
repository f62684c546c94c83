// What all loops share: counting at compile time, and the walk over the outputs of a product: which panels, which tokens, and what
// becomes of the edges.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// Calls visit(j) for each j, a std::integral_constant.
template <class Visitor, int... J>
LOWP_ALWAYS_INLINE void each_of(Visitor&& visit, std::integer_sequence<int, J...>) {
  (visit(std::integral_constant<int, J>{}), ...);
}

// How many of `left` are next where at most `most` go together: shares as even as can be, since what is done once a share costs a
// small one most.
constexpr std::size_t next_share(std::size_t left, std::size_t most) noexcept { return ceil_div(left, ceil_div(left, most)); }

// Outputs [first_row, last_row): fill(token, tokens, panel, count, totals) computes those of some tokens and of `count` panels, at
// most Panels, as [tokens][Panels * 16], at most MostTokens at a time; they then go to their place.
template <int Panels, std::size_t MostTokens, class Fill>
LOWP_ALWAYS_INLINE void walk(std::size_t all_tokens, std::size_t first_row, std::size_t last_row, const output_sink& out, Fill&& fill) {
  constexpr std::size_t width = Panels * 16;
  alignas(cache_line) float totals[MostTokens * width];
  for (std::size_t panel = first_row / 16; panel * 16 < last_row; panel += Panels) {
    const std::size_t left = ceil_div(last_row, std::size_t{16}) - panel;
    const std::size_t count = left < Panels ? left : Panels;
    const std::size_t begin = panel * 16 < first_row ? first_row : panel * 16;
    const std::size_t end = (panel + count) * 16 < last_row ? (panel + count) * 16 : last_row;
    for (std::size_t token = 0; token < all_tokens;) {
      const std::size_t tokens = next_share(all_tokens - token, MostTokens);
      fill(token, tokens, panel, count, totals);
      for (std::size_t m = 0; m < tokens; ++m) {
        out.put(out.state, token + m, begin, end - begin, totals + m * width + (begin - panel * 16));
      }
      token += tokens;
    }
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
