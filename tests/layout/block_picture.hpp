// A drawing of a block layout, byte by byte, the highest bit on the left: what docs/ggml_blocks.md shows.
#pragma once

#include <lowp/layout/block_layout.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace picture {

inline std::string name_of(lowp::block_part part) {
  switch (part) {
    case lowp::block_part::codes: return "c";
    case lowp::block_part::scales: return "s";
    case lowp::block_part::zeros: return "m";
    case lowp::block_part::scales_above_scales: return "S";
    case lowp::block_part::scales_above_zeros: return "M";
  }
  return "?";
}

// "c32+i", "c3+8i", "s0".
inline std::string element(lowp::block_part part, int first, int count, int step) {
  const std::string name = name_of(part) + std::to_string(first);
  return count == 1 ? name : name + (step == 1 ? "+i" : "+" + std::to_string(step) + "i");
}

inline std::string cell(const std::string& label, int bits) {
  const auto width = static_cast<std::size_t>(9 * bits - 1);
  const std::size_t left = label.size() < width ? (width - label.size()) / 2 : 0;
  return std::string(left, ' ') + label + std::string(width > left + label.size() ? width - left - label.size() : 0, ' ') + "|";
}

template <lowp::block_layout L>
std::string draw() {
  struct field {
    int shift;
    int width;
    std::string label;
  };
  struct line {
    int byte;
    int bytes;
    std::vector<field> fields;
  };
  std::vector<line> lines;
  const auto line_at = [&](int byte, int bytes) -> line& {
    for (line& l : lines) {
      if (l.byte == byte) return l;
    }
    lines.push_back({byte, bytes, {}});
    return lines.back();
  };
  const auto width_of = [](lowp::block_part part) {
    int width = 0;
    lowp::detail::for_each_part<L>([&]<lowp::block_part Part>() {
      if (Part == part) width = lowp::part_format<L, Part>::bits;
    });
    return width;
  };
  for (const lowp::block_strip& s : L::strips) {
    std::string label = element(s.part, s.first, s.count, s.step);
    if (s.width != width_of(s.part)) {
      label += "." + std::to_string(s.lowest + s.width - 1);
      if (s.width > 1) label += "-" + std::to_string(s.lowest);
    }
    const int bytes = s.width <= 8 ? s.count : s.count * s.width / 8;
    line_at(s.byte, bytes).fields.push_back({s.width <= 8 ? s.shift : 0, std::min(s.width, 8), label});
  }
  if constexpr (lowp::trit_layout<L>) {
    for (const lowp::block_trits& t : L::trits) {
      line_at(t.byte, t.count).fields.push_back({4 - t.digit, 1, element(lowp::block_part::codes, t.first, t.count, 1)});
    }
  }
  std::sort(lines.begin(), lines.end(), [](const line& a, const line& b) { return a.byte < b.byte; });
  std::string text;
  for (line& l : lines) {
    std::string bytes = std::to_string(l.byte);
    if (l.bytes > 1) bytes += "-" + std::to_string(l.byte + l.bytes - 1);
    text += "    " + bytes + std::string(9 - bytes.size(), ' ') + "|";
    std::sort(l.fields.begin(), l.fields.end(), [](const field& a, const field& b) { return a.shift > b.shift; });
    const bool digits = lowp::trit_layout<L> && l.bytes > 2;
    int bit = digits ? 5 : 8;
    for (const field& f : l.fields) {
      if (f.shift + f.width < bit) text += cell("", bit - f.shift - f.width);
      text += cell(f.label, f.width);
      bit = f.shift;
    }
    if (bit > 0) text += cell("", bit);
    text += digits ? " digits\n" : "\n";
  }
  return text;
}

}  // namespace picture
