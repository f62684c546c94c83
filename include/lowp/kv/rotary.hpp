// Rotary positions.
//
//   lowp::rotate_to_positions(q, 128, 10000.0f, tokens, q);      // the queries of token `tokens` of a sequence, in place
//
// Channels c and c + head size / 2 of a head are turned by position * theta^(-2 c / head size).
// Source: RoFormer, Su et al. 2021 (arXiv 2104.09864), section 3.4.2; in halves as Llama's models have them.
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/core/error.hpp>
#include <lowp/core/matrix_view.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

inline double rotary_angle(std::size_t pair, std::size_t head_size, float theta) {
  return std::pow(static_cast<double>(theta), -2.0 * static_cast<double>(pair) / static_cast<double>(head_size));
}

// Cosines and sines for positions 0 to count - 1, a multiple of 16: [positions / 16][pairs][2][16].
inline aligned_vector<float> rotary_turns(std::size_t head_size, float theta, std::size_t count) {
  aligned_vector<float> turns(head_size * count);
  for (std::size_t f = 0; f < head_size / 2; ++f) {
    const double angle = rotary_angle(f, head_size, theta);
    for (std::size_t j = 0; j < count; ++j) {
      float* const at = turns.data() + (j / 16 * head_size + 2 * f) * 16 + j % 16;
      at[0] = static_cast<float>(std::cos(angle * static_cast<double>(j)));
      at[16] = static_cast<float>(std::sin(angle * static_cast<double>(j)));
    }
  }
  return turns;
}

// Cosines and sines at some positions: [positions][2][pairs].
inline std::vector<float> position_turns(std::size_t head_size, float theta, std::span<const std::size_t> positions) {
  const std::size_t half = head_size / 2;
  std::vector<float> turns(positions.size() * head_size);
  for (std::size_t f = 0; f < half; ++f) {
    const double angle = rotary_angle(f, head_size, theta);
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const double a = angle * static_cast<double>(positions[i]);
      turns[i * head_size + f] = static_cast<float>(std::cos(a));
      turns[i * head_size + half + f] = static_cast<float>(std::sin(a));
    }
  }
  return turns;
}

// A query that meets keys before their rotary positions: out [head size] = q turned back by one of those positions.
inline void turn_back_by(const float* turn, const float* q, std::size_t head_size, float* out) {
  const std::size_t half = head_size / 2;
  for (std::size_t f = 0; f < half; ++f) {
    const float c = turn[f], s = turn[f + half];
    out[f] = q[f] * c + q[f + half] * s;
    out[f + half] = q[f + half] * c - q[f] * s;
  }
}

}  // namespace lowp::inline LOWP_ABI::detail

namespace lowp::inline LOWP_ABI {

// Turns each head of rows [tokens, heads * head size] to its token's position, the first of which is `position`; in place if out is x.
// Throws lowp::error where shapes do not fit.
inline void rotate_to_positions(matrix_view<const float> x, std::size_t head_size, float theta, std::size_t position,
                                matrix_view<float> out) {
  if (head_size == 0 || head_size % 2 != 0 || x.cols() % head_size != 0 || out.rows() != x.rows() || out.cols() != x.cols()) {
    LOWP_THROW("rows of ", x.cols(), " for heads of ", head_size, " into ", out.rows(), " x ", out.cols());
  }
  const std::size_t half = head_size / 2;
  for (std::size_t f = 0; f < half; ++f) {
    const double angle = detail::rotary_angle(f, head_size, theta);
    for (std::size_t t = 0; t < x.rows(); ++t) {
      const auto c = static_cast<float>(std::cos(angle * static_cast<double>(position + t)));
      const auto s = static_cast<float>(std::sin(angle * static_cast<double>(position + t)));
      for (std::size_t h = f; h < x.cols(); h += head_size) {
        const float a = x(t, h), b = x(t, h + half);
        out(t, h) = a * c - b * s;
        out(t, h + half) = b * c + a * s;
      }
    }
  }
}

}  // namespace lowp::inline LOWP_ABI
