// OBQ, exactly: each row quantizes whichever weight costs least next, and the inverse Hessian of the weights that are left makes up for
// its error (Frantar and Alistarh 2022, "Optimal Brain Compression", arXiv 2208.11580, section 4). Cubic in the columns for every
// row, in doubles: the reference for GPTQ, which is the same in one fixed order, and for small layers an end in itself.
//
//   auto q = lowp::obq<lowp::int4_g32>(w, h.view());
//   auto g = lowp::obq<lowp::int4_g32>(w, h.view(), {.order = lowp::obq_order::by_column});     // = gptq(..., {.static_groups = true})
#pragma once

#include <lowp/quantize/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

namespace lowp::inline LOWP_ABI {

enum class obq_order { cheapest_first, by_column };

struct obq_options {
  obq_order order = obq_order::cheapest_first;
  double damping = 0.01;  // of the mean of the Hessian's diagonal
};

namespace detail {

// The inverse of a symmetric positive definite matrix in place, by Gauss and Jordan. False if a pivot is not positive.
inline bool invert_symmetric(std::vector<double>& a, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    const double pivot = a[k * n + k];
    if (!(pivot > 0)) return false;
    for (std::size_t j = 0; j < n; ++j) a[k * n + j] /= pivot;
    a[k * n + k] = 1 / pivot;
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double factor = a[i * n + k];
      a[i * n + k] = 0;
      for (std::size_t j = 0; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  return true;
}

}  // namespace detail

// w [out, in] in the scheme S, its scales fitted to the weights as they are, given the Hessian [in, in] of its inputs. Columns without
// inputs become zero. Throws lowp::error for shapes that do not fit and a Hessian that is not positive definite.
template <scheme_type S, class T, class Recipe = recipe<>>
quantized<S> obq(matrix_view<T> w, matrix_view<const float> h, const obq_options& options = {}, const Recipe& r = {}) {
  const std::size_t n = w.cols();
  if (h.rows() != n || h.cols() != n)
    LOWP_THROW("weights with ", n, " inputs need a Hessian of that size, not ", h.rows(), " x ", h.cols());
  double mean = 0;
  for (std::size_t i = 0; i < n; ++i) mean += static_cast<double>(h(i, i)) / static_cast<double>(n);
  std::vector<double> inverse(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) inverse[i * n + j] = static_cast<double>(h(i, j));
    inverse[i * n + i] = (h(i, i) == 0.0f ? 1.0 : static_cast<double>(h(i, i))) + options.damping * mean;
  }
  if (!detail::invert_symmetric(inverse, n))
    LOWP_THROW("the Hessian of ", n, " features is not positive definite with a damping of ", options.damping);
  std::vector<float> numbers(w.rows() * n);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto x = static_cast<float>(w(i / n, i % n));
    if (!is_finite(x)) LOWP_THROW("the weight (", i / n, ", ", i % n, ") is NaN or infinite");
    numbers[i] = h(i % n, i % n) == 0.0f ? 0.0f : x;
  }
  quantized<S> q(w.rows(), n);
  detail::fit(q, matrix_view<const float>(numbers.data(), w.rows(), n), 1, r);
  for (std::size_t row = 0; row < w.rows(); ++row) {
    std::vector<double> left = inverse;  // of the columns that are left
    std::vector<double> x(numbers.begin() + static_cast<std::ptrdiff_t>(row * n),
                          numbers.begin() + static_cast<std::ptrdiff_t>((row + 1) * n));
    std::vector<bool> done(n, false);
    for (std::size_t step = 0; step < n; ++step) {
      std::size_t next = step;
      double least = -1;
      const auto error_of = [&](std::size_t c) {
        const affine<S> group = q.group_of(row, c);
        const auto value = static_cast<float>(x[c]);
        return x[c] - static_cast<double>(group.decode(group.encode(value, detail::rounding_at(r.rounding, row * n + c))));
      };
      for (std::size_t c = 0; c < n && options.order == obq_order::cheapest_first; ++c) {
        if (done[c]) continue;
        const double cost = error_of(c) * error_of(c) / left[c * n + c];
        if (least >= 0 && !(cost < least)) continue;
        least = cost;
        next = c;
      }
      done[next] = true;
      q.codes()(row, next) = q.group_of(row, next).encode(static_cast<float>(x[next]), detail::rounding_at(r.rounding, row * n + next));
      const double share = error_of(next) / left[next * n + next];
      for (std::size_t c = 0; c < n; ++c) {
        if (!done[c]) x[c] -= share * left[next * n + c];
      }
      const double pivot = left[next * n + next];
      const std::vector<double> of_next(left.begin() + static_cast<std::ptrdiff_t>(next * n),
                                        left.begin() + static_cast<std::ptrdiff_t>((next + 1) * n));
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) left[i * n + j] -= of_next[i] * of_next[j] / pivot;
      }
    }
  }
  return q;
}

}  // namespace lowp::inline LOWP_ABI
