// The program behind the Python oracles of layouts, called as
//
//   <layout> <bits> <rows> <columns> <codes> <packed>
//
// It packs a file of codes [rows, columns], one byte each, into another file, and checks that unpacking gives them back. A row of `scales`
// or `zeros` is a row of the weights; HQQ is named with its group and axis.
#pragma once

#include <lowp/layout/convert.hpp>
#include <lowp/layout/layouts.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

struct layout_arguments {
  std::string layout;
  int bits;
  std::size_t rows;
  std::size_t cols;
  std::vector<std::uint8_t> codes;
  std::string output;
};

template <class L, int Bits>
bool convert(const layout_arguments& a) {
  std::vector<std::uint8_t> bytes(L::template size<Bits>(a.rows, a.cols));
  lowp::pack_codes<L, Bits>(lowp::matrix_view<const std::uint8_t>{a.codes.data(), a.rows, a.cols}, std::span(bytes));
  std::vector<std::uint8_t> back(a.codes.size());
  lowp::unpack_codes<L, Bits>(std::span<const std::uint8_t>(bytes), lowp::matrix_view<std::uint8_t>{back.data(), a.rows, a.cols});
  std::ofstream out(a.output, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return back == a.codes && static_cast<bool>(out);
}

using all_widths = std::integer_sequence<int, 1, 2, 3, 4, 5, 6, 7, 8>;
template <int... Bits>
using widths = std::integer_sequence<int, Bits...>;

template <class L, int... Bits>
bool convert_if(const layout_arguments& a, const char* name, std::integer_sequence<int, Bits...>) {
  return a.layout == name && (... || (a.bits == Bits && convert<L, Bits>(a)));
}

// Exit code 3 for what the program does not know or gets wrong, 2 for an error of the library.
inline int layout_program(int count, char** arguments, bool (*convert_named)(const layout_arguments&)) {
  if (count != 7) return 3;
  layout_arguments a{arguments[1], std::stoi(arguments[2]), std::stoul(arguments[3]), std::stoul(arguments[4]), {}, arguments[6]};
  a.codes.resize(a.rows * a.cols);
  std::ifstream in(arguments[5], std::ios::binary);
  in.read(reinterpret_cast<char*>(a.codes.data()), static_cast<std::streamsize>(a.codes.size()));
  try {
    return convert_named(a) ? 0 : 3;
  } catch (const lowp::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
