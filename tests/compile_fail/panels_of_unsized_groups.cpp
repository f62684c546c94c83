// expect: rows are packed side by side only where groups are rectangles or have a size of their own (weights_per_group)
#include <lowp/layout/packed.hpp>
#include <lowp/layout/tile16.hpp>
#include <lowp/quantize/quantize.hpp>

// Even and odd columns do not share a scale.
struct per_parity {
  static constexpr std::size_t weights_per_group = 0;
  static constexpr lowp::grid_shape grid(std::size_t rows, std::size_t cols) { return {rows, cols < 2 ? cols : 2}; }
  static constexpr lowp::grid_position group_of(std::size_t row, std::size_t col, std::size_t, std::size_t) { return {row, col % 2}; }
  template <class F>
  static constexpr void visit(lowp::grid_position g, std::size_t, std::size_t cols, F&& f) {
    for (std::size_t c = g.col; c < cols; c += 2) f(g.row, c, std::size_t{1});
  }
};

#if defined(LOWP_RIGHT)
using groups = lowp::per_group<2>;
#else
using groups = per_parity;
#endif
void pack(const lowp::quantized<lowp::scheme<lowp::i4, groups>>& q) { lowp::pack<lowp::layout::tile16>(q); }
