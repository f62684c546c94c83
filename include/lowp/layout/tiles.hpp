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

  // Where the words of the tile at (row, col) begin, in bits.
  static constexpr std::array<std::size_t, word_count> places(std::size_t row, std::size_t col, std::size_t rows,
                                                              std::size_t cols) noexcept {
    std::array<std::size_t, word_count> at{};
    for (std::size_t w = 0; w < word_count; ++w) {
      at[w] = L::template bit<Bits>(row + map.words[w].row, col + map.words[w].col, map.words[w].plane, rows, cols);
    }
    return at;
  }

  // Whether words that begin there lie within their bytes; elsewhere a tile goes code by code.
  static constexpr bool whole(const std::array<std::size_t, word_count>& at) noexcept {
    bool fits = true;
    for (std::size_t w = 0; w < word_count; ++w) {
      fits = fits && at[w] % 8 + (map.words[w].end - map.words[w].begin) <= map.words[w].bytes * 8;
    }
    return fits;
  }
};

}  // namespace lowp::inline LOWP_ABI::detail
