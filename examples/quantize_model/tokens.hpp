// Texts as numbers of a vocabulary, from files of bytes or of wider little-endian numbers.
//
//   std::vector<token> text = load_tokens("calibration.u16", 2);
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/io/little_endian.hpp>
#include <lowp/io/mapped_file.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using token = std::uint32_t;

// `width` is 1, 2 or 4 bytes a token. Throws lowp::error if the file is no whole number of them.
inline std::vector<token> load_tokens(const std::string& path, std::size_t width) {
  const lowp::mapped_file file(path);
  const auto bytes = file.bytes();
  if (bytes.size() % width != 0) LOWP_THROW(path, ": ", bytes.size(), " bytes are no whole number of tokens of ", width);
  std::vector<token> text;
  for (std::size_t i = 0; i < bytes.size() / width; ++i) {
    if (width == 1) text.push_back(lowp::little_endian<std::uint8_t>(bytes, i));
    else text.push_back(width == 2 ? lowp::little_endian<std::uint16_t>(bytes, i) : lowp::little_endian<std::uint32_t>(bytes, i));
  }
  return text;
}
