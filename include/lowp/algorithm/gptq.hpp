// GPTQ: quantize the columns of a weight matrix one by one, spreading each column's error over those not yet quantized
// so that the layer's output changes least (Frantar et al. 2022, arXiv 2210.17323). One template for every scheme:
// integers, codebooks, minifloats, scales under scales.
//
//   auto q = lowp::gptq<lowp::int4_g128>(w, h.view(), {.act_order = true});
//   auto n = lowp::gptq<lowp::nvfp4>(w, h.view());
//   auto m = lowp::gptq<lowp::int3_g128>(w, h.view(), {}, lowp::recipe{lowp::mse_search{}}, lowp::thread_executor{2});
//
// GPTAQ (Li et al. 2025, arXiv 2504.02692) also makes up for inputs that already differ because of the layers before:
//
//   auto a = lowp::gptaq<lowp::int4_g128>(w, h.view(), mismatch.view());      // h: of the inputs as they are
//
// Round to nearest, the baseline, is lowp::quantize. MR-GPTQ (Egiazarian et al. 2025, arXiv 2509.23202) is gptq on rotated weights
// with .static_groups and a recipe of mse_search.
#pragma once

#include <lowp/algorithm/gptq_walk.hpp>
#include <lowp/quantize/quantize.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct gptq_options {
  // Quantize columns in the order of falling Hessian diagonal. Groups stay where they are, so it implies static_groups.
  bool act_order = false;
  // Fit all scales to the original weights, instead of each group to the weights as updated when its turn comes.
  bool static_groups = false;
  // Quantize groups in the order of their largest Hessian diagonal, and columns so within a group: much of act_order's gain, while
  // groups can still be fitted to updated weights.
  bool group_aware_order = false;
  // Added to the Hessian's diagonal, as a fraction of its mean.
  double damping = 0.01;
  // How often a Hessian that is not positive definite is tried again with ten times the damping.
  int retries = 2;
  // Columns between two updates of everything behind them.
  std::size_t block = 128;
};

namespace detail::inline LOWP_BUILD {

inline void check_options(const gptq_options& options) {
  if (options.block == 0) LOWP_THROW("GPTQ needs blocks of at least one column");
  if (!(options.damping >= 0 && options.damping <= 1e6))
    LOWP_THROW("a damping of ", options.damping, " is no fraction of the Hessian's diagonal");
}

// Throws unless h is a finite symmetric matrix of `cols` columns without negative numbers on its diagonal.
template <executor_type Executor>
void check_hessian(matrix_view<const float> h, std::size_t cols, const Executor& executor) {
  if (h.rows() != cols || h.cols() != cols)
    LOWP_THROW("weights with ", cols, " inputs need a Hessian of that size, not ", h.rows(), " x ", h.cols());
  constexpr std::size_t tile = 64;
  enum class fault { none, negative, not_finite, lopsided };
  struct finding {
    fault what = fault::none;
    std::size_t row = 0;
    std::size_t col = 0;
  };
  const std::size_t tiles = ceil_div(cols, tile);
  std::vector<finding> found(tiles);
  executor(tiles, [&](std::size_t part) {
    finding& f = found[part];
    const auto note = [&](fault what, std::size_t row, std::size_t col) {
      if (f.what == fault::none) f = {what, row, col};
    };
    const std::size_t last = (std::min)(cols, (part + 1) * tile);
    for (std::size_t i = part * tile; i < last; ++i) {
      for (std::size_t j = 0; j < cols; ++j) {
        if (!is_finite(h(i, j))) note(fault::not_finite, i, j);
      }
      if (h(i, i) < 0.0f) note(fault::negative, i, i);
    }
    for (std::size_t first = 0; first < last; first += tile) {
      for (std::size_t i = part * tile; i < last; ++i) {
        for (std::size_t j = first; j < i && j < first + tile; ++j) {
          const float apart = h(i, j) - h(j, i);
          if (apart * apart > 1e-4f * h(i, i) * h(j, j)) note(fault::lopsided, i, j);
        }
      }
    }
  });
  for (const finding& f : found) {
    if (f.what == fault::negative) LOWP_THROW("the Hessian's diagonal is negative at ", f.row);
    if (f.what == fault::not_finite) LOWP_THROW("the Hessian is NaN or infinite at (", f.row, ", ", f.col, ")");
    if (f.what == fault::lopsided) LOWP_THROW("the Hessian is not symmetric at (", f.row, ", ", f.col, ")");
  }
}

// Throws for the first weight that is NaN or infinite.
template <class T, executor_type Executor>
void check_weights(matrix_view<T> w, const Executor& executor) {
  std::vector<std::size_t> bad(w.rows(), w.cols());
  executor(ceil_div(w.rows(), std::size_t{64}), [&](std::size_t part) {
    for (std::size_t r = part * 64; r < w.rows() && r < (part + 1) * 64; ++r) {
      for (std::size_t c = w.cols(); c-- > 0;) {
        if (!is_finite(static_cast<float>(w(r, c)))) bad[r] = c;
      }
    }
  });
  for (std::size_t r = 0; r < w.rows(); ++r) {
    if (bad[r] != w.cols()) LOWP_THROW("the weight (", r, ", ", bad[r], ") is NaN or infinite");
  }
}

// The width of groups if they lie side by side along a row, else 0.
template <scheme_type S>
constexpr std::size_t group_width(std::size_t cols) {
  if constexpr (rectangular_granularity<typename S::granularity>) {
    constexpr std::size_t width = S::granularity::cols_per_group;
    return width >= cols ? 0 : width;
  } else {
    return 0;
  }
}

// The order in which columns are quantized.
inline std::vector<std::size_t> column_order(matrix_view<const float> h, std::size_t width, const gptq_options& options) {
  std::vector<std::size_t> order(h.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!options.act_order && !options.group_aware_order) return order;
  const auto falls = [&](std::size_t a, std::size_t b) { return h(a, a) > h(b, b); };
  if (options.act_order || width == 0) {
    std::stable_sort(order.begin(), order.end(), falls);
    return order;
  }
  std::vector<std::vector<std::size_t>> groups(ceil_div(order.size(), width));
  for (std::size_t c = 0; c < order.size(); ++c) groups[c / width].push_back(c);
  for (auto& g : groups) std::stable_sort(g.begin(), g.end(), falls);
  std::stable_sort(groups.begin(), groups.end(), [&](const auto& a, const auto& b) { return falls(a.front(), b.front()); });
  order.clear();
  for (const auto& g : groups) order.insert(order.end(), g.begin(), g.end());
  return order;
}

// Blocks of at least `block` columns that end where groups do, so that a group is fitted to weights that carry every
// correction made so far; and where groups start. Groups of width 0 are not fitted on the way.
struct walk_plan {
  std::vector<position_range> blocks;
  std::vector<std::size_t> refit_at;
};
inline walk_plan plan_walk(const std::vector<std::size_t>& order, std::size_t width, std::size_t block) {
  walk_plan plan;
  std::size_t first = 0;
  for (std::size_t p = 0; p < order.size(); ++p) {
    const bool starts = width != 0 && (p == 0 || order[p] / width != order[p - 1] / width);
    if (starts) plan.refit_at.push_back(p);
    if (p - first >= block && (width == 0 || starts)) {
      plan.blocks.push_back({first, p});
      first = p;
    }
  }
  plan.blocks.push_back({first, order.size()});
  return plan;
}

// GPTAQ's P = alpha * triu(D U^T, 1) U, backwards: with everything backwards it is alpha * tril(D X^T, -1) X.
template <executor_type Executor>
float_panels mismatch_share(matrix_view<const float> d, const std::vector<std::size_t>& order, const inverse_triangle& factor, double alpha,
                            matrix_view<const float> h, const Executor& executor) {
  constexpr std::size_t chunk = 64;
  const std::size_t n = order.size();
  const float_panels& columns = factor.backwards();
  float_panels rows(n, n);  // X itself
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) rows(i, j) = columns(j, i);
  }
  float_panels share(n, n);
  executor(ceil_div(n, chunk), [&](std::size_t part) {
    const std::size_t first = part * chunk;
    const std::size_t count = (std::min)(n - first, chunk);
    scratch<float> backwards(count * n);
    scratch<float> lower(count * n);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = order[n - 1 - first - i];
      for (std::size_t j = 0; j < n; ++j) {
        const std::size_t col = order[n - 1 - j];
        backwards[i * n + j] = h(row, row) == 0.0f || h(col, col) == 0.0f ? 0.0f : d(row, col);
      }
    }
    multiply_dense({backwards.data(), count, n}, rows.view(), [&](std::size_t i, std::size_t j, std::span<const float> v) {
      for (std::size_t c = 0; c < v.size() && j + c < first + i; ++c) lower[i * n + j + c] = static_cast<float>(alpha) * v[c];
    });
    multiply_dense({lower.data(), count, n}, columns.view(), [&](std::size_t i, std::size_t j, std::span<const float> v) {
      for (std::size_t c = 0; c < v.size(); ++c) share(j + c, first + i) = v[c];
    });
  });
  return share;
}

// All that is worked out before a weight is quantized, and that no scheme has a part in.
struct gptq_plan {
  std::vector<std::size_t> order;
  inverse_triangle factor;
  std::optional<float_panels> share;
};

template <executor_type Executor>
gptq_plan plan_gptq(matrix_view<const float> h, const matrix_view<const float>* mismatch, double alpha, std::size_t width,
                    const gptq_options& options, const Executor& executor) {
  std::vector<std::size_t> order = column_order(h, width, options);
  double damping = options.damping;
  std::optional<inverse_triangle> factor = inverse_factor(h, order, damping, executor);
  for (int i = 0; i < options.retries && !factor; ++i) {
    damping = damping == 0 ? 0.01 : 10 * damping;
    factor = inverse_factor(h, order, damping, executor);
  }
  if (!factor) {
    LOWP_THROW("the Hessian of ", h.cols(), " features is not positive definite with a damping of ", damping,
               "; more calibration data or damping may help");
  }
  std::optional<float_panels> share;
  if (mismatch != nullptr) share.emplace(mismatch_share(*mismatch, order, *factor, alpha, h, executor));
  return {std::move(order), std::move(*factor), std::move(share)};
}

// Weights, of which those of inputs that were never seen count as zero.
template <class T>
struct seen_weights {
  matrix_view<T> w;
  std::vector<unsigned char> dead;

  seen_weights(matrix_view<T> weights, matrix_view<const float> h) : w(weights), dead(weights.cols()) {
    for (std::size_t c = 0; c < dead.size(); ++c) dead[c] = h(c, c) == 0.0f;
  }
  float operator()(std::size_t row, std::size_t c) const { return dead[c] != 0 ? 0.0f : static_cast<float>(w(row, c)); }
};

template <scheme_type S, class T, class Recipe, executor_type Executor>
quantized<S> run_gptq(matrix_view<T> w, matrix_view<const float> h, const matrix_view<const float>* mismatch, double alpha,
                      const gptq_options& options, const Recipe& r, const Executor& executor) {
  const std::size_t rows = w.rows();
  const std::size_t cols = w.cols();
  check_options(options);
  if constexpr (requires { r.calibrator.importance; }) {
    const std::size_t given = r.calibrator.importance.size();
    if (given != 0 && given != cols) LOWP_THROW("there are ", given, " importance weights for ", cols, " columns");
  }
  check_hessian(h, cols, executor);
  check_weights(w, executor);
  if (rows == 0 || cols == 0) return quantized<S>(rows, cols);

  const std::size_t width = group_width<S>(cols);
  const gptq_plan plan = plan_gptq(h, mismatch, alpha, width, options, executor);
  quantized<S> q(rows, cols);
  const seen_weights<T> seen(w, h);
  const bool refits = width != 0 && !options.static_groups && !options.act_order;
  if (!fits_by_rows<S>()) {
    std::vector<float> numbers(rows * cols);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = seen(i / cols, i % cols);
    fit(q, matrix_view<const float>(numbers.data(), rows, cols), 1, r);
  }
  const walk_plan walks = plan_walk(plan.order, refits ? width : 0, options.block);
  const gptq_walk<S, Recipe> walk{
      q, plan.order, walks.blocks, walks.refit_at, plan.factor, plan.share ? &*plan.share : nullptr, r, fits_by_rows<S>() && !refits};
  walk.run(seen, executor);
  return q;
}

}  // namespace detail::inline LOWP_BUILD

inline namespace LOWP_BUILD {

// w [out, in] in the scheme S, given the Hessian [in, in] of its inputs (see lowp::hessian).
// Throws lowp::error for shapes that do not fit, NaN or infinity in either, and a Hessian that is not symmetric or not
// positive definite. A column whose diagonal entry in the Hessian is zero never saw an input; its weights become zero.
// The result is the same for every executor.
template <scheme_type S, class T, class Recipe = recipe<>, executor_type Executor = serial_executor>
quantized<S> gptq(matrix_view<T> w, matrix_view<const float> h, const gptq_options& options = {}, const Recipe& r = {},
                  const Executor& executor = {}) {
  return detail::run_gptq<S>(w, h, nullptr, 0, options, r, executor);
}

// The same for a layer whose inputs x differ from those of the unquantized model, y: mismatch [in, in] is 2 / n * sum of (y - x) x^T
// in the Hessian's units (see lowp::input_mismatch), of which the share alpha is made up for. Throws as gptq does.
template <scheme_type S, class T, class Recipe = recipe<>, executor_type Executor = serial_executor>
quantized<S> gptaq(matrix_view<T> w, matrix_view<const float> h, matrix_view<const float> mismatch, const gptq_options& options = {},
                   double alpha = 0.25, const Recipe& r = {}, const Executor& executor = {}) {
  if (mismatch.rows() != w.cols() || mismatch.cols() != w.cols())
    LOWP_THROW("weights with ", w.cols(), " inputs need a mismatch of that size, not ", mismatch.rows(), " x ", mismatch.cols());
  for (std::size_t i = 0; i < mismatch.rows(); ++i) {
    for (std::size_t j = 0; j < mismatch.cols(); ++j) {
      if (!is_finite(mismatch(i, j))) LOWP_THROW("the mismatch of inputs is NaN or infinite at (", i, ", ", j, ")");
    }
  }
  return detail::run_gptq<S>(w, h, &mismatch, alpha, options, r, executor);
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
