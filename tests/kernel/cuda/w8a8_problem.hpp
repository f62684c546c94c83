// Products of 8-bit numbers to be computed on the host, and what they must come to.
#pragma once

#include <lowp_test.hpp>

#include <lowp/kernel/cuda/w8a8_output.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace lowp_test {

// Codes and scales of both operands, rows `stride` bytes apart after `offset` bytes.
template <class F>
struct w8a8_problem {
  std::size_t tokens, rows, cols, stride, offset;
  std::vector<std::uint8_t> x, w;
  std::vector<float> x_scales, w_scales;  // by row, then by block: large enough for either

  w8a8_problem(std::size_t m, std::size_t n, std::size_t k, std::size_t pad = 0, std::size_t first = 0, unsigned seed = 1)
      : tokens(m), rows(n), cols(k), stride(pad == 0 ? (k + 15) / 16 * 16 : k + pad), offset(first) {
    std::mt19937 random(seed);
    const auto fill = [&](std::vector<std::uint8_t>& codes, std::size_t count) {
      codes.assign(count * stride + first + 16, 0x7f);  // what lies between rows is NaN, or 127
      for (std::size_t r = 0; r < count; ++r) {
        for (std::size_t c = 0; c < k; ++c) {
          auto code = static_cast<std::uint8_t>(random());
          while (!lowp::is_finite(F::decode(code))) code = static_cast<std::uint8_t>(random());
          codes[first + r * stride + c] = code;
        }
      }
    };
    fill(x, m);
    fill(w, n);
    const auto scales = [&](std::vector<float>& s, std::size_t count) {
      s.resize(count);
      for (float& v : s) v = 0.001f * static_cast<float>(random() % 1000 + 1);
    };
    scales(x_scales, m * blocks());
    scales(w_scales, n * blocks());
  }

  std::size_t blocks() const { return (cols + 127) / 128 + 1; }
  double x_at(std::size_t t, std::size_t c) const { return F::decode(x[offset + t * stride + c]); }
  double w_at(std::size_t r, std::size_t c) const { return F::decode(w[offset + r * stride + c]); }

  // What run(arguments) makes of the problem, with a workspace for `slots` tiles of `tile_sums` sums if there are any.
  template <lowp::w8a8_scaling Scaling, class Y = float, class E = lowp::identity_epilogue, class Run>
  std::vector<Y> product_of(Run run, E epilogue = {}, std::size_t slots = 0, std::size_t tile_sums = 0) const {
    constexpr bool by_row = Scaling == lowp::w8a8_scaling::rows;
    // The addresses keep what alignment the strides and the offset have.
    std::vector<lowp::vector_of_words> room((x.size() + w.size()) / 16 + 4);
    auto* const x_copy = reinterpret_cast<std::uint8_t*>(room.data());
    auto* const w_copy = x_copy + (x.size() + 15) / 16 * 16;
    std::copy(x.begin(), x.end(), x_copy);
    std::copy(w.begin(), w.end(), w_copy);
    const lowp::w8a8_operand<F> left{x_copy + offset, stride, {x_scales.data(), by_row ? 1 : blocks(), by_row ? 0u : 1u}};
    const lowp::w8a8_operand<F> right{w_copy + offset, stride, {w_scales.data(), by_row ? 1 : blocks(), by_row ? 0u : 1u}};
    std::vector<Y> y(tokens * rows, Y(-77.0f));
    std::vector<std::uint32_t> sums(slots * tile_sums, 0x7fc00000u);
    std::vector<std::uint32_t> arrivals(slots);
    run(lowp::w8a8_arguments_of<Scaling>(left, right, cols, lowp::matrix_view<Y>{y.data(), tokens, rows}, epilogue,
                                         slots == 0 ? lowp::w8a8_workspace{} : lowp::w8a8_workspace{sums.data(), arrivals.data()}));
    for (const std::uint32_t count : arrivals) CHECK(count == 0);
    return y;
  }

  // How many results are not float(sum) * scale * scale of sums in 64-bit integers.
  int wrong_integers(const std::vector<float>& y) const {
    int wrong = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t r = 0; r < rows; ++r) {
        std::int64_t sum = 0;
        for (std::size_t c = 0; c < cols; ++c) sum += static_cast<std::int64_t>(x_at(t, c)) * static_cast<std::int64_t>(w_at(r, c));
        const float scaled = lowp::rounded(static_cast<float>(sum) * x_scales[t]) * w_scales[r];
        wrong += y[t * rows + r] != scaled ? 1 : 0;
      }
    }
    return wrong;
  }

  // Whether results y [>= 7 tokens] with block scales would be found out if the scales were those of other blocks.
  bool tells_blocks_apart(const std::vector<float>& y, double enough) const {
    w8a8_problem wrong_weights = *this;
    std::swap(wrong_weights.w_scales[0], wrong_weights.w_scales[1]);
    w8a8_problem wrong_tokens = *this;
    std::swap(wrong_tokens.x_scales[5 * blocks()], wrong_tokens.x_scales[6 * blocks()]);
    return wrong_weights.template worst_error<lowp::w8a8_scaling::blocks>(y) > 100 * enough &&
           wrong_tokens.template worst_error<lowp::w8a8_scaling::blocks>(y) > 100 * enough;
  }

  // The largest distance from sums in double, as a share of the sums of magnitudes.
  template <lowp::w8a8_scaling Scaling>
  double worst_error(const std::vector<float>& y) const {
    double worst = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t r = 0; r < rows; ++r) {
        double sum = 0;
        double size = 1e-30;
        for (std::size_t c = 0; c < cols; ++c) {
          const double scale = Scaling == lowp::w8a8_scaling::rows
                                   ? static_cast<double>(x_scales[t]) * w_scales[r]
                                   : static_cast<double>(x_scales[t * blocks() + c / 128]) * w_scales[r / 128 * blocks() + c / 128];
          sum += scale * x_at(t, c) * w_at(r, c);
          size += std::abs(scale * x_at(t, c) * w_at(r, c));
        }
        const double error = std::abs(static_cast<double>(y[t * rows + r]) - sum) / size;
        if (std::isnan(error)) return error;
        worst = std::fmax(worst, error);
      }
    }
    return worst;
  }
};

// Blocks 0 .. count - 1 in an order that `turns` decides.
inline std::vector<std::uint32_t> order_of_blocks(std::uint32_t count, unsigned turns) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  if (turns != 1) std::shuffle(order.begin(), order.end(), std::mt19937(turns));
  return order;
}

}  // namespace lowp_test
