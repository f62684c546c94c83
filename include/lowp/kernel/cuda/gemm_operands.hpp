// The registers of the CUDA GEMM: a lane's words of 16 rows by 64 columns of weights, and the fragments that they hold.
//
//   auto w = lowp::load_lane_words<4>(tile, 0, lane);                   // 16 bytes of layout::mma_a16
//   auto a = lowp::weight_operand<lowp::e2m1, lowp::f16>(w, 2);         // columns 32 .. 47, as mma's A operand
//   auto b = lowp::weight_operand<lowp::nf4, lowp::f16>(w, 2, table, lane);
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/cuda/pair_table.hpp>
#include <lowp/kernel/cuda/weight_layout.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

namespace detail {

// A format whose codes lie in the layout's places of 4 or 8 bits.
template <table_format F>
using placed_format = std::conditional_t<F::bits == 4 || F::bits == 8, F, spaced<F, layout::mma_a16::place_bits<F::bits>>>;

// Whether numbers are looked up two at a time in shared memory: tables of 16 numbers without a rule, which take too many instructions
// in registers.
template <table_format F>
inline constexpr bool looked_up_in_pairs = [] {
  if constexpr (F::bits != 4) return false;
  else return method_of<F, f16>() == method::table && !table_fragment<F, f16>::high_bit_is_sign;
}();

}  // namespace detail

// A lane's words of 16 rows by 64 columns: one for each bit of a code, plane after plane.
template <int Bits>
struct lane_words {
  std::uint32_t word[Bits];
};

namespace detail {

template <int Bits, int Plane>
LOWP_HD LOWP_ALWAYS_INLINE void load_plane(lane_words<Bits>& w, const std::uint8_t* tile, int chunk, int lane) noexcept {
  using L = layout::mma_a16;
  constexpr bit_plane plane = L::plane<Bits, Plane>;
  constexpr auto words = static_cast<int>(L::plane_words<Bits>(plane));
  if constexpr (plane.width == 8) {
    // 64 columns are two units.
    ptx::load_words<4>(w.word, tile + 2 * chunk * static_cast<int>(L::block_bytes<Bits>) + lane * 16);
    ptx::load_words<4>(w.word + 4, tile + (2 * chunk + 1) * static_cast<int>(L::block_bytes<Bits>) + lane * 16);
  } else {
    constexpr auto offset = static_cast<int>(L::plane_offset<Bits>(plane));
    ptx::load_words<plane.width>(w.word + plane.first, tile + offset + (lane * words + chunk * plane.width) * 4);
  }
}

template <int Bits, int Plane>
LOWP_HD LOWP_ALWAYS_INLINE std::uint32_t plane_bits(const lane_words<Bits>& w, int at) noexcept {
  using L = layout::mma_a16;
  constexpr bit_plane plane = L::plane<Bits, Plane>;
  constexpr int together = L::place_bits<Bits> / plane.width;
  constexpr std::uint32_t mask = (low_mask(plane.width) << plane.first) * (L::place_bits<Bits> == 4 ? 0x11111111u : 0x01010101u);
  const std::uint32_t from = w.word[plane.first + at / together];
  const int up = plane.first - at % together * plane.width;
  return (up >= 0 ? from << up : from >> -up) & mask;
}

}  // namespace detail

// The words of a lane in a tile of 16 rows whose first unit is at `tile`: columns 64 * chunk .. 64 * chunk + 63 of the unit, or with
// 8 bits, of two units.
template <int Bits>
LOWP_HD LOWP_ALWAYS_INLINE lane_words<Bits> load_lane_words(const std::uint8_t* tile, int chunk, int lane) noexcept {
  constexpr int planes = layout::mma_a16::plane_count<Bits>;
  lane_words<Bits> w;
  detail::load_plane<Bits, 0>(w, tile, chunk, lane);
  if constexpr (planes > 1) detail::load_plane<Bits, 1>(w, tile, chunk, lane);
  if constexpr (planes > 2) detail::load_plane<Bits, 2>(w, tile, chunk, lane);
  return w;
}

// Word `at` of the words whose codes lie in places of 4 or 8 bits, put together from all planes.
template <int Bits>
LOWP_HD LOWP_ALWAYS_INLINE std::uint32_t placed_word(const lane_words<Bits>& w, int at) noexcept {
  constexpr int planes = layout::mma_a16::plane_count<Bits>;
  std::uint32_t word = detail::plane_bits<Bits, 0>(w, at);
  if constexpr (planes > 1) word |= detail::plane_bits<Bits, 1>(w, at);
  if constexpr (planes > 2) word |= detail::plane_bits<Bits, 2>(w, at);
  return word;
}

// The table that weight_operand looks up in, so many times; empty for formats that have none.
template <table_format F, ptx::packed_type X, int Copies = 32>
struct weight_table {};
template <table_format F, ptx::packed_type X, int Copies>
requires detail::looked_up_in_pairs<F>
struct weight_table<F, X, Copies> : pair_table<F, X, Copies> {
};

// Columns 16 * step .. 16 * step + 15 of the 64 as the A operand of mma.m16n8k16, in X.
template <table_format F, ptx::packed_type X, int Copies = 32>
LOWP_HD LOWP_ALWAYS_INLINE operand_registers<4> weight_operand(const lane_words<F::bits>& w, int step,
                                                               [[maybe_unused]] const weight_table<F, X, Copies>* table = nullptr,
                                                               [[maybe_unused]] int lane = 0) noexcept {
  using L = layout::mma_a16;
  using dequantizer = fragment_dequantizer<detail::placed_format<F>, X, typename L::order<F::bits>>;
  if constexpr (detail::looked_up_in_pairs<F>) {
    const fragment<X> f = table->value(placed_word<F::bits>(w, step), static_cast<unsigned>(lane));
    return {{f.reg[0], f.reg[1], f.reg[2], f.reg[3]}};
  } else if constexpr (L::place_bits<F::bits> == 4) {
    const fragment<X> f = dequantizer::value(placed_word<F::bits>(w, step));
    return {{f.reg[0], f.reg[2], f.reg[1], f.reg[3]}};
  } else {
    const std::uint64_t low = placed_word<F::bits>(w, 2 * step);
    const std::uint64_t high = placed_word<F::bits>(w, 2 * step + 1);
    const fragment<X> f = dequantizer::value(high << 32 | low);
    return {{f.reg[0], f.reg[1], f.reg[2], f.reg[3]}};
  }
}

// The four activations of a lane's columns, as the B operand that goes with it: numbers that were looked up in pairs are those of every
// other column.
template <table_format F>
LOWP_HD LOWP_ALWAYS_INLINE operand_registers<2> activation_operand(const operand_registers<2>& x) noexcept {
  if constexpr (detail::looked_up_in_pairs<F>) return {{ptx::prmt(x.reg[0], x.reg[1], 0x5410), ptx::prmt(x.reg[0], x.reg[1], 0x7632)}};
  else return x;
}

// The parameters of rows g and g + 8 of a tile: two codes next to each other.
template <number_format P>
struct lane_parameters {
  static constexpr int size = static_cast<int>(sizeof(code_t<P>)) * 8;
  std::uint32_t word[2];

  LOWP_HD LOWP_ALWAYS_INLINE static lane_parameters load(const std::uint8_t* from) noexcept {
    lane_parameters p{};
    if constexpr (P::bits == 0) static_cast<void>(from);
    else if constexpr (size == 8) p.word[0] = ptx::load_half_word(from);
    else ptx::load_words<size / 16>(p.word, from);
    return p;
  }

  LOWP_HD LOWP_ALWAYS_INLINE float value(int i) const noexcept {
    return ptx::widen<P>(word[i * size / 32] >> (i * size % 32) & low_mask(size));
  }
};

}  // namespace lowp::inline LOWP_ABI
