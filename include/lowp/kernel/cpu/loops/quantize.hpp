// The walk over a matrix that is quantized: which groups, which rows, and what becomes of views with strides.
// Part of each instruction set's quantizing header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
//
// Needs from that namespace: range_of, encode_stretch.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// Hands a stretch of a row to visit(numbers, how far from its start, how many): in place where its numbers are adjacent and
// of a type that kernels read, else copied to floats piece by piece.
template <class T, class Visitor>
LOWP_ALWAYS_INLINE void for_pieces(matrix_view<T> w, std::size_t row, std::size_t col, std::size_t count, Visitor&& visit) {
  if constexpr (kernels_read<T>) {
    if (w.contiguous_rows()) return visit(w.data() + row * w.row_stride() + col, std::size_t{0}, count);
  }
  alignas(cache_line) float piece[piece_columns];
  for (std::size_t at = 0; at < count; at += piece_columns) {
    const std::size_t n = count - at < piece_columns ? count - at : piece_columns;
    for (std::size_t i = 0; i < n; ++i) piece[i] = static_cast<float>(w(row, col + at + i));
    visit(static_cast<const float*>(piece), at, n);
  }
}

// Calls visit(group, row, column, count) for each run of weights of one group along rows [first, last).
template <granularity_policy G, class Visitor>
LOWP_ALWAYS_INLINE void for_runs(std::size_t rows, std::size_t cols, std::size_t first, std::size_t last, Visitor&& visit) {
  for (std::size_t row = first; row < last; ++row) {
    for (std::size_t col = 0; col < cols;) {
      const std::size_t count = run_length<G>(row, col, rows, cols);
      visit(G::group_of(row, col, rows, cols), row, col, count);
      col += count;
    }
  }
}

template <scheme_type S, class T>
LOWP_ALWAYS_INLINE value_range range_of_run(matrix_view<T> w, std::size_t row, std::size_t col, std::size_t count) {
  value_range range = empty_range;
  for_pieces(w, row, col, count,
             [&](const auto* p, std::size_t, std::size_t n) LOWP_INLINE_LAMBDA { range = joined(range, range_of<S::has_zero>(p, n)); });
  return range;
}

template <scheme_type S, class T>
LOWP_ALWAYS_INLINE void encode_row(const affine<S>& group, matrix_view<T> w, matrix_view<code_t<typename S::format>> codes, std::size_t row,
                                   std::size_t col, std::size_t count) {
  auto* to = codes.data() + row * codes.row_stride() + col;
  for_pieces(w, row, col, count,
             [&](const auto* p, std::size_t at, std::size_t n) LOWP_INLINE_LAMBDA { encode_stretch(group, p, n, to + at); });
}

// Ranges, scales and codes, a few groups side by side at a time: the steps of one group wait for each other, those of its
// neighbours do not.
template <scheme_type S, class Recipe, class T>
void quantize_groups(quantized<S>& q, matrix_view<T> w, std::size_t first, std::size_t last) {
  using G = typename S::granularity;
  using rule = scale_rule_for<typename Recipe::scale_rule, S>;
  constexpr std::size_t most = G::weights_per_group == 0 || G::weights_per_group > 1024 ? 1 : 32;
  const std::size_t group_rows = G::rows_per_group == 0 ? last - first : G::rows_per_group;
  const std::size_t group_cols = G::cols_per_group == 0 ? w.cols() : G::cols_per_group;
  const auto codes = q.codes();
  value_range ranges[most];
  affine<S> groups[most];
  for (std::size_t row = first; row < last; row += group_rows) {
    const std::size_t row_end = last - row < group_rows ? last : row + group_rows;
    for (std::size_t col = 0; col < w.cols(); col += most * group_cols) {
      const std::size_t end = w.cols() - col < most * group_cols ? w.cols() : col + most * group_cols;
      const std::size_t count = ceil_div(end - col, group_cols);
      const auto width = [&](std::size_t i) { return end - col - i * group_cols < group_cols ? end - col - i * group_cols : group_cols; };
      for (std::size_t i = 0; i < count; ++i) {
        ranges[i] = range_of_run<S>(w, row, col + i * group_cols, width(i));
        for (std::size_t r = row + 1; r < row_end; ++r)
          ranges[i] = joined(ranges[i], range_of_run<S>(w, r, col + i * group_cols, width(i)));
      }
      for (std::size_t i = 0; i < count; ++i) {
        groups[i] = store_quickly<rule>(q, {row / group_rows, col / group_cols + i}, calibrated<S, Recipe>(ranges[i]));
      }
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t r = row; r < row_end; ++r) encode_row(groups[i], w, codes, r, col + i * group_cols, width(i));
      }
    }
  }
}

// The ranges of the groups that rows [first, last) touch, as far as those rows go, by the groups' places in the grid.
template <scheme_type S, class T>
void measure_rows(matrix_view<T> w, value_range* ranges, std::size_t first, std::size_t last) {
  using G = typename S::granularity;
  const grid_shape grid = G::grid(w.rows(), w.cols());
  const auto for_ranges = [&](auto&& visit) LOWP_INLINE_LAMBDA {
    for_runs<G>(w.rows(), w.cols(), first, last,
                [&](grid_position g, std::size_t row, std::size_t col, std::size_t count)
                    LOWP_INLINE_LAMBDA { visit(ranges[g.row * grid.cols + g.col], row, col, count); });
  };
  if constexpr (groups_lie_in_rows<G>) {
    for_ranges([&](value_range& range, std::size_t row, std::size_t col, std::size_t count)
                   LOWP_INLINE_LAMBDA { range = range_of_run<S>(w, row, col, count); });
  } else {
    for_ranges([](value_range& range, std::size_t, std::size_t, std::size_t) { range = empty_range; });
    for_ranges([&](value_range& range, std::size_t row, std::size_t col, std::size_t count)
                   LOWP_INLINE_LAMBDA { range = joined(range, range_of_run<S>(w, row, col, count)); });
  }
}

// Codes for the scales and zero points that q holds.
template <scheme_type S, class T>
void encode_rows(quantized<S>& q, matrix_view<T> w, std::size_t first, std::size_t last) {
  const auto codes = q.codes();
  const quantized_view<S> view = q.view();
  for_runs<typename S::granularity>(w.rows(), w.cols(), first, last,
                                    [&](grid_position g, std::size_t row, std::size_t col, std::size_t count)
                                        LOWP_INLINE_LAMBDA { encode_row(quick_group(view, g), w, codes, row, col, count); });
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
