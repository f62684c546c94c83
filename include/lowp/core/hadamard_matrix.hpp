// Hadamard matrices: entries of 1 and -1, rows orthogonal. Built by rule for the sizes that models have.
//
//   lowp::hadamard_shape(11008)->base == 172         // = 172 * 64
//   std::vector<std::int8_t> h = lowp::hadamard_base(172);
//
// The matrix of size base * power is the Kronecker product of hadamard_base(base) with Sylvester's matrix, entry (i, j) of which is
// (-1)^popcount(i & j). Bases come from Paley's constructions (R. Paley, "On orthogonal matrices", 1933): p + 1 for a prime p that is 3
// modulo 4, 2 (q + 1) for a prime q, or its square, that is 1 modulo 4; and 172 from Williamson's ("Hadamard's determinant theorem and
// the sum of four squares", 1944), with circulants that are constant on the cosets of {1, 6, 36} modulo 43.
#pragma once

#include <lowp/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace lowp::inline LOWP_ABI {

// A size as a base and a power of two; base is 1 or a multiple of 4.
struct hadamard_sizes {
  std::size_t base;
  std::size_t power;
};

inline constexpr std::size_t hadamard_base_limit = 256;

namespace detail {

constexpr bool is_prime(std::size_t n) noexcept {
  if (n < 2) return false;
  for (std::size_t d = 2; d * d <= n; ++d) {
    if (n % d == 0) return false;
  }
  return true;
}

// The prime p with q == p or q == p * p; 0 if there is none.
constexpr std::size_t root_of_field(std::size_t q) noexcept {
  if (is_prime(q)) return q;
  for (std::size_t p = 2; p * p <= q; ++p) {
    if (p * p == q && is_prime(p)) return p;
  }
  return 0;
}

enum class hadamard_rule { none, one, paley_1, paley_2, williamson };

constexpr hadamard_rule rule_of_base(std::size_t base) noexcept {
  if (base == 1) return hadamard_rule::one;
  if (base > hadamard_base_limit || base % 4 != 0) return hadamard_rule::none;
  if (is_prime(base - 1)) return hadamard_rule::paley_1;
  const std::size_t q = base / 2 - 1;
  if (q % 4 == 1 && root_of_field(q) != 0) return hadamard_rule::paley_2;
  return base == 172 ? hadamard_rule::williamson : hadamard_rule::none;
}

// Whether the difference of two elements of the field of q = p or p * p elements is a square: 1, -1, or 0 where they are the same.
// Elements of the larger field are a + b r with r * r = d, no square, numbered a + p b.
class quadratic_character {
 public:
  explicit quadratic_character(std::size_t q) : q_(q), p_(root_of_field(q)), of_(q, -1) {
    std::vector<bool> is_square(p_);
    for (std::size_t a = 1; a < p_; ++a) is_square[a * a % p_] = true;
    std::size_t d = 1;
    while (is_square[d]) ++d;
    of_[0] = 0;
    for (std::size_t i = 1; i < q; ++i) {
      const std::size_t a = i % p_, b = i / p_;
      of_[(a * a + d * (b * b % p_)) % p_ + 2 * a * b % p_ * p_] = 1;
    }
  }

  std::int8_t operator()(std::size_t i, std::size_t j) const {
    const std::size_t a = (i % p_ + p_ - j % p_) % p_, b = (i / p_ + p_ - j / p_) % p_;
    return of_[a + (q_ == p_ ? 0 : b * p_)];
  }

 private:
  std::size_t q_;
  std::size_t p_;
  std::vector<std::int8_t> of_;
};

}  // namespace detail

// The base and the power of two that make a size, the smallest base; nothing for a size that is not built here.
constexpr std::optional<hadamard_sizes> hadamard_shape(std::size_t n) noexcept {
  if (n == 0) return std::nullopt;
  std::size_t odd = n;
  while (odd % 2 == 0) odd /= 2;
  for (std::size_t base = odd == 1 ? 1 : 4 * odd; base <= hadamard_base_limit && n % base == 0; base *= 2) {
    if (detail::rule_of_base(base) != detail::hadamard_rule::none) return hadamard_sizes{base, n / base};
  }
  return std::nullopt;
}

// The matrix of a base [base, base], row by row. Throws lowp::error for a size that is no base here.
inline std::vector<std::int8_t> hadamard_base(std::size_t base) {
  const detail::hadamard_rule rule = detail::rule_of_base(base);
  std::vector<std::int8_t> h(base * base, 1);
  if (rule == detail::hadamard_rule::paley_1) {
    const detail::quadratic_character character(base - 1);
    for (std::size_t i = 0; i < base; ++i) {
      for (std::size_t j = 0; j < base; ++j) {
        std::int8_t& entry = h[i * base + j];
        if (i == j || i == 0) entry = 1;
        else entry = j == 0 ? std::int8_t{-1} : character(i - 1, j - 1);
      }
    }
  } else if (rule == detail::hadamard_rule::paley_2) {
    // Each entry of the symmetric conference matrix becomes a block: 0 into (1 -1; -1 -1), 1 or -1 into that times (1 1; 1 -1).
    const detail::quadratic_character character(base / 2 - 1);
    for (std::size_t i = 0; i < base; ++i) {
      for (std::size_t j = 0; j < base; ++j) {
        const std::size_t row = i / 2, col = j / 2;
        const int corner = i % 2 == 1 && j % 2 == 1 ? -1 : 1;
        const int conference = row == 0 || col == 0 ? 1 : character(row - 1, col - 1);
        const int diagonal = i % 2 == 0 && j % 2 == 0 ? 1 : -1;
        h[i * base + j] = static_cast<std::int8_t>(row == col ? diagonal : conference * corner);
      }
    }
  } else if (rule == detail::hadamard_rule::williamson) {
    // The first rows of the circulants A, B, C, D, symmetric: bit i - 1 is set where entries i and 43 - i are -1.
    constexpr std::size_t size = 43;
    constexpr std::uint32_t rows[4] = {0x122867, 0x1e6d0e, 0x1a1594, 0x09af02};
    constexpr int order[4][4] = {{0, 1, 2, 3}, {1, 0, 3, 2}, {2, 3, 0, 1}, {3, 2, 1, 0}};
    constexpr int sign[4][4] = {{1, 1, 1, 1}, {-1, 1, -1, 1}, {-1, 1, 1, -1}, {-1, -1, 1, 1}};
    for (std::size_t i = 0; i < base; ++i) {
      for (std::size_t j = 0; j < base; ++j) {
        const std::size_t apart = (j % size + size - i % size) % size;
        const std::size_t bit = apart > size / 2 ? size - apart : apart;
        const bool minus = bit != 0 && (rows[order[i / size][j / size]] >> (bit - 1) & 1u) != 0;
        h[i * base + j] = static_cast<std::int8_t>((minus ? -1 : 1) * sign[i / size][j / size]);
      }
    }
  } else if (rule == detail::hadamard_rule::none) {
    LOWP_THROW("no Hadamard matrix of size ", base, " is built here");
  }
  return h;
}

}  // namespace lowp::inline LOWP_ABI
