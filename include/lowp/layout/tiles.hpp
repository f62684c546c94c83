// The tiles of a layout (see tiled_layout), worked out at compile time: which words of at most 64 bits hold the codes of a tile, and
// at which bits. pack_codes and unpack_codes move a tile at a time with it.
//
//   lowp::detail::tile_words<lowp::layout::gptq, 4>::words[0].bytes == 4         eight codes of a row in one word
#pragma once

#include <lowp/layout/layout.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

// Bits of a tile that lie next to each other: `width` bits from bit `first` of code (row, col), `shift` bits into a word.
struct tile_piece {
  std::size_t row;
  std::size_t col;
  std::size_t word;
  int first;
  int width;
  int shift;
  bool begins;  // the first piece of its code
};

// A word begins where plane `plane` of code (row, col) begins, and takes `bytes` bytes from there.
struct tile_word {
  std::size_t row;
  std::size_t col;
  int plane;
  std::size_t begin;
  std::size_t end;
  std::size_t bytes;
  bool full;  // every bit of its bytes belongs to the tile
};

// The bits `bits` of a word, which go `shift` places up (or down).
struct octet_move {
  std::size_t word;
  int shift;
  std::uint64_t bits;
};

template <std::size_t Most>
struct octet_moves {
  std::array<octet_move, Most> list;
  std::size_t count;

  constexpr void add(std::size_t word, int shift, std::uint64_t bits) {
    std::size_t m = 0;
    while (m < count && (list[m].word != word || list[m].shift != shift)) ++m;
    if (m == count) list[count++] = {word, shift, 0};
    list[m].bits |= bits;
  }
};

// `width` bits of each of eight codes, from bit `first` of the code, that follow each other from bit `shift` of one word; where they come
// in another order, their bytes have to be moved.
struct octet_stream {
  int first;
  int width;
  std::size_t word;
  int shift;
  bool in_order;
  octet_moves<8> bytes;
};

// Eight codes of a row, for matrices of one byte a code: streams, and what lies elsewhere.
struct octet {
  std::size_t row;
  std::size_t col;
  std::array<octet_stream, 8> streams;
  std::size_t stream_count;
  octet_moves<64> moves;
};

template <class L, int Bits>
struct tile_words {
  static constexpr tile_shape shape = L::template tile<Bits>();
  static constexpr auto planes = L::template planes<Bits>();
  static constexpr std::size_t most = shape.rows * shape.cols * planes.size();

  struct found {
    std::array<tile_piece, most> pieces{};
    std::array<tile_word, most> words{};
    std::size_t piece_count = 0;
    std::size_t word_count = 0;
  };

  // Where the planes of the first tile of a large matrix lie, by words.
  static constexpr found search() {
    found f;
    const auto each_plane = [](auto&& visit) {
      for (std::size_t r = 0; r < shape.rows; ++r) {
        for (std::size_t c = 0; c < shape.cols; ++c) {
          for (int p = 0; p < static_cast<int>(planes.size()); ++p) {
            visit(r, c, p, planes[static_cast<std::size_t>(p)], L::template bit<Bits>(r, c, p, shape.rows * 4096, shape.cols * 4096));
          }
        }
      }
    };
    each_plane([&](std::size_t r, std::size_t c, int p, bit_plane plane, std::size_t at) {
      const std::size_t end = at + static_cast<std::size_t>(plane.width);
      std::size_t w = 0;
      while (w < f.word_count && f.words[w].begin / 64 != at / 64) ++w;
      if (w == f.word_count) f.words[f.word_count++] = {r, c, p, at, end, 0, false};
      tile_word& word = f.words[w];
      if (at < word.begin) word = {r, c, p, at, word.end, 0, false};
      if (end > word.end) word.end = end;
    });
    std::size_t filled[most] = {};
    each_plane([&](std::size_t r, std::size_t c, int, bit_plane plane, std::size_t at) {
      std::size_t w = 0;
      while (f.words[w].begin / 64 != at / 64) ++w;
      const int shift = static_cast<int>(at - f.words[w].begin);
      filled[w] += static_cast<std::size_t>(plane.width);
      bool begins = true;
      if (f.piece_count != 0) {
        tile_piece& last = f.pieces[f.piece_count - 1];
        begins = last.row != r || last.col != c;
        if (!begins && last.word == w && last.first + last.width == plane.first && last.shift + last.width == shift) {
          last.width += plane.width;
          return;
        }
      }
      f.pieces[f.piece_count++] = {r, c, w, plane.first, plane.width, shift, begins};
    });
    for (std::size_t w = 0; w < f.word_count; ++w) {
      tile_word& word = f.words[w];
      word.bytes = (word.begin % 8 + word.end - word.begin + 7) / 8;
      word.full = filled[w] == word.bytes * 8;
    }
    return f;
  }

  static constexpr found map = search();
  static constexpr std::size_t word_count = map.word_count;
  static constexpr bool usable = [] {
    for (std::size_t w = 0; w < map.word_count; ++w) {
      if (map.words[w].bytes > 8) return false;
    }
    return true;
  }();
  static_assert(usable, "a code of a tile crosses a multiple of 64 bits; choose another tile");

  // The codes of a tile by eights of a row.
  static constexpr std::size_t octet_count = Bits <= 8 && shape.cols % 8 == 0 ? shape.rows * shape.cols / 8 : 0;

  static constexpr octet search_octet(std::size_t row, std::size_t col) {
    octet o{row, col, {}, 0, {}};
    std::array<bool, most> done{};
    for (std::size_t p = 0; p < map.piece_count; ++p) {
      const tile_piece& one = map.pieces[p];
      if (done[p] || one.row != o.row || one.col / 8 != o.col / 8) continue;
      // All pieces with the same bits of their codes, as a stream or one by one.
      octet_stream stream{one.first, one.width, one.word, 64, true, {}};
      octet_moves<8> singles{};
      std::size_t count = 0;
      for (int pass = 0; pass < 2; ++pass) {
        for (std::size_t other = p; other < map.piece_count; ++other) {
          const tile_piece& piece = map.pieces[other];
          if (piece.row != o.row || piece.col / 8 != o.col / 8 || piece.first != one.first || piece.width != one.width) continue;
          if (pass == 0) {
            stream.shift = piece.shift < stream.shift ? piece.shift : stream.shift;
            done[other] = true;
            continue;
          }
          const int i = static_cast<int>(piece.col - o.col);
          const int at = (piece.shift - stream.shift) / piece.width;
          const std::uint64_t bits = low_mask(piece.width);
          singles.add(piece.word, 8 * i + piece.first - piece.shift, bits << piece.shift);
          if (piece.word == one.word && (piece.shift - stream.shift) % piece.width == 0 && at < 8) {
            stream.bytes.add(0, 8 * (i - at), bits << (8 * at));
            stream.in_order = stream.in_order && i == at;
            ++count;
          }
        }
      }
      // Spreading a stream costs about as much as four moves.
      if (count == 8 && 4 + (stream.in_order ? 0 : stream.bytes.count) < singles.count) {
        o.streams[o.stream_count++] = stream;
      } else {
        for (std::size_t m = 0; m < singles.count; ++m) o.moves.add(singles.list[m].word, singles.list[m].shift, singles.list[m].bits);
      }
    }
    return o;
  }

  static constexpr std::array<octet, octet_count> octets = [] {
    std::array<octet, octet_count> all{};
    for (std::size_t i = 0; i < octet_count; ++i) all[i] = search_octet(i * 8 / shape.cols, i * 8 % shape.cols);
    return all;
  }();

  // Whether putting words together from eight codes at a time costs less than from single codes.
  static constexpr bool octets_pack = [] {
    for (const octet& o : octets) {
      if (o.moves.count > 4) return false;
    }
    return octet_count != 0;
  }();

  // Whether the next tile of a row lies near, however many rows there are.
  static constexpr bool rows_together =
      L::template bit<Bits>(0, shape.cols, 0, shape.rows * 4096, shape.cols * 4096) < std::size_t{8} * 1024;

  using word_places = std::array<std::size_t, word_count>;

  // Where the words of the tile at (row, col) begin, in bits. Written out, so that which code and which plane are constants.
  static constexpr word_places places(std::size_t row, std::size_t col, std::size_t rows, std::size_t cols) noexcept {
    return [&]<std::size_t... W>(std::index_sequence<W...>) {
      return word_places{L::template bit<Bits>(row + map.words[W].row, col + map.words[W].col, map.words[W].plane, rows, cols)...};
    }
    (std::make_index_sequence<word_count>{});
  }

  // Whether words that begin there lie within their bytes; elsewhere a tile goes code by code.
  static constexpr bool whole(const word_places& at) noexcept {
    return [&]<std::size_t... W>(std::index_sequence<W...>) {
      return ((at[W] % 8 + (map.words[W].end - map.words[W].begin) <= map.words[W].bytes * 8) && ...);
    }
    (std::make_index_sequence<word_count>{});
  }
};

}  // namespace lowp::inline LOWP_ABI::detail
