// A first look at the JSON of a safetensors header that allocates nothing: how deep it nests, what follows it, and how
// much memory its contents can take, before a parser with growing buffers of its own sees it.
//
// It knows only strings, brackets and runs of other characters. What it lets pass that is no JSON, the parser refuses;
// up to the first such place both see the same strings and brackets, so the bounds hold until the parser stops.
//
//   lowp::detail::safetensors_bounds bounds = lowp::detail::scan_safetensors_json(json, "model.safetensors");
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/io/tensor_info.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

inline constexpr std::uint64_t safetensors_length_bytes = 8;
inline constexpr std::uint64_t safetensors_header_limit = 100'000'000;
inline constexpr std::uint64_t safetensors_tensor_limit = std::uint64_t{1} << 20;
inline constexpr std::uint64_t safetensors_dimension_limit = 8;
inline constexpr std::uint64_t safetensors_name_limit = 65536;

// All counts are bounded by the 100,000,000 bytes of the header, so sums and small multiples of them cannot wrap.
struct safetensors_bounds {
  std::uint64_t objects = 0;         // tensors, and the metadata if there are any
  std::uint64_t entries = 0;         // metadata entries, at most
  std::uint64_t entry_bytes = 0;     // bytes of all metadata keys and values, at most
  std::uint64_t name_bytes = 0;      // bytes of all names
  std::uint64_t array_elements = 0;  // shapes and offsets together
  std::uint64_t longest_token = 0;

  // Bytes that the parsed header takes at most, the parser's buffers included: a JSON token sits in two growing
  // buffers, and in four copies (one of them growing) while a message about it is made.
  constexpr std::uint64_t memory() const noexcept {
    const std::uint64_t offsets = (std::min)(array_elements, 2 * objects);
    return 4096 + objects * (sizeof(tensor_info) + sizeof(std::uint32_t) + 1) + name_bytes +
           (array_elements - offsets) * sizeof(std::uint64_t) + entries * (sizeof(std::pair<std::string, std::string>) + 2) + entry_bytes +
           9 * longest_token;
  }
};

// Throws lowp::error if the text does not start with '{', nests deeper than a tensor's shape, is not closed, or has
// anything but spaces after it. `source` starts the message.
inline safetensors_bounds scan_safetensors_json(std::string_view json, std::string_view source) {
  const auto at = [](std::size_t i) { return safetensors_length_bytes + i; };
  if (json.empty() || json[0] != '{') LOWP_THROW(source, ": not a safetensors file: byte ", at(0), ": the header does not start with '{'");

  constexpr int deepest = 3;            // the file, a tensor, its shape
  constexpr std::uint64_t scalar = 64;  // characters; 20 are enough for any 64-bit number
  safetensors_bounds bounds;
  int depth = 0;
  std::size_t i = 0;
  std::uint64_t strings = 0;  // in the current object
  std::uint64_t string_bytes = 0;
  std::uint64_t run = 0;  // characters of the current number or word
  do {
    switch (const char c = json[i]) {
      case '"': {
        const std::size_t open = i++;
        while (i < json.size() && json[i] != '"') i += json[i] == '\\' ? 2 : 1;
        if (i >= json.size()) LOWP_THROW(source, ": byte ", at(open), ": the string that starts here does not end");
        const std::uint64_t length = i - open - 1;
        bounds.longest_token = (std::max)(bounds.longest_token, length + 2);
        if (depth == 1) bounds.name_bytes += length;
        strings += 1;
        string_bytes += length;
        run = 0;
        break;
      }
      case '{':
      case '[':
        if (++depth > deepest) LOWP_THROW(source, ": byte ", at(i), ": nested deeper than ", deepest, " levels");
        if (depth == 2) {
          if (++bounds.objects > safetensors_tensor_limit + 1)
            LOWP_THROW(source, ": byte ", at(i), ": more than ", safetensors_tensor_limit, " tensors");
          strings = string_bytes = 0;
        } else if (depth == 3) {
          bounds.array_elements += 1;
        }
        run = 0;
        break;
      case '}':
      case ']':
        if (depth == 2) {
          bounds.entries = (std::max)(bounds.entries, strings / 2);
          bounds.entry_bytes = (std::max)(bounds.entry_bytes, string_bytes);
        }
        --depth;
        run = 0;
        break;
      case ',':
        if (depth == 3) bounds.array_elements += 1;
        run = 0;
        break;
      case ':':
      case ' ':
      case '\t':
      case '\n':
      case '\r':
        run = 0;
        break;
      case '\0':
        // The parser would take it for the end.
        LOWP_THROW(source, ": byte ", at(i), ": a zero byte");
      default:
        static_cast<void>(c);
        if (++run > scalar) LOWP_THROW(source, ": byte ", at(i), ": a number or word of more than ", scalar, " characters");
        bounds.longest_token = (std::max)(bounds.longest_token, run);
        break;
    }
    ++i;
  } while (depth != 0 && i < json.size());
  if (depth != 0) LOWP_THROW(source, ": byte ", at(json.size()), ": the header ends before its JSON does");
  for (; i != json.size(); ++i) {
    if (json[i] != ' ') LOWP_THROW(source, ": byte ", at(i), ": only spaces may follow the JSON of the header");
  }
  return bounds;
}

}  // namespace lowp::inline LOWP_ABI::detail
