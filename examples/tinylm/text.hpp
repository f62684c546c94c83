// Text files as bytes, and cut into windows.
#pragma once

#include <lowp/io/mapped_file.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tinylm {

using bytes = std::vector<std::uint8_t>;

inline bytes load_text(const std::string& path) {
  const lowp::mapped_file file(path);
  bytes text;
  for (const std::byte b : file.bytes()) text.push_back(std::to_integer<std::uint8_t>(b));
  return text;
}

// Every text of `size` bytes without overlap; `count` of them (0: all) at even distances.
template <class Token>
std::vector<std::span<const Token>> windows(std::span<const Token> text, std::size_t size, std::size_t count = 0) {
  const std::size_t all = text.size() / size;
  if (count == 0 || count > all) count = all;
  std::vector<std::span<const Token>> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back(text.subspan(i * all / count * size, size));
  return list;
}
inline std::vector<std::span<const std::uint8_t>> windows(const bytes& text, std::size_t size, std::size_t count = 0) {
  return windows(std::span<const std::uint8_t>(text), size, count);
}

}  // namespace tinylm
