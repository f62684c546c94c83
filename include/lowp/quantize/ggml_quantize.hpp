// Encoders for ggml's block types that search for the least squared error: better blocks of the same bytes than ggml's own.
//
//   auto q = lowp::ggml::quantize<lowp::ggml::q4_k>(w);                            // w [rows, cols], whole blocks a row
//   auto bytes = lowp::to_blocks<lowp::layout::ggml::q4_k>(q);
//
// Scales are found by least squares over many trials (integer_search.hpp), stored and read back; then scales under scales are chosen
// for the stored ones, together with their neighbours, and each weight gets the nearest number. Same bits on every machine.
//
// Source: the block types are ggml's; the search is alternating least squares (Lloyd 1982, IEEE Transactions on Information Theory 28)
// on scale and codes. For TQ1_0 and TQ2_0 it is exact: ternary weight networks (Li, Zhang and Liu 2016, arXiv 1605.04711), equation 4.
#pragma once

#include <lowp/quantize/ggml_row.hpp>
#include <lowp/quantize/integer_search.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace lowp::inline LOWP_ABI::ggml {
namespace detail {

using lowp::detail::best_scale;
using lowp::detail::best_scale_and_minimum;
using lowp::detail::code_sums;
using lowp::detail::integer_codes;
using lowp::detail::integer_group;
using lowp::detail::squared_error;
using lowp::detail::table_codes;
using lowp::detail::trial_list;
using lowp::detail::trial_range;

// How the codes of a scheme are searched.
template <class F>
struct search_of {
  using codes = integer_codes<F::min, F::max>;
  static constexpr double top = -F::min;
  static constexpr int beside = top == 32 ? 16 : 8;  // sub-scales that are tried around the one that was wanted
  static constexpr double lowest_trial = top < 8 ? 0.5 * top : top < 128 ? 0.75 * top : top - 3;
  static constexpr trial_range trials{lowest_trial, top + 0.75, top == 16 || top == 32 ? 2 : 1, true};
};
template <>
struct search_of<iq4_values> {
  using codes = table_codes<iq4_values, 1, 1>;
  static constexpr int beside = 4;
  static constexpr trial_range trials{92, 140, 1, true};
};
template <>
struct search_of<e2m1> {
  using codes = table_codes<e2m1, 2, 8>;
};

// The half nearest to a number. Throws lowp::error where it is beyond the largest.
inline std::uint16_t store_half(double number) {
  const auto x = static_cast<float>(number);
  const std::uint16_t code = half_code(x);
  if (!is_finite(f16::decode(code))) LOWP_THROW("the scale ", x, " of a block is beyond the largest half, ", f16::largest);
  return code;
}
// The same for a scale, which never becomes zero.
inline std::uint16_t store_scale(double scale) {
  const std::uint16_t code = store_half(scale);
  return static_cast<std::uint16_t>(code | (scale != 0 && (code & 0x7fffu) == 0 ? 1u : 0u));
}

// One scale for a block: a half.
template <scheme_type S>
void search_scale(const float* x, std::size_t b, const row_codes<S>& row) {
  constexpr int columns = static_cast<int>(block_columns<S>());
  using search = search_of<typename S::format>;
  const integer_group<columns> g(x);
  const double scale = best_scale<typename search::codes>(g, search::trials) * g.unit;
  // A codebook without a zero is worse than zeros where its numbers are too large.
  row.scales[b] = std::is_same_v<S, iq4_nl> ? store_half(scale) : store_scale(scale);
}

// A scale and a bias for a block.
template <scheme_type S>
void search_bias(const float* x, std::size_t b, const row_codes<S>& row) {
  constexpr int columns = static_cast<int>(block_columns<S>());
  constexpr int top = S::format::max;
  // From the lowest weight on, since all may lie close together and far from zero.
  const float low = *std::min_element(x, x + columns);
  float above[columns];
  for (int i = 0; i < columns; ++i) above[i] = x[i] - low;
  if (!is_finite(*std::max_element(above, above + columns))) LOWP_THROW("a block reaches from ", low, " beyond the largest float above it");
  const integer_group<columns> g(above);
  const lowp::detail::scale_and_minimum found = best_scale_and_minimum<top>(g, {top - 1.5, top + 1.0, 1}, false);
  row.scales[b] = store_scale(found.scale * g.unit);
  row.minima[b] = store_half(static_cast<double>(low) - rounded(found.minimum * g.unit));
}

// A power of two, or a number of UE4M3: the best of those beside the one that covers the largest magnitude.
template <scheme_type S>
void search_small_scale(const float* x, std::size_t b, const row_codes<S>& row) {
  using P = typename S::scale;
  constexpr int columns = static_cast<int>(block_columns<S>());
  const integer_group<columns> g(x);
  if (g.unit == 0) return;
  const double most = (std::max)(-g.low, g.high) * g.unit;
  constexpr bool power = std::is_same_v<P, e8m0>;
  if (!power && most / 6 > 464) LOWP_THROW("the scale ", most / 6, " of a block is beyond UE4M3's 448: divide the tensor by its own scale");
  const int at = power ? encode<P>(static_cast<float>(most / 4), toward_zero{}) : encode<P>(static_cast<float>(most / 6));
  const int first = (std::max)(power ? 0 : 1, at - (power ? 1 : 5));
  const int last = (std::min)(power ? 254 : 126, at + (power ? 1 : 9));
  const auto scale_of = [&](int code) { return static_cast<double>(P::decode(static_cast<std::uint32_t>(code))) / 2 / g.unit; };
  trial_list trials;
  for (int code = first; code <= last; ++code) trials.add(1 / scale_of(code));
  code_sums s;
  search_of<e2m1>::codes::sums(g, trials, s);
  double least = g.squares;
  for (int j = 0; j < trials.count; ++j) {
    const double error = squared_error(g, s, j, scale_of(first + j));
    if (!(error < least)) continue;
    least = error;
    row.sub_scales[b] = static_cast<std::uint8_t>(first + j);
  }
}

// The k largest magnitudes become one: their mean is the scale, and k makes the sum of them squared over k largest.
template <scheme_type S>
void search_ternary(const float* x, std::size_t b, const row_codes<S>& row) {
  constexpr std::size_t columns = block_columns<S>();
  float magnitudes[columns];
  for (std::size_t i = 0; i < columns; ++i) magnitudes[i] = magnitude(x[i]);
  std::sort(magnitudes, magnitudes + columns, [](float l, float r) { return l > r; });
  double sum = 0;
  double best = 0;
  double scale = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    sum += static_cast<double>(magnitudes[i]);
    const auto count = static_cast<double>(i + 1);
    if (sum * sum / count > best) {
      best = sum * sum / count;
      scale = sum / count;
    }
  }
  row.scales[b] = store_scale(scale);
}

// Integer scales under a half, without minima.
template <scheme_type S>
void search_sub_scales(const float* x, std::size_t b, const row_codes<S>& row) {
  using sub = typename S::scale::format;
  using search = search_of<typename S::format>;
  constexpr std::size_t width = S::granularity::cols_per_group;
  constexpr std::size_t groups = block_columns<S>() / width;
  std::vector<integer_group<static_cast<int>(width)>> group;
  group.reserve(groups);
  double scales[groups];
  double largest = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    group.emplace_back(x + g * width);
    scales[g] = best_scale<typename search::codes>(group[g], search::trials) * group[g].unit;
    if ((std::max)(scales[g], -scales[g]) > (std::max)(largest, -largest)) largest = scales[g];
  }
  double least = -1;
  double above = largest / sub::min;
  for (int turn = 0; turn < 3; ++turn) {
    const std::uint16_t code = store_scale(above);
    const auto stored = static_cast<double>(f16::decode(code));
    std::uint8_t sub_scales[groups];
    double error = 0;
    double with_x = 0;
    double squares = 0;
    for (std::size_t g = 0; g < groups; ++g) {
      const double unit = group[g].unit;
      int best = 0;
      double its_error = group[g].squares;
      double its_xq = 0;
      double its_qq = 0;
      if (stored != 0 && unit != 0) {
        const double l_wanted = (std::clamp)(scales[g] / stored, -1000.0, 1000.0);
        const int middle = clamped(static_cast<int>(l_wanted + (l_wanted < 0 ? -0.5 : 0.5)), sub::min, sub::max);
        const int first = (std::max)(middle - search::beside / 2, sub::min);
        const int last = (std::min)(first + search::beside - 1, sub::max);
        trial_list trials;
        for (int l = first; l <= last; ++l) trials.add(l == 0 ? 0.0 : unit / (stored * l));
        code_sums s;
        search::codes::sums(group[g], trials, s);
        for (int j = 0; j < trials.count; ++j) {
          const double e = squared_error(group[g], s, j, stored * (first + j) / unit);
          if (!(e < its_error)) continue;
          its_error = e;
          its_xq = static_cast<double>(s.xq[j]);
          its_qq = static_cast<double>(s.qq[j]);
          best = first + j;
        }
      }
      sub_scales[g] = integer_code<sub>(best);
      error += rounded(its_error * unit * unit);
      with_x += rounded(best * its_xq * unit);
      squares += rounded(best * (best * its_qq));
    }
    if (least >= 0 && !(error < least)) break;
    least = error;
    row.scales[b] = code;
    std::copy(sub_scales, sub_scales + groups, row.sub_scales + b * groups);
    if (!(squares > 0)) break;
    above = with_x / squares;
  }
}

// Integer scales and minima, each under a half.
template <scheme_type S>
void search_sub_minima(const float* x, std::size_t b, const row_codes<S>& row) {
  constexpr int top = S::format::max;
  constexpr int sub_max = S::scale::format::max;
  constexpr int width = static_cast<int>(S::granularity::cols_per_group);
  constexpr std::size_t groups = block_columns<S>() / width;
  std::vector<integer_group<width>> group;
  group.reserve(groups);
  lowp::detail::scale_and_minimum wanted[groups];
  double largest_scale = 0;
  double largest_minimum = 0;
  constexpr trial_range range{top - (top == 3 ? 0.75 : 1.0), top + 1.0, 1};
  for (std::size_t g = 0; g < groups; ++g) {
    group.emplace_back(x + g * width);
    wanted[g] = best_scale_and_minimum<top>(group[g], range, true);
    wanted[g].scale *= group[g].unit;
    wanted[g].minimum *= group[g].unit;
    largest_scale = (std::max)(largest_scale, wanted[g].scale);
    largest_minimum = (std::max)(largest_minimum, wanted[g].minimum);
  }
  double least = -1;
  double scale_above = largest_scale / sub_max;
  double minimum_above = largest_minimum / sub_max;
  for (int turn = 0; turn < 3; ++turn) {
    const std::uint16_t scale_code = store_scale(scale_above);
    const std::uint16_t minimum_code = store_scale(minimum_above);
    const auto scale_stored = static_cast<double>(f16::decode(scale_code));
    const auto minimum_stored = static_cast<double>(f16::decode(minimum_code));
    std::uint8_t sub_scales[groups];
    std::uint8_t sub_minima[groups];
    double error = 0;
    // Sums over a = sub-scale * code and b = sub-minimum.
    double aa = 0;
    double ab = 0;
    double bb = 0;
    double xa = 0;
    double xb = 0;
    for (std::size_t g = 0; g < groups; ++g) {
      const double unit = group[g].unit;
      const auto middle = [](double number, double stored) {
        return stored > 0 ? static_cast<int>((std::min<double>)(number / stored, sub_max) + 0.5) : 0;
      };
      const int scale_middle = middle(wanted[g].scale, scale_stored);
      const int minimum_middle = middle(wanted[g].minimum, minimum_stored);
      trial_list trials;
      int l_of[lowp::detail::most_trials];
      int m_of[lowp::detail::most_trials];
      for (int l = (std::max)(0, scale_middle - 1); l <= (std::min)(sub_max, scale_middle + 1); ++l) {
        for (int m = (std::max)(0, minimum_middle - 2); m <= (std::min)(sub_max, minimum_middle + 2); ++m) {
          l_of[trials.count] = l;
          m_of[trials.count] = m;
          const double scale = scale_stored * l;
          trials.add(scale > 0 ? unit / scale : 0.0, unit > 0 ? minimum_stored * m / unit : 0.0);
        }
      }
      int best = 0;
      double its_error = -1;
      code_sums s;
      if (unit != 0) {
        integer_codes<0, top>::template sums<true>(group[g], trials, s);
        for (int j = 0; j < trials.count; ++j) {
          const double e = squared_error(group[g], s, j, scale_stored * l_of[j] / unit, minimum_stored * m_of[j] / unit);
          if (its_error >= 0 && !(e < its_error)) continue;
          its_error = e;
          best = j;
        }
      }
      const int best_l = l_of[best];
      const int best_m = m_of[best];
      sub_scales[g] = static_cast<std::uint8_t>(best_l);
      sub_minima[g] = static_cast<std::uint8_t>(best_m);
      if (unit == 0) continue;
      error += rounded(its_error * unit * unit);
      aa += rounded(best_l * (best_l * static_cast<double>(s.qq[best])));
      ab += rounded(best_l * (best_m * static_cast<double>(s.q[best])));
      bb += rounded(static_cast<double>(best_m * best_m) * width);
      xa += rounded(best_l * static_cast<double>(s.xq[best]) * unit);
      xb += rounded(best_m * group[g].sum * unit);
    }
    if (least >= 0 && !(error < least)) break;
    least = error;
    row.scales[b] = scale_code;
    row.minima[b] = minimum_code;
    std::copy(sub_scales, sub_scales + groups, row.sub_scales + b * groups);
    std::copy(sub_minima, sub_minima + groups, row.sub_minima + b * groups);
    const double determinant = rounded(aa * bb) - rounded(ab * ab);
    if (!(determinant > 0)) break;
    scale_above = (rounded(xa * bb) - rounded(ab * xb)) / determinant;
    minimum_above = (rounded(ab * xa) - rounded(aa * xb)) / determinant;
    if (!(scale_above > 0) || !(minimum_above > 0)) break;
  }
}

// The nearest codes under the scales that q holds, as affine::encode gives them.
template <scheme_type S>
void encode_nearest(const affine<S>& group, const float* x, code_t<typename S::format>* codes, std::size_t count) noexcept {
  using F = typename S::format;
  if constexpr (requires { F::max; }) {
    if (group.scale == 0.0f) {
      for (std::size_t i = 0; i < count; ++i) codes[i] = 0;
      return;
    }
    const float bias = S::has_bias ? rounded(group.zero) : S::has_minimum ? -rounded(group.zero) : 0.0f;
    for (std::size_t i = 0; i < count; ++i) {
      const float ratio = (S::has_added_term ? x[i] - bias : x[i]) / group.scale;
      const float low = static_cast<float>(F::min);
      const float high = static_cast<float>(F::max);
      const float in_last_place = (ratio < low ? low : ratio > high ? high : ratio) + 0x1.8p23f;
      codes[i] = static_cast<std::uint8_t>(bit_cast<std::uint32_t>(in_last_place) & low_mask(F::bits));
    }
  } else if constexpr (std::is_same_v<F, ternary>) {
    const float half = 0.5f * group.scale;  // code 3 is for reading alone
    for (std::size_t i = 0; i < count; ++i) codes[i] = static_cast<std::uint8_t>(1 + (x[i] > half ? 1 : 0) - (x[i] < -half ? 1 : 0));
  } else {
    for (std::size_t i = 0; i < count; ++i) codes[i] = group.encode(x[i]);
  }
}

template <scheme_type S>
void search_block(const float* x, std::size_t b, const row_codes<S>& row) {
  if constexpr (S::has_bias) search_bias(x, b, row);
  else if constexpr (S::has_minimum) search_sub_minima(x, b, row);
  else if constexpr (scheme_type<typename S::scale>) search_sub_scales(x, b, row);
  else if constexpr (std::is_same_v<typename S::format, ternary>) search_ternary(x, b, row);
  else if constexpr (std::is_same_v<typename S::format, e2m1>) search_small_scale(x, b, row);
  else search_scale(x, b, row);
}

}  // namespace detail

// The matrix w [rows, cols] (float, f16, bf16 or anything that converts to float) in a block type's scheme. Throws lowp::error where
// rows are no whole blocks, where w holds NaN or infinity, and where a scale is beyond the largest half.
template <scheme_type S, class T>
quantized<S> quantize(matrix_view<T> w) {
  detail::require_blocks<S>(w.cols());
  quantized<S> q(w.rows(), w.cols());
  constexpr std::size_t width = S::granularity::cols_per_group;
  std::vector<float> x;
  for (std::size_t row = 0; row < w.rows() && w.cols() != 0; ++row) {
    detail::read_row(w, row, x);
    const detail::row_codes<S> codes(q, row);
    for (std::size_t b = 0; b < w.cols() / detail::block_columns<S>(); ++b) {
      detail::search_block<S>(x.data() + b * detail::block_columns<S>(), b, codes);
    }
    for (std::size_t g = 0; g < w.cols() / width; ++g) {
      detail::encode_nearest<S>(q.group({row, g}), x.data() + g * width, codes.codes + g * width, width);
    }
  }
  return q;
}

}  // namespace lowp::inline LOWP_ABI::ggml
