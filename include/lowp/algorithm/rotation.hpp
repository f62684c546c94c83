// Rotations by Hadamard matrices, which spread outliers over all channels and leave products as they are: (x Q) (w Q)^T = x w^T
// (QuaRot: Ashkboos et al. 2024, arXiv 2404.00456; QuIP#: Tseng et al. 2024, arXiv 2402.04396).
//
//   lowp::rotation q(4096, 7);                      // diag(random signs) * H / sqrt(4096)
//   q.rotate_rows(w);                               // w Q: a layer that reads the rotated channels
//   q.rotate_columns(o);                            // Q^T o: a layer that writes them, [channels, in]
//   q.rotate_rows_back(x);                          // x Q^T
//
// Sizes are m * 2^k, m = 1 or the order of a matrix by Paley's constructions: 12 20 24 28 36 44 48 60 68 72 76 84 108 ... So 768 = 12 * 64
// and 14336 = 28 * 512. The transform takes n (m + k) additions a row.
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/core/matrix_view.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI {

// Unscaled transform of a power of two of numbers in registers or local memory, for host and device alike: Sylvester's matrix.
template <std::size_t N>
LOWP_HD constexpr void hadamard(float (&x)[N]) noexcept {
  static_assert(N != 0 && (N & (N - 1)) == 0, "Sylvester's matrices have a power of two of rows");
  for (std::size_t step = 1; step < N; step *= 2) {
    for (std::size_t i = 0; i < N; i += 2 * step) {
      for (std::size_t j = i; j < i + step; ++j) {
        const float a = x[j];
        const float b = x[j + step];
        x[j] = a + b;
        x[j + step] = a - b;
      }
    }
  }
}

namespace detail {

constexpr bool is_prime(std::size_t n) noexcept {
  for (std::size_t d = 2; d * d <= n; ++d) {
    if (n % d == 0) return false;
  }
  return n > 1;
}

// Whether a is the square of something modulo the prime q: 1, -1, or 0 for 0.
inline int quadratic_character(std::size_t a, std::size_t q) noexcept {
  if (a % q == 0) return 0;
  for (std::size_t i = 1; i < q; ++i) {
    if (i * i % q == a % q) return 1;
  }
  return -1;
}

// Paley's first construction has q + 1 rows for a prime q = 3 mod 4, the second 2 (q + 1) for a prime q = 1 mod 4 (Paley 1933,
// "On Orthogonal Matrices"). 0 if neither has n rows.
constexpr std::size_t paley_prime(std::size_t n) noexcept {
  if (n >= 4 && is_prime(n - 1) && (n - 1) % 4 == 3) return n - 1;
  if (n >= 12 && n % 2 == 0 && is_prime(n / 2 - 1) && (n / 2 - 1) % 4 == 1) return n / 2 - 1;
  return 0;
}

// The rows of the matrix, of 1 and -1.
inline std::vector<std::int8_t> paley_matrix(std::size_t n) {
  const std::size_t q = paley_prime(n);
  std::vector<int> character(q);
  for (std::size_t i = 0; i < q; ++i) character[i] = quadratic_character(i, q);
  // Bordered by ones: skew where q = 3 mod 4, else symmetric.
  const auto core = [&](std::size_t i, std::size_t j) {
    if (i == j) return 0;
    if (i == 0) return 1;
    if (j == 0) return q % 4 == 3 ? -1 : 1;
    return character[(i + q - j) % q];
  };
  std::vector<std::int8_t> rows(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      int v = 0;
      if (n == q + 1) {
        v = core(i, j) + (i == j);
      } else {
        const int c = core(i / 2, j / 2);
        const bool both = i % 2 == 1 && j % 2 == 1;
        v = c != 0 ? (both ? -c : c) : (i % 2 == 0 && j % 2 == 0 ? 1 : -1);
      }
      rows[i * n + j] = static_cast<std::int8_t>(v);
    }
  }
  return rows;
}

}  // namespace detail

class rotation {
 public:
  // Signs follow from the seed alone; without, there are none and the matrix is H / sqrt(size). Throws lowp::error for a size that has no
  // matrix here.
  explicit rotation(std::size_t size) : size_(size), signs_(size, 1.0f) {
    power_ = 1;
    while (size != 0 && size % (2 * power_) == 0) power_ *= 2;
    // The largest power of two beside which what is left has a matrix.
    for (; power_ >= 1; power_ /= 2) {
      const std::size_t left = size / power_;
      if (size != 0 && (left == 1 || detail::paley_prime(left) != 0)) {
        if (left != 1) matrix_ = detail::paley_matrix(left);
        return;
      }
    }
    LOWP_THROW("no Hadamard matrix of ", size, " rows is known here");
  }
  rotation(std::size_t size, std::uint64_t seed) : rotation(size) {
    for (std::size_t i = 0; i < size; ++i) {
      std::uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u;  // SplitMix64
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      if (((z ^ (z >> 31)) & 1u) != 0) signs_[i] = -1.0f;
    }
  }

  std::size_t size() const noexcept { return size_; }

  // x Q for a row x. Throws lowp::error unless it has the rotation's size.
  void rotate(std::span<float> x) const {
    check(x.size());
    for (std::size_t i = 0; i < size_; ++i) x[i] *= signs_[i];
    transform(x, false);
  }
  // x Q^T
  void rotate_back(std::span<float> x) const {
    check(x.size());
    transform(x, true);
    for (std::size_t i = 0; i < size_; ++i) x[i] *= signs_[i];
  }

  void rotate_rows(matrix_view<float> m) const {
    each_row(m, [this](std::span<float> x) { rotate(x); });
  }
  void rotate_rows_back(matrix_view<float> m) const {
    each_row(m, [this](std::span<float> x) { rotate_back(x); });
  }
  // Q^T m
  void rotate_columns(matrix_view<float> m) const { rotate_rows(m.transposed()); }

 private:
  void check(std::size_t count) const {
    if (count != size_) LOWP_THROW(count, " channels do not fit a rotation of ", size_);
  }

  template <class F>
  void each_row(matrix_view<float> m, const F& f) const {
    check(m.cols());
    std::vector<float> row(size_);
    for (std::size_t r = 0; r < m.rows(); ++r) {
      for (std::size_t c = 0; c < size_; ++c) row[c] = m(r, c);
      f(std::span<float>(row));
      for (std::size_t c = 0; c < size_; ++c) m(r, c) = row[c];
    }
  }

  // x times the Kronecker product of the small matrix (or its transpose) and Sylvester's, scaled.
  void transform(std::span<float> x, bool transposed) const {
    const std::size_t m = size_ / power_;
    for (std::size_t step = 1; step < power_; step *= 2) {
      for (std::size_t i = 0; i < size_; i += 2 * step) {
        float* a = x.data() + i;
        float* b = a + step;
        for (std::size_t j = 0; j < step; ++j) {
          const float sum = a[j] + b[j];
          b[j] = a[j] - b[j];
          a[j] = sum;
        }
      }
    }
    const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(size_)));
    if (m == 1) {
      for (float& v : x) v *= scale;
      return;
    }
    const std::vector<float> before(x.begin(), x.end());
    for (std::size_t j = 0; j < m; ++j) {
      float* out = x.data() + j * power_;
      for (std::size_t b = 0; b < power_; ++b) out[b] = 0.0f;
      for (std::size_t i = 0; i < m; ++i) {
        const float sign = matrix_[transposed ? j * m + i : i * m + j] > 0 ? scale : -scale;
        const float* in = before.data() + i * power_;
        for (std::size_t b = 0; b < power_; ++b) out[b] += sign * in[b];
      }
    }
  }

  std::size_t size_;
  std::size_t power_ = 1;
  std::vector<float> signs_;
  std::vector<std::int8_t> matrix_;  // [size / power, size / power], or empty
};

}  // namespace lowp::inline LOWP_ABI
