// Calibrators: from the values of a group to the range its codes shall cover.
//
//   absmax{}                    [-max|x|, max|x|]
//   min_max{}                   [min x, max x]; the default: symmetric schemes take the larger magnitude of the two
//   percentile{99.9}            the range without the outermost part of each tail
//   mse_search{}                the shrunken range of least error; importance weights by column (GPTQ's grid, imatrix)
//   entropy{}                   the range of least Kullback-Leibler divergence (histogram calibration)
//
//   auto q = lowp::quantize<lowp::int4_g128>(w, lowp::recipe{lowp::mse_search{}});
//
// A calibrator of one's own is a function object called with the values of a group, the importance of each (empty: all
// alike) and a trial: trial(range) gives the function x -> the value that x would become under that range.
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/core/error.hpp>
#include <lowp/quantize/value_range.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct min_max {
  template <class Trial>
  value_range operator()(std::span<const float> values, std::span<const float>, Trial&&) const {
    if (values.empty()) return {};
    value_range r{values[0], values[0]};
    for (const float v : values) {
      r.low = v < r.low ? v : r.low;
      r.high = v > r.high ? v : r.high;
    }
    return r;
  }
};

struct absmax {
  template <class Trial>
  value_range operator()(std::span<const float> values, std::span<const float> importance, Trial&& trial) const {
    const float reach = min_max{}(values, importance, trial).reach();
    return {-reach, reach};
  }
};

// Cuts (100 - percent) percent off each tail, interpolating between neighbours as numpy.percentile does. Throws lowp::error
// unless percent is in 50..100.
struct percentile {
  double percent = 99.9;

  template <class Trial>
  value_range operator()(std::span<const float> values, std::span<const float>, Trial&&) const {
    if (!(percent >= 50 && percent <= 100)) LOWP_THROW("a percentile is one of 50 to 100, not ", percent);
    if (values.empty()) return {};
    std::vector<float> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    const auto at = [&](double p) {
      const double position = p / 100.0 * static_cast<double>(sorted.size() - 1);
      const auto below = static_cast<std::size_t>(position);
      const std::size_t above = (std::min)(below + 1, sorted.size() - 1);
      const double low = sorted[below];
      return static_cast<float>(low + (static_cast<double>(sorted[above]) - low) * (position - static_cast<double>(below)));
    };
    return {at(100.0 - percent), at(percent)};
  }
};

// Shrinks the range in `steps` steps of `step` and keeps the one with the least sum of importance * |error|^norm.
// The defaults are GPTQ's grid (Frantar et al. 2022, arXiv 2210.17323): 80 steps of 1 %, norm 2.4. Two steps of -0.5 with norm 2 are
// NVFP4's four over six: the largest magnitude becomes 6, or 4 where that is better.
struct mse_search {
  int steps = 80;
  float step = 0.01f;
  double norm = 2.4;
  std::span<const float> importance{};  // one weight a column, or empty

  template <class Trial>
  value_range operator()(std::span<const float> values, std::span<const float> weights, Trial&& trial) const {
    const value_range full = min_max{}(values, weights, trial);
    // Relative to the range: then powers of floats, twice as fast as those of doubles, neither overflow nor vanish.
    const double unit = full.reach() > 0 ? 1 / static_cast<double>(full.reach()) : 1;
    // Errors of clipping come first, so that most ranges lose after a few values.
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return magnitude(values[i]) > magnitude(values[j]); });
    value_range best = full;
    double least = -1;
    for (int i = 0; i < steps; ++i) {
      const float shrink = 1.0f - static_cast<float>(i) * step;
      if (!(shrink > 0)) break;
      const value_range candidate{full.low * shrink, full.high * shrink};
      const auto becomes = trial(candidate);
      double sum = 0;
      for (std::size_t n = 0; n < order.size() && (least < 0 || sum < least); ++n) {
        const std::size_t j = order[n];
        const double error = unit * std::fabs(static_cast<double>(values[j]) - static_cast<double>(becomes(values[j])));
        const double cost =
            norm == 2.0 ? error * error : static_cast<double>(std::pow(static_cast<float>(error), static_cast<float>(norm)));
        sum += weights.empty() ? cost : cost * static_cast<double>(weights[j]);
      }
      if (least < 0 || sum < least) {
        least = sum;
        best = candidate;
      }
    }
    return best;
  }
};

// Histogram calibration (Migacz, "8-bit inference with TensorRT", GTC 2017): among the clipping thresholds of a histogram of |x|,
// the one whose quantized distribution has the least Kullback-Leibler divergence from the clipped one. Meant for
// activations and large groups. Where codes are not symmetric, it looks at the side that reaches farther. Throws lowp::error
// for a histogram without bins or steps.
struct entropy {
  int bins = 2048;
  int first = 128;  // the smallest threshold tried, in bins
  int stride = 16;

  template <class Trial>
  value_range operator()(std::span<const float> values, std::span<const float> weights, Trial&& trial) const {
    if (bins < 1 || first < 1 || stride < 1) LOWP_THROW("a histogram of ", bins, " bins cannot be searched from ", first, " by ", stride);
    const value_range full = min_max{}(values, weights, trial);
    const float reach = full.reach();
    const float side = -full.low > full.high ? -1.0f : 1.0f;
    if (reach == 0.0f) return full;
    const auto count = static_cast<std::size_t>(bins);
    std::vector<double> histogram(count, 0.0);
    for (const float v : values) {
      const double position = static_cast<double>(magnitude(v)) / static_cast<double>(reach) * bins;
      histogram[(std::min)(count - 1, static_cast<std::size_t>(position))] += 1;
    }
    const auto clipped = [&](std::size_t n) {
      const float limit = static_cast<float>(static_cast<double>(reach) * static_cast<double>(n) / bins);
      return value_range{(std::max)(full.low, -limit), (std::min)(full.high, limit)};
    };
    double least = -1;
    std::size_t best = count;
    for (auto n = static_cast<std::size_t>(first); n <= count; n += static_cast<std::size_t>(stride)) {
      const double divergence = kl_divergence(histogram, n, side * (reach / static_cast<float>(bins)), trial(clipped(n)));
      if (least < 0 || divergence < least) {
        least = divergence;
        best = n;
      }
    }
    return clipped(best);
  }

 private:
  // Divergence of the first n bins (what lies beyond them added to the last) from their quantized form, where each run
  // of bins that becomes one value shares its mass evenly among those of its bins that are not empty.
  template <class Becomes>
  static double kl_divergence(const std::vector<double>& histogram, std::size_t n, float width, const Becomes& becomes) {
    std::vector<double> reference(histogram.begin(), histogram.begin() + static_cast<std::ptrdiff_t>(n));
    for (std::size_t i = n; i < histogram.size(); ++i) reference[n - 1] += histogram[i];
    double total = 0;
    for (const double p : reference) total += p;
    double kept = 0;
    for (std::size_t i = 0; i < n; ++i) kept += histogram[i];
    if (kept == 0) return static_cast<double>(infinity());  // all values lie beyond the threshold
    double divergence = 0;
    for (std::size_t begin = 0; begin < n;) {
      const float value = becomes((static_cast<float>(begin) + 0.5f) * width);
      std::size_t end = begin;
      double mass = 0;
      int filled = 0;
      do {
        mass += histogram[end];
        filled += reference[end] != 0 ? 1 : 0;
        ++end;
      } while (end < n && becomes((static_cast<float>(end) + 0.5f) * width) == value);
      for (std::size_t i = begin; i < end; ++i) {
        if (reference[i] == 0) continue;
        const double p = reference[i] / total;
        const double q = (std::max)(mass / filled / kept, 1e-12);
        divergence += p * std::log(p / q);
      }
      begin = end;
    }
    return divergence;
  }
};

}  // namespace lowp::inline LOWP_ABI
