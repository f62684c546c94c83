// AWQ: scales that protect the weights of channels with large inputs, chosen by search, and clipping of weights where that
// lowers the output error (Lin et al. 2023, arXiv 2306.00978). For any scheme.
//
//   const lowp::matrix_view<const float> layers[] = {q, k, v};                    // all that read the same inputs
//   auto found = lowp::awq_search<lowp::uint4_g128>(layers, stats.mean_magnitude(), h.view());
//   for (auto w : {q, k, v}) lowp::scale_columns(w, found.scales);
//   lowp::divide_norm(norm, found.scales);                                        // channel_scales.hpp: folding
//   lowp::awq_clip<lowp::uint4_g128>(v, h_of_scaled_inputs.view());               // not q and k, whose products cancel errors badly
//
// The paper measures the loss on the module around the layers; here it is the sum of the layers' own output errors, from
// their Hessian, unless a loss of one's own is given.
#pragma once

#include <lowp/algorithm/channel_scales.hpp>
#include <lowp/algorithm/output_loss.hpp>
#include <lowp/quantize/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI {

enum class awq_scaling {
  inputs_and_weights,  // x^r / w^(1 - r): AutoAWQ's
  inputs,              // x^r: the paper's
};

struct awq_options {
  int grid = 20;  // ratios 0, 1 / grid, ... below 1
  awq_scaling scaling = awq_scaling::inputs_and_weights;
};

struct awq_choice {
  std::vector<float> scales;  // one an input channel; all 1 if nothing is gained
  double ratio = -1;          // of the scales, or -1
  double loss = 0;
  double unscaled_loss = 0;
};

namespace detail {

// The mean over all rows of |w| / (the largest |w| of its group + 1e-6).
template <scheme_type S>
std::vector<double> relative_magnitudes(std::span<const matrix_view<const float>> layers) {
  std::vector<double> means(layers[0].cols());
  std::size_t rows = 0;
  for (const matrix_view<const float> w : layers) {
    const grid_shape grid = S::granularity::grid(w.rows(), w.cols());
    for (std::size_t i = 0; i < grid.rows * grid.cols; ++i) {
      const grid_position g{i / grid.cols, i % grid.cols};
      float largest = 0;
      S::granularity::visit(g, w.rows(), w.cols(), [&](std::size_t r, std::size_t col, std::size_t count) {
        for (std::size_t c = col; c < col + count; ++c) largest = (std::max)(largest, magnitude(w(r, c)));
      });
      S::granularity::visit(g, w.rows(), w.cols(), [&](std::size_t r, std::size_t col, std::size_t count) {
        for (std::size_t c = col; c < col + count; ++c)
          means[c] += static_cast<double>(magnitude(w(r, c))) / (static_cast<double>(largest) + 1e-6);
      });
    }
    rows += w.rows();
  }
  for (double& m : means) m /= static_cast<double>(rows == 0 ? 1 : rows);
  return means;
}

inline std::vector<float> awq_scales(std::span<const float> inputs, std::span<const double> weights, double ratio, awq_scaling scaling) {
  std::vector<float> scales;
  double least = static_cast<double>(infinity());
  double most = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    double s = std::pow(static_cast<double>(inputs[i]), ratio);
    if (scaling == awq_scaling::inputs_and_weights) s /= std::pow(weights[i], 1 - ratio) + 1e-4;
    s = (std::max)(s, 1e-4);
    least = (std::min)(least, s);
    most = (std::max)(most, s);
    scales.push_back(static_cast<float>(s));
  }
  for (float& s : scales) {
    s = static_cast<float>(static_cast<double>(s) / std::sqrt(most * least));
    if (!is_finite(s) || s == 0.0f) s = 1.0f;
  }
  return scales;
}

}  // namespace detail

// The scales with the least loss(scales), among them none at all. `inputs` is the mean magnitude of each input channel.
// Throws lowp::error where widths differ or there is no layer.
template <scheme_type S, class Loss>
requires requires(const Loss& loss, std::span<const float> scales) { static_cast<double>(loss(scales)); }
awq_choice awq_search(std::span<const matrix_view<const float>> layers, std::span<const float> inputs, const Loss& loss,
                      const awq_options& options = {}) {
  if (layers.empty()) LOWP_THROW("AWQ needs a layer to scale");
  for (const matrix_view<const float> w : layers) {
    if (w.cols() != inputs.size()) LOWP_THROW("a layer of ", w.cols(), " inputs does not fit ", inputs.size(), " mean magnitudes");
  }
  if (options.grid < 1) LOWP_THROW("a search among ", options.grid, " ratios finds none");
  const std::vector<double> weights = detail::relative_magnitudes<S>(layers);
  awq_choice best;
  best.scales.assign(inputs.size(), 1.0f);
  best.loss = best.unscaled_loss = loss(std::span<const float>(best.scales));
  for (int i = 0; i < options.grid; ++i) {
    const double ratio = static_cast<double>(i) / options.grid;
    std::vector<float> scales = detail::awq_scales(inputs, weights, ratio, options.scaling);
    const double found = loss(std::span<const float>(scales));
    if (!(found < best.loss)) continue;
    best.scales = std::move(scales);
    best.ratio = ratio;
    best.loss = found;
  }
  return best;
}

inline namespace LOWP_BUILD {

// The same by the layers' output error for inputs of this Hessian, when they are rounded to nearest by the recipe.
template <scheme_type S, class Recipe = recipe<>>
awq_choice awq_search(std::span<const matrix_view<const float>> layers, std::span<const float> inputs, matrix_view<const float> h,
                      const awq_options& options = {}, const Recipe& r = {}) {
  const output_loss loss(h);
  const auto of_scales = [&](std::span<const float> scales) {
    double sum = 0;
    for (const matrix_view<const float> w : layers) {
      std::vector<float> v(w.rows() * w.cols());
      const matrix_view<float> view(v.data(), w.rows(), w.cols());
      for (std::size_t i = 0; i < v.size(); ++i) v[i] = w(i / w.cols(), i % w.cols()) * scales[i % w.cols()];
      fake_quantize<S>(view, view, r);
      for (std::size_t i = 0; i < v.size(); ++i) v[i] /= scales[i % w.cols()];
      sum += loss(w, view);
    }
    return sum;
  };
  return awq_search<S>(layers, inputs, of_scales, options);
}

struct awq_clip_options {
  int grid = 20;          // limits of 1, 1 - 1 / grid, ...
  double most_cut = 0.5;  // of the largest magnitude, not reached
};

// Clips each group of w [out, in] at the fraction of its largest magnitude with which the group's own share of the output error is
// least, for inputs of this Hessian. Groups must lie along rows. Throws lowp::error where shapes do not fit.
template <scheme_type S, class Recipe = recipe<>>
requires(rectangular_granularity<typename S::granularity>&& S::granularity::rows_per_group ==
         1) void awq_clip(matrix_view<float> w, matrix_view<const float> h, const awq_clip_options& options = {}, const Recipe& r = {}) {
  if (h.rows() != w.cols() || h.cols() != w.cols())
    LOWP_THROW("weights with ", w.cols(), " inputs need a Hessian of that size, not ", h.rows(), " x ", h.cols());
  if (options.grid < 1 || !(options.most_cut > 0 && options.most_cut <= 1))
    LOWP_THROW("no clipping lies below ", options.most_cut, " by steps of 1 / ", options.grid);
  using rule = scale_rule_for<typename Recipe::scale_rule, S>;
  const std::size_t width = S::granularity::cols_per_group == 0 ? w.cols() : S::granularity::cols_per_group;
  const int steps = static_cast<int>(options.most_cut * options.grid);
  for (std::size_t first = 0; first < w.cols(); first += width) {
    const std::size_t count = (std::min)(width, w.cols() - first);
    const matrix_view<float> group = w.block(0, first, w.rows(), count);
    const output_loss loss(h.block(first, first, count, count));
    std::vector<double> least(w.rows(), -1.0);
    std::vector<float> limits(w.rows());
    std::vector<float> values(count);
    std::vector<float> becomes(w.rows() * count);
    for (int i = 0; i < steps; ++i) {
      std::vector<float> cut(w.rows());
      for (std::size_t row = 0; row < w.rows(); ++row) {
        float largest = 0;
        for (std::size_t c = 0; c < count; ++c) largest = (std::max)(largest, magnitude(group(row, c)));
        cut[row] = largest * (1.0f - static_cast<float>(i) / static_cast<float>(options.grid));
        for (std::size_t c = 0; c < count; ++c) values[c] = (std::min)((std::max)(group(row, c), -cut[row]), cut[row]);
        const affine<S> trial = detail::trial_group<S, rule>(detail::calibrate<S>(values, {}, r));
        for (std::size_t c = 0; c < count; ++c) becomes[row * count + c] = trial.decode(trial.encode(values[c]));
      }
      const std::vector<double> errors = loss.rows(group, {becomes.data(), w.rows(), count});
      for (std::size_t row = 0; row < w.rows(); ++row) {
        if (least[row] >= 0 && !(errors[row] < least[row])) continue;
        least[row] = errors[row];
        limits[row] = cut[row];
      }
    }
    for (std::size_t row = 0; row < w.rows() && steps > 0; ++row) {
      for (std::size_t c = 0; c < count; ++c) group(row, c) = (std::min)((std::max)(group(row, c), -limits[row]), limits[row]);
    }
  }
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
