// Products to compare kernels with: in double precision, from plain codes, with none of the kernels' code.
#pragma once

#include <lowp_test.hpp>

#include <random_matrix.hpp>

#include <lowp/kernel/cpu/gemm.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <vector>

namespace reference {

template <lowp::scheme_type S>
void fill_at_random(lowp::quantized<S>& q, std::uint64_t seed);

// The nearest codes of numbers in [low, high]; where a scheme stores them, codes of its format between 1 and 4 and any scales.
template <lowp::number_format F>
void fill(lowp::number_grid<F>& grid, std::uint64_t seed, double low, double high) {
  const auto codes = grid.codes();
  for (std::size_t i = 0; i < codes.rows() * codes.cols(); ++i) {
    codes(i / codes.cols(), i % codes.cols()) = lowp::encode<F>(static_cast<float>(low + (high - low) * random_unit(seed, i)));
  }
}
template <lowp::scheme_type S>
void fill(lowp::quantized<S>& grid, std::uint64_t seed, double, double) {
  fill_at_random(grid, seed);
  const auto codes = grid.codes();
  for (std::size_t i = 0; i < codes.rows() * codes.cols(); ++i) {
    codes(i / codes.cols(), i % codes.cols()) = lowp::encode<typename S::format>(static_cast<float>(1 + 3 * random_unit(seed, i)));
  }
}

// Any finite codes, scales between 1/2 and 2, zero points within the codes' range.
template <lowp::scheme_type S>
void fill_at_random(lowp::quantized<S>& q, std::uint64_t seed) {
  using F = typename S::format;
  const auto codes = q.codes();
  for (std::size_t i = 0; i < codes.rows() * codes.cols(); ++i) {
    auto& code = codes(i / codes.cols(), i % codes.cols());
    if constexpr (F::bits > 8) {
      code = lowp::encode<F>(static_cast<float>(random_normal(seed, i)));
    } else {
      std::uint64_t draw = random_bits(seed, i);
      while (!lowp::is_finite(lowp::decode<F>(static_cast<std::uint32_t>(draw) & lowp::low_mask(F::bits)))) draw >>= 1;
      code = static_cast<std::uint8_t>(static_cast<std::uint32_t>(draw) & lowp::low_mask(F::bits));
    }
  }
  fill(q.scales(), seed + 1, 0.5, 2.0);
  if constexpr (S::has_zero) fill(q.zeros(), seed + 2, lowp::limits<F>.lowest, lowp::limits<F>.largest);
}

template <lowp::scheme_type S>
lowp::quantized<S> random_weights(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  lowp::quantized<S> q(rows, cols);
  fill_at_random(q, seed);
  return q;
}

// Weights as plain numbers, and how large the numbers are from which an exact kernel may compute them.
template <lowp::scheme_type S>
struct plain_weights {
  std::size_t rows, cols;
  std::vector<double> value, size;

  explicit plain_weights(const lowp::quantized<S>& q) : rows(q.rows()), cols(q.cols()), value(rows * cols), size(rows * cols) {
    using F = typename S::format;
    double centre = 0;
    if constexpr (S::has_zero) {
      if constexpr (lowp::integer_format<F>)
        centre = std::floor((double{lowp::limits<F>.lowest} + double{lowp::limits<F>.largest} + 1) / 2);
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      const lowp::affine<S> group = q.group_of(i / cols, i % cols);
      const double code = lowp::decode<F>(q.codes()(i / cols, i % cols));
      if constexpr (S::has_added_term) {
        const double term = S::has_bias ? group.zero : -group.zero;
        value[i] = group.scale * code + term;
        size[i] = std::abs(group.scale * code) + std::abs(term);
        continue;
      }
      value[i] = group.scale * (code - group.zero);
      size[i] = std::abs(group.scale) * (S::has_zero ? std::abs(code - centre) + std::abs(group.zero - centre) : std::abs(code));
    }
  }
};

// y = x * w^T and sum |x| |w|, both [tokens, rows].
struct product {
  std::vector<double> y, size;
};

template <lowp::scheme_type S>
product multiply(const std::vector<float>& x, std::size_t tokens, const plain_weights<S>& w) {
  product p{std::vector<double>(tokens * w.rows), std::vector<double>(tokens * w.rows)};
  for (std::size_t m = 0; m < tokens; ++m) {
    for (std::size_t n = 0; n < w.rows; ++n) {
      double sum = 0;
      double size = 0;
      for (std::size_t k = 0; k < w.cols; ++k) {
        sum += x[m * w.cols + k] * w.value[n * w.cols + k];
        size += std::abs(x[m * w.cols + k]) * w.size[n * w.cols + k];
      }
      p.y[m * w.rows + n] = sum;
      p.size[m * w.rows + n] = size;
    }
  }
  return p;
}

// The largest error in units of 2^-24 * sum |x| |w|; infinity if a result is not a number.
inline double worst_error(const std::vector<float>& y, const product& expected, std::size_t count) {
  double worst = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double error = std::abs(y[i] - expected.y[i]) * 0x1p24;
    if (error == 0) continue;
    const double relative = error / expected.size[i];
    worst = relative <= worst ? worst : std::isnan(relative) ? std::numeric_limits<double>::infinity() : relative;
  }
  return worst;
}

// Runs every instruction set on tokens 1 to 64 and compares with double precision. The promise is gemm_roundings; on these
// shapes and numbers no kernel is worse than `most`.
template <lowp::scheme_type S>
void check_product(std::string_view scheme, std::size_t rows, std::size_t cols, double most = 16) {
  constexpr std::size_t tokens[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 64};
  const auto q = random_weights<S>(rows, cols, rows * 1000 + cols);
  const auto packed = lowp::pack<lowp::layout::tile16>(q);
  const std::vector<float> x = normal_numbers(64 * cols, 3);
  const product expected = multiply(x, 64, plain_weights<S>(q));
  std::vector<float> y(64 * rows);
  lowp::for_each_isa([&](lowp::isa version) {
    for (const std::size_t m : tokens) {
      INFO(scheme << " " << rows << " x " << cols << ", " << m << " tokens on " << lowp::name(version));
      y.assign(y.size(), std::numeric_limits<float>::quiet_NaN());
      lowp::gemm(view_of(x, m, cols), packed, {y.data(), m, rows}, {.limit = version});
      CHECK(worst_error(y, expected, m * rows) <= most);
    }
  });
}

}  // namespace reference
