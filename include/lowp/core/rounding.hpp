// How a conversion picks one of the two neighbours of a value that lies between them.
//
// A rounding policy is asked whether to go from the neighbour nearer to zero (`kept`, whose lowest bit decides ties)
// to the one farther away, given the exact position between them as a 32-bit fraction and a sticky bit for what lies
// below it. One question serves integers, floats and tables alike.
//
//   lowp::encode<lowp::e2m1>(2.6f, lowp::toward_zero{});            // the code of 2
//   lowp::encode<lowp::i4>(2.6f, lowp::stochastic{.seed = 1});      // 2 or 3, the same in every run
#pragma once

#include <lowp/core/config.hpp>

#include <concepts>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// What becomes of values beyond the largest finite one. `propagate` gives infinity where the format has one, else NaN
// where it has that, else it saturates too.
enum class overflow { saturate, propagate };

namespace detail {

// Philox 2x32 with 10 rounds: a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011). The draw for an element depends on (seed, index) alone, so not on threads or on the order of work.
LOWP_HD constexpr std::uint32_t philox(std::uint64_t seed, std::uint64_t index) noexcept {
  auto low = static_cast<std::uint32_t>(index);
  auto high = static_cast<std::uint32_t>(index >> 32) ^ static_cast<std::uint32_t>(seed >> 32);
  auto key = static_cast<std::uint32_t>(seed);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product = std::uint64_t{0xd256d193u} * low;
    low = static_cast<std::uint32_t>(product >> 32) ^ key ^ high;
    high = static_cast<std::uint32_t>(product);
    key += 0x9e3779b9u;
  }
  return low;
}

}  // namespace detail

struct nearest_even {
  LOWP_HD constexpr bool away(std::uint32_t kept, std::uint32_t fraction, bool sticky) const noexcept {
    constexpr std::uint32_t half = 0x80000000u;
    return fraction > half || (fraction == half && (sticky || (kept & 1u) != 0));
  }
};

struct half_away {
  LOWP_HD constexpr bool away(std::uint32_t, std::uint32_t fraction, bool) const noexcept { return fraction >= 0x80000000u; }
};

struct toward_zero {
  LOWP_HD constexpr bool away(std::uint32_t, std::uint32_t, bool) const noexcept { return false; }
};

struct away_from_zero {
  LOWP_HD constexpr bool away(std::uint32_t, std::uint32_t fraction, bool sticky) const noexcept { return fraction != 0 || sticky; }
};

// Goes to the farther neighbour with a probability equal to the fraction (in steps of 2^-32), decided by the seed and
// the index of the element. An exactly representable value never moves.
struct stochastic {
  std::uint64_t seed = 0;
  std::uint64_t index = 0;

  LOWP_HD constexpr bool away(std::uint32_t, std::uint32_t fraction, bool) const noexcept { return fraction > detail::philox(seed, index); }
};

template <class R>
concept rounding_policy = requires(const R& r, std::uint32_t u) {
  { r.away(u, u, true) } -> std::same_as<bool>;
};

namespace detail {

// The policy for one element of many: only stochastic rounding differs between elements.
template <rounding_policy R>
LOWP_HD constexpr R rounding_at(R rounding, std::uint64_t index) noexcept {
  if constexpr (requires { rounding.index; }) rounding.index += index;
  return rounding;
}

struct rounded_part {
  std::uint32_t kept;
  std::uint32_t fraction;
  bool sticky;
};

// Splits significand * 2^-shift (significand below 2^24, shift >= 0) into its integer part and the rest.
LOWP_HD constexpr rounded_part split(std::uint32_t significand, int shift) noexcept {
  if (shift == 0) return {significand, 0, false};
  if (shift <= 32) {
    const std::uint64_t wide = std::uint64_t{significand} << (32 - shift);
    return {static_cast<std::uint32_t>(wide >> 32), static_cast<std::uint32_t>(wide), false};
  }
  if (shift >= 64) return {0, 0, significand != 0};
  const int drop = shift - 32;
  return {0, drop >= 32 ? 0 : significand >> drop, drop >= 32 ? significand != 0 : ((significand >> drop) << drop) != significand};
}

}  // namespace detail
}  // namespace lowp::inline LOWP_ABI
