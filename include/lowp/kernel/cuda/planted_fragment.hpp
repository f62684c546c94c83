// Dequantizing codes that are evenly spaced numbers (i2, u3, i4, u8, any fixed point): a code is planted into the mantissa of a
// power of two, and one multiply-add takes the power of two away again.
//
//   f16    1024 + q         0 11001 000000qqqq      q at the bottom of a half
//          1024 + 16 q      0 11001 00qqqq0000      q four bits up, so that no shift is needed; the multiply-add divides by 16
//   bf16   128 + q          0 10000110 00qqqq       room for seven bits
//   f32    2^23 + q                                 room for 23
//
// Two's complement is made an offset by inverting its sign bit in the same LOP3. A zero point that is subtracted from the constant
// of the multiply-add costs nothing and is exact. Methods: Kim et al., "Who Says Elephants Can't Run", 2022 (arXiv 2211.10017),
// section 3; Marlin (arXiv 2408.11743), section 3.
#pragma once

#include <lowp/kernel/cuda/code_window.hpp>
#include <lowp/kernel/cuda/fragment.hpp>

#include <concepts>
#include <cstdint>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

// value(code) == first + step * (code ^ flip)
struct even_spacing {
  float first = 0;
  float step = 0;  // 0: the values are not evenly spaced
  std::uint32_t flip = 0;
};

template <table_format F>
constexpr even_spacing spacing_of() noexcept {
  constexpr std::uint32_t codes = 1u << F::bits;
  constexpr std::uint32_t half = codes / 2;
  for (std::uint32_t c = 0; c < codes; ++c) {
    const float value = decode<F>(c);
    if (is_nan(value) || magnitude(value) > f16::largest) return {};  // NaN first: no constant may be compared with it
  }
  const std::uint32_t flip = F::bits > 1 && decode<F>(half) < decode<F>(0) ? half : 0u;
  const even_spacing s{decode<F>(flip), decode<F>(1u ^ flip) - decode<F>(flip), flip};
  for (std::uint32_t c = 0; c < codes; ++c) {
    const double expected = static_cast<double>(s.first) + static_cast<double>(s.step) * (c ^ flip);
    const float value = decode<F>(c);
    if (static_cast<double>(value) != expected || (value == 0.0f && is_negative(value))) return {};
  }
  return s;
}

// Whether x is a number of Out.
template <class Out>
constexpr bool holds(double x) noexcept {
  return static_cast<double>(Out::decode(pattern_of<Out>(static_cast<float>(x)))) == x;
}

// The mantissa in which codes are planted: `room` bits, of the number 2^room.
template <class Out>
inline constexpr int room = std::same_as<Out, f32>   ? 23
                            : std::same_as<Out, f16> ? 10
                                                     : 7;

// value == fma(raw, scale, offset), half by half.
struct affine_terms {
  std::uint32_t scale;
  std::uint32_t offset;
};

// What the multiply-add does to a code planted `at` bits up.
template <table_format F, class Out>
struct planting {
  static constexpr even_spacing spacing = spacing_of<F>();

  LOWP_HD static constexpr double scale(int at) noexcept { return static_cast<double>(spacing.step) / (1 << at); }
  LOWP_HD static constexpr double offset(int at) noexcept { return static_cast<double>(spacing.first) - scale(at) * (1 << room<Out>); }
  static constexpr bool works(int at) noexcept { return spacing.step != 0 && holds<Out>(scale(at)) && holds<Out>(offset(at)); }
};

// Eight codes whose first bit is bit 8 * FirstByte of the window, to f16 or bf16.
template <class F, class Out, class Order, int FirstByte>
struct planted_fragment {
  using term = planting<F, Out>;
  using registers = std::make_integer_sequence<int, 4>;
  static constexpr bool fits = F::bits <= room<Out>;

  LOWP_HD static constexpr halves_plan plan(int r) noexcept {
    halves_plan p = plan_halves<F::bits, room<Out>>(code_stride<F> * Order::position(2 * r), code_stride<F> * Order::position(2 * r + 1));
    p.low.byte += FirstByte;
    p.high.byte += FirstByte;
    return p;
  }

  static constexpr bool works() noexcept {
    if constexpr (fits) {
      for (int r = 0; r < 4; ++r) {
        if (!term::works(plan(r).low.at) || !term::works(plan(r).high.at)) return false;
      }
    }
    return fits;
  }

  LOWP_HD static constexpr affine_terms affine(int r) noexcept {
    const half_place low = plan(r).low;
    const half_place high = plan(r).high;
    return {
        ptx::pair(pattern_of<Out>(static_cast<float>(term::scale(low.at))), pattern_of<Out>(static_cast<float>(term::scale(high.at)))),
        ptx::pair(pattern_of<Out>(static_cast<float>(term::offset(low.at))), pattern_of<Out>(static_cast<float>(term::offset(high.at))))};
  }

  LOWP_HD static constexpr fragment<Out> raw(std::uint64_t window) noexcept { return raw(window, registers{}); }

  // offsets: of affine(0) to affine(3), with a zero point taken off where there is one.
  LOWP_HD static constexpr fragment<Out> value(std::uint64_t window, const fragment<Out>& offsets) noexcept {
    return value(raw(window), offsets, registers{});
  }
  LOWP_HD static constexpr fragment<Out> offsets() noexcept {
    constexpr fragment<Out> all = {affine(0).offset, affine(1).offset, affine(2).offset, affine(3).offset};
    return all;
  }

 private:
  template <int... R>
  LOWP_HD static constexpr fragment<Out> raw(std::uint64_t window, std::integer_sequence<int, R...>) noexcept {
    return {planted<R>(window)...};
  }
  template <int... R>
  LOWP_HD static constexpr fragment<Out> value(const fragment<Out>& f, const fragment<Out>& offsets,
                                               std::integer_sequence<int, R...>) noexcept {
    return {step<R>(f.reg[R], offsets.reg[R])...};
  }
  template <int R>
  LOWP_HD static constexpr std::uint32_t step(std::uint32_t raw, std::uint32_t offset) noexcept {
    constexpr std::uint32_t scale = affine(R).scale;
    return ptx::fma2<Out>(raw, scale, offset);
  }

  template <int R>
  LOWP_HD static constexpr std::uint32_t planted(std::uint64_t window) noexcept {
    constexpr halves_plan p = plan(R);
    constexpr std::uint32_t mask = low_mask(F::bits) << p.low.at | low_mask(F::bits) << (p.high.at + 16);
    constexpr std::uint32_t flips = term::spacing.flip << p.low.at | term::spacing.flip << (p.high.at + 16);
    constexpr std::uint32_t power = ptx::both<Out>(1 << room<Out>);
    constexpr std::uint8_t lut = (ptx::lut_a & ptx::lut_b) ^ ptx::lut_c;
    if constexpr (F::bits == 8 && std::same_as<Out, f16> && p.low.byte / 4 == p.high.byte / 4) {
      // Whole bytes meet the high byte of the power of two in one PRMT; signs are inverted for four at once.
      constexpr std::uint32_t selector = static_cast<std::uint32_t>(p.low.byte % 4 | 4 << 4 | p.high.byte % 4 << 8 | 4 << 12);
      const auto word = static_cast<std::uint32_t>(window >> (p.low.byte / 4 * 32)) ^ term::spacing.flip * 0x01010101u;
      return ptx::prmt(word, power >> 8, selector);
    } else {
      return ptx::lop3<lut>(gather<p>(window), mask, power ^ flips);
    }
  }
};

// The same to f32.
template <class F, class Order, int FirstByte>
struct planted_floats {
  using term = planting<F, f32>;
  using numbers = std::make_integer_sequence<int, 8>;

  LOWP_HD static constexpr int bit(int e) noexcept { return code_stride<F> * Order::position(e); }
  LOWP_HD static constexpr int shift(int e) noexcept { return bit(e) + F::bits <= room<f32> ? 0 : bit(e) / 16 * 16; }
  LOWP_HD static constexpr int at(int e) noexcept { return bit(e) - shift(e); }

  static constexpr bool works() noexcept {
    for (int e = 0; e < 8; ++e) {
      if (!term::works(at(e)) || (bit_cast<std::uint32_t>(static_cast<float>(term::scale(0))) & 0x007fffffu) != 0) return false;
    }
    return true;
  }

  LOWP_HD static constexpr fragment<f32> offsets() noexcept { return offsets(numbers{}); }
  LOWP_HD static constexpr fragment<f32> value(std::uint64_t window, const fragment<f32>& offsets) noexcept {
    return value(window, offsets, numbers{});
  }

 private:
  template <int... E>
  LOWP_HD static constexpr fragment<f32> offsets(std::integer_sequence<int, E...>) noexcept {
    constexpr fragment<f32> all = {pattern_of<f32>(static_cast<float>(term::offset(at(E))))...};
    return all;
  }
  template <int... E>
  LOWP_HD static constexpr fragment<f32> value(std::uint64_t window, const fragment<f32>& offsets,
                                               std::integer_sequence<int, E...>) noexcept {
    return {number<E>(window, offsets.reg[E])...};
  }
  template <int E>
  LOWP_HD static constexpr std::uint32_t number(std::uint64_t window, std::uint32_t offset) noexcept {
    constexpr std::uint8_t lut = (ptx::lut_a & ptx::lut_b) ^ ptx::lut_c;
    constexpr std::uint32_t magic = 0x4b000000u ^ term::spacing.flip << at(E);
    constexpr std::uint32_t mask = low_mask(F::bits) << at(E);
    constexpr auto scale = static_cast<float>(term::scale(at(E)));  // a power of two: the product is exact
    const std::uint32_t planted = ptx::lop3<lut>(static_cast<std::uint32_t>(window >> (8 * FirstByte + shift(E))), mask, magic);
    return bit_cast<std::uint32_t>(bit_cast<float>(planted) * scale + bit_cast<float>(offset));
  }
};

}  // namespace lowp::inline LOWP_ABI::detail
