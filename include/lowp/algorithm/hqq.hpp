// HQQ: zero points, not rounded to integers, that fit weights whose errors have heavy tails; no calibration data (Badri and Shaji,
// "Half-Quadratic Quantization of Large Machine Learning Models", mobiusml.github.io/hqq_blog, 2023).
//
//   using scheme = lowp::scheme<lowp::u4, lowp::per_group<64>, lowp::asymmetric_as<lowp::f16>, lowp::f16>;
//   lowp::quantized<scheme> q = lowp::hqq<scheme>(w);
//
// Scales come from each group's range. Zero points then minimize the sum of |w - q|^p by half-quadratic splitting: errors are
// shrunk to e, and each zero point becomes the mean of code - (w - e) / scale over its group, all groups together until the mean error
// falls no more.
#pragma once

#include <lowp/quantize/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct hqq_options {
  double norm = 0.7;  // p
  double beta = 10;   // how little errors are shrunk
  int iterations = 20;
};

// w [out, in] in a scheme of unsigned integers with zero points that are no integers. Codes are made for scales and zero points as stored.
// Throws lowp::error for NaN or infinity in w.
template <scheme_type S, class T>
requires(integer_format<typename S::format>&& S::has_zero && !S::has_added_term && !std::is_same_v<typename S::symmetry, asymmetric> &&
         number_format<typename S::scale> &&
         number_format<typename S::zero>) quantized<S> hqq(matrix_view<T> w, const hqq_options& options = {}) {
  if (!(options.norm > 0 && options.norm <= 1) || !(options.beta > 0))
    LOWP_THROW("HQQ's norm is one above 0 to 1 and its beta is positive, not ", options.norm, " and ", options.beta);
  using G = typename S::granularity;
  constexpr auto top = static_cast<double>(limits<typename S::format>.largest);
  static_assert(limits<typename S::format>.lowest == 0, "HQQ takes unsigned integers");
  const std::size_t rows = w.rows();
  const std::size_t cols = w.cols();
  quantized<S> q(rows, cols);
  const grid_shape grid = q.grid();
  std::vector<double> inverse(grid.rows * grid.cols);  // 1 / scale
  std::vector<double> zero(inverse.size());
  const auto each = [&](std::size_t g, auto&& f) {
    G::visit({g / grid.cols, g % grid.cols}, rows, cols, [&](std::size_t r, std::size_t col, std::size_t count) {
      for (std::size_t c = col; c < col + count; ++c) f(r, c, static_cast<double>(static_cast<float>(w(r, c))));
    });
  };
  for (std::size_t g = 0; g < inverse.size(); ++g) {
    double low = 0, high = 0;
    bool first = true;
    each(g, [&](std::size_t r, std::size_t c, double x) {
      if (!std::isfinite(x)) LOWP_THROW("the weight (", r, ", ", c, ") is NaN or infinite");
      low = first || x < low ? x : low;
      high = first || x > high ? x : high;
      first = false;
    });
    const double range = high - low;
    inverse[g] = range <= 1e-4 ? 1.0 : (std::min)(top / range, 2e4);
    zero[g] = -low * inverse[g];
    if (S::format::bits == 4) zero[g] = std::nearbyint(zero[g]);
  }
  const auto code_of = [&](double x, std::size_t g) { return (std::min)((std::max)(std::nearbyint(x * inverse[g] + zero[g]), 0.0), top); };
  double best = static_cast<double>(infinity());
  for (int i = 0; i < options.iterations; ++i) {
    double error = 0;
    std::vector<double> next(zero.size());
    for (std::size_t g = 0; g < zero.size(); ++g) {
      double sum = 0;
      std::size_t count = 0;
      each(g, [&](std::size_t, std::size_t, double x) {
        const double code = code_of(x, g);
        const double off = x - (code - zero[g]) / inverse[g];
        const double size = std::fabs(off);
        const double kept = size == 0 ? 0 : (std::max)(0.0, size - std::pow(size, options.norm - 1) / options.beta);
        sum += code - (x - std::copysign(kept, off)) * inverse[g];
        error += size;
        ++count;
      });
      next[g] = sum / static_cast<double>(count);
    }
    zero = std::move(next);
    if (!(error < best)) break;
    best = error;
  }
  for (std::size_t g = 0; g < zero.size(); ++g) {
    const grid_position at{g / grid.cols, g % grid.cols};
    detail::store(q.scales(), at, static_cast<float>(1.0 / inverse[g]), nearest_even{}, true);
    detail::store(q.zeros(), at, static_cast<float>(zero[g]), nearest_even{}, false);
  }
  detail::encode_groups(q, w, nearest_even{});
  return q;
}

}  // namespace lowp::inline LOWP_ABI
