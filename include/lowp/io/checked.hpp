// 64-bit arithmetic that cannot wrap: every size and offset that comes from a file goes through it.
//
// Nearly all known overflows of model-file readers were a product or a sum that wrapped before it was compared with the
// size of the file. Here the result is empty instead, and an empty result can only become an error.
//
//   std::optional<std::uint64_t> bytes = lowp::checked_mul(rows, cols);
//   if (!bytes) LOWP_THROW("the tensor is too large");
#pragma once

#include <lowp/core/config.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace lowp::inline LOWP_ABI {

// a + b, or nothing if the sum needs more than 64 bits.
constexpr std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) noexcept {
  if (b > (std::numeric_limits<std::uint64_t>::max)() - a) return std::nullopt;
  return a + b;
}

// a * b, or nothing if the product needs more than 64 bits.
constexpr std::optional<std::uint64_t> checked_mul(std::uint64_t a, std::uint64_t b) noexcept {
  if (a != 0 && b > (std::numeric_limits<std::uint64_t>::max)() / a) return std::nullopt;
  return a * b;
}

// The smallest multiple of `alignment` that is at least `value`; nothing if it needs more than 64 bits or if the
// alignment is not a power of two.
constexpr std::optional<std::uint64_t> checked_align_up(std::uint64_t value, std::uint64_t alignment) noexcept {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0) return std::nullopt;
  const auto sum = checked_add(value, alignment - 1);
  if (!sum) return std::nullopt;
  return *sum & ~(alignment - 1);
}

// The number of elements of a shape: 1 for an empty one (a scalar), 0 if a dimension is 0.
//
// Nothing if the product of the dimensions other than 0 needs more than 64 bits: a caller may multiply only some of the
// dimensions, so a zero among them must not excuse an overflow between the others.
constexpr std::optional<std::uint64_t> checked_elements(std::span<const std::uint64_t> shape) noexcept {
  std::uint64_t product = 1;
  bool empty = false;
  for (const std::uint64_t dimension : shape) {
    if (dimension == 0) {
      empty = true;
      continue;
    }
    const auto next = checked_mul(product, dimension);
    if (!next) return std::nullopt;
    product = *next;
  }
  return empty ? 0 : product;
}

// The bytes that `elements` of `bits` each fill without a gap; nothing if they do not end on a byte, or do not fit.
constexpr std::optional<std::uint64_t> checked_bytes(std::uint64_t elements, std::uint64_t bits) noexcept {
  const auto total = checked_mul(elements, bits);
  if (!total || *total % 8 != 0) return std::nullopt;
  return *total / 8;
}

}  // namespace lowp::inline LOWP_ABI
