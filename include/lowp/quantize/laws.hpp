// The laws of a scheme, checked on a matrix: users run the same suite on their own schemes and formats.
//
//   lowp::laws::scheme<my>(lowp::matrix_view<const float>{w, rows, cols});
//
// Source: the error bound of rounding to nearest, |x - value| <= scale * (widest gap beside the code) / 2,
// for what lies within reach of the codes; what lies beyond becomes the nearest end.
#pragma once

#include <lowp/quantize/quantize.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

constexpr double distance(float a, float b) noexcept {
  const double d = static_cast<double>(a) - static_cast<double>(b);
  return d < 0 ? -d : d;
}

// How far x may lie from its number under a group: as far as from the nearest of all numbers, and not one rounding of
// the quotient and one of the product farther. A format with thresholds of its own chooses between neighbours as it likes.
template <scheme_type S>
double error_bound(const affine<S>& group, float x) {
  using F = typename S::format;
  constexpr auto& t = levels<F>;
  const auto number = [&group](int i) { return group.decode(levels<F>.code[i]); };
  int low = 0;
  for (int i = 1; i < t.count && number(i) <= x; ++i) low = i;
  const int high = low + 1 < t.count ? low + 1 : low;
  const double below = distance(x, number(low));
  const double above = distance(x, number(high));
  const double shift = distance(S::has_added_term ? group.zero : group.scale * group.zero, 0);
  const double slack = 0x1p-22 * (distance(x, 0) + distance(number(low), 0) + distance(number(high), 0) + shift);
  // Below the smallest normal float a quotient or a product loses bits that are not in proportion.
  const double tiny = 0x1p-148 + static_cast<double>(group.scale) * 0x1p-148;
  const double nearest = below < above ? below : above;
  const double farther = x < number(0) || x > number(t.count - 1) ? nearest : below < above ? above : below;
  if constexpr (requires { F::threshold(0); }) return farther + slack + tiny;
  else return nearest + slack + tiny;
}

}  // namespace detail

namespace laws {

// Each weight of w [rows, cols] has the code of the number nearest to it, under the scale and zero point of its group; a
// group with NaN or infinity reads back as NaN, any other one as numbers; dequantize gives what value gives.
template <scheme_type S, class T>
bool scheme(matrix_view<T> w) {
  static_assert(table_format<typename S::format>, "the law of a scheme needs a format of at most 8 bits");
  const quantized<S> q = quantize<S>(w);
  std::vector<float> back(w.rows() * w.cols());
  dequantize(q, matrix_view<float>{back.data(), w.rows(), w.cols()});
  for (std::size_t r = 0; r < w.rows(); ++r) {
    for (std::size_t c = 0; c < w.cols(); ++c) {
      const auto x = static_cast<float>(w(r, c));
      const float number = q.value(r, c);
      if (bit_cast<std::uint32_t>(number) != bit_cast<std::uint32_t>(back[r * w.cols() + c])) return false;
      const affine<S> group = q.group_of(r, c);
      if (is_nan(group.scale)) {
        if (!is_nan(number)) return false;
      } else if (!is_finite(x) || !is_finite(number) || !(lowp::detail::distance(x, number) <= lowp::detail::error_bound(group, x))) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace laws
}  // namespace lowp::inline LOWP_ABI
