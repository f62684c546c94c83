// The scale searches of ggml's reference quantizers, operation by operation: each product is rounded before it is added to, and sums run
// from the first weight to the last, so that the result is the same with every compiler, flag and processor.
//
// Source: ggml's quantizers without an importance matrix (make_qx_quants, make_q3_quants, make_qkx2_quants and the search of IQ4).
#pragma once

#include <lowp/quantize/ggml_row.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::ggml::detail {

// Groups whose largest magnitude is below count as zeros.
inline constexpr float negligible = 1e-15f;

// The weight of the largest magnitude, the first of several.
inline float extreme_of(const float* x, int n) noexcept {
  float extreme = 0;
  float most = 0;
  for (int i = 0; i < n; ++i) {
    if (magnitude(x[i]) > most) {
      most = magnitude(x[i]);
      extreme = x[i];
    }
  }
  return extreme;
}

// Sums of w * x * q and w * q * q with w = x * x.
struct weighted_sums {
  float xq = 0;
  float qq = 0;

  void add(float x, float q) noexcept {
    const float w = x * x;
    xq += rounded(w * x * q);
    qq += rounded(w * q * q);
  }
  // The same, multiplied in the order in which the search of IQ4 does it.
  void add_entry(float x, float entry) noexcept {
    const float w = x * x;
    xq += rounded(w * entry * x);
    qq += rounded(w * entry * entry);
  }
  bool better_than(float best) const noexcept { return qq > 0 && xq * xq > best * qq; }
};

// Q6_K: integers -top ... top - 1. The best of the scale that puts the extreme on -top and of 18 others beside it. The integers stay
// in q.
inline float search_symmetric(const float* x, int n, int top, int* q) noexcept {
  const float extreme = extreme_of(x, n);
  if (magnitude(extreme) < negligible) {
    for (int i = 0; i < n; ++i) q[i] = -top;
    return 0;
  }
  int candidate[32];
  const auto sums_for = [&](float inverse) {
    weighted_sums sums;
    for (int i = 0; i < n; ++i) {
      candidate[i] = clamped(nearest(inverse * x[i]), -top, top - 1);
      sums.add(x[i], static_cast<float>(candidate[i]));
    }
    return sums;
  };
  const auto keep = [&] {
    for (int i = 0; i < n; ++i) q[i] = candidate[i];
  };
  weighted_sums sums = sums_for(static_cast<float>(-top) / extreme);
  keep();
  float scale = sums.qq != 0 ? sums.xq / sums.qq : 0.0f;
  float best = scale * sums.xq;
  for (int step = -9; step <= 9; ++step) {
    if (step == 0) continue;
    sums = sums_for(-(static_cast<float>(top) + rounded(0.1f * static_cast<float>(step))) / extreme);
    if (sums.better_than(best)) {
      keep();
      scale = sums.xq / sums.qq;
      best = scale * sums.xq;
    }
  }
  return scale;
}

// Q3_K: integers -4 ... 3, one changed at a time for as long as that helps, at most five rounds. The integers stay in q.
inline float search_by_coordinates(const float* x, int n, int* q) noexcept {
  const float extreme = extreme_of(x, n);
  if (magnitude(extreme) < negligible) {
    for (int i = 0; i < n; ++i) q[i] = -4;
    return 0;
  }
  const float inverse = -4.0f / extreme;
  weighted_sums sums;
  for (int i = 0; i < n; ++i) {
    q[i] = clamped(nearest(inverse * x[i]), -4, 3);
    sums.add(x[i], static_cast<float>(q[i]));
  }
  for (int round = 0; round < 5; ++round) {
    bool changed = false;
    for (int i = 0; i < n; ++i) {
      const float w = x[i] * x[i];
      const auto old = static_cast<float>(q[i]);
      weighted_sums rest{sums.xq - rounded(w * x[i] * old), sums.qq - rounded(w * old * old)};
      if (!(rest.xq > 0)) continue;
      const int candidate = clamped(nearest(x[i] * rest.qq / rest.xq), -4, 3);
      if (candidate == q[i]) continue;
      rest.add(x[i], static_cast<float>(candidate));
      if (rest.qq > 0 && rest.xq * rest.xq * sums.qq > sums.xq * sums.xq * rest.qq) {
        q[i] = candidate;
        sums = rest;
        changed = true;
      }
    }
    if (!changed) break;
  }
  return sums.qq > 0 ? sums.xq / sums.qq : 0.0f;
}

// The K-quants with minima: integers 0 ... top, scale * integer - minimum.
struct scale_and_minimum {
  float scale;
  float minimum;
};

struct minimum_search {
  int top;
  float first;  // candidates for the inverse scale: (first + step * i + top) / width
  float step;
  int steps;
  bool absolute;  // errors count by their magnitude, not by their square
};

// The integers stay in q.
inline scale_and_minimum search_with_minimum(const float* x, const float* weights, int n, const minimum_search& how, int* q) noexcept {
  float low = x[0];
  float high = x[0];
  float sum_w = weights[0];
  float sum_x = rounded(sum_w * x[0]);
  for (int i = 1; i < n; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
    sum_w += weights[i];
    sum_x += rounded(weights[i] * x[i]);
  }
  if (low > 0) low = 0;
  if (high == low) {
    for (int i = 0; i < n; ++i) q[i] = 0;
    return {0, -low};
  }
  int candidate[32];
  const auto encode = [&](float inverse) {
    for (int i = 0; i < n; ++i) candidate[i] = clamped(nearest(inverse * (x[i] - low)), 0, how.top);
  };
  const auto keep = [&] {
    for (int i = 0; i < n; ++i) q[i] = candidate[i];
  };
  const auto error_of = [&](float scale, float minimum) {
    float error = 0;
    for (int i = 0; i < n; ++i) {
      const float difference = rounded(scale * static_cast<float>(candidate[i])) + minimum - x[i];
      error += rounded(weights[i] * (how.absolute ? magnitude(difference) : difference * difference));
    }
    return error;
  };
  const auto top = static_cast<float>(how.top);
  const float first_inverse = top / (high - low);
  encode(first_inverse);
  keep();
  float scale = 1 / first_inverse;
  float best = error_of(scale, low);
  for (int step = 0; step <= how.steps; ++step) {
    encode((how.first + rounded(how.step * static_cast<float>(step)) + top) / (high - low));
    float sum_q = 0;
    float sum_qq = 0;
    float sum_xq = 0;
    for (int i = 0; i < n; ++i) {
      const auto integer = static_cast<float>(candidate[i]);
      const float wq = rounded(weights[i] * integer);
      sum_q += wq;
      sum_qq += rounded(wq * integer);
      sum_xq += rounded(wq * x[i]);
    }
    const float determinant = rounded(sum_w * sum_qq) - rounded(sum_q * sum_q);
    if (!(determinant > 0)) continue;
    float its_scale = (rounded(sum_w * sum_xq) - rounded(sum_x * sum_q)) / determinant;
    float its_minimum = (rounded(sum_qq * sum_x) - rounded(sum_q * sum_xq)) / determinant;
    if (its_minimum > 0) {
      its_minimum = 0;
      its_scale = sum_xq / sum_qq;
    }
    const float error = error_of(its_scale, its_minimum);
    if (error < best) {
      keep();
      best = error;
      scale = its_scale;
      low = its_minimum;  // from which the next candidates are counted too
    }
  }
  return {scale, -low};
}

// The entry of IQ4's codebook that is nearest to x; halfway, the upper one.
inline std::uint8_t nearest_iq4(float x) noexcept {
  x = rounded(x);
  if (!(x > iq4_values::decode(0))) return 0;
  if (x >= iq4_values::decode(15)) return 15;
  int below = 0;
  int above = 15;
  while (above - below > 1) {
    const int middle = (below + above) / 2;
    (x < iq4_values::decode(static_cast<std::uint32_t>(middle)) ? above : below) = middle;
  }
  const float to_below = x - iq4_values::decode(static_cast<std::uint32_t>(below));
  const float to_above = iq4_values::decode(static_cast<std::uint32_t>(above)) - x;
  return static_cast<std::uint8_t>(to_below < to_above ? below : above);
}

// IQ4_NL and IQ4_XS: the best of fifteen scales that put the extreme beside the codebook's lowest entry.
inline float search_iq4(const float* x, int n) noexcept {
  const float extreme = extreme_of(x, n);
  if (magnitude(extreme) < negligible) return 0;
  const auto sums_for = [&](float inverse) {
    weighted_sums sums;
    for (int i = 0; i < n; ++i) sums.add_entry(x[i], iq4_values::decode(nearest_iq4(inverse * x[i])));
    return sums;
  };
  constexpr float lowest = iq4_values::decode(0);
  weighted_sums sums = sums_for(1 / (-extreme / lowest));
  float scale = sums.xq / sums.qq;
  float best = scale * sums.xq;
  for (int step = -7; step <= 7; ++step) {
    sums = sums_for((static_cast<float>(step) + lowest) / extreme);
    if (sums.better_than(best)) {
      scale = sums.xq / sums.qq;
      best = scale * sums.xq;
    }
  }
  return scale;
}

// MXFP4 and NVFP4: the first of the sixteen numbers at the least distance from x.
inline std::uint8_t nearest_e2m1(float x, float scale) noexcept {
  int best = 0;
  float least = magnitude(x);
  for (int code = 1; code < 16; ++code) {
    const float distance = magnitude(rounded(e2m1::decode(static_cast<std::uint32_t>(code)) * scale) - x);
    if (distance < least) {
      least = distance;
      best = code;
    }
  }
  return static_cast<std::uint8_t>(best);
}

// NVFP4's scales as ggml rounds them: half up by the bit below the last place, and everything from 248 on is 448.
inline std::uint8_t ue4m3_code(float x) noexcept {
  if (!(x > 0)) return 0;
  if (x > 448.0f) x = 448.0f;
  const auto u = bit_cast<std::uint32_t>(x);
  const int exponent = static_cast<int>(u >> 23) - 127 + 7;
  if (exponent <= 0) return static_cast<std::uint8_t>(clamped(truncated(rounded(x * 512.0f) + 0.5f), 0, 7));
  if (exponent >= 15) return 0x7e;
  const std::uint32_t rounded_up = (static_cast<std::uint32_t>(exponent) << 3 | (u >> 20 & 7u)) + (u >> 19 & 1u);
  return static_cast<std::uint8_t>(rounded_up >= 15u << 3 ? 0x7e : rounded_up);
}

}  // namespace lowp::inline LOWP_ABI::ggml::detail
