// QJL with the largest channels of each head apart: they are sketched by themselves, with a length of their own, so that the error of all
// the others is no longer in proportion to them.
//
//   auto apart = lowp::largest_channels(k, 8, 8);                        // of the prompt's keys [tokens, 8 * 128], 8 channels of each head
//   lowp::qjl_outliers<> keys(128, 256, 128, apart);                     // 256 signs for the other channels, 128 for those
//   lowp::kv_cache<lowp::qjl_outliers<>, values> cache(8, 128, {.key = keys});
//
// Source: Zandieh et al. 2024 (arXiv 2406.03482), section 4.
#pragma once

#include <lowp/kv/qjl.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

// For each channel of keys [tokens, heads * head size] whether it is among the `count` of its head whose numbers have the most squares.
// Throws lowp::error where a head has fewer channels.
inline std::vector<bool> largest_channels(matrix_view<const float> keys, std::size_t heads, std::size_t count) {
  if (heads == 0 || keys.cols() % heads != 0 || count > keys.cols() / heads) {
    LOWP_THROW(count, " channels of each of ", heads, " heads, of ", keys.cols(), " in all");
  }
  const std::size_t size = keys.cols() / heads;
  std::vector<double> squares(keys.cols());
  for (std::size_t t = 0; t < keys.rows(); ++t) {
    for (std::size_t c = 0; c < keys.cols(); ++c) squares[c] += static_cast<double>(keys(t, c)) * static_cast<double>(keys(t, c));
  }
  std::vector<bool> largest(keys.cols());
  std::vector<std::size_t> order(size);
  for (std::size_t first = 0; first < keys.cols(); first += size) {
    std::iota(order.begin(), order.end(), first);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return squares[a] > squares[b]; });
    for (std::size_t i = 0; i < count; ++i) largest[order[i]] = true;
  }
  return largest;
}

}  // namespace lowp::inline LOWP_ABI

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

// A sketch of some channels of each head.
template <number_format Scale = f16>
class qjl_channels : public qjl<Scale> {
 public:
  using typename qjl<Scale>::scheme;

  // Of the channels [heads * head size] those that are marked. Throws lowp::error where they are of no heads of that size, and as qjl does.
  qjl_channels(std::size_t head_size, std::size_t signs, std::vector<bool> channels, std::uint64_t seed = 0)
      : qjl<Scale>(head_size, signs, seed), size_(head_size), channels_(std::move(channels)) {
    if (channels_.empty() || channels_.size() % head_size != 0) LOWP_THROW(channels_.size(), " channels are none of heads of ", head_size);
  }

  quantized<scheme> encode(matrix_view<const float> rows, std::size_t heads = 1) const {
    if (heads * size_ != channels_.size()) LOWP_THROW(heads, " heads of ", size_, ", where channels are chosen of ", channels_.size());
    const std::vector<float> own = own_channels(rows, 0, heads);
    return qjl<Scale>::encode({own.data(), rows.rows(), rows.cols()});
  }
  void turn_query(matrix_view<const float> q, matrix_view<float> out, std::size_t head) const {
    const std::vector<float> own = own_channels(q, head, 1);
    qjl<Scale>::turn_query({own.data(), q.rows(), q.cols()}, out);
  }
  void turn_back(matrix_view<const float> decoded, matrix_view<float> out, std::size_t head) const {
    qjl<Scale>::turn_back(decoded, out);
    for (std::size_t r = 0; r < out.rows(); ++r) {
      for (std::size_t c = 0; c < size_; ++c) out(r, c) = channels_[head * size_ + c] ? out(r, c) : 0.0f;
    }
  }

 private:
  // Row r of head first + r % heads, with zeros for other channels.
  std::vector<float> own_channels(matrix_view<const float> rows, std::size_t first, std::size_t heads) const {
    this->width(rows.cols());
    if ((first + heads) * size_ > channels_.size()) LOWP_THROW("head ", first, ", where channels are chosen of ", channels_.size() / size_);
    std::vector<float> own(rows.rows() * size_);
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      for (std::size_t c = 0; c < size_; ++c) own[r * size_ + c] = channels_[(first + r % heads) * size_ + c] ? rows(r, c) : 0.0f;
    }
    return own;
  }

  std::size_t size_;
  std::vector<bool> channels_;
};

// Keys as the sum of a sketch of most channels and one of those that are apart.
template <number_format Scale = f16>
class qjl_outliers : public qjl_channels<Scale> {
 public:
  using typename qjl<Scale>::scheme;
  using second_policy = qjl_channels<Scale>;

  qjl_outliers(std::size_t head_size, std::size_t signs, std::size_t signs_apart, const std::vector<bool>& apart, std::uint64_t seed = 0)
      : qjl_channels<Scale>(head_size, signs, others(apart), seed), second_(head_size, signs_apart, apart, seed + 1) {}

  const second_policy& second() const noexcept { return second_; }

  kv_sum<scheme, scheme> encode(matrix_view<const float> rows, std::size_t heads = 1) const {
    return {qjl_channels<Scale>::encode(rows, heads), second_.encode(rows, heads)};
  }

 private:
  static std::vector<bool> others(std::vector<bool> channels) {
    channels.flip();
    return channels;
  }

  second_policy second_;
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
