// What a file says of one tensor, and how to print a name that a stranger chose.
//
//   lowp::tensor_info t{"w", lowp::dtype::f16, {2, 3}, 0, 12};
//   t.elements() == 6;   t.size_bytes() == 12;
#pragma once

#include <lowp/core/config.hpp>
#include <lowp/io/checked.hpp>
#include <lowp/io/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct tensor_info {
  std::string name;                  // UTF-8; may be empty
  lowp::dtype dtype = dtype::u8;     // of each element
  std::vector<std::uint64_t> shape;  // outermost dimension first, the innermost contiguous; empty for a scalar
  std::uint64_t begin = 0;           // the tensor's bytes are [begin, end), counted from the start of the data
  std::uint64_t end = 0;

  // 1 for a scalar. The product is known to fit for tensors that come from a header; 0 if it does not.
  constexpr std::uint64_t elements() const noexcept { return checked_elements(shape).value_or(0); }
  constexpr std::uint64_t size_bytes() const noexcept { return end - begin; }
};

namespace detail {

// A text from a file, fit for a message: short, and nothing that a terminal would act on.
inline std::string printable(std::string_view text, std::size_t longest = 80) {
  constexpr const char* digits = "0123456789abcdef";
  std::string result;
  for (const char c : text.substr(0, longest)) {
    const auto u = static_cast<unsigned char>(c);
    if (u >= 0x20 && u < 0x7f) result += c;
    else result.append("\\x").append(1, digits[u >> 4]).append(1, digits[u & 15]);
  }
  if (text.size() > longest) result += "...";
  return result;
}

inline std::string in_quotes(std::string_view text) { return "'" + printable(text) + "'"; }

}  // namespace detail
}  // namespace lowp::inline LOWP_ABI
