// The concept of a number format: the value of each code. Everything else about it is derived, or refined by a format
// that can do better.
//
//   struct log3 {
//     static constexpr int bits = 3;
//     LOWP_HD static constexpr float decode(std::uint32_t code) {
//       constexpr float v[8] = {0, .125f, .5f, 1, -1, -.5f, -.125f, 0};
//       return v[code & 7];
//     }
//   };
//   static_assert(lowp::number_format<log3>);
#pragma once

#include <lowp/core/rounding.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// `bits` is the width of a code, 0 to 8, or more where the format brings its own encode; `decode` is total, constexpr
// and reads the low `bits` bits of its argument.
//
// A format may also offer
//   encode(x, rounding, overflow)   a closed form, for all rounding policies or some; lowp::laws proves it equal to the derived
//   ties                            which neighbour the derived encoder takes halfway between two values
//   threshold(i)                    the largest float that goes to the i-th of its numbers in ascending order and not to the
//                                   next, for a format whose published rule is not the midpoint
template <class F>
concept number_format = requires(std::uint32_t code) {
  { F::bits } -> std::convertible_to<int>;
  { F::decode(code) } -> std::convertible_to<float>;
  requires F::bits >= 0 && F::bits <= 32;
};

// A format whose values fit a table that the compiler can build.
template <class F>
concept table_format = number_format<F> && F::bits <= 8;

template <class F>
concept closed_form_format = number_format<F> && requires(float x, nearest_even r, overflow o) {
  { F::encode(x, r, o) } -> std::convertible_to<std::uint32_t>;
};

// Where a value exactly halfway between two numbers of a format goes.
enum class tie {
  even,        // to the even code; away from zero where both codes are odd, toward it where both are even
  lower,       // to the lower number
  upper,       // to the higher number
  toward_zero  // to the number nearer to zero
};

template <number_format F>
inline constexpr tie ties = [] {
  if constexpr (requires { F::ties; }) return F::ties;
  else return tie::even;
}();

// The unsigned type in which one code is kept when it is not packed.
template <number_format F>
using code_t = std::conditional_t<F::bits <= 8, std::uint8_t, std::conditional_t<F::bits <= 16, std::uint16_t, std::uint32_t>>;

// The value of a code: total, exact.
template <number_format F>
LOWP_HD constexpr float decode(std::uint32_t code) noexcept {
  return static_cast<float>(F::decode(code));
}

}  // namespace lowp::inline LOWP_ABI
