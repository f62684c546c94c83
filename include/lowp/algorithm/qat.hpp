// Fake quantization that gradients pass, for training frameworks to call: forward and backward on views, of any format.
//
//   lowp::lsq<lowp::i4> layer;                                    // learned step sizes (Esser et al. 2020, arXiv 1902.08153)
//   float scale = layer.initial_scale(w);
//   layer.forward(w, scale, out);
//   float of_scale = layer.backward(w, scale, of_out, of_w);      // gradients of the loss: of out in, of w and of the scale out
//
// The gradient of w is that of the straight-through estimator (Bengio et al. 2013, arXiv 1308.3432): rounding counts as nothing, so
// it is 1 where w / scale lies within the format's range and 0 beyond.
#pragma once

#include <lowp/core/matrix_view.hpp>
#include <lowp/format/encode.hpp>
#include <lowp/format/levels.hpp>

#include <cmath>
#include <cstddef>

namespace lowp::inline LOWP_ABI {

template <number_format F>
struct lsq {
  static constexpr float lowest = limits<F>.lowest;
  static constexpr float largest = limits<F>.largest;

  // 2 * mean|w| / sqrt(the largest level)
  static float initial_scale(matrix_view<const float> w) {
    double sum = 0;
    for (std::size_t r = 0; r < w.rows(); ++r) {
      for (std::size_t c = 0; c < w.cols(); ++c) sum += std::fabs(static_cast<double>(w(r, c)));
    }
    const auto count = static_cast<double>(w.rows() * w.cols());
    if (!(sum > 0)) LOWP_THROW("weights of ", w.rows(), " x ", w.cols(), " that are all zero have no initial scale");
    return static_cast<float>(2 * sum / count / std::sqrt(static_cast<double>(largest)));
  }

  // out = scale * nearest(w / scale). Throws lowp::error where shapes do not fit, and unless the scale is positive.
  static void forward(matrix_view<const float> w, float scale, matrix_view<float> out) {
    check(w, scale, out);
    for (std::size_t r = 0; r < w.rows(); ++r) {
      for (std::size_t c = 0; c < w.cols(); ++c) out(r, c) = scale * level(w(r, c) / scale);
    }
  }

  // Writes the gradient of w and returns that of the scale, times 1 / sqrt(count * largest level), which keeps it in proportion.
  static float backward(matrix_view<const float> w, float scale, matrix_view<const float> of_out, matrix_view<float> of_w) {
    check(w, scale, of_w);
    check(w, scale, of_out);
    double sum = 0;
    for (std::size_t r = 0; r < w.rows(); ++r) {
      for (std::size_t c = 0; c < w.cols(); ++c) {
        const float ratio = w(r, c) / scale;
        const bool inside = ratio >= lowest && ratio <= largest;
        // Beyond the range, level(ratio) is the end of it.
        const float of_scale = inside ? level(ratio) - ratio : level(ratio);
        sum += static_cast<double>(of_out(r, c)) * static_cast<double>(of_scale);
        of_w(r, c) = inside ? of_out(r, c) : 0.0f;
      }
    }
    const double count = static_cast<double>(w.rows() * w.cols());
    return count == 0 ? 0.0f : static_cast<float>(sum / std::sqrt(count * static_cast<double>(largest)));
  }

 private:
  static float level(float ratio) { return decode<F>(encode<F>(ratio < lowest ? lowest : ratio > largest ? largest : ratio)); }

  template <class T>
  static void check(matrix_view<const float> w, float scale, matrix_view<T> other) {
    if (w.rows() != other.rows() || w.cols() != other.cols())
      LOWP_THROW("gradients of ", other.rows(), " x ", other.cols(), " do not fit weights of ", w.rows(), " x ", w.cols());
    if (!(scale > 0) || !is_finite(scale)) LOWP_THROW("a step size is a positive number, not ", scale);
  }
};

}  // namespace lowp::inline LOWP_ABI
