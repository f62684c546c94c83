// A test harness with the part of Catch2's vocabulary that lowp's tests use, for machines without Catch2:
// TEST_CASE, CHECK, CHECK_FALSE, REQUIRE, CHECK_THROWS_AS, INFO, CAPTURE and FAIL, and nothing beyond.
//
//   TEST_CASE("addition", "[math]") { CHECK(1 + 1 == 2); }
//
// A program runs all tests but those with a hidden tag ("[.slow]"); arguments choose tests by a part of the name or by
// "[tag]", "[.]" for all hidden ones. The last line is "N passed, N failed".
#pragma once
#pragma GCC system_header  // as Catch2: comparing any two types in a CHECK must not warn

#include <exception>
#include <iostream>
#include <limits>
#include <ranges>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace lowp_harness {

struct test {
  std::string name, tags;
  void (*body)();
};

struct abort_test {};

inline std::vector<test>& registry() {
  static std::vector<test> tests;
  return tests;
}
inline std::vector<std::string> messages;
inline int failed_checks = 0;

struct registration {
  registration(void (*body)(), std::string name, std::string tags = {}) { registry().push_back({std::move(name), std::move(tags), body}); }
};

template <class T>
std::string show(const T& value) {
  std::ostringstream out;
  if constexpr (std::is_same_v<T, bool>) {
    out << (value ? "true" : "false");
  } else if constexpr (std::is_enum_v<T>) {
    out << +static_cast<std::underlying_type_t<T>>(value);
  } else if constexpr (std::is_arithmetic_v<T>) {
    out.precision(std::numeric_limits<T>::max_digits10);
    out << +value;
  } else if constexpr (requires { out << value; }) {
    out << value;
  } else if constexpr (std::ranges::input_range<const T&>) {
    out << "{ ";
    for (const auto& element : value) out << show(element) << ' ';
    out << '}';
  } else {
    out << "{?}";
  }
  return out.str();
}

struct outcome {
  bool held;
  std::string text;
};

// The left side of a comparison; the operators are those that Catch2 can take apart too.
template <class L>
struct operand {
  const L& left;

  outcome result() const { return {static_cast<bool>(left), show(left)}; }
#define LOWP_HARNESS_COMPARISON(op)                         \
  template <class R>                                        \
  outcome operator op(const R& right) const {               \
    if (left op right) return {true, {}};                   \
    return {false, show(left) + " " #op " " + show(right)}; \
  }
  LOWP_HARNESS_COMPARISON(==)
  LOWP_HARNESS_COMPARISON(!=)
  LOWP_HARNESS_COMPARISON(<)
  LOWP_HARNESS_COMPARISON(<=)
  LOWP_HARNESS_COMPARISON(>)
  LOWP_HARNESS_COMPARISON(>=)
#undef LOWP_HARNESS_COMPARISON
};

struct decompose {
  template <class L>
  operand<L> operator<=(const L& left) const {
    return {left};
  }
};

inline outcome finish(outcome o) { return o; }
template <class L>
outcome finish(const operand<L>& o) {
  return o.result();
}

inline void report(const char* file, int line, std::string_view expression, std::string_view detail) {
  ++failed_checks;
  std::cout << file << ':' << line << ": FAILED: " << expression << '\n';
  if (!detail.empty()) std::cout << "  with " << detail << '\n';
  for (const auto& m : messages) std::cout << "  " << m << '\n';
}

struct scoped_message {
  explicit scoped_message(const std::ostringstream& text) { messages.push_back(text.str()); }
  scoped_message(const scoped_message&) = delete;
  ~scoped_message() { messages.pop_back(); }
};

template <class First, class... Rest>
std::ostringstream captured(const char* names, const First& first, const Rest&... rest) {
  std::ostringstream out;
  out << names << " := " << show(first);
  ((out << ", " << show(rest)), ...);
  return out;
}

// "[.release]" stands for both a hidden test and its tag [release]; "[.]" chooses every hidden test.
inline bool chosen(const test& t, int argc, char** argv) {
  if (argc < 2) return t.tags.find("[.") == std::string::npos;
  for (int i = 1; i < argc; ++i) {
    const std::string wanted = argv[i];
    if (wanted == "[.]" && t.tags.find("[.") != std::string::npos) return true;
    if (wanted.starts_with('[') && t.tags.find("[." + wanted.substr(1)) != std::string::npos) return true;
    if ((wanted.starts_with('[') ? t.tags : t.name).find(wanted) != std::string::npos) return true;
  }
  return false;
}

inline int run(int argc, char** argv) {
  int passed = 0, failed = 0;
  for (const auto& t : registry()) {
    if (!chosen(t, argc, argv)) continue;
    failed_checks = 0;
    messages.clear();
    try {
      t.body();
    } catch (const abort_test&) {
    } catch (const std::exception& e) {
      report(t.name.c_str(), 0, "unexpected exception", e.what());
    } catch (...) {
      report(t.name.c_str(), 0, "unexpected exception", "of unknown type");
    }
    if (failed_checks != 0) std::cout << "in test \"" << t.name << "\"\n";
    ++(failed_checks != 0 ? failed : passed);
  }
  std::cout << passed << " passed, " << failed << " failed" << std::endl;
  return failed != 0 || passed == 0 ? 1 : 0;
}

}  // namespace lowp_harness

#define LOWP_HARNESS_JOIN2(a, b) a##b
#define LOWP_HARNESS_JOIN(a, b) LOWP_HARNESS_JOIN2(a, b)
#define LOWP_HARNESS_NAME(prefix) LOWP_HARNESS_JOIN(prefix, __LINE__)

#define TEST_CASE(...)                                                                                                      \
  static void LOWP_HARNESS_NAME(lowp_test_)();                                                                              \
  static const lowp_harness::registration LOWP_HARNESS_NAME(lowp_registered_){&LOWP_HARNESS_NAME(lowp_test_), __VA_ARGS__}; \
  static void LOWP_HARNESS_NAME(lowp_test_)()

#define LOWP_HARNESS_CHECK(source, wanted, on_failure, ...)                                   \
  do {                                                                                        \
    const auto lowp_outcome = lowp_harness::finish(lowp_harness::decompose{} <= __VA_ARGS__); \
    if (lowp_outcome.held != wanted) {                                                        \
      lowp_harness::report(__FILE__, __LINE__, source, lowp_outcome.text);                    \
      on_failure;                                                                             \
    }                                                                                         \
  } while (false)

#define CHECK(...) LOWP_HARNESS_CHECK("CHECK( " #__VA_ARGS__ " )", true, , __VA_ARGS__)
#define CHECK_FALSE(...) LOWP_HARNESS_CHECK("CHECK_FALSE( " #__VA_ARGS__ " )", false, , __VA_ARGS__)
#define REQUIRE(...) LOWP_HARNESS_CHECK("REQUIRE( " #__VA_ARGS__ " )", true, throw lowp_harness::abort_test{}, __VA_ARGS__)

#define CHECK_THROWS_AS(expression, ...)                                                                                       \
  do {                                                                                                                         \
    try {                                                                                                                      \
      static_cast<void>(expression);                                                                                           \
      lowp_harness::report(__FILE__, __LINE__, "CHECK_THROWS_AS( " #expression ", " #__VA_ARGS__ " )", "no throw");            \
    } catch (const __VA_ARGS__&) {                                                                                             \
    } catch (...) {                                                                                                            \
      lowp_harness::report(__FILE__, __LINE__, "CHECK_THROWS_AS( " #expression ", " #__VA_ARGS__ " )", "another type thrown"); \
    }                                                                                                                          \
  } while (false)

#define INFO(message) const lowp_harness::scoped_message LOWP_HARNESS_NAME(lowp_info_)(std::ostringstream() << message)
#define CAPTURE(...) const lowp_harness::scoped_message LOWP_HARNESS_NAME(lowp_info_)(lowp_harness::captured(#__VA_ARGS__, __VA_ARGS__))
#define FAIL(message)                                                                          \
  do {                                                                                         \
    lowp_harness::report(__FILE__, __LINE__, "FAIL", (std::ostringstream() << message).str()); \
    throw lowp_harness::abort_test{};                                                          \
  } while (false)
