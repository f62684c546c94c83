// Whole matrices to and from the bytes of a block layout.
//
//   std::vector<std::uint8_t> bytes = lowp::to_blocks<lowp::layout::ggml::q4_k>(q);        // as a GGUF file holds the tensor
//   lowp::quantized<lowp::ggml::q4_k> q = lowp::from_blocks<lowp::layout::ggml::q4_k>(bytes, rows, cols);
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/layout/block_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

// Short loops over neighbours become vectors only if they are still loops when compilers look for such.
#if defined(__CUDACC__)
#define LOWP_KEEP_LOOP  // nvcc warns of pragmas that it does not know
#else
#define LOWP_KEEP_LOOP _Pragma("GCC unroll 1")
#endif

namespace lowp::inline LOWP_ABI {

namespace detail {

// The codes of one part of one block, while they are put together.
template <block_layout L, block_part Part>
using part_buffer = code_t<part_format<L, Part>>[part_count<L>(Part)];

template <block_layout L, block_part Part, std::size_t Strip>
LOWP_ALWAYS_INLINE void read_strip(const std::uint8_t* block, code_t<part_format<L, Part>>* to) noexcept {
  constexpr block_strip s = L::strips[Strip];
  if constexpr (s.part == Part) {
    using code = code_t<part_format<L, Part>>;
    constexpr auto mask = static_cast<std::uint8_t>(low_mask(s.width));
    LOWP_KEEP_LOOP
    for (int i = 0; i < s.count; ++i) {
      code& element = to[s.first + i * s.step];
      if constexpr (s.width <= 8) {
        element = static_cast<code>(element | (block[s.byte + i] >> s.shift & mask) << s.lowest);
      } else {
        for (int b = 0; b < s.width / 8; ++b) {
          element = static_cast<code>(element | static_cast<code>(block[s.byte + i * (s.width / 8) + b] << 8 * b));
        }
      }
    }
  }
}

template <block_layout L, block_part Part, std::size_t Strip>
LOWP_ALWAYS_INLINE void write_strip(std::uint8_t* block, const code_t<part_format<L, Part>>* from) noexcept {
  constexpr block_strip s = L::strips[Strip];
  if constexpr (s.part == Part) {
    constexpr auto mask = static_cast<std::uint8_t>(low_mask(s.width));
    LOWP_KEEP_LOOP
    for (int i = 0; i < s.count; ++i) {
      const auto element = from[s.first + i * s.step];
      if constexpr (s.width <= 8) {
        block[s.byte + i] = static_cast<std::uint8_t>(block[s.byte + i] | (element >> s.lowest & mask) << s.shift);
      } else {
        for (int b = 0; b < s.width / 8; ++b) block[s.byte + i * (s.width / 8) + b] = static_cast<std::uint8_t>(element >> 8 * b);
      }
    }
  }
}

template <trit_layout L, std::size_t Trits>
LOWP_ALWAYS_INLINE void read_trits(const std::uint8_t* block, std::uint8_t* codes) noexcept {
  constexpr block_trits t = L::trits[Trits];
  constexpr int powers[5] = {1, 3, 9, 27, 81};
  LOWP_KEEP_LOOP
  for (int i = 0; i < t.count; ++i) {
    const auto rest = static_cast<std::uint8_t>(block[t.byte + i] * powers[t.digit]);
    codes[t.first + i] = static_cast<std::uint8_t>(rest * 3 >> 8);
  }
}

template <trit_layout L, std::size_t Trits>
LOWP_ALWAYS_INLINE void add_trits(std::uint8_t* block, const std::uint8_t* codes) noexcept {
  constexpr block_trits t = L::trits[Trits];
  constexpr int powers[5] = {81, 27, 9, 3, 1};
  LOWP_KEEP_LOOP
  for (int i = 0; i < t.count; ++i) {
    block[t.byte + i] = static_cast<std::uint8_t>(block[t.byte + i] + codes[t.first + i] * powers[t.digit]);
  }
}

// From the number that the digits make to the byte that holds them, once a byte.
template <trit_layout L, std::size_t Trits>
LOWP_ALWAYS_INLINE void close_trits(std::uint8_t* block) noexcept {
  constexpr block_trits t = L::trits[Trits];
  if constexpr (t.digit == 0) {
    LOWP_KEEP_LOOP
    for (int i = 0; i < t.count; ++i) block[t.byte + i] = static_cast<std::uint8_t>((block[t.byte + i] * 256u + 242u) / 243u);
  }
}

// One part of one block into its place in the row.
template <block_layout L, block_part Part, class Code>
LOWP_ALWAYS_INLINE void read_part(const std::uint8_t* block, Code* to) noexcept {
  part_buffer<L, Part> part = {};
  if constexpr (trit_layout<L> && Part == block_part::codes) {
    [&]<std::size_t... Trits>(std::index_sequence<Trits...>) {
      (read_trits<L, Trits>(block, part), ...);
    }(std::make_index_sequence<std::size(L::trits)>{});
  } else {
    [&]<std::size_t... Strip>(std::index_sequence<Strip...>) {
      (read_strip<L, Part, Strip>(block, part), ...);
    }(std::make_index_sequence<std::size(L::strips)>{});
  }
  if constexpr (L::flipped(Part) != 0) {
    for (auto& code : part) code = static_cast<Code>(code ^ L::flipped(Part));
  }
  std::memcpy(to, part, sizeof(part));
}

template <block_layout L, block_part Part, class Code>
LOWP_ALWAYS_INLINE void write_part(std::uint8_t* block, const Code* from) noexcept {
  part_buffer<L, Part> part;
  std::memcpy(part, from, sizeof(part));
  if constexpr (L::flipped(Part) != 0) {
    for (auto& code : part) code = static_cast<Code>(code ^ L::flipped(Part));
  }
  if constexpr (trit_layout<L> && Part == block_part::codes) {
    [&]<std::size_t... Trits>(std::index_sequence<Trits...>) {
      (add_trits<L, Trits>(block, part), ...);
      (close_trits<L, Trits>(block), ...);
    }(std::make_index_sequence<std::size(L::trits)>{});
  } else {
    [&]<std::size_t... Strip>(std::index_sequence<Strip...>) {
      (write_strip<L, Part, Strip>(block, part), ...);
    }(std::make_index_sequence<std::size(L::strips)>{});
  }
}

// Calls visit.template operator()<part>() for each part that the layout has.
template <block_layout L, class Visitor>
LOWP_ALWAYS_INLINE void for_each_part(Visitor&& visit) {
  [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    const auto one = [&]<block_part Part>() {
      if constexpr (part_count<L>(Part) != 0) visit.template operator()<Part>();
    };
    (one.template operator()<block_parts[Index]>(), ...);
  }(std::make_index_sequence<block_parts.size()>{});
}

}  // namespace detail

// The bytes of a matrix [rows, cols]. Throws lowp::error where rows are no whole blocks, or the size is beyond counting.
template <block_layout L>
constexpr std::size_t blocks_size(std::size_t rows, std::size_t cols) {
  if (cols % L::columns != 0) LOWP_THROW("rows of ", cols, " weights are no whole blocks of ", L::columns);
  const std::size_t blocks = cols / L::columns;
  constexpr std::size_t most = (std::numeric_limits<std::size_t>::max)() / 8;  // so that codes, and bits, can be counted too
  if (rows != 0 && blocks > most / L::bytes / L::columns / rows) LOWP_THROW("a matrix of ", rows, " x ", cols, " is too large");
  return rows * blocks * L::bytes;
}

// Writes q as blocks, row by row. Throws lowp::error where rows are no whole blocks, where bytes has another size than blocks_size, and
// where a layout of base-3 digits meets a code above 2; nothing is written then.
template <block_layout L>
void to_blocks(const quantized<typename L::scheme>& q, std::span<std::uint8_t> bytes) {
  const std::size_t size = blocks_size<L>(q.rows(), q.cols());
  if (bytes.size() != size) LOWP_THROW("weights of ", q.rows(), " x ", q.cols(), " make ", size, " bytes of blocks, not ", bytes.size());
  if constexpr (trit_layout<L>) {
    for (std::size_t row = 0; row < q.rows(); ++row) {
      for (std::size_t col = 0; col < q.cols(); ++col) {
        if (q.codes()(row, col) > 2) LOWP_THROW("the code ", q.codes()(row, col), " at (", row, ", ", col, ") is no base-3 digit");
      }
    }
  }
  const std::size_t blocks = q.cols() / L::columns;
  std::uint8_t* to = bytes.data();
  for (std::size_t row = 0; row < q.rows(); ++row) {
    for (std::size_t b = 0; b < blocks; ++b, to += L::bytes) {
      std::uint8_t block[L::bytes] = {};
      detail::for_each_part<L>(
          [&]<block_part Part>() { detail::write_part<L, Part>(block, &part_codes<Part>(q)(row, b * part_count<L>(Part))); });
      std::memcpy(to, block, L::bytes);
    }
  }
}
template <block_layout L>
std::vector<std::uint8_t> to_blocks(const quantized<typename L::scheme>& q) {
  std::vector<std::uint8_t> bytes(blocks_size<L>(q.rows(), q.cols()));
  to_blocks<L>(q, std::span<std::uint8_t>(bytes));
  return bytes;
}

// The matrix [rows, cols] whose blocks these are. Throws lowp::error where rows are no whole blocks, and where there are more or fewer
// bytes than such a matrix has.
template <block_layout L>
quantized<typename L::scheme> from_blocks(std::span<const std::uint8_t> bytes, std::size_t rows, std::size_t cols) {
  const std::size_t size = blocks_size<L>(rows, cols);
  if (bytes.size() != size) LOWP_THROW("weights of ", rows, " x ", cols, " lie in ", size, " bytes of blocks, not ", bytes.size());
  quantized<typename L::scheme> q(rows, cols);
  const std::size_t blocks = cols / L::columns;
  const std::uint8_t* from = bytes.data();
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t b = 0; b < blocks; ++b, from += L::bytes) {
      detail::for_each_part<L>(
          [&]<block_part Part>() { detail::read_part<L, Part>(from, &part_codes<Part>(q)(row, b * part_count<L>(Part))); });
    }
  }
  return q;
}

}  // namespace lowp::inline LOWP_ABI

#undef LOWP_KEEP_LOOP
