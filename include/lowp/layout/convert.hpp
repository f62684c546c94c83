// Codes into a layout's bytes and back.
//
//   std::vector<std::uint8_t> bytes(lowp::layout::gptq::size<4>(rows, cols));
//   lowp::pack_codes<lowp::layout::gptq, 4>(codes, std::span(bytes));
//   lowp::unpack_codes<lowp::layout::gptq, 4>(std::span<const std::uint8_t>(bytes), codes);
//
// A layout that says what its tiles are is moved tile by tile, a word at a time, and any other one code by code.
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/core/matrix_view.hpp>
#include <lowp/layout/layout.hpp>
#include <lowp/layout/tiles.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

namespace lowp::inline LOWP_ABI {

namespace detail {

// Little-endian words of 1 to 8 bytes, put together from those that the processor has.
template <std::size_t Bytes>
LOWP_ALWAYS_INLINE std::uint64_t load_bytes(const std::uint8_t* from) noexcept {
  if constexpr (Bytes == 0) {
    return 0;
  } else {
    using word = std::conditional_t<Bytes >= 8, std::uint64_t, std::conditional_t<Bytes >= 4, std::uint32_t, std::uint8_t>>;
    word low;
    std::memcpy(&low, from, sizeof(word));
    if constexpr (std::endian::native == std::endian::big) {
      low = 0;
      for (std::size_t i = 0; i < sizeof(word); ++i) low |= static_cast<word>(word{from[i]} << (8 * i));
    }
    if constexpr (Bytes == sizeof(word)) return low;
    else return low | load_bytes<Bytes - sizeof(word)>(from + sizeof(word)) << (8 * sizeof(word));
  }
}

template <std::size_t Bytes>
LOWP_ALWAYS_INLINE void store_bytes(std::uint8_t* to, std::uint64_t value) noexcept {
  if constexpr (Bytes != 0) {
    using word = std::conditional_t<Bytes >= 8, std::uint64_t, std::conditional_t<Bytes >= 4, std::uint32_t, std::uint8_t>>;
    const auto low = static_cast<word>(value);
    if constexpr (std::endian::native == std::endian::big) {
      for (std::size_t i = 0; i < sizeof(word); ++i) to[i] = static_cast<std::uint8_t>(low >> (8 * i));
    } else {
      std::memcpy(to, &low, sizeof(word));
    }
    if constexpr (Bytes > sizeof(word)) store_bytes<Bytes - sizeof(word)>(to + sizeof(word), value >> (8 * sizeof(word)));
  }
}

template <std::size_t... Index>
LOWP_ALWAYS_INLINE void for_each_index(std::index_sequence<Index...>, auto&& visit) {
  (visit(std::integral_constant<std::size_t, Index>{}), ...);
}

// Eight codes that follow each other in a stream of bits, one to each byte, by halves; and back.
template <int Bits>
struct eight_codes {
  static constexpr int gap = 8 - Bits;
  static constexpr std::uint64_t four = low_mask(4 * Bits);
  static constexpr std::uint64_t two = std::uint64_t{low_mask(2 * Bits)} * 0x0000000100000001u;
  static constexpr std::uint64_t one = std::uint64_t{low_mask(Bits)} * 0x0001000100010001u;

  static constexpr std::uint64_t spread(std::uint64_t stream) noexcept {
    stream = (stream & four) | (stream << (4 * gap) & four << 32);
    stream = (stream & two) | (stream << (2 * gap) & two << 16);
    return (stream & one) | (stream << gap & one << 8);
  }

  static constexpr std::uint64_t join(std::uint64_t codes) noexcept {
    codes = (codes & one) | (codes & one << 8) >> gap;
    codes = (codes & two) | (codes & two << 16) >> (2 * gap);
    return (codes & four) | (codes & four << 32) >> (4 * gap);
  }
};

constexpr std::uint64_t moved_up(std::uint64_t bits, int up) noexcept { return up >= 0 ? bits << up : bits >> -up; }

// The codes of one tile from its words; one byte a code goes by eights. Written out, so that all shifts and masks are constants.
template <class Tile, class Code>
LOWP_ALWAYS_INLINE void unpack_tile(const std::uint8_t* bytes, const typename Tile::word_places& at, Code* codes,
                                    std::size_t stride) noexcept {
  std::uint64_t words[Tile::word_count];
  for_each_index(std::make_index_sequence<Tile::word_count>{},
                 [&](auto w) { words[w] = load_bytes<Tile::map.words[w].bytes>(bytes + at[w] / 8) >> (at[w] % 8); });
  if constexpr (sizeof(Code) == 1 && Tile::octet_count != 0) {
    for_each_index(std::make_index_sequence<Tile::octet_count>{}, [&](auto i) {
      std::uint64_t eight = 0;
      for_each_index(std::make_index_sequence<Tile::octets[i].stream_count>{}, [&](auto s) {
        constexpr octet_stream from = Tile::octets[i].streams[s];
        const std::uint64_t spread = eight_codes<from.width>::spread(words[from.word] >> from.shift);
        if constexpr (from.in_order) {
          eight |= spread << from.first;
        } else {
          for_each_index(std::make_index_sequence<from.bytes.count>{},
                         [&](auto m) { eight |= moved_up(spread & from.bytes.list[m].bits, from.bytes.list[m].shift + from.first); });
        }
      });
      for_each_index(std::make_index_sequence<Tile::octets[i].moves.count>{}, [&](auto m) {
        constexpr octet_move move = Tile::octets[i].moves.list[m];
        eight |= moved_up(words[move.word] & move.bits, move.shift);
      });
      store_bytes<8>(reinterpret_cast<std::uint8_t*>(codes + Tile::octets[i].row * stride + Tile::octets[i].col), eight);
    });
  } else {
    for_each_index(std::make_index_sequence<Tile::map.piece_count>{}, [&](auto i) {
      constexpr tile_piece p = Tile::map.pieces[i];
      const std::uint32_t part = (static_cast<std::uint32_t>(words[p.word] >> p.shift) & low_mask(p.width)) << p.first;
      Code& code = codes[p.row * stride + p.col];
      if constexpr (p.begins) code = static_cast<Code>(part);
      else code = static_cast<Code>(code | part);
    });
  }
}

template <class Tile, class Code>
LOWP_ALWAYS_INLINE void pack_tile(std::uint8_t* bytes, const typename Tile::word_places& at, const Code* codes,
                                  std::size_t stride) noexcept {
  std::uint64_t words[Tile::word_count] = {};
  if constexpr (sizeof(Code) == 1 && Tile::octets_pack) {
    for_each_index(std::make_index_sequence<Tile::octet_count>{}, [&](auto i) {
      const std::uint64_t eight =
          load_bytes<8>(reinterpret_cast<const std::uint8_t*>(codes + Tile::octets[i].row * stride + Tile::octets[i].col));
      for_each_index(std::make_index_sequence<Tile::octets[i].stream_count>{}, [&](auto s) {
        constexpr octet_stream to = Tile::octets[i].streams[s];
        std::uint64_t spread = eight >> to.first;
        if constexpr (!to.in_order) {
          spread = 0;
          for_each_index(std::make_index_sequence<to.bytes.count>{},
                         [&](auto m) { spread |= moved_up(eight, -to.bytes.list[m].shift - to.first) & to.bytes.list[m].bits; });
        }
        words[to.word] |= eight_codes<to.width>::join(spread) << to.shift;
      });
      for_each_index(std::make_index_sequence<Tile::octets[i].moves.count>{}, [&](auto m) {
        constexpr octet_move move = Tile::octets[i].moves.list[m];
        words[move.word] |= moved_up(eight, -move.shift) & move.bits;
      });
    });
  } else {
    for_each_index(std::make_index_sequence<Tile::map.piece_count>{}, [&](auto i) {
      constexpr tile_piece p = Tile::map.pieces[i];
      const auto code = static_cast<std::uint32_t>(codes[p.row * stride + p.col]);
      words[p.word] |= std::uint64_t{code >> p.first & low_mask(p.width)} << p.shift;
    });
  }
  for_each_index(std::make_index_sequence<Tile::word_count>{}, [&](auto w) {
    constexpr std::size_t count = Tile::map.words[w].bytes;
    std::uint8_t* to = bytes + at[w] / 8;
    if constexpr (Tile::map.words[w].full) store_bytes<count>(to, words[w]);
    else store_bytes<count>(to, load_bytes<count>(to) | words[w] << (at[w] % 8));
  });
}

// Calls whole(row, col, places) for the tiles that lie whole in the matrix and are of one kind, and single(row, col) for all other codes.
// They come in blocks: where the words of a row lie far apart, as many of them as a cache keeps although they are powers of two apart.
template <class L, int Bits>
LOWP_ALWAYS_INLINE void for_each_tile(std::size_t rows, std::size_t cols, bool by_tiles, auto&& whole, auto&& single) {
  const auto rectangle = [&](std::size_t row, std::size_t end_row, std::size_t col, std::size_t end_col) {
    for (std::size_t r = row; r < end_row; ++r) {
      for (std::size_t c = col; c < end_col; ++c) single(r, c);
    }
  };
  if constexpr (tiled_layout<L>) {
    using tile = tile_words<L, Bits>;
    constexpr tile_shape shape = tile::shape;
    constexpr std::size_t block_rows = round_up(std::size_t{64}, shape.rows);
    constexpr std::size_t block_cols = round_up(std::size_t{tile::rows_together ? 1024 : 256 / Bits}, shape.cols);
    const bool made_of_tiles = [&] {
      if constexpr (requires { L::template tiles<Bits>(rows, cols); }) return by_tiles && L::template tiles<Bits>(rows, cols);
      else return by_tiles;
    }();
    const std::size_t tiled_rows = made_of_tiles ? rows / shape.rows * shape.rows : 0;
    const std::size_t tiled_cols = made_of_tiles ? cols / shape.cols * shape.cols : 0;
    for (std::size_t r0 = 0; r0 < tiled_rows; r0 += block_rows) {
      for (std::size_t c0 = 0; c0 < tiled_cols; c0 += block_cols) {
        for (std::size_t r = r0; r < (std::min)(r0 + block_rows, tiled_rows); r += shape.rows) {
          for (std::size_t c = c0; c < (std::min)(c0 + block_cols, tiled_cols); c += shape.cols) {
            const auto at = tile::places(r, c, rows, cols);
            if (tile::whole(at)) whole(r, c, at);
            else rectangle(r, r + shape.rows, c, c + shape.cols);
          }
        }
      }
    }
    rectangle(0, tiled_rows, tiled_cols, cols);
    rectangle(tiled_rows, rows, 0, cols);
  } else {
    rectangle(0, rows, 0, cols);
  }
}

template <class L, int Bits>
void check_packing(std::size_t rows, std::size_t cols, std::size_t bytes) {
  if constexpr (limited_layout<L>) {
    if (!L::template fits<Bits>(rows, cols)) {
      LOWP_THROW("codes of ", rows, " x ", cols, " in ", Bits, " bits do not fit the layout, which takes ", L::fits_rule);
    }
  }
  const std::size_t needed = L::template size<Bits>(rows, cols);
  if (bytes != needed) LOWP_THROW("codes of ", rows, " x ", cols, " in ", Bits, " bits take ", needed, " bytes, not ", bytes);
}

}  // namespace detail

// Packs codes [rows, cols] into `bytes`, padding with zeros; throws lowp::error if it is not as long as the layout says, or if the layout
// does not take such a matrix.
template <layout_type L, int Bits, class Code>
void pack_codes(matrix_view<const Code> codes, std::span<std::uint8_t> bytes) {
  const std::size_t rows = codes.rows();
  const std::size_t cols = codes.cols();
  detail::check_packing<L, Bits>(rows, cols, bytes.size());
  std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});
  detail::for_each_tile<L, Bits>(
      rows, cols, codes.contiguous_rows(),
      [&](std::size_t r, std::size_t c, const auto& at) {
        detail::pack_tile<detail::tile_words<L, Bits>>(bytes.data(), at, &codes(r, c), codes.row_stride());
      },
      [&](std::size_t r, std::size_t c) { write_code<L, Bits>(bytes.data(), r, c, rows, cols, static_cast<std::uint32_t>(codes(r, c))); });
}

// The reverse of pack_codes, into codes [rows, cols].
template <layout_type L, int Bits, class Code>
void unpack_codes(std::span<const std::uint8_t> bytes, matrix_view<Code> codes) {
  const std::size_t rows = codes.rows();
  const std::size_t cols = codes.cols();
  detail::check_packing<L, Bits>(rows, cols, bytes.size());
  detail::for_each_tile<L, Bits>(
      rows, cols, codes.contiguous_rows(),
      [&](std::size_t r, std::size_t c, const auto& at) {
        detail::unpack_tile<detail::tile_words<L, Bits>>(bytes.data(), at, &codes(r, c), codes.row_stride());
      },
      [&](std::size_t r, std::size_t c) { codes(r, c) = static_cast<Code>(read_code<L, Bits>(bytes.data(), r, c, rows, cols)); });
}

}  // namespace lowp::inline LOWP_ABI
