// The triangular factor of a Hessian's inverse that GPTQ and its relatives walk along, by one factorization and one
// triangular inverse in blocks over the library's own products.
//
// With the columns in reversed order, H = L L^T and H^-1 = X^T X, X = L^-1, both lower triangular. The upper triangular U with
// H^-1 = U^T U in the order itself (Frantar et al. 2022, arXiv 2210.17323, section 3.3) is X read backwards:
// U(i, j) = X(n - 1 - i, n - 1 - j). So neither H^-1 nor a second factorization is needed.
//
//   auto x = inverse_factor(hessian, order, 0.01, thread_executor{2});
//   if (x) x->at(i, j);                                       // no factor: not positive definite
#pragma once

#include <lowp/algorithm/dense_product.hpp>

#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

// Rows and columns that are worked on at a time; diagonal blocks are factored in doubles.
inline constexpr std::size_t factor_block = 64;

// Lower triangle L of the block and its inverse, in place of the block and in `inverse`, both [size, size] in rows of factor_block.
// False if a pivot is not above `least` of its diagonal element.
inline bool factor_diagonal(double* block, double* inverse, const float* diagonal, std::size_t size, double least) {
  constexpr std::size_t s = factor_block;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = block[i * s + j];
      for (std::size_t k = 0; k < j; ++k) sum -= block[i * s + k] * block[j * s + k];
      if (i != j) {
        block[i * s + j] = sum / block[j * s + j];
        continue;
      }
      if (!(sum > least * static_cast<double>(diagonal[i]))) return false;
      block[i * s + i] = std::sqrt(sum);
    }
  }
  for (std::size_t j = 0; j < size; ++j) {
    inverse[j * s + j] = 1.0 / block[j * s + j];
    for (std::size_t i = j + 1; i < size; ++i) {
      double sum = 0;
      for (std::size_t k = j; k < i; ++k) sum -= block[i * s + k] * inverse[k * s + j];
      inverse[i * s + j] = sum / block[i * s + i];
    }
  }
  return true;
}

// L of a symmetric matrix given by its lower triangle, and the inverses of L's diagonal blocks.
struct lower_factor {
  std::size_t size;
  aligned_vector<float> numbers;   // [size, size]
  aligned_vector<float> inverses;  // [blocks][factor_block, factor_block]

  matrix_view<float> view() noexcept { return {numbers.data(), size, size}; }
  float* inverse(std::size_t block) noexcept { return inverses.data() + block * factor_block * factor_block; }
};

// Factors the lower triangle in place, column block by column block, each from all columns before it. False if the matrix is not
// positive definite as far as floats can tell.
template <executor_type Executor>
bool factorize(lower_factor& l, const Executor& executor) {
  constexpr std::size_t s = factor_block;
  constexpr std::size_t chunk = 192;  // rows of one part
  constexpr double least = 1e-6;
  const std::size_t n = l.size;
  const matrix_view<float> a = l.view();
  for (std::size_t first = 0; first < n; first += s) {
    const std::size_t width = n - first < s ? n - first : s;
    float_panels before(width, first);
    before.fill(0, a.block(first, 0, width, first));
    double diagonal[s * s] = {};
    double inverse[s * s] = {};
    float own[s];
    for (std::size_t i = 0; i < width; ++i) {
      for (std::size_t j = 0; j <= i; ++j) diagonal[i * s + j] = static_cast<double>(a(first + i, first + j));
      own[i] = a(first + i, first + i);
    }
    multiply_dense(a.block(first, 0, width, first), before.view(), [&](std::size_t i, std::size_t j, std::span<const float> v) {
      for (std::size_t c = 0; c < v.size() && j + c <= i; ++c) diagonal[i * s + j + c] -= static_cast<double>(v[c]);
    });
    if (!factor_diagonal(diagonal, inverse, own, width, least)) return false;
    float_panels solve(width, width);
    float* kept = l.inverse(first / s);
    for (std::size_t i = 0; i < width; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        a(first + i, first + j) = static_cast<float>(diagonal[i * s + j]);
        kept[i * s + j] = solve(i, j) = static_cast<float>(inverse[i * s + j]);
      }
    }
    const std::size_t below = first + width;
    executor(ceil_div(n - below, chunk), [&](std::size_t part) {
      const std::size_t begin = below + part * chunk;
      const std::size_t rows = n - begin < chunk ? n - begin : chunk;
      const auto own_columns = a.block(begin, first, rows, width);
      const auto subtract = [&](std::size_t i, std::size_t j, std::span<const float> v) {
        for (std::size_t c = 0; c < v.size(); ++c) own_columns(i, j + c) -= v[c];
      };
      multiply_dense(a.block(begin, 0, rows, first), before.view(), subtract);
      scratch<float> copy(rows * width);
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < width; ++j) copy[i * width + j] = own_columns(i, j);
      }
      const auto replace = [&](std::size_t i, std::size_t j, std::span<const float> v) {
        for (std::size_t c = 0; c < v.size(); ++c) own_columns(i, j + c) = v[c];
      };
      multiply_dense({copy.data(), rows, width}, solve.view(), replace);
    });
  }
  return true;
}

// X = L^-1, as panels of its columns: the panels hold X^T, so that (j, i) is X(i, j).
template <executor_type Executor>
float_panels invert(lower_factor& l, const Executor& executor) {
  constexpr std::size_t s = factor_block;
  const std::size_t n = l.size;
  const std::size_t blocks = ceil_div(n, s);
  float_panels x(n, n);
  executor(blocks, [&](std::size_t block) {
    const std::size_t first = block * s;
    const std::size_t width = n - first < s ? n - first : s;
    for (std::size_t i = 0; i < width; ++i) {
      for (std::size_t j = 0; j <= i; ++j) x(first + j, first + i) = l.inverse(block)[i * s + j];
    }
    float_panels sums(width, s);
    for (std::size_t row = first + s; row < n; row += s) {
      const std::size_t rows = n - row < s ? n - row : s;
      const panel_view known{x.view().data + (first / panel_rows * n + first) * panel_rows, width, row - first, n * panel_rows};
      const auto negate = [&](std::size_t i, std::size_t j, std::span<const float> v) {
        for (std::size_t c = 0; c < v.size(); ++c) sums(j + c, i) = -v[c];
      };
      multiply_dense(l.view().block(row, first, rows, row - first), known, negate);
      const auto put = [&](std::size_t i, std::size_t j, std::span<const float> v) {
        for (std::size_t c = 0; c < v.size(); ++c) x(first + j + c, row + i) = v[c];
      };
      multiply_dense({l.inverse(row / s), rows, rows, s}, sums.view().columns(0, rows), put);
    }
  });
  return x;
}

// Triangular factor of the inverse of H + damping * mean(diag H) * I, in the given order of its columns.
class inverse_triangle {
 public:
  explicit inverse_triangle(float_panels x) : x_(std::move(x)) {}

  std::size_t size() const noexcept { return x_.rows(); }
  // U(i, j), i <= j, in the order itself.
  float at(std::size_t i, std::size_t j) const noexcept { return x_(size() - 1 - j, size() - 1 - i); }
  // X^T in panels: what is subtracted from the columns j < i, all backwards, lies in one row of X.
  const float_panels& backwards() const noexcept { return x_; }

 private:
  float_panels x_;
};

// Columns that never saw an input (a zero on the diagonal) count as independent. Nothing if H is not positive definite.
template <executor_type Executor>
std::optional<inverse_triangle> inverse_factor(matrix_view<const float> h, std::span<const std::size_t> order, double damping,
                                               const Executor& executor) {
  const std::size_t n = h.rows();
  double mean = 0;
  for (std::size_t i = 0; i < n; ++i) mean += static_cast<double>(h(i, i)) / static_cast<double>(n);
  lower_factor l{n, aligned_vector<float>(n * n), aligned_vector<float>(ceil_div(n, factor_block) * factor_block * factor_block)};
  executor(ceil_div(n, factor_block), [&](std::size_t part) {
    const std::size_t end = n - part * factor_block < factor_block ? n : (part + 1) * factor_block;
    for (std::size_t i = part * factor_block; i < end; ++i) {
      const std::size_t row = order[n - 1 - i];
      for (std::size_t j = 0; j < i; ++j) l.numbers[i * n + j] = h(row, order[n - 1 - j]);
      const double diagonal = h(row, row) == 0.0f ? 1.0 : static_cast<double>(h(row, row));
      l.numbers[i * n + i] = static_cast<float>(diagonal + damping * mean);
    }
  });
  if (!factorize(l, executor)) return std::nullopt;
  return inverse_triangle(invert(l, executor));
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
