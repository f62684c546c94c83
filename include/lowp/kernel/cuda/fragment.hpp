// Fragments: eight numbers in the registers of one thread, which is what a thread holds of an operand of mma.m16n8k16, and
// the orders in which eight packed codes become them.
//
//   lowp::fragment<lowp::f16> f = ...;      // f.reg[j] holds numbers 2j (low half) and 2j + 1 (high half)
//   f.code(5) == f.reg[2] >> 16
//   lowp::fragment<lowp::f32> g = ...;      // g.reg[e] holds number e: for kernels without tensor cores
#pragma once

#include <lowp/format/number_format.hpp>
#include <lowp/kernel/cuda/convert.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// What a fragment's numbers may be: pairs in four registers, or an f32 in each of eight.
template <class T>
concept fragment_type = ptx::packed_type<T> || std::same_as<T, f32>;

template <fragment_type Out>
struct fragment {
  static constexpr int count = 8;
  static constexpr int registers = count * Out::bits / 32;

  std::uint32_t reg[registers];

  // The bit pattern and the value of number e.
  LOWP_HD constexpr std::uint32_t code(int e) const noexcept {
    if constexpr (Out::bits == 32) return reg[e];
    else return e % 2 == 0 ? reg[e / 2] & 0xffffu : reg[e / 2] >> 16;
  }
  LOWP_HD constexpr float operator[](int e) const noexcept { return ptx::widen<Out>(code(e)); }

  friend constexpr bool operator==(const fragment&, const fragment&) = default;
};

// Number e of the fragment is code e of the packed run.
struct natural_order {
  LOWP_HD static constexpr int position(int e) noexcept { return e; }
};

// Register j holds codes j and j + 4, which costs the fewest instructions where halves are 16 bits apart. In weights that
// were packed as 0 2 4 6 1 3 5 7 (Marlin, AWQ and most layouts made for tensor cores) the numbers come out in order.
struct interleaved_order {
  LOWP_HD static constexpr int position(int e) noexcept { return e / 2 + e % 2 * 4; }
};

// The cheaper of the two for the format at hand; fragment_dequantizer<...>::position says which it is. For kernels that
// only sum over the numbers and can permute the other operand instead.
struct any_order {};

template <class O>
concept fragment_order = std::same_as<O, natural_order> || std::same_as<O, interleaved_order> || std::same_as<O, any_order>;

// A format whose codes lie Stride bits apart: lowp::spaced<lowp::e2m3, 8> is e2m3 in bytes. Bits between codes do not count.
template <table_format F, int Stride>
struct spaced : F {
  static_assert(Stride >= F::bits && Stride <= 8, "codes lie at least their own width apart, and at most a byte");
  static constexpr int stride = Stride;
};

template <table_format F>
inline constexpr int code_stride = [] {
  if constexpr (requires { F::stride; }) return F::stride;
  else return F::bits;
}();

// Eight codes in a row, least significant first: in the low bits of a word, or of two for codes more than 4 bits apart.
template <table_format F>
using packed_run = std::conditional_t<code_stride<F> <= 4, std::uint32_t, std::uint64_t>;

namespace detail {

template <class From, class To, class Out>
LOWP_HD constexpr fragment<Out> reorder(const fragment<Out>& f) noexcept {
  if constexpr (std::same_as<From, To>) {
    return f;
  } else if constexpr (std::same_as<Out, f32>) {
    const auto& r = f.reg;
    if constexpr (std::same_as<From, natural_order>) return {r[0], r[4], r[1], r[5], r[2], r[6], r[3], r[7]};
    else return {r[0], r[2], r[4], r[6], r[1], r[3], r[5], r[7]};
  } else if constexpr (std::same_as<From, natural_order>) {
    return {ptx::prmt(f.reg[0], f.reg[2], 0x5410), ptx::prmt(f.reg[0], f.reg[2], 0x7632), ptx::prmt(f.reg[1], f.reg[3], 0x5410),
            ptx::prmt(f.reg[1], f.reg[3], 0x7632)};
  } else {
    return {ptx::prmt(f.reg[0], f.reg[1], 0x5410), ptx::prmt(f.reg[2], f.reg[3], 0x5410), ptx::prmt(f.reg[0], f.reg[1], 0x7632),
            ptx::prmt(f.reg[2], f.reg[3], 0x7632)};
  }
}

// The number of a code in Out, as a bit pattern, and whether it is that number exactly.
template <fragment_type Out>
LOWP_HD constexpr std::uint32_t pattern_of(float x) noexcept {
  if constexpr (std::same_as<Out, f32>) return bit_cast<std::uint32_t>(x);
  else return ptx::narrow<Out>(x);
}

template <table_format F, class Out>
LOWP_HD constexpr std::uint32_t rounded_code(std::uint32_t code) noexcept {
  return pattern_of<Out>(decode<F>(code));
}

template <table_format F, class Out>
constexpr bool exact_in() noexcept {
  for (std::uint32_t c = 0; c < 1u << F::bits; ++c) {
    const float x = decode<F>(c);
    if (!is_nan(x) && bit_cast<std::uint32_t>(x) != bit_cast<std::uint32_t>(Out::decode(rounded_code<F, Out>(c)))) return false;
  }
  return true;
}

}  // namespace detail
}  // namespace lowp::inline LOWP_ABI
