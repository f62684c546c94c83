// The Hessian of a linear layer's output error, accumulated over calibration data: H = 2 / n * sum of x x^T over the n
// rows x of the layer's inputs (Frantar et al. 2022, arXiv 2210.17323, section 3).
//
//   lowp::hessian h(in_features);            // sums in f64; hessian_f32 takes half the memory
//   for (...) h.add(x);                      // x [tokens, in_features]
//   h.merge(of_another_shard);
//   auto q = lowp::gptq<lowp::int4_g128>(w, h.view());
#pragma once

#include <lowp/algorithm/product_sums.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

template <class Sum>
class basic_hessian {
 public:
  explicit basic_hessian(std::size_t features) : sums_(features) {}

  // As it was when `samples` rows had given these sums of x x^T, of which only the lower triangle is read (see sums).
  basic_hessian(std::size_t samples, matrix_view<const Sum> sums) : sums_(sums.rows()), samples_(samples) {
    if (sums.rows() != sums.cols()) LOWP_THROW("sums of ", sums.rows(), " x ", sums.cols(), " are no Hessian's");
    const auto to = sums_.view();
    for (std::size_t i = 0; i < features(); ++i) {
      for (std::size_t j = 0; j <= i; ++j) to(i, j) = sums(i, j);
    }
  }

  std::size_t features() const noexcept { return sums_.features(); }
  std::size_t samples() const noexcept { return samples_; }
  // The sums of x x^T, lower triangle; zeros above it.
  matrix_view<const Sum> sums() const noexcept { return sums_.view(); }

  // Adds the rows of x [tokens, features]. Throws lowp::error, and leaves the sum alone, if x has another width or holds
  // NaN, infinity or numbers above 2^58. The sums are the same for every executor.
  template <executor_type Executor = serial_executor>
  void add(matrix_view<const float> x, const Executor& executor = {}) {
    if (x.cols() != features()) LOWP_THROW("inputs of ", x.cols(), " features do not fit a Hessian of ", features());
    detail::require_squares(x, "calibration input", executor);
    const auto at = [&](std::size_t t, std::size_t c) { return x(t, c); };
    sums_.add(x.rows(), detail::sum_part::lower_triangle, at, at, executor);
    samples_ += x.rows();
    mean_.clear();
  }

  // Adds what another saw. Throws lowp::error if it has other features.
  void merge(const basic_hessian& other) {
    if (other.features() != features()) LOWP_THROW("a Hessian of ", other.features(), " features does not fit one of ", features());
    const auto to = sums_.view();
    for (std::size_t i = 0; i < features(); ++i) {
      for (std::size_t j = 0; j <= i; ++j) to(i, j) += other.sums()(i, j);
    }
    samples_ += other.samples_;
    mean_.clear();
  }

  // H [features, features], symmetric; valid until the next add or merge. Throws lowp::error before the first sample.
  matrix_view<const float> view() {
    const std::size_t n = features();
    if (samples_ == 0) LOWP_THROW("a Hessian of ", n, " features has seen no samples");
    if (mean_.empty()) {
      constexpr std::size_t tile = 64;
      mean_.resize(n * n);
      const double share = 2.0 / static_cast<double>(samples_);
      for (std::size_t first_row = 0; first_row < n; first_row += tile) {
        for (std::size_t first = 0; first <= first_row; first += tile) {
          for (std::size_t i = first_row; i < (std::min)(n, first_row + tile); ++i) {
            for (std::size_t j = first; j <= i && j < first + tile; ++j)
              mean_[i * n + j] = mean_[j * n + i] = static_cast<float>(share * static_cast<double>(sums()(i, j)));
          }
        }
      }
    }
    return {mean_.data(), n, n};
  }

 private:
  detail::product_sums<Sum> sums_;
  std::size_t samples_ = 0;
  std::vector<float> mean_;
};

using hessian = basic_hessian<double>;
using hessian_f32 = basic_hessian<float>;

// How a layer's inputs x differ from those of the unquantized model, y: 2 / n * sum of (y - x) x^T, for lowp::gptaq
// (Li et al. 2025, arXiv 2504.02692).
class input_mismatch {
 public:
  explicit input_mismatch(std::size_t features) : sums_(features) {}

  std::size_t features() const noexcept { return sums_.features(); }
  std::size_t samples() const noexcept { return samples_; }

  // Adds the rows of y and x [tokens, features], which belong together. Throws as hessian's add does.
  template <executor_type Executor = serial_executor>
  void add(matrix_view<const float> y, matrix_view<const float> x, const Executor& executor = {}) {
    if (x.cols() != features() || y.cols() != features() || x.rows() != y.rows())
      LOWP_THROW("inputs of ", y.rows(), " x ", y.cols(), " and ", x.rows(), " x ", x.cols(), " do not fit a mismatch of ", features(),
                 " features");
    detail::require_squares(x, "calibration input", executor);
    detail::require_squares(y, "unquantized model's input", executor);
    sums_.add(
        x.rows(), detail::sum_part::everything, [&](std::size_t t, std::size_t c) { return y(t, c) - x(t, c); },
        [&](std::size_t t, std::size_t c) { return x(t, c); }, executor);
    samples_ += x.rows();
    mean_.clear();
  }

  // [features, features]; valid until the next add. Throws lowp::error before the first sample.
  matrix_view<const float> view() {
    const std::size_t n = features();
    if (samples_ == 0) LOWP_THROW("a mismatch of ", n, " features has seen no samples");
    if (mean_.empty()) {
      mean_.resize(n * n);
      const double share = 2.0 / static_cast<double>(samples_);
      for (std::size_t i = 0; i < n * n; ++i) mean_[i] = static_cast<float>(share * sums_.view().data()[i]);
    }
    return {mean_.data(), n, n};
  }

 private:
  detail::product_sums<double> sums_;
  std::size_t samples_ = 0;
  std::vector<float> mean_;
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
