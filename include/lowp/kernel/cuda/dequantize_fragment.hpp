// Dequantizers for kernels of one's own: eight packed codes in registers become four registers of f16 or bf16 pairs, in the order
// that mma.sync wants, or eight of f32. Any format of at most 8 bits; the method is found by what its values are.
//
//   __global__ void my_kernel(const std::uint32_t* words, ...) {
//     const lowp::fragment<lowp::f16> a = lowp::dequantize_fragment<lowp::nf4, lowp::f16>(words[i]);
//     asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 ..." :: "r"(a.reg[0]), "r"(a.reg[1]), ...);
//   }
//
// What they cost: integer + other instructions for eight codes, constants left out (bench/kernel/cuda_instructions.py), natural order and,
// behind a stroke, interleaved where that differs.
//
//                                                to f16               to bf16              to f32
//   2 bits, evenly spaced (i2, u2)               6 + 4 / 5 + 4        9 + 4 / 7 + 4        8 + 8
//   3 bits (in two planes: 13 more)              8 + 4 / 6 + 4        11 + 4 / 10 + 4      9 + 8
//   4 bits (i4, u4)                              8 + 4 / 5 + 4        11 + 4 / 7 + 4       9 + 8
//   8 bits (u8 to f16: 4 + 4)                    6 + 4 / 8 + 4        14 + 8               10 + 8
//   e4m3, e5m2 from sm_89 on                     2 + 4 / 4 + 4        2 + 16 / 4 + 16      2 + 12
//   e4m3; e5m2 before                            24 + 4; 8            28 + 4               8 more than f16
//   e4m3fnuz                                     36 + 4               36 + 4               36 + 12
//   e2m3, e3m2 (in bytes to f16: 18 + 4)         25 + 4 / 22 + 4      25 + 4 / 22 + 4      25 + 12
//   a sign bit and eight magnitudes (e2m1)       17 / 13              21 / 17              27
//   any table of 3 bits (nf3)                    18 / 22              18 / 22              34
//   any table of 4 bits (nf4)                    21 / 25              21 / 25              45
//   any, 5 to 8 bits                             decode, then rounding: as many as decode takes
#pragma once

#include <lowp/kernel/cuda/minifloat_fragment.hpp>
#include <lowp/kernel/cuda/planted_fragment.hpp>
#include <lowp/kernel/cuda/table_fragment.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

namespace detail {

// How codes become numbers, the first that works.
enum class method {
  planted,       // evenly spaced, in the mantissa of Out
  upper_halves,  // evenly spaced, to bf16 by way of f32
  minifloat,     // sign, exponent and mantissa moved
  table,         // up to 4 bits
  through_f16,   // to f32, from a fragment of f16 that is exact
  through_bf16,  // to f32 or f16, from a fragment of bf16 that is exact
  decoded        // one by one
};

template <class F, class Out>
constexpr bool planted_works() noexcept {
  if constexpr (std::same_as<Out, f32>)
    return planted_floats<F, natural_order, 0>::works() && planted_floats<F, interleaved_order, 0>::works();
  else return planted_fragment<F, Out, natural_order, 0>::works() && planted_fragment<F, Out, interleaved_order, 0>::works();
}

template <class F, class Out>
constexpr method method_of() noexcept {
  if (planted_works<F, Out>()) return method::planted;
  if constexpr (std::same_as<Out, bf16>) {
    if (planted_works<F, f32>() && exact_in<F, bf16>()) return method::upper_halves;
  }
  if constexpr (F::bits <= 4) return method::table;
  if constexpr (!std::same_as<Out, f32>) {
    if (minifloat_fits<F, Out>()) return method::minifloat;
  }
  if constexpr (!std::same_as<Out, f16>) {
    if (minifloat_fits<F, f16>() && exact_in<F, f16>()) return method::through_f16;
  }
  if (minifloat_fits<F, bf16>() && exact_in<F, bf16>()) return method::through_bf16;
  return method::decoded;
}

template <class F, class Out>
constexpr bool interleaved_is_cheaper() noexcept {
  if (method_of<F, Out>() == method::planted) return code_stride<F> < 8 && !std::same_as<Out, f32>;
  if constexpr (F::bits <= 4) return std::same_as<typename table_fragment<F, Out>::order, interleaved_order>;
  return false;
}

// Eight numbers of packed codes, one by one.
template <class F, class Out>
struct decoded_fragment {
  LOWP_HD static constexpr fragment<Out> value(std::uint64_t run) noexcept {
    if constexpr (std::same_as<Out, f32>) {
      return {number(run, 0), number(run, 1), number(run, 2), number(run, 3),
              number(run, 4), number(run, 5), number(run, 6), number(run, 7)};
    } else {
      return {ptx::pair(number(run, 0), number(run, 1)), ptx::pair(number(run, 2), number(run, 3)),
              ptx::pair(number(run, 4), number(run, 5)), ptx::pair(number(run, 6), number(run, 7))};
    }
  }

 private:
  LOWP_HD static constexpr std::uint32_t number(std::uint64_t run, int i) noexcept {
    return pattern_of<Out>(ptx::widen<F>(static_cast<std::uint32_t>(run >> (code_stride<F> * i)) & low_mask(F::bits)));
  }
};

// The same numbers in another type.
template <class Out, class From>
LOWP_HD constexpr fragment<Out> recast(const fragment<From>& f) noexcept {
  if constexpr (std::same_as<Out, bf16> && std::same_as<From, f32>) {
    // Numbers of bf16: their lower halves are zero.
    return {ptx::prmt(f.reg[0], f.reg[1], 0x7632), ptx::prmt(f.reg[2], f.reg[3], 0x7632), ptx::prmt(f.reg[4], f.reg[5], 0x7632),
            ptx::prmt(f.reg[6], f.reg[7], 0x7632)};
  } else {
    const ptx::two_floats a = ptx::widen2<From>(f.reg[0]);
    const ptx::two_floats b = ptx::widen2<From>(f.reg[1]);
    const ptx::two_floats c = ptx::widen2<From>(f.reg[2]);
    const ptx::two_floats d = ptx::widen2<From>(f.reg[3]);
    if constexpr (std::same_as<Out, f32>) {
      return {pattern_of<f32>(a.low), pattern_of<f32>(a.high), pattern_of<f32>(b.low), pattern_of<f32>(b.high),
              pattern_of<f32>(c.low), pattern_of<f32>(c.high), pattern_of<f32>(d.low), pattern_of<f32>(d.high)};
    } else {
      return {ptx::pair(ptx::narrow<Out>(a.low), ptx::narrow<Out>(a.high)), ptx::pair(ptx::narrow<Out>(b.low), ptx::narrow<Out>(b.high)),
              ptx::pair(ptx::narrow<Out>(c.low), ptx::narrow<Out>(c.high)), ptx::pair(ptx::narrow<Out>(d.low), ptx::narrow<Out>(d.high))};
    }
  }
}

}  // namespace detail

// The dequantizer of a format and what is known of it at compile time.
//
//   exact            every number of the format is one of Out. Where not (nf4), it is the nearest, ties to even.
//   position(e)      which of the eight codes number e of the fragment is
//   value(run)       the numbers. NaN stays NaN, infinity infinity; -0 stays -0.
//   value(run, z)    the numbers less a zero point, z = zero_point(code): exact, and in as many instructions (evenly spaced formats)
//   raw(run)         the numbers before the last step, for kernels that fold a scale or a zero point into it
//   affine(r)        that step for register r: value == fma2<Out>(raw, scale, offset), exactly, save for what raw does not keep
//   exponent_debt    value == raw * 2^exponent_debt, where that is all of it (minifloats)
//   raw_keeps_nan    whether NaN and infinity are still there in raw
//
// value_at<B>(window) takes the run that begins at byte B of a window of two words, at no cost for planted formats and minifloats: a
// run of 3-bit codes in the middle of six words, the second run of 2-bit codes in one.
template <table_format Format, fragment_type Out, fragment_order Order = natural_order>
requires(Format::bits >= 1) struct fragment_dequantizer {
  using format = Format;
  static constexpr detail::method method = detail::method_of<Format, Out>();
  using order = std::conditional_t<!std::same_as<Order, any_order>, Order,
                                   std::conditional_t<detail::interleaved_is_cheaper<Format, Out>(), interleaved_order, natural_order>>;

 private:
  static constexpr bool planted = method == detail::method::planted;
  static constexpr bool moved = method == detail::method::minifloat;
  static constexpr bool has_raw = !std::same_as<Out, f32> && (planted || moved);
  // What makes the numbers, or the f32 that they are the upper halves of.
  template <int FirstByte>
  using float_method = detail::planted_floats<Format, order, FirstByte>;
  template <int FirstByte>
  using half_method = std::conditional_t<planted, detail::planted_fragment<Format, Out, order, FirstByte>,
                                         detail::minifloat_fragment<Format, Out, order, FirstByte>>;

 public:
  static constexpr bool exact = detail::exact_in<Format, Out>();
  static constexpr bool has_zero_points = planted || method == detail::method::upper_halves;
  static constexpr int exponent_debt = [] {
    if constexpr (moved) return half_method<0>::debt;
    else return 0;
  }();
  static constexpr bool raw_is_value = !has_raw || (moved && exponent_debt == 0);
  static constexpr bool raw_keeps_nan = [] {
    if constexpr (moved) return half_method<0>::raw_keeps_special_values;
    else return true;
  }();

  LOWP_HD static constexpr int position(int e) noexcept { return order::position(e); }

  LOWP_HD static constexpr fragment<Out> value(packed_run<Format> run) noexcept { return value_at<0>(run); }
  LOWP_HD static constexpr fragment<Out> raw(packed_run<Format> run) noexcept { return raw_at<0>(run); }

  // What value subtracts the zero point in; made once for many runs.
  using zero_offsets = fragment<std::conditional_t<method == detail::method::upper_halves, f32, Out>>;

  // For a code of the format, of which only the low bits count.
  LOWP_HD static constexpr zero_offsets zero_point(std::uint32_t code) noexcept requires(has_zero_points) {
    constexpr std::uint64_t ones = repeated_one();
    const auto run = static_cast<packed_run<Format>>((code & low_mask(Format::bits)) * ones);
    zero_offsets z{};
    if constexpr (zero_offsets::registers == 8) {
      z = float_method<0>::offsets();
      const auto zero = bit_cast<float>(float_method<0>::value(run, z).reg[0]);
      for (int e = 0; e < 8; ++e) z.reg[e] = bit_cast<std::uint32_t>(bit_cast<float>(z.reg[e]) - zero);
    } else {
      const std::uint32_t zero = value(run).reg[0];
      z = half_method<0>::offsets();
      for (int r = 0; r < 4; ++r) z.reg[r] = ptx::sub2<Out>(z.reg[r], zero);
    }
    return z;
  }

  LOWP_HD static constexpr fragment<Out> value(packed_run<Format> run, const zero_offsets& zero) noexcept requires(has_zero_points) {
    return value_at<0>(run, zero);
  }

  template <int FirstByte>
  LOWP_HD static constexpr fragment<Out> value_at(std::uint64_t window) noexcept {
    if constexpr (has_zero_points) {
      return value_at<FirstByte>(window, no_zero<FirstByte>());
    } else if constexpr (moved) {
      return half_method<FirstByte>::value(window);
    } else if constexpr (method == detail::method::through_f16) {
      return detail::recast<Out>(fragment_dequantizer<Format, f16, order>::template value_at<FirstByte>(window));
    } else if constexpr (method == detail::method::through_bf16) {
      return detail::recast<Out>(fragment_dequantizer<Format, bf16, order>::template value_at<FirstByte>(window));
    } else {
      const auto run = static_cast<packed_run<Format>>(window >> (8 * FirstByte));
      if constexpr (method == detail::method::table) {
        using table = detail::table_fragment<Format, Out>;
        return detail::reorder<typename table::order, order>(table::value(run));
      } else {
        return detail::reorder<natural_order, order>(detail::decoded_fragment<Format, Out>::value(run));
      }
    }
  }

  template <int FirstByte>
  LOWP_HD static constexpr fragment<Out> value_at(std::uint64_t window, const zero_offsets& zero) noexcept requires(has_zero_points) {
    if constexpr (zero_offsets::registers == 8) {
      const fragment<f32> f = float_method<FirstByte>::value(window, zero);
      if constexpr (std::same_as<Out, f32>) return f;
      else return detail::recast<Out>(f);
    } else {
      return half_method<FirstByte>::value(window, zero);
    }
  }

  template <int FirstByte>
  LOWP_HD static constexpr fragment<Out> raw_at(std::uint64_t window) noexcept {
    if constexpr (has_raw) return half_method<FirstByte>::raw(window);
    else return value_at<FirstByte>(window);
  }

  using affine_terms = detail::affine_terms;
  LOWP_HD static constexpr affine_terms affine(int r) noexcept requires(!std::same_as<Out, f32>) {
    if constexpr (planted) return half_method<0>::affine(r);
    else return {ptx::both<Out>(power_of_two(exponent_debt)), ptx::both<Out>(-0.0f)};
  }

 private:
  LOWP_HD static constexpr std::uint64_t repeated_one() noexcept {
    std::uint64_t ones = 0;
    for (int i = 0; i < 8; ++i) ones |= std::uint64_t{1} << (code_stride<Format> * i);
    return ones;
  }
  template <int FirstByte>
  LOWP_HD static constexpr zero_offsets no_zero() noexcept {
    if constexpr (zero_offsets::registers == 8) return float_method<FirstByte>::offsets();
    else return half_method<FirstByte>::offsets();
  }
};

// Eight codes, least significant first in the low 8 * bits bits of `run`, as numbers of Out.
template <table_format Format, fragment_type Out, fragment_order Order = natural_order>
LOWP_HD constexpr fragment<Out> dequantize_fragment(packed_run<Format> run) noexcept {
  return fragment_dequantizer<Format, Out, Order>::value(run);
}

// The same for 3-bit codes in two planes: the low two bits of each in `low` (16 bits), the high ones in `high` (8 bits).
template <table_format Format, fragment_type Out, fragment_order Order = natural_order>
requires(Format::bits == 3) LOWP_HD constexpr fragment<Out> dequantize_fragment(std::uint32_t low, std::uint32_t high) noexcept {
  const std::uint32_t nibbles = detail::spread_to_nibbles<2>(low) | detail::spread_to_nibbles<1>(high) << 2;
  return fragment_dequantizer<spaced<Format, 4>, Out, Order>::value(nibbles);
}

}  // namespace lowp::inline LOWP_ABI
