// The one error type and the one place that throws it.
//
// Views and schemes that cannot fit, and files that are not what they claim to be, throw lowp::error with the sizes
// in the message, before anything is written. A build without exceptions prints the same message and aborts.
//
//   if (cols % 16 != 0) LOWP_THROW("a tile needs a multiple of 16 columns, but there are ", cols);
#pragma once

#include <lowp/core/config.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#if !LOWP_EXCEPTIONS
#include <cstdio>
#include <cstdlib>
#endif

namespace lowp::inline LOWP_ABI {

class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

inline std::string text(std::string_view s) { return std::string(s); }
inline std::string text(const char* s) { return s; }
template <class Number>
  requires requires(Number n) { std::to_string(n); }
std::string text(Number n) {
  return std::to_string(n);
}

[[noreturn]] LOWP_NOINLINE inline void throw_error(const std::string& message) {
#if LOWP_EXCEPTIONS
  throw error(message);
#else
  std::fprintf(stderr, "lowp: %s\n", message.c_str());
  std::abort();
#endif
}

template <class... Parts>
[[noreturn]] LOWP_NOINLINE void throw_joined(const Parts&... parts) {
  std::string message;
  (message.append(text(parts)), ...);
  throw_error(message);
}

}  // namespace detail
}  // namespace lowp::inline LOWP_ABI

#define LOWP_THROW(...) ::lowp::detail::throw_joined(__VA_ARGS__)
