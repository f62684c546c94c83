// What KVQuant finds out beforehand for each layer, from its keys and values over some text: ranges of channels and codebooks.
//
//   auto keys = lowp::calibrate_keys<2>(k, 8, {.outliers = 0.01, .match_moments = true});     // k [tokens, 8 * head size], before RoPE
//   auto later = lowp::calibrate_keys<2, false>(k, 8, {.even = true});                        // after it, evenly spaced numbers
//   auto values = lowp::calibrate_values<2>(v, 8, {.outliers = 0.01});
//   auto fisher = lowp::calibrate_keys<2>(k, 8, {.importance = squared_gradients});           // [tokens, 8 * head size], as k
//
// Numbers that are not kept apart are brought into [-1, 1], those of a channel or of a token of a head by their range, and the codebook is
// that of least squared error, which is weighed by the square of what the range is times the importance: k-means in one dimension, from
// near the best division on. match_moments (Q-norm) then moves and stretches the numbers that codes stand for, so that the decoded numbers
// have the mean and the deviation of the original ones. Source: Hooper et al. 2024 (arXiv 2401.18079), sections 3.3 and 3.6.
#pragma once

#include <lowp/kv/kvquant.hpp>
#include <lowp/quantize/calibrate.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct kvquant_options {
  double outliers = 0;  // the part of all numbers that is kept apart, half of it at either end
  bool even = false;    // evenly spaced numbers instead of a codebook
  bool match_moments = false;
  // Of the squared errors: of channels [heads * head size], of each number [tokens, heads * head size], such as the squares of gradients
  // (the paper's Fisher information), or empty, all alike.
  std::span<const float> importance{};
};

namespace detail {

struct weighted_number {
  float number;
  double weight;
};

// Sums over the first numbers in ascending order: how much they weigh, and their moments.
struct moments {
  double weight = 0, first = 0, second = 0;

  double mean() const noexcept { return first / weight; }
  double deviation() const noexcept { return std::sqrt((std::max)(0.0, second / weight - mean() * mean())); }
};
inline moments operator-(const moments& a, const moments& b) noexcept {
  return {a.weight - b.weight, a.first - b.first, a.second - b.second};
}

// Where the numbers are best divided into `parts`, by dynamic programming over places that are near each other in weight or in number:
// the ends of all parts. k-means starts from there, lest it stay at a division that is far from the best.
inline std::vector<std::size_t> divide(const std::vector<weighted_number>& numbers, const std::vector<moments>& up_to, std::size_t parts) {
  constexpr std::size_t count = 256;  // places of either kind
  std::vector<std::size_t> cuts = {0, numbers.size()};
  const float low = numbers.front().number, high = numbers.back().number;
  for (std::size_t i = 1; i < count; ++i) {
    const double part = static_cast<double>(i) / count;
    const auto number = low + static_cast<float>(part) * (high - low);
    const auto of_weight = std::upper_bound(up_to.begin(), up_to.end(), part * up_to.back().weight,
                                            [](double weight, const moments& m) { return weight < m.weight; });
    const auto of_number =
        std::lower_bound(numbers.begin(), numbers.end(), number, [](const weighted_number& n, float x) { return n.number < x; });
    cuts.push_back(static_cast<std::size_t>(of_weight - up_to.begin()) - 1);
    cuts.push_back(static_cast<std::size_t>(of_number - numbers.begin()));
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  const auto error = [&](std::size_t first, std::size_t last) {
    const moments m = up_to[cuts[last]] - up_to[cuts[first]];
    return m.weight > 0 ? m.second - m.first * m.first / m.weight : 0.0;
  };
  std::vector<double> least(cuts.size());
  for (std::size_t last = 0; last < cuts.size(); ++last) least[last] = error(0, last);
  std::vector<std::vector<std::size_t>> before(parts, std::vector<std::size_t>(cuts.size()));
  for (std::size_t part = 1; part < parts; ++part) {
    std::vector<double> next = least;
    for (std::size_t last = 0; last < cuts.size(); ++last) {
      before[part][last] = last;
      for (std::size_t first = 0; first < last; ++first) {
        const double sum = least[first] + error(first, last);
        if (sum < next[last]) {
          next[last] = sum;
          before[part][last] = first;
        }
      }
    }
    least = next;
  }
  std::vector<std::size_t> ends(parts);
  std::size_t at = cuts.size() - 1;
  for (std::size_t part = parts; part-- > 0; at = before[part][at]) ends[part] = cuts[at];
  return ends;
}

template <int Bits>
kvquant_codebook<Bits> fit_codebook(std::vector<weighted_number> numbers, const kvquant_options& options) {
  constexpr std::size_t size = kvquant_codebook<Bits>::size;
  kvquant_codebook<Bits> book;
  std::erase_if(numbers, [](const weighted_number& n) { return !(n.weight > 0); });
  if (numbers.empty()) return book;
  std::sort(numbers.begin(), numbers.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  std::vector<moments> up_to(numbers.size() + 1);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto x = static_cast<double>(numbers[i].number);
    const double w = numbers[i].weight;
    up_to[i + 1] = {up_to[i].weight + w, up_to[i].first + w * x, up_to[i].second + w * x * x};
  }
  const moments all = up_to.back();
  // Numbers [end of the place before, end of the place) have this place's code.
  const auto end_of = [&](std::size_t place) {
    if (place + 1 == size) return numbers.size();
    const float threshold = (book.places[place] + book.places[place + 1]) * 0.5f;
    const auto after = std::upper_bound(numbers.begin(), numbers.end(), threshold, [](float t, const auto& n) { return t < n.number; });
    return static_cast<std::size_t>(after - numbers.begin());
  };
  if (!options.even) {
    const std::vector<std::size_t> ends = divide(numbers, up_to, size);
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t begin = i == 0 ? 0 : ends[i - 1];
      // More places than numbers: the same one twice.
      book.places[i] =
          ends[i] > begin ? static_cast<float>((up_to[ends[i]] - up_to[begin]).mean()) : numbers[begin == 0 ? 0 : begin - 1].number;
    }
    constexpr int enough = 1000;
    for (int round = 0; round < enough; ++round) {
      const auto before = book.places;
      std::size_t first = 0;
      auto next = before;
      for (std::size_t i = 0; i < size; ++i) {
        const std::size_t last = end_of(i);
        if (last > first) next[i] = static_cast<float>((up_to[last] - up_to[first]).mean());
        first = (std::max)(first, last);
      }
      book.places = next;
      if (next == before) break;
    }
  }
  book.values = book.places;
  if (options.match_moments) {
    moments decoded;
    std::size_t first = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t last = end_of(i);
      const double w = (up_to[last] - up_to[first]).weight;
      const auto x = static_cast<double>(book.places[i]);
      decoded = {decoded.weight + w, decoded.first + w * x, decoded.second + w * x * x};
      first = last;
    }
    const double stretch = decoded.deviation() > 0 ? all.deviation() / decoded.deviation() : 1;
    for (float& x : book.values) x = static_cast<float>((static_cast<double>(x) - decoded.mean()) * stretch + all.mean());
  }
  return book;
}

inline void require_calibration(matrix_view<const float> x, std::size_t heads, const kvquant_options& options) {
  if (heads == 0 || x.rows() == 0 || x.cols() == 0 || x.cols() % heads != 0) {
    LOWP_THROW("a matrix of ", x.rows(), " x ", x.cols(), " is no text of ", heads, " heads");
  }
  if (!(options.outliers >= 0 && options.outliers < 1)) LOWP_THROW("a part of ", options.outliers, " cannot be kept apart");
  const std::size_t weights = options.importance.size();
  if (weights != 0 && weights != x.cols() && weights != x.rows() * x.cols()) {
    LOWP_THROW(weights, " weights are neither of ", x.cols(), " channels nor of ", x.rows(), " tokens of so many");
  }
  for (std::size_t r = 0; r < x.rows(); ++r) {
    for (std::size_t c = 0; c < x.cols(); ++c) {
      if (!is_finite(x(r, c))) LOWP_THROW("channel ", c, " of token ", r, " is ", x(r, c), ", which cannot be calibrated with");
    }
  }
}

inline double importance_of(const kvquant_options& options, std::size_t token, std::size_t channel, std::size_t channels) {
  if (options.importance.empty()) return 1.0;
  return static_cast<double>(options.importance[options.importance.size() == channels ? channel : token * channels + channel]);
}

}  // namespace detail

inline namespace LOWP_BUILD {

// Ranges and codebook for the keys of a layer, from keys [tokens, heads * head size]. Throws lowp::error for what cannot be calibrated
// with.
template <int Bits, bool BeforeRope = true>
kvquant_keys<Bits, BeforeRope> calibrate_keys(matrix_view<const float> keys, std::size_t heads, const kvquant_options& options = {}) {
  detail::require_calibration(keys, heads, options);
  const bool apart = options.outliers > 0;
  std::vector<float> offsets(keys.cols()), scales(keys.cols()), channel(keys.rows());
  std::vector<detail::weighted_number> numbers;
  for (std::size_t c = 0; c < keys.cols(); ++c) {
    for (std::size_t r = 0; r < keys.rows(); ++r) channel[r] = keys(r, c);
    const value_range range = percentile{100 - 50 * options.outliers}(channel, {}, 0);
    offsets[c] = (range.low + range.high) * 0.5f;
    scales[c] = (range.high - range.low) * 0.5f;
    // Of a channel whose numbers are all alike nothing is known but that number.
    if (!(scales[c] > 0)) scales[c] = 1;
    const double scale = static_cast<double>(scales[c]);
    for (std::size_t r = 0; r < keys.rows(); ++r) {
      const float place = (channel[r] - offsets[c]) / scales[c];
      if (apart && !(place >= -1 && place <= 1)) continue;
      numbers.push_back({place, detail::importance_of(options, r, c, keys.cols()) * scale * scale});
    }
  }
  kvquant_keys<Bits, BeforeRope> policy(heads, std::move(offsets), std::move(scales), apart);
  policy.book = detail::fit_codebook<Bits>(std::move(numbers), options);
  return policy;
}

// The codebook for the values of a layer, from values [tokens, heads * head size].
template <int Bits>
kvquant_values<Bits> calibrate_values(matrix_view<const float> values, std::size_t heads, const kvquant_options& options = {}) {
  detail::require_calibration(values, heads, options);
  const std::size_t size = values.cols() / heads;
  kvquant_values<Bits> policy;
  policy.outliers = options.outliers;
  std::vector<detail::weighted_number> numbers;
  std::vector<float> token(values.cols());
  std::vector<kv_outlier> outliers;
  for (std::size_t t = 0; t < values.rows(); ++t) {
    for (std::size_t c = 0; c < values.cols(); ++c) token[c] = values(t, c);
    const matrix_view<const float> rows(token.data(), heads, size);
    outliers.clear();
    const auto fitted = policy.encode(rows, heads, outliers);
    std::vector<bool> apart(values.cols());
    for (const kv_outlier& o : outliers) apart[o.row * size + o.channel] = true;
    for (std::size_t c = 0; c < values.cols(); ++c) {
      const auto group = fitted.group({c / size, 0});
      const auto scale = static_cast<double>(group.scale);
      if (!apart[c])
        numbers.push_back({policy.place(token[c], group), detail::importance_of(options, t, c, values.cols()) * scale * scale});
    }
  }
  policy.book = detail::fit_codebook<Bits>(std::move(numbers), options);
  return policy;
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
