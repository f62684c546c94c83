// Dequantizing minifloats of 5 to 8 bits (e4m3, e5m2, their fnuz kin, e2m3, e3m2): sign, exponent and mantissa are put where f16 or
// bf16 has them, which gives the number times a power of two, the exponent debt; one multiplication pays it. Subnormals need no
// care, since the multiplication is exact.
//
//   e4m3        s eeee mmm                      f16    s 0eeee mmm0000000            * 2^8      = 2^(15 - 7)
//                                               bf16   s 0000eeee mmm0000            * 2^120    = 2^(127 - 7)
//   e5m2        s eeeee mm                      f16    s eeeee mm00000000            as it is
//
// NaN and infinity would become numbers this way, so `value` sets the exponent bits that their codes leave clear: adding one to the
// last bit of what is all ones in them carries into the bit above, in no other code. From sm_89 on one instruction converts two
// codes of e4m3 or e5m2 to f16; to bf16 they go by way of f32. Source: OCP 8-bit Floating Point Specification 1.0; PTX ISA 9.0, cvt.
#pragma once

#include <lowp/format/minifloat.hpp>
#include <lowp/kernel/cuda/code_window.hpp>
#include <lowp/kernel/cuda/fragment.hpp>

#include <concepts>
#include <cstdint>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

template <class F>
inline constexpr bool is_minifloat_format = false;
template <int Exponent, int Mantissa, special_values Specials, int Bias>
inline constexpr bool is_minifloat_format<minifloat<Exponent, Mantissa, Specials, Bias>> = true;
template <class F, int Stride>
inline constexpr bool is_minifloat_format<spaced<F, Stride>> = is_minifloat_format<F>;

template <class Out>
struct half_fields {
  static constexpr int exponent = std::same_as<Out, f16> ? 5 : 8;
  static constexpr int mantissa = 15 - exponent;
  static constexpr int bias = (1 << (exponent - 1)) - 1;
};

template <class F, class Out>
constexpr bool minifloat_fits() noexcept {
  if constexpr (is_minifloat_format<F>) {
    using to = half_fields<Out>;
    const int debt = to::bias - F::bias;
    const bool room = F::exponent_bits < to::exponent || (F::exponent_bits == to::exponent && F::specials == special_values::ieee);
    return F::bits > 4 && room && F::mantissa_bits <= to::mantissa && debt <= to::bias && debt > -to::bias;
  } else {
    return false;
  }
}

template <class F, class Out, class Order, int FirstByte>
struct minifloat_fragment {
  using to = half_fields<Out>;
  static constexpr int debt = to::bias - F::bias;
  static constexpr bool raw_keeps_special_values = F::specials == special_values::none || F::exponent_bits == to::exponent;

  LOWP_HD static constexpr fragment<Out> raw(std::uint64_t window) noexcept { return raw(window, registers{}); }
  LOWP_HD static constexpr fragment<Out> value(std::uint64_t window) noexcept { return value(window, registers{}); }

 private:
  using registers = std::make_integer_sequence<int, 4>;
  static constexpr int down = to::exponent - F::exponent_bits;
  static constexpr std::uint32_t magnitudes = (low_mask(F::bits - 1) << (to::mantissa - F::mantissa_bits)) * 0x00010001u;
  static constexpr std::uint32_t signs = 0x80008000u;

  template <int... R>
  LOWP_HD static constexpr fragment<Out> raw(std::uint64_t window, std::integer_sequence<int, R...>) noexcept {
    return {raw_of<R>(window)...};
  }
  template <int... R>
  LOWP_HD static constexpr fragment<Out> value(std::uint64_t window, std::integer_sequence<int, R...>) noexcept {
    return {value_of<R>(window)...};
  }

  LOWP_HD static constexpr int bit(int e) noexcept { return 8 * FirstByte + code_stride<F> * Order::position(e); }

  // Two codes at the top of the halves; below them is whatever lay there.
  template <int R>
  LOWP_HD static constexpr std::uint32_t aligned(std::uint64_t window) noexcept {
    // The code's last bit becomes the last of a byte, which is the upper one of its half.
    constexpr auto place = [](int end) { return half_place{-((8 - end % 8) % 8), (end + 7) / 8 - 2, 0}; };
    constexpr halves_plan p = {place(bit(2 * R) + F::bits), place(bit(2 * R + 1) + F::bits)};
    return gather<p>(window);
  }

  template <int R>
  LOWP_HD static constexpr std::uint32_t raw_of(std::uint64_t window) noexcept {
    const std::uint32_t x = aligned<R>(window);
    if constexpr (down == 0) return x & (signs | magnitudes);
    else return with_sign(x, magnitude_of(x));
  }

  LOWP_HD static constexpr std::uint32_t magnitude_of(std::uint32_t x) noexcept { return x >> down & magnitudes; }
  LOWP_HD static constexpr std::uint32_t with_sign(std::uint32_t x, std::uint32_t y) noexcept {
    constexpr std::uint8_t lut = (ptx::lut_a & ptx::lut_b) | ptx::lut_c;
    return ptx::lop3<lut>(x, signs, y);
  }

  template <int R>
  LOWP_HD static constexpr std::uint32_t value_of(std::uint64_t window) noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
    if constexpr (ptx::native_byte_float<F>) {
      if (!__builtin_is_constant_evaluated()) {
        const std::uint32_t halves = ptx::widen_bytes<F>(two_bytes<R>(window));
        if constexpr (std::same_as<Out, f16>) return halves;
        else return ptx::pair_of_bf16(ptx::widen2<f16>(halves));
      }
    }
#endif
    if constexpr (debt == 0) return raw_of<R>(window);
    constexpr std::uint32_t power = ptx::both<Out>(power_of_two(debt));
    if constexpr (raw_keeps_special_values) {
      return ptx::mul2<Out>(raw_of<R>(window), power);
    } else {
      const std::uint32_t x = aligned<R>(window);
      return ptx::mul2<Out>(with_sign(x, with_special_values(x, magnitude_of(x))), power);
    }
  }

  LOWP_HD static constexpr std::uint32_t with_special_values(std::uint32_t x, std::uint32_t y) noexcept {
    if constexpr (F::specials == special_values::fnuz) {
      // A sign without a magnitude: no other code leaves the top bit of this difference.
      constexpr std::uint8_t lut = ptx::lut_a & ptx::lut_b & ptx::lut_c;
      const std::uint32_t nan = ptx::lop3<lut>(signs - y, x, signs);
      return y | (nan - (nan >> 9));
    } else {
      constexpr int lowest = F::specials == special_values::fn ? to::mantissa - F::mantissa_bits : to::mantissa;
      constexpr std::uint32_t above = 0x00010001u << (to::mantissa + F::exponent_bits);
      const std::uint32_t carried = y + (0x00010001u << lowest);
      if constexpr (down == 1) {
        constexpr std::uint8_t lut = (ptx::lut_a & ptx::lut_b) | ptx::lut_c;
        return ptx::lop3<lut>(carried, above, y);
      } else {
        return (carried & above) * low_mask(down) + y;
      }
    }
  }

  // The codes of register R in the two lowest bytes.
  template <int R>
  LOWP_HD static constexpr std::uint32_t two_bytes(std::uint64_t window) noexcept {
    constexpr int low = FirstByte + Order::position(2 * R);
    constexpr int high = FirstByte + Order::position(2 * R + 1);
    if constexpr (high == low + 1 && low % 2 == 0) return static_cast<std::uint32_t>(window >> (8 * low));
    else return ptx::prmt(static_cast<std::uint32_t>(window), static_cast<std::uint32_t>(window >> 32), low | high << 4);
  }
};

}  // namespace lowp::inline LOWP_ABI::detail
