// GPTQ: quantize the columns of a weight matrix one by one, spreading each column's error over those not yet quantized
// so that the layer's output changes least (Frantar et al. 2022, arXiv 2210.17323). One template for every scheme:
// integers, codebooks, minifloats, scales under scales.
//
//   auto q = lowp::gptq<lowp::int4_g128>(w, h.view(), {.act_order = true});
//   auto n = lowp::gptq<lowp::nvfp4>(w, h.view());
//   auto m = lowp::gptq<lowp::int3_g128>(w, h.view(), {}, lowp::recipe{lowp::mse_search{}});
//
// Round to nearest, the baseline, is lowp::quantize.
#pragma once

#include <lowp/quantize/quantize.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct gptq_options {
  // Quantize columns in the order of falling Hessian diagonal. Groups stay where they are, so it implies static_groups.
  bool act_order = false;
  // Fit all scales to the original weights, instead of each group to the weights as updated when its turn comes.
  bool static_groups = false;
  // Added to the Hessian's diagonal, as a fraction of its mean.
  double damping = 0.01;
  // Columns between two updates of everything behind them.
  std::size_t block = 128;
};

namespace detail {

// The upper triangular U with H^-1 = U^T U, of H + damping * mean(diag H) * I in the given order of columns. Columns that
// never saw an input (a zero on the diagonal) count as independent. Throws lowp::error if H is not positive definite.
inline Eigen::MatrixXf inverse_factor(matrix_view<const float> h, const std::vector<std::size_t>& order, double damping) {
  const auto n = static_cast<Eigen::Index>(h.rows());
  double mean = 0;
  for (std::size_t i = 0; i < h.rows(); ++i) mean += static_cast<double>(h(i, i)) / static_cast<double>(h.rows());
  // Reversing the order turns the Cholesky factor of H itself into R with H = R R^T, R upper triangular; then U = R^-1.
  Eigen::MatrixXd reversed(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) {
      const std::size_t a = order[static_cast<std::size_t>(n - 1 - i)];
      const std::size_t b = order[static_cast<std::size_t>(n - 1 - j)];
      reversed(i, j) = static_cast<double>(h(a, b));
      if (a == b) reversed(i, j) = (h(a, a) == 0.0f ? 1.0 : reversed(i, j)) + damping * mean;
    }
  }
  const Eigen::LLT<Eigen::MatrixXd, Eigen::Lower> factor(reversed);
  if (factor.info() != Eigen::Success) {
    LOWP_THROW("the Hessian of ", h.rows(), " features is not positive definite with a damping of ", damping,
               "; more calibration data or damping may help");
  }
  const Eigen::MatrixXd inverse = factor.matrixL().solve(Eigen::MatrixXd::Identity(n, n));
  return inverse.reverse().cast<float>();
}

inline void check_hessian(matrix_view<const float> h, std::size_t cols) {
  if (h.rows() != cols || h.cols() != cols)
    LOWP_THROW("weights with ", cols, " inputs need a Hessian of that size, not ", h.rows(), " x ", h.cols());
  for (std::size_t i = 0; i < cols; ++i) {
    if (h(i, i) < 0.0f) LOWP_THROW("the Hessian's diagonal is negative at ", i);
    for (std::size_t j = 0; j < cols; ++j) {
      if (!is_finite(h(i, j))) LOWP_THROW("the Hessian is NaN or infinite at (", i, ", ", j, ")");
    }
  }
  for (std::size_t i = 0; i < cols; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const float apart = h(i, j) - h(j, i);
      if (apart * apart > 1e-4f * h(i, i) * h(j, j)) LOWP_THROW("the Hessian is not symmetric at (", i, ", ", j, ")");
    }
  }
}

// Columns of a group that can be fitted when its first column is reached; 0 where groups are fitted before the start.
template <scheme_type S>
constexpr std::size_t refit_columns(std::size_t cols, const gptq_options& options) {
  if constexpr (rectangular_granularity<typename S::granularity>) {
    constexpr std::size_t width = S::granularity::cols_per_group;
    return options.static_groups || options.act_order || width >= cols ? 0 : width;
  } else {
    return 0;
  }
}

// Fits the groups of one column of the grid to the weights as they are now.
template <scheme_type S, class Recipe>
void refit(quantized<S>& q, const Eigen::MatrixXf& weights, std::size_t grid_col, const Recipe& recipe) {
  const matrix_view<const float> w{weights.data(), q.rows(), q.cols(), 1, q.rows()};
  std::vector<float> values;
  std::vector<float> importance;
  for (std::size_t gr = 0; gr < q.grid().rows; ++gr) {
    gather<S>(w, {gr, grid_col}, recipe, values, importance);
    store_group<scale_rule_for<typename Recipe::scale_rule, S>>(q, {gr, grid_col}, calibrate<S>(values, importance, recipe));
  }
}

}  // namespace detail

// w [out, in] in the scheme S, given the Hessian [in, in] of its inputs (see lowp::hessian).
// Throws lowp::error for shapes that do not fit, NaN or infinity in either, and a Hessian that is not symmetric or not
// positive definite. A column whose diagonal entry in the Hessian is zero never saw an input; its weights become zero.
template <scheme_type S, class T, class Recipe = recipe<>>
quantized<S> gptq(matrix_view<T> w, matrix_view<const float> hessian, const gptq_options& options = {}, const Recipe& r = {}) {
  const std::size_t rows = w.rows();
  const std::size_t cols = w.cols();
  if (options.block == 0) LOWP_THROW("GPTQ needs blocks of at least one column");
  if (!(options.damping >= 0 && options.damping <= 1e6))
    LOWP_THROW("a damping of ", options.damping, " is no fraction of the Hessian's diagonal");
  detail::check_hessian(hessian, cols);

  std::vector<std::size_t> order(cols);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (options.act_order) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return hessian(a, a) > hessian(b, b); });
  }

  // Column major, in the original order: a column is what each step touches.
  Eigen::MatrixXf weights(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols));
  for (std::size_t c = 0; c < cols; ++c) {
    for (std::size_t row = 0; row < rows; ++row) {
      const auto x = static_cast<float>(w(row, c));
      if (!is_finite(x)) LOWP_THROW("the weight (", row, ", ", c, ") is NaN or infinite");
      weights(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(c)) = hessian(c, c) == 0.0f ? 0.0f : x;
    }
  }
  if (rows == 0 || cols == 0) return quantized<S>(rows, cols);
  const Eigen::MatrixXf factor = detail::inverse_factor(hessian, order, options.damping);

  quantized<S> q(rows, cols);
  detail::fit(q, matrix_view<const float>{weights.data(), rows, cols, 1, rows}, 1, r);
  const std::size_t refit_width = detail::refit_columns<S>(cols, options);
  // Blocks hold whole groups, so that a group is fitted to weights that carry every correction made so far.
  const std::size_t block = refit_width == 0 || options.block % refit_width == 0 ? options.block
                            : options.block < refit_width                        ? refit_width
                                                                                 : round_up(options.block, refit_width);

  if (options.act_order) {
    Eigen::MatrixXf permuted(weights.rows(), weights.cols());
    for (std::size_t c = 0; c < cols; ++c) permuted.col(static_cast<Eigen::Index>(c)) = weights.col(static_cast<Eigen::Index>(order[c]));
    weights.swap(permuted);
  }
  const auto codes = q.codes();
  Eigen::MatrixXf errors(weights.rows(), static_cast<Eigen::Index>((std::min)(block, cols)));
  for (std::size_t first = 0; first < cols; first += block) {
    const std::size_t end = (std::min)(first + block, cols);
    for (std::size_t c = first; c < end; ++c) {
      if (refit_width != 0 && c % refit_width == 0) detail::refit(q, weights, c / refit_width, r);
      const auto k = static_cast<Eigen::Index>(c);
      const float pivot = factor(k, k);
      auto error = errors.col(static_cast<Eigen::Index>(c - first));
      for (std::size_t row = 0; row < rows; ++row) {
        const affine<S> group = q.group_of(row, order[c]);
        const float x = weights(static_cast<Eigen::Index>(row), k);
        const auto code = group.encode(x, detail::rounding_at(r.rounding, row * cols + order[c]));
        codes(row, order[c]) = code;
        error(static_cast<Eigen::Index>(row)) = (x - group.decode(code)) / pivot;
      }
      for (Eigen::Index j = k + 1; j < static_cast<Eigen::Index>(end); ++j) weights.col(j) -= factor(k, j) * error;
    }
    const auto width = static_cast<Eigen::Index>(end - first);
    const auto rest = static_cast<Eigen::Index>(cols - end);
    if (rest != 0) {
      weights.rightCols(rest).noalias() -=
          errors.leftCols(width) * factor.block(static_cast<Eigen::Index>(first), static_cast<Eigen::Index>(end), width, rest);
    }
  }
  return q;
}

}  // namespace lowp::inline LOWP_ABI
