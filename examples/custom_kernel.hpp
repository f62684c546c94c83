// The inner part of a kernel of one's own, y = W x with one warp a row, for weights of any scheme of 4 or 8 bits with scales along the
// row; and beside it the same for INT4 as it is written by hand. Runs on the host too, lane by lane.
#pragma once

#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/scheme/presets.hpp>

#include <cstddef>
#include <cstdint>

// What lane `lane` of 32 adds to y[row]: eight weights at a time.
template <class S>
LOWP_HD float lane_sum(const lowp::packed_run<typename S::format>* row, const lowp::code_t<typename S::scale>* scales, const float* x,
                       std::size_t cols, std::size_t lane) {
  float sum = 0;
  for (std::size_t i = lane; i < cols / 8; i += 32) {
    const auto w = lowp::dequantize_fragment<typename S::format, lowp::f32>(row[i]);
    const float scale = lowp::ptx::widen<typename S::scale>(scales[i * 8 / S::granularity::cols_per_group]);
    float dot = 0;
    for (int e = 0; e < 8; ++e) dot += w[e] * x[i * 8 + static_cast<std::size_t>(e)];
    sum += scale * dot;
  }
  return sum;
}

// One format, one group size, one type of scales: what the template replaces.
LOWP_HD inline float lane_sum_by_hand(const std::uint32_t* row, const float* scales, const float* x, std::size_t cols, std::size_t lane) {
  float sum = 0;
  for (std::size_t i = lane; i < cols / 8; i += 32) {
    float dot = 0;
    for (std::uint32_t e = 0; e < 8; ++e) {
      const auto nibble = static_cast<int>(row[i] >> (4 * e) & 15u);
      dot += static_cast<float>(nibble < 8 ? nibble : nibble - 16) * x[i * 8 + e];
    }
    sum += scales[i * 8 / 128] * dot;
  }
  return sum;
}
