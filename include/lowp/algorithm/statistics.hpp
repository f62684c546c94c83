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

// All that channel_statistics knows, one number a channel: what a program writes to a file and takes up again.
struct channel_state {
  std::size_t samples = 0;
  std::vector<float> absmax, low, high;
  std::vector<double> magnitudes, squares;  // sums over the samples
};

class channel_statistics {
 public:
  explicit channel_statistics(std::size_t features)
      : state_{0,
               std::vector<float>(features),
               std::vector<float>(features, infinity()),
               std::vector<float>(features, -infinity()),
               std::vector<double>(features),
               std::vector<double>(features)} {}
  // As it was in that state. Throws lowp::error unless there are as many numbers of each kind.
  explicit channel_statistics(channel_state state) : state_(std::move(state)) {
    for (const std::size_t count : {state_.low.size(), state_.high.size(), state_.magnitudes.size(), state_.squares.size()}) {
      if (count != features()) LOWP_THROW(count, " numbers do not fit statistics of ", features(), " features");
    }
  }

  std::size_t features() const noexcept { return state_.absmax.size(); }
  std::size_t samples() const noexcept { return state_.samples; }
  const channel_state& state() const noexcept { return state_; }

  // Adds the rows of x [tokens, features]. Throws lowp::error, and changes nothing, if x has another width or holds NaN or infinity.
  void add(matrix_view<const float> x) {
    if (x.cols() != features()) LOWP_THROW("inputs of ", x.cols(), " features do not fit statistics of ", features());
    detail::require_finite(x);
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t c = 0; c < features(); ++c) {
        const float v = x(r, c);
        const auto m = static_cast<double>(magnitude(v));
        add(c, magnitude(v), v, v, m, m * m);
      }
    }
    state_.samples += x.rows();
  }

  // Adds what another saw. Throws lowp::error if it has other features.
  void merge(const channel_statistics& other) {
    if (other.features() != features()) LOWP_THROW("statistics of ", other.features(), " features do not fit those of ", features());
    const channel_state& o = other.state_;
    for (std::size_t c = 0; c < features(); ++c) add(c, o.absmax[c], o.low[c], o.high[c], o.magnitudes[c], o.squares[c]);
    state_.samples += o.samples;
  }

  // One number a channel. All throw lowp::error before the first sample.
  std::span<const float> absmax() const { return seen(), state_.absmax; }
  std::span<const float> low() const { return seen(), state_.low; }
  std::span<const float> high() const { return seen(), state_.high; }
  std::vector<float> mean_magnitude() const { return means(state_.magnitudes); }
  // What an importance matrix holds (mse_search{.importance = ...}).
  std::vector<float> mean_square() const { return means(state_.squares); }

 private:
  void add(std::size_t c, float absmax, float low, float high, double magnitudes, double squares) {
    state_.absmax[c] = absmax > state_.absmax[c] ? absmax : state_.absmax[c];
    state_.low[c] = low < state_.low[c] ? low : state_.low[c];
    state_.high[c] = high > state_.high[c] ? high : state_.high[c];
    state_.magnitudes[c] += magnitudes;
    state_.squares[c] += squares;
  }
  void seen() const {
    if (samples() == 0) LOWP_THROW("statistics of ", features(), " features have seen no samples");
  }
  std::vector<float> means(const std::vector<double>& sums) const {
    seen();
    std::vector<float> all;
    for (const double s : sums) all.push_back(static_cast<float>(s / static_cast<double>(samples())));
    return all;
  }

  channel_state state_;
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
