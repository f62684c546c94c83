// Two codes of a packed window of 64 bits brought into the two halves of a word, by the fewest instructions: whole bytes are
// moved by one PRMT, and where in its half a code then lies is for the caller to live with, as far as it can.
//
//   constexpr auto plan = lowp::detail::plan_halves<3, 10>(0, 12);      // 3-bit codes at bits 0 and 12, anywhere in the low ten
//   lowp::detail::gather<plan>(window)                                  // bits 0..2 hold the first, bits 20..22 the second
//
// Codes that come to lie too high are shifted first; one shift serves both halves where that is possible.
#pragma once

#include <lowp/kernel/cuda/bits.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

// Bytes byte and byte + 1 of (window >> shift) are the half; the code's lowest bit is bit `at` of it. A shift below zero goes to the
// left, and a byte outside the window stands for bits that do not matter.
struct half_place {
  int shift;
  int byte;
  int at;
};

struct halves_plan {
  half_place low;
  half_place high;
};

LOWP_HD constexpr half_place place_after(int bit, int shift) noexcept { return {shift, (bit - shift) / 8, (bit - shift) % 8}; }

// The codes of Bits bits at bits `low` and `high` of the window, to lie within the lowest Room bits of their halves.
template <int Bits, int Room>
LOWP_HD constexpr halves_plan plan_halves(int low, int high) noexcept {
  static_assert(Bits <= Room, "a code fits where it shall lie");
  const auto fits = [](int bit, int shift) { return bit >= shift && (bit - shift) % 8 + Bits <= Room; };
  for (int shift = 0; shift < 8; ++shift) {
    if (fits(low, shift) && fits(high, shift)) return {place_after(low, shift), place_after(high, shift)};
  }
  int low_shift = 0;
  int high_shift = 0;
  while (!fits(low, low_shift)) ++low_shift;
  while (!fits(high, high_shift)) ++high_shift;
  return {place_after(low, low_shift), place_after(high, high_shift)};
}

LOWP_HD constexpr std::uint64_t moved_right(std::uint64_t window, int right) noexcept {
  return right >= 0 ? window >> right : window << -right;
}

LOWP_HD constexpr std::uint32_t two_bytes_from(int byte) noexcept {
  return static_cast<std::uint32_t>((byte < 0 ? 0 : byte) | (byte < 7 ? byte + 1 : 7) << 4);
}

template <halves_plan P>
LOWP_HD constexpr std::uint32_t gather(std::uint64_t window) noexcept {
  const std::uint64_t moved = moved_right(window, P.low.shift);
  const auto low = static_cast<std::uint32_t>(moved);
  const auto high = static_cast<std::uint32_t>(moved >> 32);
  constexpr std::uint32_t low_bytes = two_bytes_from(P.low.byte);
  constexpr std::uint32_t high_bytes = two_bytes_from(P.high.byte);
  if constexpr (P.low.shift != P.high.shift) {
    const std::uint64_t other = moved_right(window, P.high.shift);
    const auto other_low = static_cast<std::uint32_t>(other);
    if constexpr (P.low.byte < 3 && P.high.byte < 3) {
      return ptx::prmt(low, other_low, low_bytes | (high_bytes + 0x44u) << 8);
    } else {
      return ptx::pair(ptx::prmt(low, high, low_bytes), ptx::prmt(other_low, static_cast<std::uint32_t>(other >> 32), high_bytes));
    }
  } else if constexpr (P.low.byte == 0 && P.high.byte == 2) {
    return low;
  } else if constexpr (P.low.byte == 4 && P.high.byte == 6) {
    return high;
  } else {
    return ptx::prmt(low, high, low_bytes | high_bytes << 8);
  }
}

}  // namespace lowp::inline LOWP_ABI::detail
