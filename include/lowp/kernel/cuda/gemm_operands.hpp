// The registers of the CUDA GEMM: a lane's words of a unit of weights, and the fragments that they hold.
//
//   lowp::lane_words<4> w = ...;                                        // 16 bytes of a unit, layout::mma_a16
//   auto a = lowp::weight_operand<lowp::nf4, lowp::f16>(w, 2);          // columns 32 .. 47 of the unit, as mma's A operand
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/cuda/weight_layout.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

namespace detail {

// A format of fewer bits as one of 4 or 8, for codes whose upper bits are zero.
template <table_format F, int Bits>
struct widened_format {
  static constexpr int bits = Bits;
  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept { return lowp::decode<F>(code & low_mask(F::bits)); }
};

template <table_format F>
using placed_format =
    std::conditional_t<F::bits == 4 || F::bits == 8, F, widened_format<F, layout::mma_a16::place_bits<F::bits>>>;

}  // namespace detail

// A lane's words of one unit, plane after plane.
template <int Bits>
struct lane_words {
  static constexpr int count = static_cast<int>(layout::mma_a16::unit_bytes<Bits> / 128);
  std::uint32_t word[count];
};

// The words of lane `lane` in the unit at `unit`.
template <int Bits>
LOWP_HD LOWP_ALWAYS_INLINE lane_words<Bits> load_lane_words(const std::uint8_t* unit, int lane) noexcept {
  using L = layout::mma_a16;
  constexpr auto planes = L::planes<Bits>();
  lane_words<Bits> w;
  const auto load = [&]<int First, int Width>() {
    constexpr bit_plane plane{First, Width};
    constexpr auto words = static_cast<int>(L::plane_words<Bits>(plane));
    constexpr auto offset = static_cast<int>(L::plane_offset<Bits>(plane));
    ptx::load_words<words>(w.word + offset / 128, unit + offset + lane * words * 4);
  };
  load.template operator()<planes[0].first, planes[0].width>();
  if constexpr (planes.size() > 1) load.template operator()<planes[1].first, planes[1].width>();
  if constexpr (planes.size() > 2) load.template operator()<planes[2].first, planes[2].width>();
  return w;
}

// Word `at` of the words whose codes lie in places of 4 or 8 bits, put together from all planes.
template <int Bits>
LOWP_HD LOWP_ALWAYS_INLINE std::uint32_t placed_word(const lane_words<Bits>& w, int at) noexcept {
  using L = layout::mma_a16;
  constexpr int place = L::place_bits<Bits>;
  constexpr std::uint32_t ones = place == 4 ? 0x11111111u : 0x01010101u;
  constexpr auto planes = L::planes<Bits>();
  std::uint32_t word = 0;
  const auto add = [&]<int First, int Width>() {
    constexpr int together = place / Width;
    const std::uint32_t from = w.word[static_cast<int>(L::plane_offset<Bits>(bit_plane{First, Width})) / 128 + at / together];
    const int up = First - at % together * Width;
    word |= (up >= 0 ? from << up : from >> -up) & (low_mask(Width) << First) * ones;
  };
  add.template operator()<planes[0].first, planes[0].width>();
  if constexpr (planes.size() > 1) add.template operator()<planes[1].first, planes[1].width>();
  if constexpr (planes.size() > 2) add.template operator()<planes[2].first, planes[2].width>();
  return word;
}

// Columns 16 * step .. 16 * step + 15 of the unit as the A operand of mma.m16n8k16, in X.
template <table_format F, ptx::packed_type X>
LOWP_HD LOWP_ALWAYS_INLINE operand_registers<4> weight_operand(const lane_words<F::bits>& w, int step) noexcept {
  using placed = detail::placed_format<F>;
  using dequantizer = fragment_dequantizer<placed, X, layout::mma_a16::order<F::bits>>;
  if constexpr (placed::bits == 4) {
    const fragment<X> f = dequantizer::value(placed_word<F::bits>(w, step));
    return {{f.reg[0], f.reg[1], f.reg[2], f.reg[3]}};
  } else {
    const std::uint64_t low = placed_word<F::bits>(w, 2 * step);
    const std::uint64_t high = placed_word<F::bits>(w, 2 * step + 1);
    const fragment<X> f = dequantizer::value(high << 32 | low);
    return {{f.reg[0], f.reg[1], f.reg[2], f.reg[3]}};
  }
}

// The parameters of a lane's rows g, g + 8, .. of a panel: `Count` codes next to each other, at a multiple of their size.
template <number_format P, int Count>
struct lane_parameters {
  static constexpr int words = Count * static_cast<int>(sizeof(code_t<P>)) / 4;
  std::uint32_t word[words == 0 ? 1 : words];

  LOWP_HD LOWP_ALWAYS_INLINE static lane_parameters load(const std::uint8_t* from) noexcept {
    lane_parameters p;
    if constexpr (P::bits != 0) {
      constexpr int each = words < 4 ? words : 4;
      LOWP_DEVICE_UNROLL
      for (int i = 0; i < words; i += each) ptx::load_words<each>(p.word + i, from + i * 4);
    }
    return p;
  }

  LOWP_HD LOWP_ALWAYS_INLINE float value(int i) const noexcept {
    if constexpr (P::bits == 0) {
      return decode<P>(0);
    } else {
      constexpr int size = static_cast<int>(sizeof(code_t<P>)) * 8;
      return ptx::widen<P>(word[i * size / 32] >> (i * size % 32) & low_mask(size));
    }
  }
};

}  // namespace lowp::inline LOWP_ABI
