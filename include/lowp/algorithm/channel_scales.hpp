// Scales that move between a layer's inputs and its weights: y = (x / s) * (w s)^T is the same function, and whichever side was hard
// to quantize becomes easier. What AWQ and SmoothQuant choose, and how the choice is folded into what comes before.
//
//   lowp::scale_columns(w, s);                           // of each layer that reads x
//   lowp::divide_norm(norm_weight, s);                   // where x comes from a norm
//   lowp::divide_rows(previous, s);                      // where x comes from a linear layer, elementwise
//
//   auto s = lowp::smooth_scales(x_absmax, w_absmax, 0.5);      // SmoothQuant (Xiao et al. 2022, arXiv 2211.10438, equation 4)
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/core/matrix_view.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

inline void require_scales(std::size_t count, std::span<const float> scales) {
  if (scales.size() != count) LOWP_THROW(scales.size(), " scales do not fit ", count, " channels");
  for (std::size_t i = 0; i < scales.size(); ++i) {
    if (!is_finite(scales[i]) || !(scales[i] > 0)) LOWP_THROW("scale ", i, " is not a positive number: ", scales[i]);
  }
}

}  // namespace detail

// All throw lowp::error, and change nothing, unless there is one positive finite scale a channel.
inline void scale_columns(matrix_view<float> w, std::span<const float> scales) {
  detail::require_scales(w.cols(), scales);
  for (std::size_t r = 0; r < w.rows(); ++r) {
    for (std::size_t c = 0; c < w.cols(); ++c) w(r, c) *= scales[c];
  }
}

// The last rows of w, as many as there are scales: a layer of which only the end is what comes next, such as a fused query, key and
// value. Its bias is divided as a norm's weight is.
inline void divide_rows(matrix_view<float> w, std::span<const float> scales) {
  if (scales.size() > w.rows()) LOWP_THROW(scales.size(), " scales do not fit ", w.rows(), " rows");
  detail::require_scales(scales.size(), scales);
  const std::size_t first = w.rows() - scales.size();
  for (std::size_t r = first; r < w.rows(); ++r) {
    for (std::size_t c = 0; c < w.cols(); ++c) w(r, c) /= scales[r - first];
  }
}

// The weight (or bias) of a norm. Some norms, Gemma's for one, multiply by one plus their weight.
enum class norm_kind { multiplies, one_plus };
inline void divide_norm(std::span<float> weight, std::span<const float> scales, norm_kind kind = norm_kind::multiplies) {
  detail::require_scales(weight.size(), scales);
  for (std::size_t i = 0; i < weight.size(); ++i)
    weight[i] = kind == norm_kind::multiplies ? weight[i] / scales[i] : (1.0f + weight[i]) / scales[i] - 1.0f;
}

// Whether scales of a layer's inputs can be folded into the rows of the linear layer before it: each input must be one of its outputs.
// Under grouped queries, attention hands each value to several heads, so the output projection has more inputs than the value
// projection has rows, and scales in between are skipped.
constexpr bool folds_into_rows(std::size_t rows_before, std::size_t inputs) noexcept { return rows_before == inputs; }

// SmoothQuant: max|x_k|^alpha / max|w_k|^(1 - alpha), both at least 1e-5. w_absmax is that of all layers that read x (column_absmax).
// Throws lowp::error unless alpha is in 0 ... 1 and the counts agree.
inline std::vector<float> smooth_scales(std::span<const float> x_absmax, std::span<const float> w_absmax, double alpha) {
  if (!(alpha >= 0 && alpha <= 1)) LOWP_THROW("SmoothQuant's alpha is one of 0 to 1, not ", alpha);
  if (x_absmax.size() != w_absmax.size()) LOWP_THROW(x_absmax.size(), " channels of inputs do not fit ", w_absmax.size(), " of weights");
  const auto at_least = [](float x) { return x > 1e-5f ? static_cast<double>(x) : 1e-5; };
  std::vector<float> scales;
  for (std::size_t i = 0; i < x_absmax.size(); ++i) {
    scales.push_back(static_cast<float>(std::pow(at_least(x_absmax[i]), alpha) / std::pow(at_least(w_absmax[i]), 1 - alpha)));
  }
  detail::require_scales(scales.size(), scales);
  return scales;
}

// The alpha among `first`, `first` + `step`, ... `last` whose scales have the least loss(scales), and those scales.
struct smooth_choice {
  double alpha = 0;
  double loss = -1;
  std::vector<float> scales;
};
struct alpha_grid {
  double first = 0.3, last = 0.9, step = 0.05;
};
template <class Loss>
smooth_choice smooth_search(std::span<const float> x_absmax, std::span<const float> w_absmax, const Loss& loss, alpha_grid grid = {}) {
  if (!(grid.step > 0) || !(grid.first <= grid.last)) LOWP_THROW("no alpha lies from ", grid.first, " to ", grid.last, " by ", grid.step);
  smooth_choice best;
  for (int i = 0; grid.first + i * grid.step <= grid.last + 1e-9; ++i) {
    const double alpha = grid.first + i * grid.step;
    std::vector<float> scales = smooth_scales(x_absmax, w_absmax, alpha > 1 ? 1 : alpha);
    const double found = loss(std::span<const float>(scales));
    if (best.loss < 0 || found < best.loss) best = {alpha, found, std::move(scales)};
  }
  return best;
}

}  // namespace lowp::inline LOWP_ABI
