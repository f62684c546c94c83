// One product y = x * w^T as the kernels see it: pointers and sizes, the scheme forgotten but for the functions that
// decode it. So kernels are compiled once for all schemes whose codes decode alike.
#pragma once

#include <lowp/core/matrix_view.hpp>
#include <lowp/kernel/cpu/build.hpp>
#include <lowp/kernel/cpu/decoding.hpp>
#include <lowp/layout/tile16.hpp>
#include <lowp/scheme/scheme.hpp>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

// What a weight has beside its scale.
enum class term : std::uint8_t {
  none,     // scale * code
  zero,     // scale * (code - zero)
  minimum,  // scale * code - minimum; a bias is one of the other sign
};

template <scheme_type S>
inline constexpr term term_of = !S::has_zero ? term::none : S::has_added_term ? term::minimum : term::zero;

}  // namespace lowp::inline LOWP_ABI::detail
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

inline constexpr std::size_t panel_rows = layout::tile16::panel_rows;

// Where a plane of the column j of a unit lies: in the line that starts at byte `line`, from bit `shift` of each row's 32 bits
// on; it holds the code's bits from `first` on.
struct place {
  std::size_t line;
  unsigned shift;
  unsigned first;
};

template <int Bits>
constexpr place place_of(std::size_t j, std::size_t plane) noexcept {
  using tile = layout::tile16;
  constexpr auto planes = tile::planes<Bits>();
  const auto width = static_cast<std::size_t>(planes[plane].width);
  const auto first = static_cast<std::size_t>(planes[plane].first);
  const std::size_t in_line = j % (32 / width);
  const std::size_t shift = width >= 8 ? in_line * width : in_line % 4 * 8 + in_line / 4 * width;
  return {tile::unit_bytes<Bits> / Bits * first + j / (32 / width) * tile::line_bytes, static_cast<unsigned>(shift),
          static_cast<unsigned>(first)};
}

// The same for steps of four columns, the bytes of a row's 32 bits: a line of the plane holds `steps` of them, `width` bits apart.
struct step_place {
  std::size_t offset;
  unsigned steps;
  unsigned width;
  unsigned first;
};

template <int Bits>
constexpr step_place step_place_of(std::size_t plane) noexcept {
  using tile = layout::tile16;
  constexpr auto planes = tile::planes<Bits>();
  const auto width = static_cast<unsigned>(planes[plane].width);
  const auto first = static_cast<unsigned>(planes[plane].first);
  return {tile::unit_bytes<Bits> / Bits * first, width >= 8 ? 1u : 8u / width, width, first};
}

// Whether instruction sets decode codes of a kind in registers.
template <code_kind Kind>
inline constexpr bool can_read = Kind.how != decoding::scalar;

// They decode columns a few at a time, as many as a 32-bit lane has bytes or wider codes; a unit is some of these steps.
template <code_kind Kind>
struct column_steps {
  static constexpr int step = Kind.bits <= 8 ? 4 : 32 / Kind.bits;
  static constexpr int steps = static_cast<int>(layout::tile16::unit_cols<Kind.bits>) / step;
};

// The format of a parameter that is the product of a number in F and one in Upper.
template <number_format F, number_format Upper>
struct nested_format;

// Scales or zero points in panel order, sixteen rows of a panel side by side. A parameter is multiplier * value - offset, its value the
// product of two where it has upper codes.
struct parameter_stream {
  const void* codes = nullptr;
  const void* upper_codes = nullptr;
  std::size_t upper_groups = 1;  // that share an upper code
  std::size_t groups = 0;        // of a panel
  float multiplier = 1.0f;
  float offset = 0.0f;
  // Writes the `count` sixteens from the `first` on to out, out + stride, ...
  void (*expand)(const parameter_stream& stream, std::size_t first, std::size_t count, float* out, std::size_t stride) = nullptr;

  constexpr bool all_ones() const noexcept { return codes == nullptr && multiplier == 1.0f && offset == 0.0f; }
};

// Where outputs go: `count` values of a token from the output `row` on, which may be changed on the way.
struct output_sink {
  const void* state = nullptr;
  void (*put)(const void* state, std::size_t token, std::size_t row, std::size_t count, float* values) = nullptr;
};

struct product;

// Adds up columns [0, cols) of `count` panels from `panel` on for some rows of x; out is [rows of x][panels * 16].
using dot_function = void (*)(const product&, const float* const* x, std::size_t panel, std::size_t count, float* out);

// Decodes columns [begin, end) of a panel to out, [column][16], which has room for decode_columns columns; begin is a multiple
// of decode_columns.
using decode_function = void (*)(const product&, std::size_t panel, std::size_t begin, std::size_t end, float* out);

inline constexpr std::size_t decode_columns = 128;

// Sums over longer groups are cut into pieces of as many columns, which keeps rounding errors from growing with the columns.
inline constexpr std::size_t dot_columns = 256;

struct product {
  matrix_view<const float> x;  // [tokens, cols], rows contiguous
  output_sink out;
  const std::uint8_t* codes = nullptr;
  std::size_t panel_bytes = 0;
  const float* values = nullptr;  // of each code, for formats that are tables
  float unit = 1.0f;              // of what codes decode to
  std::size_t cols = 0;
  std::size_t group_cols = 0;
  std::size_t groups = 0;
  parameter_stream scales;
  parameter_stream zeros;  // or minima

  // The best functions for the format.
  void (*multiply)(const product&, std::size_t first_row, std::size_t last_row) = nullptr;  // outputs [first_row, last_row)
  decode_function decode = nullptr;
  std::size_t dot_rows = 0;     // for how many rows of x dots are faster than decoding first; 0 if there are none
  dot_function dot1 = nullptr;  // one row of x
  dot_function dot2 = nullptr;
  dot_function dot4 = nullptr;
  bool plain = false;  // the codes are the floats themselves, [column][16], and the scale is one

  const std::uint8_t* panel_codes(std::size_t panel) const noexcept { return codes + panel * panel_bytes; }
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
