// LLM.int8(): activations and weights of 8 bits, but columns whose activations hold an outlier are multiplied in f32, found anew in
// every call (Dettmers et al. 2022, arXiv 2208.07339).
//
//   lowp::llm_int8 layer(w);                        // w [out, in]
//   layer.apply(x, y);                              // y[tokens, out] = x[tokens, in] * w^T
//   layer.apply(x, y, {.threshold = 4}, lowp::thread_executor{2});
//   lowp::llm_int8 better(w, lowp::outlier_columns(stats.mean_magnitude(), 6));     // of calibration data
//
// Of the columns found in a call only the 8 bits are there. Those that are known beforehand keep their weights as they are and are always
// multiplied apart; so where inputs are large and weights small, no weight falls below the step of its row.
//
// A token's scale is the largest of its magnitudes outside those columns / 127, a weight's the largest of its row / 127. The product
// of the outlier columns is added to each tile of outputs as it leaves the kernel, by the same f32 arithmetic on every
// instruction set, so results are the same everywhere.
#pragma once

#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct llm_int8_options {
  float threshold = 6.0f;  // magnitudes from here on are outliers; infinity: there are none
};

// The channels whose magnitudes in calibration data reach the threshold. Mean ones name the few channels that hold outliers always, as
// large models have them; largest ones name all that did once.
inline std::vector<std::size_t> outlier_columns(std::span<const float> magnitudes, float threshold) {
  std::vector<std::size_t> columns;
  for (std::size_t c = 0; c < magnitudes.size(); ++c) {
    if (magnitudes[c] >= threshold) columns.push_back(c);
  }
  return columns;
}

inline namespace LOWP_BUILD {

class llm_int8 {
 public:
  // `kept` are the columns whose weights stay as they are. Throws lowp::error for NaN or infinity in w, and for a kept column that w does
  // not have or that is named twice.
  template <class T>
  explicit llm_int8(matrix_view<T> w, std::span<const std::size_t> kept = {})
      : rows_(w.rows()), cols_(w.cols()), columns_(w.rows() * w.cols()), kept_(kept.begin(), kept.end()), is_kept_(w.cols(), false) {
    for (const std::size_t c : kept_) {
      if (c >= cols_) LOWP_THROW("column ", c, " is none of ", cols_);
      if (is_kept_[c]) LOWP_THROW("column ", c, " is named twice");
      is_kept_[c] = true;
    }
    std::vector<float> rest(rows_ * cols_);
    for (std::size_t r = 0; r < rows_; ++r) {
      for (std::size_t c = 0; c < cols_; ++c) {
        const auto v = static_cast<float>(w(r, c));
        if (!is_finite(v)) LOWP_THROW("the weight (", r, ", ", c, ") is NaN or infinite");
        rest[r * cols_ + c] = is_kept_[c] ? 0.0f : v;
      }
    }
    for (const std::size_t c : kept_) {
      for (std::size_t r = 0; r < rows_; ++r) kept_weights_.push_back(static_cast<float>(w(r, c)));
    }
    const quantized<int8_channel> q = quantize<int8_channel>(matrix_view<const float>(rest.data(), rows_, cols_));
    for (std::size_t r = 0; r < rows_; ++r) {
      scales_.push_back(cols_ == 0 ? 0.0f : q.scales().value(r, 0));
      for (std::size_t c = 0; c < cols_; ++c) columns_[c * rows_ + r] = static_cast<std::int8_t>(decode<i8>(q.codes()(r, c)));
    }
    packed_ = pack<layout::tile16>(q);
  }

  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }
  // Codes, scales and kept weights.
  std::size_t storage_bits() const noexcept { return lowp::storage_bits<int8_channel>(rows_, cols_) + 32 * kept_weights_.size(); }

  // How many columns were multiplied apart. Throws lowp::error, before anything is written, where shapes do not fit, and for NaN or
  // infinity in x.
  template <executor_type Executor = serial_executor>
  std::size_t apply(matrix_view<const float> x, matrix_view<float> y, const llm_int8_options& options = {},
                    const Executor& executor = {}) const {
    if (x.cols() != cols_ || y.cols() != rows_ || x.rows() != y.rows()) {
      LOWP_THROW("x of ", x.rows(), " x ", x.cols(), " and y of ", y.rows(), " x ", y.cols(), " do not fit weights of ", rows_, " x ",
                 cols_);
    }
    std::vector<bool> found = is_kept_;
    for (std::size_t t = 0; t < x.rows(); ++t) {
      for (std::size_t c = 0; c < cols_; ++c) {
        if (!is_finite(x(t, c))) LOWP_THROW("the input (", t, ", ", c, ") is NaN or infinite");
        if (magnitude(x(t, c)) >= options.threshold) found[c] = true;
      }
    }
    std::vector<std::size_t> outliers;
    for (std::size_t c = 0; c < cols_; ++c) {
      if (found[c] && !is_kept_[c]) outliers.push_back(c);
    }
    if (outliers.empty() && kept_.empty()) {
      gemm<compute::int8<>>(x, packed_, y, {}, no_epilogue{}, executor);
      return 0;
    }
    detail::scratch<float> rest(x.rows() * cols_);
    for (std::size_t t = 0; t < x.rows(); ++t) {
      for (std::size_t c = 0; c < cols_; ++c) rest[t * cols_ + c] = found[c] ? 0.0f : x(t, c);
    }
    const auto add_outliers = [&](std::size_t token, std::size_t row, std::span<float> values) {
      constexpr std::size_t most = 64;
      for (std::size_t first = 0; first < values.size(); first += most) {
        const std::size_t count = values.size() - first < most ? values.size() - first : most;
        float sums[most] = {};
        for (const std::size_t c : outliers) {
          const std::int8_t* codes = columns_.data() + c * rows_ + row + first;
          for (std::size_t i = 0; i < count; ++i) sums[i] = sums[i] + rounded(x(token, c) * static_cast<float>(codes[i]));
        }
        for (std::size_t i = 0; i < count; ++i) values[first + i] = values[first + i] + rounded(sums[i] * scales_[row + first + i]);
        for (std::size_t k = 0; k < kept_.size(); ++k) {
          const float* weights = kept_weights_.data() + k * rows_ + row + first;
          const float v = x(token, kept_[k]);
          for (std::size_t i = 0; i < count; ++i) values[first + i] = values[first + i] + rounded(v * weights[i]);
        }
      }
    };
    gemm<compute::int8<>>(matrix_view<const float>(rest.data(), x.rows(), cols_), packed_, y, {}, add_outliers, executor);
    return outliers.size() + kept_.size();
  }

 private:
  std::size_t rows_;
  std::size_t cols_;
  std::vector<std::int8_t> columns_;  // [in, out]
  std::vector<float> scales_;
  std::vector<std::size_t> kept_;
  std::vector<bool> is_kept_;
  std::vector<float> kept_weights_;  // [kept, out]
  packed<int8_channel, layout::tile16> packed_;
};

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
