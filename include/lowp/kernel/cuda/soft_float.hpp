// Multiply-add of f16 and bf16 in integer arithmetic, rounded once: what the device computes, for hosts that cannot.
//
//   using half = lowp::detail::soft_float<5, 10>;
//   half::fma(0x3c01, 0x3c01, 0xbc02) == 0x0010      // (1 + 2^-10)^2 - (1 + 2^-9) = 2^-20, lost if the product is rounded
//
// Source: IEEE 754-2019, fusedMultiplyAdd, roundTiesToEven; NaN results are PTX's canonical 0x7fff.
#pragma once

#include <lowp/core/bits.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

// IEEE 754 binary floating-point numbers of 16 bits, as patterns.
template <int Exponent, int Mantissa>
struct soft_float {
  static_assert(Exponent + Mantissa == 15);
  static constexpr int bias = (1 << (Exponent - 1)) - 1;
  static constexpr std::uint32_t infinity = low_mask(Exponent) << Mantissa;
  static constexpr std::uint32_t nan = 0x7fff;

  // x * y + z
  LOWP_HD static constexpr std::uint32_t fma(std::uint32_t x, std::uint32_t y, std::uint32_t z) noexcept {
    const std::uint32_t product_sign = (x ^ y) & 0x8000u;
    const std::uint32_t sum_sign = z & 0x8000u;
    x &= 0x7fffu;
    y &= 0x7fffu;
    z &= 0x7fffu;
    if (x > infinity || y > infinity || z > infinity) return nan;
    if (x == infinity || y == infinity) {
      return x == 0 || y == 0 || (z == infinity && sum_sign != product_sign) ? nan : product_sign | infinity;
    }
    if (z == infinity) return sum_sign | infinity;
    const scaled product = normalized(significand(x) * significand(y), exponent(x) + exponent(y));
    const scaled addend = normalized(significand(z), exponent(z));
    if (product.significand == 0) return addend.significand == 0 ? product_sign & sum_sign : sum_sign | z;
    if (addend.significand == 0) return product_sign | round(product);
    const bool product_leads =
        product.exponent != addend.exponent ? product.exponent > addend.exponent : product.significand >= addend.significand;
    scaled sum = product_leads ? product : addend;
    const scaled other = product_leads ? addend : product;
    const std::uint64_t rest = shifted(other.significand, sum.exponent - other.exponent);
    sum.significand = product_sign == sum_sign ? sum.significand + rest : sum.significand - rest;
    if (sum.significand == 0) return 0;
    return (product_leads ? product_sign : sum_sign) | round(sum);
  }

 private:
  // significand * 2^exponent
  struct scaled {
    std::uint64_t significand;
    int exponent;
  };

  LOWP_HD static constexpr std::uint64_t significand(std::uint32_t x) noexcept {
    return (x & low_mask(Mantissa)) | (x >> Mantissa != 0 ? std::uint32_t{1} << Mantissa : 0u);
  }
  LOWP_HD static constexpr int exponent(std::uint32_t x) noexcept {
    const int field = static_cast<int>(x >> Mantissa);
    return (field != 0 ? field : 1) - bias - Mantissa;
  }

  // With the leading bit at bit 61: room for a carry, and 39 bits below the longest product.
  LOWP_HD static constexpr scaled normalized(std::uint64_t m, int e) noexcept {
    const int up = m != 0 ? 62 - bit_width(m) : 0;
    return {m << up, e - up};
  }

  // m * 2^-count, where what falls off leaves its mark in the lowest bit, far below any rounding position.
  LOWP_HD static constexpr std::uint64_t shifted(std::uint64_t m, int count) noexcept {
    if (count > 62) return 1;
    const std::uint64_t kept = m >> count;
    return kept | ((kept << count) != m ? 1u : 0u);
  }

  LOWP_HD static constexpr std::uint32_t round(scaled v) noexcept {
    const int top = v.exponent + bit_width(v.significand) - 1;
    const int binade = top > 1 - bias ? top : 1 - bias;
    const int drop = binade - Mantissa - v.exponent;
    std::uint64_t kept = 0;
    if (drop <= 0) {
      kept = v.significand << -drop;
    } else if (drop < 64) {
      kept = v.significand >> drop;
      const std::uint64_t rest = v.significand - (kept << drop);
      const std::uint64_t half = std::uint64_t{1} << (drop - 1);
      if (rest > half || (rest == half && (kept & 1u) != 0)) ++kept;
    }
    // A carry out of the significand moves into the exponent by itself.
    const std::uint64_t code = (static_cast<std::uint64_t>(binade + bias - 1) << Mantissa) + kept;
    return code < infinity ? static_cast<std::uint32_t>(code) : infinity;
  }
};

}  // namespace lowp::inline LOWP_ABI::detail
