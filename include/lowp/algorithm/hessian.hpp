// The Hessian of a linear layer's output error, accumulated over calibration data: H = 2 / n * sum of x x^T over the n
// rows x of the layer's inputs (Frantar et al. 2022, arXiv 2210.17323, section 3).
//
//   lowp::hessian h(in_features);
//   for (...) h.add(x);                      // x [tokens, in_features]
//   auto q = lowp::gptq<lowp::int4_g128>(w, h.view());
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/core/matrix_view.hpp>

#include <Eigen/Core>

#include <cstddef>
#include <vector>

namespace lowp::inline LOWP_ABI {

class hessian {
 public:
  explicit hessian(std::size_t features) : features_(features), sum_(features * features, 0.0), mean_(features * features, 0.0f) {}

  std::size_t features() const noexcept { return features_; }
  std::size_t samples() const noexcept { return samples_; }

  // Adds the rows of x [tokens, features]. Throws lowp::error, and leaves the sum alone, if x has another width or holds
  // NaN, infinity or numbers above 2^58.
  void add(matrix_view<const float> x) {
    if (x.cols() != features_) LOWP_THROW("inputs of ", x.cols(), " features do not fit a Hessian of ", features_);
    using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    require_squares(x);
    // Blocks keep each f32 sum short; the blocks are summed in f64.
    for (std::size_t first = 0; first < x.rows() && features_ != 0; first += block_rows) {
      const std::size_t count = x.rows() - first < block_rows ? x.rows() - first : block_rows;
      matrix rows(static_cast<Eigen::Index>(count), index());
      for (std::size_t r = 0; r < count; ++r) {
        for (std::size_t c = 0; c < features_; ++c) rows(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) = x(first + r, c);
      }
      matrix product = matrix::Zero(index(), index());
      product.selfadjointView<Eigen::Lower>().rankUpdate(rows.transpose());
      for (std::size_t i = 0; i < features_; ++i) {
        for (std::size_t j = 0; j <= i; ++j)
          sum_[i * features_ + j] += static_cast<double>(product(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)));
      }
    }
    samples_ += x.rows();
    current_ = false;
  }

  // H [features, features], symmetric; valid until the next add. Throws lowp::error before the first sample.
  matrix_view<const float> view() {
    if (samples_ == 0) LOWP_THROW("a Hessian of ", features_, " features has seen no samples");
    if (!current_) {
      for (std::size_t i = 0; i < features_; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
          const auto mean = static_cast<float>(2.0 * sum_[i * features_ + j] / static_cast<double>(samples_));
          mean_[i * features_ + j] = mean_[j * features_ + i] = mean;
        }
      }
      current_ = true;
    }
    return {mean_.data(), features_, features_};
  }

 private:
  static constexpr std::size_t block_rows = 1024;
  static constexpr float largest = 0x1p58f;  // 1024 squares of it are a float

  Eigen::Index index() const noexcept { return static_cast<Eigen::Index>(features_); }

  static void require_squares(matrix_view<const float> x) {
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t c = 0; c < x.cols(); ++c) {
        if (!is_finite(x(r, c)) || magnitude(x(r, c)) > largest)
          LOWP_THROW("the calibration input (", r, ", ", c, ") is NaN, infinite or too large to square");
      }
    }
  }

  std::size_t features_;
  std::size_t samples_ = 0;
  bool current_ = false;
  std::vector<double> sum_;  // lower triangle
  std::vector<float> mean_;
};

}  // namespace lowp::inline LOWP_ABI
