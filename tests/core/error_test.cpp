#include <lowp/core/error.hpp>

#include <lowp_test.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

// The message that f throws, or a text that no test expects.
template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const lowp::error& e) {
    return e.what();
  }
  return "(nothing was thrown)";
}

}  // namespace

TEST_CASE("LOWP_THROW joins texts and numbers in order", "[core][error]") {
  CHECK(message_of([] { LOWP_THROW("a group of ", 24, " does not divide ", std::size_t{100}, " columns"); }) ==
        "a group of 24 does not divide 100 columns");
  CHECK(message_of([] { LOWP_THROW("only text"); }) == "only text");
}

TEST_CASE("LOWP_THROW takes every kind of text", "[core][error]") {
  const std::string name = "model.layers.0";
  const std::string_view view = std::string_view("preset and more").substr(0, 6);
  const char* pointer = "pointer";
  CHECK(message_of([&] { LOWP_THROW(name, ' ' == 32 ? " " : "", view, " ", pointer); }) == "model.layers.0 preset pointer");
}

TEST_CASE("LOWP_THROW prints the whole range of integers", "[core][error]") {
  CHECK(message_of([] { LOWP_THROW(INT64_MIN, " ", UINT64_MAX); }) == "-9223372036854775808 18446744073709551615");
  CHECK(message_of([] { LOWP_THROW(std::uint8_t{200}, " ", std::int8_t{-5}, " ", short{7}); }) == "200 -5 7");
}

TEST_CASE("lowp::error is a std::runtime_error with the same message", "[core][error]") {
  CHECK_THROWS_AS(LOWP_THROW("bad ", 1), lowp::error);
  CHECK_THROWS_AS(LOWP_THROW("bad ", 1), std::runtime_error);
  std::string caught;
  try {
    LOWP_THROW("offset ", 8);
  } catch (const std::exception& e) {
    caught = e.what();
  }
  CHECK(caught == "offset 8");
}

TEST_CASE("a function that ends in LOWP_THROW needs no return", "[core][error]") {
  const auto positive = [](int n) -> int {
    if (n > 0) return n;
    LOWP_THROW(n, " is not positive");
  };
  CHECK(positive(3) == 3);
  CHECK_THROWS_AS(positive(0), lowp::error);
}
