// Little-endian integers in a file's bytes: right on any machine and at any address; compilers make one load or store of it.
//
//   lowp::little_endian<std::uint16_t>(bytes, 3)        // the fourth 16-bit integer
//   lowp::append_little_endian(text, std::uint32_t{7});
#pragma once

#include <lowp/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

template <class Word>
constexpr Word little_endian(std::span<const std::byte> bytes, std::size_t index) noexcept {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i != sizeof(Word); ++i) word |= std::to_integer<std::uint64_t>(bytes[index * sizeof(Word) + i]) << (8 * i);
  return static_cast<Word>(word);
}

template <class Word>
void append_little_endian(std::string& bytes, Word word) {
  const auto u = static_cast<std::make_unsigned_t<Word>>(word);
  for (std::size_t i = 0; i != sizeof(Word); ++i) bytes += static_cast<char>(static_cast<std::uint64_t>(u) >> (8 * i) & 0xff);
}

}  // namespace lowp::inline LOWP_ABI
