// ggml's own quantizers, bit for bit: the blocks that llama-quantize writes without an importance matrix.
//
//   auto q = lowp::ggml::quantize_reference<lowp::ggml::q4_k>(w);                          // w [rows, cols], whole blocks a row
//   auto bytes = lowp::to_blocks<lowp::layout::ggml::q4_k>(q);                             // equal to ggml_quantize_chunk's
//
// For comparing with ggml's files. lowp::ggml::quantize (ggml_quantize.hpp) makes blocks of less error. ggml's faults are kept here: its
// NVFP4 stores 448 for every scale from 248 on, and its MXFP4 takes the exponent from log2f, which rounds up just below powers of two.
//
// Source: ggml's reference quantizers, compiled without contraction.
#pragma once

#include <lowp/quantize/ggml_reference_search.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace lowp::inline LOWP_ABI::ggml {
namespace detail {

inline float inverse_of(float scale) noexcept { return scale != 0 ? 1.0f / scale : 0.0f; }

inline float largest_magnitude(const float* x, int n) noexcept { return magnitude(extreme_of(x, n)); }

struct extent {
  float low;
  float high;
};
inline extent extent_of(const float* x, int n) noexcept {
  extent e{x[0], x[0]};
  for (int i = 1; i < n; ++i) {
    e.low = x[i] < e.low ? x[i] : e.low;
    e.high = x[i] > e.high ? x[i] : e.high;
  }
  return e;
}

// 256 weights whose sub-scales are integers under one half, without minima.
template <scheme_type S>
void reference_symmetric_super_block(const float* x, std::size_t b, const row_codes<S>& row) noexcept {
  using F = typename S::format;
  using sub = typename S::scale::format;
  constexpr int width = static_cast<int>(S::granularity::cols_per_group);
  constexpr int groups = 256 / width;
  auto* codes = row.codes + b * 256;
  std::uint8_t* sub_scales = row.sub_scales + b * groups;
  float scales[groups];
  int q[256];
  for (int g = 0; g < groups; ++g) {
    if constexpr (std::is_same_v<S, q6_k>) scales[g] = search_symmetric(x + g * width, width, 32, q + g * width);
    else if constexpr (std::is_same_v<S, q3_k>) scales[g] = search_by_coordinates(x + g * width, width, q + g * width);
    else scales[g] = search_iq4(x + g * width, width);
  }
  const float largest = extreme_of(scales, groups);
  if constexpr (std::is_same_v<S, q6_k>) {
    if (magnitude(largest) < negligible) {
      row.scales[b] = 0;
      for (int g = 0; g < groups; ++g) sub_scales[g] = 0;
      for (int i = 0; i < 256; ++i) codes[i] = integer_code<F>(F::min);
      return;
    }
  }
  if constexpr (std::is_same_v<S, iq4_xs>) {
    const float scale = -largest / 32.0f;
    const float inverse = inverse_of(scale);
    row.scales[b] = half_code(scale);
    for (int g = 0; g < groups; ++g) {
      const int l = clamped(nearest(inverse * scales[g]), -32, 31);
      sub_scales[g] = integer_code<sub>(l);
      const float inverse_sub = inverse_of(scale * static_cast<float>(l));
      for (int i = g * width; i < (g + 1) * width; ++i) codes[i] = nearest_iq4(inverse_sub * x[i]);
    }
  } else {
    const float inverse = largest != 0 ? static_cast<float>(sub::min) / largest : 0.0f;
    row.scales[b] = half_code(inverse_of(inverse));
    const float scale = f16::decode(row.scales[b]);
    for (int g = 0; g < groups; ++g) {
      const int l = largest != 0 ? clamped(nearest(inverse * scales[g]), sub::min, sub::max) : sub::min;
      sub_scales[g] = integer_code<sub>(l);
      const float its_scale = scale * static_cast<float>(l);
      for (int i = g * width; i < (g + 1) * width; ++i) {
        // A scale that has become zero leaves the codes of the search.
        codes[i] = integer_code<F>(its_scale != 0 ? clamped(nearest(x[i] / its_scale), F::min, F::max) : q[i]);
      }
    }
  }
}

// 256 weights whose sub-scales and sub-minima are integers, each under a half.
template <scheme_type S>
void reference_super_block_with_minima(const float* x, std::size_t b, const row_codes<S>& row) noexcept {
  using F = typename S::format;
  constexpr int width = static_cast<int>(S::granularity::cols_per_group);
  constexpr int groups = 256 / width;
  constexpr int sub_max = S::scale::format::max;
  constexpr minimum_search how = std::is_same_v<S, q4_k> ? minimum_search{F::max, -1.0f, 0.1f, 20, false}
                                                         : minimum_search{F::max, -0.5f, 0.1f, 15, std::is_same_v<S, q2_k>};
  int q[256];
  float scales[groups];
  float minima[groups];
  float largest_scale = 0;
  float largest_minimum = 0;
  for (int g = 0; g < groups; ++g) {
    const float* its = x + g * width;
    float weights[width];
    float average = 0;
    if constexpr (!std::is_same_v<S, q2_k>) {
      float squares = 0;
      for (int i = 0; i < width; ++i) squares += rounded(its[i] * its[i]);
      average = std::sqrt(squares / static_cast<float>(width));
    }
    for (int i = 0; i < width; ++i) weights[i] = average + magnitude(its[i]);
    const scale_and_minimum found = search_with_minimum(its, weights, width, how, q + g * width);
    scales[g] = found.scale;
    minima[g] = found.minimum;
    largest_scale = found.scale > largest_scale ? found.scale : largest_scale;
    largest_minimum = found.minimum > largest_minimum ? found.minimum : largest_minimum;
  }
  constexpr auto most = static_cast<float>(sub_max);
  const float inverse_scale = largest_scale > 0 ? most / largest_scale : 0.0f;
  const float inverse_minimum = largest_minimum > 0 ? most / largest_minimum : 0.0f;
  row.scales[b] = half_code(largest_scale / most);
  row.minima[b] = half_code(largest_minimum / most);
  const float scale_above = f16::decode(row.scales[b]);
  const float minimum_above = f16::decode(row.minima[b]);
  auto* codes = row.codes + b * 256;
  std::uint8_t* sub_scales = row.sub_scales + b * groups;
  std::uint8_t* sub_minima = row.sub_minima + b * groups;
  for (int g = 0; g < groups; ++g) {
    const auto sub_code = [](int l) { return static_cast<std::uint8_t>(clamped(l, 0, sub_max)); };
    sub_scales[g] = sub_code(nearest(inverse_scale * scales[g]));
    sub_minima[g] = sub_code(nearest(inverse_minimum * minima[g]));
    const float scale = scale_above * static_cast<float>(sub_scales[g]);
    const float minimum = rounded(minimum_above * static_cast<float>(sub_minima[g]));
    for (int i = g * width; i < (g + 1) * width; ++i) {
      codes[i] = static_cast<std::uint8_t>(scale != 0 ? clamped(nearest((x[i] + minimum) / scale), 0, F::max) : q[i]);
    }
  }
}

// Block b of a row, for each scheme. x has the block's weights.
template <scheme_type S>
void reference_block(const float* x, std::size_t b, const row_codes<S>& row) noexcept {
  using F = typename S::format;
  constexpr int columns = static_cast<int>(block_columns<S>());
  auto* codes = row.codes + b * block_columns<S>();
  if constexpr (std::is_same_v<S, q4_0> || std::is_same_v<S, q5_0>) {
    constexpr int top = -F::min;
    const float scale = extreme_of(x, columns) / static_cast<float>(-top);
    const float inverse = inverse_of(scale);
    row.scales[b] = half_code(scale);
    for (int i = 0; i < columns; ++i) {
      const int q = static_cast<std::int8_t>(truncated(rounded(x[i] * inverse) + (static_cast<float>(top) + 0.5f)));
      codes[i] = integer_code<F>((q < 2 * top - 1 ? q : 2 * top - 1) - top);
    }
  } else if constexpr (std::is_same_v<S, q4_1> || std::is_same_v<S, q5_1>) {
    const extent e = extent_of(x, columns);
    const float scale = (e.high - e.low) / static_cast<float>(F::max);
    const float inverse = inverse_of(scale);
    row.scales[b] = half_code(scale);
    row.minima[b] = half_code(e.low);
    for (int i = 0; i < columns; ++i) {
      const int q = truncated(rounded((x[i] - e.low) * inverse) + 0.5f);
      codes[i] = integer_code<F>(q < F::max ? q : F::max);
    }
  } else if constexpr (std::is_same_v<S, q8_0>) {
    const float scale = largest_magnitude(x, columns) / 127.0f;
    const float inverse = inverse_of(scale);
    row.scales[b] = half_code(scale);
    for (int i = 0; i < columns; ++i) codes[i] = integer_code<F>(half_away_integer(rounded(x[i] * inverse)));
  } else if constexpr (std::is_same_v<S, tq1_0>) {
    const float scale = largest_magnitude(x, columns);
    const float inverse = inverse_of(scale);
    row.scales[b] = half_code(scale);
    for (int i = 0; i < columns; ++i) codes[i] = integer_code<F>(half_away_integer(rounded(x[i] * inverse)) + 1);
  } else if constexpr (std::is_same_v<S, mxfp4>) {
    const float most = largest_magnitude(x, columns);
    const int code = most > 0 ? static_cast<int>(std::floor(std::log2(most))) - 2 + 127 : 0;
    row.sub_scales[b] = static_cast<std::uint8_t>(code < 0 ? 0 : code);
    const float scale = e8m0::decode(row.sub_scales[b]);
    for (int i = 0; i < columns; ++i) codes[i] = nearest_e2m1(x[i], scale);
  } else if constexpr (std::is_same_v<S, nvfp4>) {
    row.sub_scales[b] = ue4m3_code(largest_magnitude(x, columns) / 6.0f);
    const float scale = ue4m3::decode(row.sub_scales[b]);
    for (int i = 0; i < columns; ++i) codes[i] = nearest_e2m1(x[i], scale);
  } else if constexpr (std::is_same_v<S, iq4_nl>) {
    const float scale = search_iq4(x, columns);
    const float inverse = inverse_of(scale);
    row.scales[b] = half_code(scale);
    for (int i = 0; i < columns; ++i) codes[i] = nearest_iq4(inverse * x[i]);
  } else if constexpr (S::has_minimum) {
    reference_super_block_with_minima<S>(x, b, row);
  } else {
    reference_symmetric_super_block<S>(x, b, row);
  }
}

}  // namespace detail

// The matrix w [rows, cols] (float, f16, bf16 or anything that converts to float) as ggml quantizes it. Throws lowp::error where rows
// are no whole blocks, and where w holds NaN or infinity. A scale beyond the largest half becomes infinite, as ggml has it.
template <scheme_type S, class T>
quantized<S> quantize_reference(matrix_view<T> w) {
  detail::require_blocks<S>(w.cols());
  quantized<S> q(w.rows(), w.cols());
  std::vector<float> x;
  for (std::size_t row = 0; row < w.rows() && w.cols() != 0; ++row) {
    detail::read_row(w, row, x);
    const detail::row_codes<S> codes(q, row);
    for (std::size_t b = 0; b < w.cols() / detail::block_columns<S>(); ++b) {
      detail::reference_block<S>(x.data() + b * detail::block_columns<S>(), b, codes);
    }
  }
  return q;
}

}  // namespace lowp::inline LOWP_ABI::ggml
