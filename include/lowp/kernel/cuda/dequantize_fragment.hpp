// Dequantizers for kernels of one's own: eight packed codes in registers become four registers of f16 or bf16 pairs, in
// the order that mma.sync wants. Any format of at most 8 bits; the method is found by what its values are.
//
//   __global__ void my_kernel(const std::uint32_t* words, ...) {
//     const lowp::fragment<lowp::f16> a = lowp::dequantize_fragment<lowp::nf4, lowp::f16>(words[i]);
//     asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 ..." :: "r"(a.reg[0]), "r"(a.reg[1]), ...);
//   }
//
//   values                          method                            instructions a word of eight 4-bit codes
//   evenly spaced, to f16 (i4, u4)  planted in a mantissa             5 integer, 4 half (natural order: 8 and 4)
//   with a sign bit (e2m1)          8-entry tables, sign set apart    13 integer (natural: 17), 4 more if low bytes count
//   any, up to 4 bits (nf4)         16-entry tables                   21 integer (interleaved: 25)
//   any, 5 to 8 bits                decode, then rounding             as many as decode takes
#pragma once

#include <lowp/kernel/cuda/affine_fragment.hpp>
#include <lowp/kernel/cuda/table_fragment.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

namespace detail {

// Codes wider than four bits, one by one.
template <class F, class Out>
struct decoded_fragment {
  using order = natural_order;

  LOWP_HD static constexpr fragment<Out> value(std::uint64_t run) noexcept {
    fragment<Out> f{};
    for (int r = 0; r < f.registers; ++r) f.reg[r] = ptx::pair(number(run, 2 * r), number(run, 2 * r + 1));
    return f;
  }

 private:
  LOWP_HD static constexpr std::uint32_t number(std::uint64_t run, int i) noexcept {
    return ptx::narrow<Out>(ptx::widen<F>(static_cast<std::uint32_t>(run >> (F::bits * i)) & low_mask(F::bits)));
  }
};

template <class F, class Out>
constexpr bool planted() noexcept {
  if constexpr (F::bits == 4 && std::same_as<Out, f16>) return affine_fragment<F, interleaved_order>::works();
  else return false;
}

template <class F, class Out>
using unplanted_fragment = std::conditional_t<(F::bits <= 4), table_fragment<F, Out>, decoded_fragment<F, Out>>;

template <class F, class Out>
struct cheapest_order {
  using type = typename unplanted_fragment<F, Out>::order;
};
template <class F, class Out>
  requires(planted<F, Out>())
struct cheapest_order<F, Out> {
  using type = interleaved_order;
};

}  // namespace detail

// The dequantizer of a format and what is known of it at compile time.
//
//   exact          every number of the format is one of Out. Where not (nf4), it is the nearest, ties to even.
//   position(e)    which of the eight codes number e of the fragment is
//   value(run)     the numbers. NaN stays NaN, infinity infinity; -0 stays -0.
//   raw(run)       the numbers before the last step, for kernels that fold a scale or a zero point into it
//   affine(r)      that step for register r: value == fma2<Out>(raw, scale, offset), exactly, save for NaN
template <table_format Format, ptx::packed_type Out, fragment_order Order = natural_order>
  requires(Format::bits >= 1)
struct fragment_dequantizer {
  using format = Format;
  using order = std::conditional_t<std::same_as<Order, any_order>, typename detail::cheapest_order<Format, Out>::type, Order>;

  struct affine_terms {
    std::uint32_t scale;
    std::uint32_t offset;
  };

  static constexpr bool exact = detail::exact_in<Format, Out>();
  static constexpr bool raw_is_value = !detail::planted<Format, Out>();

  LOWP_HD static constexpr int position(int e) noexcept { return order::position(e); }

  LOWP_HD static constexpr fragment<Out> value(packed_run<Format> run) noexcept {
    if constexpr (raw_is_value) {
      using method = detail::unplanted_fragment<Format, Out>;
      return detail::reorder<typename method::order, order>(method::value(run));
    } else {
      return detail::affine_fragment<Format, order>::value(run);
    }
  }

  LOWP_HD static constexpr fragment<Out> raw(packed_run<Format> run) noexcept {
    if constexpr (raw_is_value) return value(run);
    else return detail::affine_fragment<Format, order>::raw(run);
  }

  LOWP_HD static constexpr affine_terms affine(int r) noexcept {
    if constexpr (raw_is_value) {
      return {ptx::both<Out>(1.0f), ptx::both<Out>(-0.0f)};
    } else {
      const auto t = detail::affine_fragment<Format, order>::affine(r);
      return {t.scale, t.offset};
    }
  }
};

// Eight codes, least significant first in the low 8 * bits bits of `run`, as numbers of Out.
template <table_format Format, ptx::packed_type Out, fragment_order Order = natural_order>
LOWP_HD constexpr fragment<Out> dequantize_fragment(packed_run<Format> run) noexcept {
  return fragment_dequantizer<Format, Out, Order>::value(run);
}

}  // namespace lowp::inline LOWP_ABI
