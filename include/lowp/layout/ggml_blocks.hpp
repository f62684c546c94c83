// ggml's block types, as they lie in GGUF files: which bits of a block are codes, scales and minima. docs/ggml_blocks.md draws them.
//
//   std::vector<std::uint8_t> bytes = lowp::to_blocks<lowp::layout::ggml::q4_k>(q);
//   lowp::layout::ggml::for_each([]<class L>() { L::name; L::type_id; });
//
// Source: ggml's block definitions. type_id is the number of the type in a GGUF file.
#pragma once

#include <lowp/layout/block_layout.hpp>
#include <lowp/scheme/ggml_schemes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lowp::inline LOWP_ABI::layout::ggml {

namespace detail {

using enum block_part;

// A half at a byte.
constexpr block_strip half(block_part part, int byte) noexcept { return {.part = part, .width = 16, .byte = byte}; }

// `count` elements from `first` on, `width` bits of each (from the bit `lowest` on) in a byte each, from `byte` on at `shift`.
constexpr block_strip strip(block_part part, int first, int count, int width, int byte, int shift = 0, int lowest = 0) noexcept {
  return {.part = part, .first = first, .count = count, .lowest = lowest, .width = width, .byte = byte, .shift = shift};
}

template <std::size_t... Sizes>
constexpr auto joined(const std::array<block_strip, Sizes>&... lists) noexcept {
  std::array<block_strip, (0 + ... + Sizes)> all{};
  std::size_t n = 0;
  const auto append = [&](const auto& list) {
    for (const block_strip& s : list) all[n++] = s;
  };
  (append(lists), ...);
  return all;
}

// Nibbles of 32 weights in 16 bytes: the first half low, the second high.
constexpr std::array<block_strip, 2> nibbles(int first, int byte, int half_count = 16) noexcept {
  return {strip(codes, first, half_count, 4, byte), strip(codes, first + half_count, half_count, 4, byte, 4)};
}

// The bits above the nibbles of Q5_0 and Q5_1: weight i at bit i.
constexpr std::array<block_strip, 8> fifth_bits(int byte) noexcept {
  std::array<block_strip, 8> all{};
  for (int i = 0; i < 8; ++i) {
    all[static_cast<std::size_t>(i)] = {
        .part = codes, .first = i, .count = 4, .step = 8, .lowest = 4, .width = 1, .byte = byte, .shift = i};
  }
  return all;
}

// Planes of `width` bits of 256 weights: `count` weights a byte each, then the next ones above them, then the next bytes.
template <std::size_t Strips>
constexpr std::array<block_strip, Strips> plane(int width, int count, int byte, int lowest = 0) noexcept {
  std::array<block_strip, Strips> all{};
  int first = 0;
  int shift = 0;
  for (block_strip& s : all) {
    s = strip(codes, first, count, width, byte, shift, lowest);
    first += count;
    shift += width;
    if (shift == 8) {
      shift = 0;
      byte += count;
    }
  }
  return all;
}

// Eight scales and eight minima of 6 bits in 12 bytes: the first four of each whole, and above them, in the same bytes, the upper two
// bits of the others, whose lower four come last.
constexpr std::array<block_strip, 6> twelve_bytes(int byte) noexcept {
  return {strip(scales, 0, 4, 6, byte),     strip(scales, 4, 4, 2, byte, 6, 4),     strip(zeros, 0, 4, 6, byte + 4),
          strip(zeros, 4, 4, 2, byte + 4, 6, 4), strip(scales, 4, 4, 4, byte + 8),  strip(zeros, 4, 4, 4, byte + 8, 4)};
}

// What is common to all: the top bit of signed codes is stored inverted, so that the lowest code is all zeros.
template <class Scheme, std::size_t Columns, std::size_t Bytes, std::uint32_t CodeFlip = 0, std::uint32_t ScaleFlip = 0>
struct block {
  using scheme = Scheme;
  static constexpr std::size_t columns = Columns;
  static constexpr std::size_t bytes = Bytes;
  static constexpr std::uint32_t flipped(block_part part) noexcept { return part == codes ? CodeFlip : part == scales ? ScaleFlip : 0; }
};

}  // namespace detail

struct q4_0 : detail::block<lowp::ggml::q4_0, 32, 18, 8> {
  static constexpr std::string_view name = "Q4_0";
  static constexpr std::uint32_t type_id = 2;
  static constexpr auto strips = detail::joined(std::array{detail::half(block_part::scales, 0)}, detail::nibbles(0, 2));
};

struct q4_1 : detail::block<lowp::ggml::q4_1, 32, 20> {
  static constexpr std::string_view name = "Q4_1";
  static constexpr std::uint32_t type_id = 3;
  static constexpr auto strips = detail::joined(
      std::array{detail::half(block_part::scales, 0), detail::half(block_part::zeros, 2)}, detail::nibbles(0, 4));
};

struct q5_0 : detail::block<lowp::ggml::q5_0, 32, 22, 16> {
  static constexpr std::string_view name = "Q5_0";
  static constexpr std::uint32_t type_id = 6;
  static constexpr auto strips =
      detail::joined(std::array{detail::half(block_part::scales, 0)}, detail::fifth_bits(2), detail::nibbles(0, 6));
};

struct q5_1 : detail::block<lowp::ggml::q5_1, 32, 24> {
  static constexpr std::string_view name = "Q5_1";
  static constexpr std::uint32_t type_id = 7;
  static constexpr auto strips = detail::joined(
      std::array{detail::half(block_part::scales, 0), detail::half(block_part::zeros, 2)}, detail::fifth_bits(4), detail::nibbles(0, 8));
};

struct q8_0 : detail::block<lowp::ggml::q8_0, 32, 34> {
  static constexpr std::string_view name = "Q8_0";
  static constexpr std::uint32_t type_id = 8;
  static constexpr std::array strips{detail::half(block_part::scales, 0), detail::strip(block_part::codes, 0, 32, 8, 2)};
};

struct q2_k : detail::block<lowp::ggml::q2_k, 256, 84> {
  static constexpr std::string_view name = "Q2_K";
  static constexpr std::uint32_t type_id = 10;
  static constexpr auto strips = detail::joined(
      std::array{detail::strip(block_part::scales, 0, 16, 4, 0), detail::strip(block_part::zeros, 0, 16, 4, 0, 4)},
      detail::plane<8>(2, 32, 16),
      std::array{detail::half(block_part::scales_above_scales, 80), detail::half(block_part::scales_above_zeros, 82)});
};

struct q3_k : detail::block<lowp::ggml::q3_k, 256, 110, 4, 32> {
  static constexpr std::string_view name = "Q3_K";
  static constexpr std::uint32_t type_id = 11;
  static constexpr auto strips = detail::joined(
      detail::plane<8>(1, 32, 0, 2), detail::plane<8>(2, 32, 32),
      std::array{detail::strip(block_part::scales, 0, 8, 4, 96), detail::strip(block_part::scales, 8, 8, 4, 96, 4),
                 detail::strip(block_part::scales, 0, 4, 2, 104, 0, 4), detail::strip(block_part::scales, 4, 4, 2, 104, 2, 4),
                 detail::strip(block_part::scales, 8, 4, 2, 104, 4, 4), detail::strip(block_part::scales, 12, 4, 2, 104, 6, 4),
                 detail::half(block_part::scales_above_scales, 108)});
};

struct q4_k : detail::block<lowp::ggml::q4_k, 256, 144> {
  static constexpr std::string_view name = "Q4_K";
  static constexpr std::uint32_t type_id = 12;
  static constexpr auto strips = detail::joined(
      std::array{detail::half(block_part::scales_above_scales, 0), detail::half(block_part::scales_above_zeros, 2)},
      detail::twelve_bytes(4), detail::plane<8>(4, 32, 16));
};

struct q5_k : detail::block<lowp::ggml::q5_k, 256, 176> {
  static constexpr std::string_view name = "Q5_K";
  static constexpr std::uint32_t type_id = 13;
  static constexpr auto strips = detail::joined(
      std::array{detail::half(block_part::scales_above_scales, 0), detail::half(block_part::scales_above_zeros, 2)},
      detail::twelve_bytes(4), detail::plane<8>(1, 32, 16, 4), detail::plane<8>(4, 32, 48));
};

struct q6_k : detail::block<lowp::ggml::q6_k, 256, 210, 32> {
  static constexpr std::string_view name = "Q6_K";
  static constexpr std::uint32_t type_id = 14;
  static constexpr auto strips = detail::joined(
      detail::plane<4>(4, 64, 0), detail::plane<8>(2, 32, 128, 4),
      std::array{detail::strip(block_part::scales, 0, 16, 8, 192), detail::half(block_part::scales_above_scales, 208)});
};

struct iq4_nl : detail::block<lowp::ggml::iq4_nl, 32, 18> {
  static constexpr std::string_view name = "IQ4_NL";
  static constexpr std::uint32_t type_id = 20;
  static constexpr auto strips = q4_0::strips;
};

struct iq4_xs : detail::block<lowp::ggml::iq4_xs, 256, 136, 0, 32> {
  static constexpr std::string_view name = "IQ4_XS";
  static constexpr std::uint32_t type_id = 23;
  static constexpr auto strips = [] {
    constexpr int step = 2;
    std::array<block_strip, 7> parameters{
        detail::half(block_part::scales_above_scales, 0),
        block_strip{.part = block_part::scales, .first = 0, .count = 4, .step = step, .width = 4, .byte = 4},
        block_strip{.part = block_part::scales, .first = 1, .count = 4, .step = step, .width = 4, .byte = 4, .shift = 4}};
    for (int i = 0; i < 4; ++i) {
      parameters[static_cast<std::size_t>(3 + i)] = {
          .part = block_part::scales, .first = i, .count = 2, .step = 4, .lowest = 4, .width = 2, .byte = 2, .shift = 2 * i};
    }
    return detail::joined(parameters, detail::nibbles(0, 8), detail::nibbles(32, 24), detail::nibbles(64, 40), detail::nibbles(96, 56),
                          detail::nibbles(128, 72), detail::nibbles(160, 88), detail::nibbles(192, 104), detail::nibbles(224, 120));
  }();
};

struct tq1_0 : detail::block<lowp::ggml::tq1_0, 256, 54> {
  static constexpr std::string_view name = "TQ1_0";
  static constexpr std::uint32_t type_id = 34;
  static constexpr std::array strips{detail::half(block_part::scales, 52)};
  // Digit n of a byte belongs to the n-th of five stretches of weights; the last four bytes hold four digits.
  static constexpr std::array<block_trits, 14> trits{{{0, 32, 0, 0},    {32, 32, 0, 1},    {64, 32, 0, 2},    {96, 32, 0, 3},
                                                      {128, 32, 0, 4},  {160, 16, 32, 0},  {176, 16, 32, 1},  {192, 16, 32, 2},
                                                      {208, 16, 32, 3}, {224, 16, 32, 4},  {240, 4, 48, 0},   {244, 4, 48, 1},
                                                      {248, 4, 48, 2},  {252, 4, 48, 3}}};
};

struct tq2_0 : detail::block<lowp::ggml::tq2_0, 256, 66> {
  static constexpr std::string_view name = "TQ2_0";
  static constexpr std::uint32_t type_id = 35;
  static constexpr auto strips = detail::joined(detail::plane<8>(2, 32, 0), std::array{detail::half(block_part::scales, 64)});
};

struct mxfp4 : detail::block<lowp::ggml::mxfp4, 32, 17> {
  static constexpr std::string_view name = "MXFP4";
  static constexpr std::uint32_t type_id = 39;
  static constexpr auto strips =
      detail::joined(std::array{detail::strip(block_part::scales, 0, 1, 8, 0)}, detail::nibbles(0, 1));
};

struct nvfp4 : detail::block<lowp::ggml::nvfp4, 64, 36> {
  static constexpr std::string_view name = "NVFP4";
  static constexpr std::uint32_t type_id = 40;
  static constexpr auto strips =
      detail::joined(std::array{detail::strip(block_part::scales, 0, 4, 7, 0)}, detail::nibbles(0, 4, 8), detail::nibbles(16, 12, 8),
                     detail::nibbles(32, 20, 8), detail::nibbles(48, 28, 8));
  // The place of the sign that UE4M3 does not have: zero where blocks are written.
  static constexpr std::size_t spare_bits = 4;
};

// Calls visit.template operator()<L>() for each block layout.
template <class Visitor>
constexpr void for_each(Visitor&& visit) {
  visit.template operator()<q4_0>();
  visit.template operator()<q4_1>();
  visit.template operator()<q5_0>();
  visit.template operator()<q5_1>();
  visit.template operator()<q8_0>();
  visit.template operator()<q2_k>();
  visit.template operator()<q3_k>();
  visit.template operator()<q4_k>();
  visit.template operator()<q5_k>();
  visit.template operator()<q6_k>();
  visit.template operator()<iq4_nl>();
  visit.template operator()<iq4_xs>();
  visit.template operator()<tq1_0>();
  visit.template operator()<tq2_0>();
  visit.template operator()<mxfp4>();
  visit.template operator()<nvfp4>();
}

}  // namespace lowp::inline LOWP_ABI::layout::ggml
