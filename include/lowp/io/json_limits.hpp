// A first look at JSON from a stranger that allocates nothing: how deep it nests and how long its strings and numbers are,
// before a parser with growing buffers and a stack of its own sees it. What it lets pass that is no JSON, the parser refuses.
//
//   lowp::detail::check_json_limits(json, {.depth = 3, .token_bytes = 65536}, "model.safetensors.index.json");
#pragma once

#include <lowp/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lowp::inline LOWP_ABI::detail {

struct json_limits {
  std::size_t depth;
  std::size_t token_bytes;
};

// Throws lowp::error with the byte at fault. `source` starts the message.
inline void check_json_limits(std::string_view json, json_limits limits, std::string_view source) {
  std::size_t depth = 0;
  std::size_t word = 0;  // characters of the current number or word
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    const bool separator = c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (c == '"') {
      const std::size_t open = i++;
      while (i < json.size() && json[i] != '"') i += json[i] == '\\' ? 2 : 1;
      if (i >= json.size()) LOWP_THROW(source, ": byte ", open, ": the string that starts here does not end");
      if (i - open > limits.token_bytes)
        LOWP_THROW(source, ": byte ", open, ": a string of ", i - open - 1, " bytes, where ", limits.token_bytes, " are the limit");
    } else if (c == '{' || c == '[') {
      if (++depth > limits.depth) LOWP_THROW(source, ": byte ", i, ": nested deeper than ", limits.depth, " levels");
    } else if (c == '}' || c == ']') {
      depth -= depth != 0 ? 1 : 0;
    } else if (c == '\0') {
      LOWP_THROW(source, ": byte ", i, ": a zero byte");  // which the parser would take for the end
    } else if (!separator) {
      if (++word > 64) LOWP_THROW(source, ": byte ", i, ": a number or word of more than 64 characters");
      continue;
    }
    word = 0;
  }
}

// The text that a parser's error adds to where it stood.
inline std::string_view json_reason(std::string_view what) noexcept {
  const std::size_t start = what.find("syntax error");  // before it: the parser's own name and a line and column
  return start == std::string_view::npos ? what : what.substr(start);
}

}  // namespace lowp::inline LOWP_ABI::detail
