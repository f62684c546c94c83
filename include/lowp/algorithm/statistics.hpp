// What calibration data says of a layer's inputs, channel by channel, and how their magnitudes are distributed. Collected as it
// streams by, on shards that are merged; the Hessian is in hessian.hpp. 128 to 512 sequences of the model's own kind of text are usual.
//
//   lowp::channel_statistics s(in_features);
//   for (...) s.add(x);                                  // x [tokens, in_features]
//   s.merge(of_another_shard);
//   auto scales = lowp::smooth_scales(s.absmax(), lowp::column_absmax(w), 0.5);
//   lowp::magnitude_histogram m;
//   m.add(x);
//   m.percentile(99.9);
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/core/matrix_view.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

inline void require_finite(matrix_view<const float> x) {
  for (std::size_t r = 0; r < x.rows(); ++r) {
    for (std::size_t c = 0; c < x.cols(); ++c) {
      if (!is_finite(x(r, c))) LOWP_THROW("the calibration input (", r, ", ", c, ") is NaN or infinite");
    }
  }
}

}  // namespace detail

class channel_statistics {
 public:
  explicit channel_statistics(std::size_t features)
      : absmax_(features), low_(features, infinity()), high_(features, -infinity()), magnitudes_(features), squares_(features) {}

  std::size_t features() const noexcept { return absmax_.size(); }
  std::size_t samples() const noexcept { return samples_; }

  // Adds the rows of x [tokens, features]. Throws lowp::error, and changes nothing, if x has another width or holds NaN or infinity.
  void add(matrix_view<const float> x) {
    if (x.cols() != features()) LOWP_THROW("inputs of ", x.cols(), " features do not fit statistics of ", features());
    detail::require_finite(x);
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t c = 0; c < features(); ++c) {
        const float v = x(r, c);
        const auto m = static_cast<double>(magnitude(v));
        absmax_[c] = magnitude(v) > absmax_[c] ? magnitude(v) : absmax_[c];
        low_[c] = v < low_[c] ? v : low_[c];
        high_[c] = v > high_[c] ? v : high_[c];
        magnitudes_[c] += m;
        squares_[c] += m * m;
      }
    }
    samples_ += x.rows();
  }

  // Adds what another saw. Throws lowp::error if it has other features.
  void merge(const channel_statistics& other) {
    if (other.features() != features()) LOWP_THROW("statistics of ", other.features(), " features do not fit those of ", features());
    for (std::size_t c = 0; c < features(); ++c) {
      absmax_[c] = other.absmax_[c] > absmax_[c] ? other.absmax_[c] : absmax_[c];
      low_[c] = other.low_[c] < low_[c] ? other.low_[c] : low_[c];
      high_[c] = other.high_[c] > high_[c] ? other.high_[c] : high_[c];
      magnitudes_[c] += other.magnitudes_[c];
      squares_[c] += other.squares_[c];
    }
    samples_ += other.samples_;
  }

  // One number a channel. All throw lowp::error before the first sample.
  std::span<const float> absmax() const { return seen(), absmax_; }
  std::span<const float> low() const { return seen(), low_; }
  std::span<const float> high() const { return seen(), high_; }
  std::vector<float> mean_magnitude() const { return means(magnitudes_); }
  // What an importance matrix holds (mse_search{.importance = ...}).
  std::vector<float> mean_square() const { return means(squares_); }

 private:
  void seen() const {
    if (samples_ == 0) LOWP_THROW("statistics of ", features(), " features have seen no samples");
  }
  std::vector<float> means(const std::vector<double>& sums) const {
    seen();
    std::vector<float> all;
    for (const double s : sums) all.push_back(static_cast<float>(s / static_cast<double>(samples_)));
    return all;
  }

  std::size_t samples_ = 0;
  std::vector<float> absmax_, low_, high_;
  std::vector<double> magnitudes_, squares_;
};

// A histogram of |x| whose bins are those of floats with seven bits after the point, so that it needs no range beforehand, and two of
// them add up bin by bin. Percentiles are off by less than 1 %.
class magnitude_histogram {
 public:
  static constexpr std::size_t bins = 0x7f80;  // 255 exponents of 128

  magnitude_histogram() : counts_(bins) {}
  // As it was with these counts. Throws lowp::error if there are not as many as bins.
  explicit magnitude_histogram(std::vector<std::uint64_t> counts) : counts_(std::move(counts)) {
    if (counts_.size() != bins) LOWP_THROW("a histogram has ", bins, " bins, not ", counts_.size());
  }

  std::span<const std::uint64_t> counts() const noexcept { return counts_; }

  // Throws lowp::error, and changes nothing, if x holds NaN or infinity.
  void add(matrix_view<const float> x) {
    detail::require_finite(x);
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t c = 0; c < x.cols(); ++c) ++counts_[bit_cast<std::uint32_t>(magnitude(x(r, c))) >> 16];
    }
  }

  void merge(const magnitude_histogram& other) {
    for (std::size_t i = 0; i < bins; ++i) counts_[i] += other.counts_[i];
  }

  // The magnitude that `percent` of all do not exceed: the upper end of its bin. Throws lowp::error without samples, and unless percent is
  // in 0 ... 100.
  float percentile(double percent) const {
    if (!(percent >= 0 && percent <= 100)) LOWP_THROW("a percentile is one of 0 to 100, not ", percent);
    std::uint64_t all = 0;
    for (const std::uint64_t n : counts_) all += n;
    if (all == 0) LOWP_THROW("a histogram without samples has no percentiles");
    const double wanted = percent / 100.0 * static_cast<double>(all);
    std::uint64_t below = 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < bins; ++i) {
      if (counts_[i] == 0) continue;
      last = i;
      below += counts_[i];
      if (static_cast<double>(below) >= wanted) break;
    }
    return bit_cast<float>(static_cast<std::uint32_t>(last) << 16 | 0xffffu);
  }

 private:
  std::vector<std::uint64_t> counts_;
};

// The largest magnitude of each column of w [out, in].
inline std::vector<float> column_absmax(matrix_view<const float> w) {
  std::vector<float> largest(w.cols(), 0.0f);
  for (std::size_t r = 0; r < w.rows(); ++r) {
    for (std::size_t c = 0; c < w.cols(); ++c) largest[c] = magnitude(w(r, c)) > largest[c] ? magnitude(w(r, c)) : largest[c];
  }
  return largest;
}

}  // namespace lowp::inline LOWP_ABI
