// KVQuant: keys by channel, in ranges that calibration found, before their rotary positions; values by token; both in a layer's own
// codebook, with the outermost numbers kept apart.
//
//   auto keys = lowp::calibrate_keys<3>(k, 8, {.outliers = 0.01});         // k [tokens, 8 * 128] of a layer; kvquant_calibration.hpp
//   auto values = lowp::calibrate_values<3>(v, 8, {.outliers = 0.01});
//   lowp::kv_cache<decltype(keys), decltype(values)> cache(8, 128, {.key = keys, .value = values, .keep_first = 1});
//
// A key's number is offset + scale * value of its code, with an offset and a scale for each channel of each head. A value's number is
// scale * value of its code + bias, with a scale and a bias for each token of a head.
// Source: Hooper et al. 2024 (arXiv 2401.18079), sections 3.1 to 3.7.
#pragma once

#include <lowp/format/codebook.hpp>
#include <lowp/format/unit.hpp>
#include <lowp/kernel/cpu/codebook_search.hpp>
#include <lowp/kernel/cpu/quantize.hpp>
#include <lowp/kv/kv_policy.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

// The numbers of a codebook: a code is that of the nearest of `places` (ascending; halfway, the lower), and stands for its one of `values`.
template <int Bits>
struct kvquant_codebook {
  static constexpr std::size_t size = std::size_t{1} << Bits;

  std::array<float, size> places = even();
  std::array<float, size> values = even();

  // A number above so many of these has the code of so many.
  std::array<float, size - 1> thresholds() const noexcept {
    std::array<float, size - 1> between;
    for (std::size_t i = 0; i + 1 < size; ++i) between[i] = (places[i] + places[i + 1]) * 0.5f;
    return between;
  }

 private:
  static constexpr std::array<float, size> even() noexcept {
    std::array<float, size> list{};
    for (std::size_t i = 0; i < size; ++i) list[i] = decode<codebook<Bits>>(static_cast<std::uint32_t>(i));
    return list;
  }
};

}  // namespace lowp::inline LOWP_ABI

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

// Keys of a layer. BeforeRope: they come before their rotary positions (pairs of channels c and c + head size / 2, angles
// position * theta^(-2 c / head size)), where channels keep to their ranges.
template <int Bits, bool BeforeRope = true>
class kvquant_keys {
 public:
  using scheme = lowp::scheme<codebook<Bits>, per_tensor, symmetric, unit>;
  static constexpr bool before_rope = BeforeRope;

  float theta = 10000;
  kvquant_codebook<Bits> book;
  // Of a token's numbers at most so many beyond either end of their ranges are kept apart, the farthest in units of these (the
  // paper has room for 21 of 4096).
  std::size_t most_apart = ~std::size_t{0};

  // For each channel of each head [heads * head size] the middle and half the width of its range. Numbers outside of it are kept apart, or
  // become the end of the range. Throws lowp::error for widths that are not above zero, and where sizes do not fit.
  kvquant_keys(std::size_t heads, std::vector<float> offsets, std::vector<float> scales, bool outliers_apart)
      : heads_(heads), offsets_(std::move(offsets)), scales_(std::move(scales)), outliers_apart_(outliers_apart) {
    if (heads == 0 || scales_.empty() || scales_.size() % heads != 0 || offsets_.size() != scales_.size()) {
      LOWP_THROW("ranges of ", offsets_.size(), " and ", scales_.size(), " channels for ", heads, " heads");
    }
    for (const float scale : scales_) {
      if (!(scale > 0) || !is_finite(scale)) LOWP_THROW("half the width of a channel's range is ", scale);
    }
  }

  std::size_t width(std::size_t head_size) const {
    if (head_size * heads_ != scales_.size()) LOWP_THROW("ranges of ", scales_.size(), " channels for ", heads_, " heads of ", head_size);
    return head_size;
  }
  const float* values() const noexcept { return book.values.data(); }
  // What q . k has beside q . (scale * value of the code): the offsets of a head, [head size].
  const float* offsets(std::size_t head) const noexcept { return offsets_.data() + head * (scales_.size() / heads_); }

  // Codes of rows [tokens * heads, head size], those of a token one after another, and what is kept apart. Throws lowp::error where a
  // number is not finite.
  quantized<scheme> encode(matrix_view<const float> rows, std::size_t heads, std::vector<kv_outlier>& apart) const {
    width(rows.cols());
    if (heads != heads_ || rows.rows() % heads != 0) LOWP_THROW(rows.rows(), " rows of ", heads, " heads, where ranges are of ", heads_);
    quantized<scheme> q(rows.rows(), rows.cols());
    const auto thresholds = book.thresholds();
    std::vector<float> copy(rows.cols()), places(rows.cols()), beyond;
    std::size_t first = apart.size();  // of the token
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      const float* const x = detail::adjacent_row(rows, r, copy);
      require_finite(x, r);
      search_.places_of_channels(x, offsets(r % heads), scales_.data() + r % heads * rows.cols(), rows.cols(), places.data());
      search_.codes(places.data(), rows.cols(), thresholds.data(), thresholds.size(), &q.codes()(r, 0));
      for (std::size_t c = 0; c < rows.cols() && outliers_apart_; ++c) {
        if (places[c] >= -1 && places[c] <= 1) continue;
        apart.push_back({r, c, round_to<f16>(places[c] - book.values[q.codes()(r, c)])});
        beyond.push_back(places[c]);
      }
      if ((r + 1) % heads != 0) continue;
      if (beyond.size() > most_apart) keep_farthest(apart, first, beyond);
      first = apart.size();
      beyond.clear();
    }
    return q;
  }

  // Products of out with values of codes, and q . offsets, make q . k. Of keys before their rotary positions, q is what the query is when
  // it is turned back by the key's position.
  void turn_query(matrix_view<const float> q, matrix_view<float> out, std::size_t head) const {
    check_head(q, out, head);
    for (std::size_t r = 0; r < q.rows(); ++r) {
      for (std::size_t c = 0; c < q.cols(); ++c) out(r, c) = q(r, c) * scale(head, c);
    }
  }

  void turn_back(matrix_view<const float> decoded, matrix_view<float> out, std::size_t head) const {
    check_head(decoded, out, head);
    for (std::size_t r = 0; r < out.rows(); ++r) {
      for (std::size_t c = 0; c < out.cols(); ++c) out(r, c) = offsets(head)[c] + lowp::rounded(scale(head, c) * decoded(r, c));
    }
  }

 private:
  float scale(std::size_t head, std::size_t channel) const noexcept { return scales_[head * (scales_.size() / heads_) + channel]; }

  // Of apart[first], ..., whose places are `beyond`.
  void keep_farthest(std::vector<kv_outlier>& apart, std::size_t first, const std::vector<float>& beyond) const {
    std::vector<std::size_t> order(beyond.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return std::abs(beyond[a]) > std::abs(beyond[b]); });
    std::size_t below = 0, above = 0;
    std::erase_if(order, [&](std::size_t i) { return (beyond[i] < 0 ? below : above)++ >= most_apart; });
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < order.size(); ++i) apart[first + i] = apart[first + order[i]];
    apart.resize(first + order.size());
  }

  void require_finite(const float* x, std::size_t row) const {
    const std::size_t size = scales_.size() / heads_;
    if (search_.ranges(x, size, {}).finite) return;
    for (std::size_t c = 0; c < size; ++c) {
      if (!is_finite(x[c])) LOWP_THROW("channel ", c, " of row ", row, " is ", x[c], ", for which there is no code");
    }
  }
  void check_head(matrix_view<const float> from, matrix_view<float> to, std::size_t head) const {
    width(from.cols());
    detail::require_same_shape(from, to);
    if (head >= heads_) LOWP_THROW("head ", head, " of ", heads_);
  }

  std::size_t heads_;
  std::vector<float> offsets_;
  std::vector<float> scales_;
  bool outliers_apart_;
  detail::codebook_search search_;
};

// Values of a layer. Of the numbers of a token, over all heads, the outermost are kept apart; the others of a head give its range.
template <int Bits>
class kvquant_values {
 public:
  using scheme = lowp::scheme<codebook<Bits>, per_token, with_bias<f16>, f16>;

  kvquant_codebook<Bits> book;
  double outliers = 0;  // of the numbers of a token how many are kept apart, half of them at either end

  std::size_t width(std::size_t head_size) const noexcept { return head_size; }
  const float* values() const noexcept { return book.values.data(); }

  // Codes, scales and biases of rows [tokens * heads, head size], those of a token one after another, and what is kept apart. A row that
  // holds NaN or infinity gets the scale NaN; throws lowp::error as quantize does.
  quantized<scheme> encode(matrix_view<const float> rows, std::size_t heads, std::vector<kv_outlier>& apart) const {
    if (heads == 0 || rows.rows() % heads != 0) LOWP_THROW(rows.rows(), " rows are no tokens of ", heads, " heads");
    quantized<scheme> q(rows.rows(), rows.cols());
    const std::vector<value_range> kept = kept_of_tokens(rows, heads);
    std::vector<value_range> ranges(rows.rows());
    std::vector<float> copy(rows.cols()), places(rows.cols());
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      const auto found = search_.ranges(detail::adjacent_row(rows, r, copy), rows.cols(), kept[r / heads]);
      ranges[r] = found.within.low <= found.within.high ? found.within : found.all;
      if (!found.finite) ranges[r] = {quiet_nan(), quiet_nan()};
    }
    if (rows.cols() != 0) cpu::fit(q, ranges);
    const auto thresholds = book.thresholds();
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      const float* const x = detail::adjacent_row(rows, r, copy);
      const affine<scheme> group = q.group({r, 0});
      search_.places_of_row(x, group.zero, group.scale == 0.0f ? infinity() : group.scale, rows.cols(), places.data());
      search_.codes(places.data(), rows.cols(), thresholds.data(), thresholds.size(), &q.codes()(r, 0));
      const value_range within = kept[r / heads];
      for (std::size_t c = 0; c < rows.cols() && outliers > 0; ++c) {
        if (x[c] >= within.low && x[c] <= within.high) continue;
        apart.push_back({r, c, round_to<f16>(x[c] - group.value(book.values[q.codes()(r, c)]))});
      }
    }
    return q;
  }

  // Nothing is turned.
  void turn_back(matrix_view<const float> decoded, matrix_view<float> out, std::size_t) const {
    detail::require_same_shape(decoded, out);
    plain_policy<scheme>().turn_back(decoded, out, 0);
  }

  // Where in the codebook a number lies.
  static float place(float x, const affine<scheme>& group) noexcept { return group.scale == 0.0f ? 0.0f : (x - group.zero) / group.scale; }

 private:
  // Of each token the range of what is not kept apart.
  std::vector<value_range> kept_of_tokens(matrix_view<const float> rows, std::size_t heads) const {
    std::vector<value_range> kept(rows.rows() / heads, value_range{-f32::largest, f32::largest});
    const std::size_t numbers = heads * rows.cols();
    if (numbers == 0 || outliers <= 0) return kept;
    // As many as lie beyond a percentile that is taken between neighbours.
    const auto each = static_cast<std::size_t>(std::ceil((std::min)(outliers, 1.0) / 2 * static_cast<double>(numbers - 1)));
    std::vector<std::int32_t> token(numbers), ends(each + 1);
    for (std::size_t t = 0; t < kept.size(); ++t) {
      for (std::size_t h = 0; h < heads; ++h) {
        for (std::size_t c = 0; c < rows.cols(); ++c) token[h * rows.cols() + c] = ordered(rows(t * heads + h, c));
      }
      std::partial_sort_copy(token.begin(), token.end(), ends.begin(), ends.end());
      kept[t].low = from_ordered(ends.back());
      std::partial_sort_copy(token.begin(), token.end(), ends.begin(), ends.end(), [](auto a, auto b) { return a > b; });
      kept[t].high = from_ordered(ends.back());
    }
    return kept;
  }

  detail::codebook_search search_;
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
