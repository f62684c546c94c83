// Inputs that Python scripts in data/ make as well, and digests of what becomes of them.
#pragma once

#include <lowp/core/bits.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace golden {

// Element i is (the sum of the four 16-bit fields of SplitMix64(i) - 131070) * 2^-(17 + i / 2048 mod 11): close to normal within
// stretches of different size.
inline std::vector<float> inputs(std::size_t count) {
  std::vector<float> w(count);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::uint64_t z = random_bits(0, i);
    int sum = -131070;
    for (int field = 0; field < 4; ++field) sum += static_cast<int>(z >> (16 * field) & 0xffffu);
    w[i] = static_cast<float>(sum) * lowp::power_of_two(-17 - static_cast<int>(i / 2048 % 11));
  }
  return w;
}

inline std::string hexadecimal(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

// 64-bit FNV-1a.
inline std::string digest(std::span<const std::uint8_t> bytes) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const std::uint8_t byte : bytes) h = (h ^ byte) * 0x100000001b3u;
  std::uint8_t of_bytes[8];
  for (int i = 0; i < 8; ++i) of_bytes[i] = static_cast<std::uint8_t>(h >> (56 - 8 * i));
  return hexadecimal(of_bytes);
}

}  // namespace golden
