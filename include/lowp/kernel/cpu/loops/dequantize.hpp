// Codes to numbers, sixteen at a time, and the walk over a matrix that is dequantized.
// Part of each instruction set's dequantizing header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
//
// Needs from that namespace: for_runs; decode_stretch.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// The numbers of a run of codes of one group into a row of out, through a buffer where kernels cannot write there.
template <scheme_type S, class T>
LOWP_ALWAYS_INLINE void decode_row(const affine<S>& group, const code_t<typename S::format>* codes, matrix_view<T> out, std::size_t row,
                                   std::size_t col, std::size_t count) {
  if constexpr (kernels_read<T>) {
    if (out.contiguous_rows()) return decode_stretch(group, codes, count, out.data() + row * out.row_stride() + col);
  }
  alignas(cache_line) float piece[piece_columns];
  for (std::size_t at = 0; at < count; at += piece_columns) {
    const std::size_t n = count - at < piece_columns ? count - at : piece_columns;
    decode_stretch(group, codes + at, n, static_cast<float*>(piece));
    for (std::size_t i = 0; i < n; ++i) out(row, col + at + i) = T(piece[i]);
  }
}

template <scheme_type S, class T>
void dequantize_rows(const quantized_view<S>& q, matrix_view<T> out, std::size_t first, std::size_t last) {
  for_runs<typename S::granularity>(q.rows(), q.cols(), first, last,
                                    [&](grid_position g, std::size_t row, std::size_t col, std::size_t count)
                                        LOWP_INLINE_LAMBDA { decode_row(quick_group(q, g), &q.codes(row, col), out, row, col, count); });
}

// Codes [first, first + count) of one row of a panel, one a byte; whole units, so up to a unit more than asked for.
template <int Bits>
void unpack_row(const std::uint8_t* panel, std::size_t row, std::size_t first, std::size_t count, std::uint8_t* codes) {
  using tile = layout::tile16;
  constexpr auto planes = tile::planes<Bits>();
  constexpr std::size_t steps = tile::unit_cols<Bits> / 4;
  for (std::size_t u = first / tile::unit_cols<Bits>; u * tile::unit_cols<Bits> < first + count; ++u) {
    const std::uint8_t* unit = panel + u * tile::unit_bytes<Bits> + 4 * row;
    LOWP_UNROLL
    for (std::size_t step = 0; step < steps; ++step, codes += 4) {
      std::uint32_t four = 0;
      LOWP_UNROLL
      for (std::size_t i = 0; i < planes.size(); ++i) {
        const auto width = static_cast<std::size_t>(planes[i].width);
        const auto lowest = static_cast<std::size_t>(planes[i].first);
        std::uint32_t word = 0;
        std::memcpy(&word, unit + tile::unit_bytes<Bits> / Bits * lowest + step * width / 8 * tile::line_bytes, 4);
        four |= (word >> step * width % 8 & 0x01010101u * low_mask(planes[i].width)) << lowest;
      }
      std::memcpy(codes, &four, 4);
    }
  }
}

template <scheme_type S, class T>
void dequantize_panels(const packed<S, layout::tile16>& w, matrix_view<T> out, std::size_t first, std::size_t last) {
  using G = typename S::granularity;
  constexpr int bits_each = S::format::bits;
  constexpr std::size_t rows = layout::tile16::panel_rows;
  alignas(cache_line) std::uint8_t codes[piece_columns];
  quantized_view<S> parameters;
  parameters.scales = w.scales().view();
  if constexpr (S::has_zero) parameters.zeros = w.zeros().view();
  for (std::size_t panel = first / rows; panel * rows < last; ++panel) {
    const std::uint8_t* at = w.bytes().data() + panel * layout::tile16::panel_bytes<bits_each>(w.cols());
    const std::size_t begin = panel * rows < first ? first : panel * rows;
    const std::size_t end = (panel + 1) * rows < last ? (panel + 1) * rows : last;
    for (std::size_t piece = 0; piece < w.cols(); piece += piece_columns) {
      const std::size_t piece_end = w.cols() - piece < piece_columns ? w.cols() : piece + piece_columns;
      for (std::size_t row = begin; row < end; ++row) {
        unpack_row<bits_each>(at, row % rows, piece, piece_end - piece, codes);
        for (std::size_t col = piece; col < piece_end;) {
          const std::size_t run = run_length<G>(row, col, w.rows(), w.cols());
          const std::size_t count = run < piece_end - col ? run : piece_end - col;
          const affine<S> group = quick_group(parameters, G::group_of(row, col, w.rows(), w.cols()));
          decode_row(group, codes + (col - piece), out, row, col, count);
          col += count;
        }
      }
    }
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
