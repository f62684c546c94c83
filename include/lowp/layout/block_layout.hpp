// The concept of a block layout: weights cut along rows into blocks of a fixed number of bytes, in which scales and minima lie among
// the codes. Where each bit lies is stated as a list of strips, from which come reading, writing and the test that it is a bijection
// (laws::block_layout).
//
//   struct q4_0 {                                                          // ggml's Q4_0
//     using scheme = lowp::ggml::q4_0;
//     static constexpr std::size_t columns = 32;                           // weights of a block
//     static constexpr std::size_t bytes = 18;
//     static constexpr lowp::block_strip strips[] = {
//         {.part = lowp::block_part::scales, .count = 1, .width = 16},
//         {.part = lowp::block_part::codes, .first = 0, .count = 16, .width = 4, .byte = 2},
//         {.part = lowp::block_part::codes, .first = 16, .count = 16, .width = 4, .byte = 2, .shift = 4}};
//     static constexpr std::uint32_t flipped(lowp::block_part part) { return part == lowp::block_part::codes ? 8 : 0; }
//   };
//   static_assert(lowp::block_layout<q4_0>);
#pragma once

#include <lowp/quantize/quantized.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// Which of a block's numbers: the codes of the weights, of their scales and of their zeros (zero points, biases or minima), and, where
// these are quantized in turn, of the scales above them.
enum class block_part : std::uint8_t { codes, scales, zeros, scales_above_scales, scales_above_zeros };

inline constexpr std::array<block_part, 5> block_parts{block_part::codes, block_part::scales, block_part::zeros,
                                                       block_part::scales_above_scales, block_part::scales_above_zeros};

// Bits lowest .. lowest + width - 1 of the elements first, first + step, ... (count of them) of a part. They lie at the bit `shift` of
// the bytes byte, byte + 1, ...; wider ones than a byte take as many whole bytes as they need, least significant first.
struct block_strip {
  block_part part;
  int first = 0;
  int count = 1;
  int step = 1;
  int lowest = 0;
  int width = 0;
  int byte = 0;
  int shift = 0;
};

// Base-3 digits instead of bits: the element first + i is the digit `digit` (most significant first) of the byte at byte + i, which
// holds its digits t0 ... t4 as ceil((81 t0 + 27 t1 + 9 t2 + 3 t3 + t4) * 256 / 243).
struct block_trits {
  int first;
  int count;
  int byte;
  int digit;
};

// columns       weights of a block, which are neighbours in a row
// bytes         of a block
// strips        where everything lies
// flipped(p)    the bits of the codes of a part that are stored inverted: the top one for signed codes counted from the lowest
// trits         where codes lie that are digits, in layouts that have such
template <class L>
concept block_layout = scheme_type<typename L::scheme> && requires(block_part part) {
  { L::columns } -> std::convertible_to<std::size_t>;
  { L::bytes } -> std::convertible_to<std::size_t>;
  { L::strips[0] } -> std::convertible_to<block_strip>;
  { L::flipped(part) } -> std::convertible_to<std::uint32_t>;
};

template <class L>
concept trit_layout = block_layout<L> && requires {
  { L::trits[0] } -> std::convertible_to<block_trits>;
};

namespace detail {

template <class P>
struct scheme_above {
  using type = void;
};
template <scheme_type P>
struct scheme_above<P> {
  using type = typename P::scale;
};

// What a part is stored in: a format or a scheme; void if there is no such part.
template <scheme_type S, block_part Part>
struct part_storage {
  using type = S;
};
template <scheme_type S>
struct part_storage<S, block_part::scales> {
  using type = typename S::scale;
};
template <scheme_type S>
struct part_storage<S, block_part::zeros> {
  using type = typename S::zero;
};
template <scheme_type S>
struct part_storage<S, block_part::scales_above_scales> {
  using type = typename scheme_above<typename S::scale>::type;
};
template <scheme_type S>
struct part_storage<S, block_part::scales_above_zeros> {
  using type = typename scheme_above<typename S::zero>::type;
};

template <class P>
struct format_in {
  using type = P;
};
template <scheme_type P>
struct format_in<P> {
  using type = typename P::format;
};

template <class P>
constexpr std::size_t group_size() noexcept {
  if constexpr (scheme_type<P>) {
    static_assert(P::granularity::rows_per_group == 1 && P::granularity::cols_per_group != 0, "a block holds groups that lie along a row");
    return P::granularity::cols_per_group;
  } else {
    return 1;
  }
}

}  // namespace detail

// The format of a part's codes; void if the layout has no such part.
template <block_layout L, block_part Part>
using part_format = typename detail::format_in<typename detail::part_storage<typename L::scheme, Part>::type>::type;

// How many elements of a part a block holds.
template <block_layout L>
constexpr std::size_t part_count(block_part part) noexcept {
  using S = typename L::scheme;
  constexpr std::size_t groups = L::columns / detail::group_size<S>();
  static_assert(groups * detail::group_size<S>() == L::columns, "a block holds whole groups");
  switch (part) {
    case block_part::codes: return L::columns;
    case block_part::scales: return groups;
    case block_part::zeros: return S::has_zero ? groups : 0;
    case block_part::scales_above_scales: return scheme_type<typename S::scale> ? groups / detail::group_size<typename S::scale>() : 0;
    case block_part::scales_above_zeros: return scheme_type<typename S::zero> ? groups / detail::group_size<typename S::zero>() : 0;
  }
  return 0;
}

// The codes of a part of a quantized matrix (constant or not), [rows, blocks of a row * part_count].
template <block_part Part, class Quantized>
auto part_codes(Quantized& q) noexcept {
  if constexpr (Part == block_part::codes) return q.codes();
  else if constexpr (Part == block_part::scales) return q.scales().codes();
  else if constexpr (Part == block_part::zeros) return q.zeros().codes();
  else if constexpr (Part == block_part::scales_above_scales) return q.scales().scales().codes();
  else return q.zeros().scales().codes();
}

// Calls visit(bit of the code, bit of the block) for each bit of an element that strips hold.
template <block_layout L, class Visitor>
constexpr void for_each_bit(block_part part, std::size_t element, Visitor&& visit) {
  for (const block_strip& s : L::strips) {
    const int at = static_cast<int>(element) - s.first;
    if (s.part != part || at < 0 || at % s.step != 0 || at / s.step >= s.count) continue;
    const int byte = s.byte + at / s.step * (s.width <= 8 ? 1 : s.width / 8);
    for (int b = 0; b < s.width; ++b) visit(s.lowest + b, 8 * byte + s.shift + b);
  }
}

}  // namespace lowp::inline LOWP_ABI
