// Who tests the tests: the harness must count, print, choose and fail as it says. This program has an entry point of its
// own and takes only "N passed, N failed" lines and texts for granted, not the harness's own CHECK.
#define LOWP_TEST_HARNESS
#include <lowp_test.hpp>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

TEST_CASE("holds", "[good]") {
  CHECK(1 + 1 == 2);
  CHECK_FALSE(2 < 1);
  REQUIRE(std::string("a") != "b");
  CHECK_THROWS_AS(std::vector<int>().at(1), std::out_of_range);
}
TEST_CASE("without tags") { CHECK(true); }
TEST_CASE("a false CHECK", "[bad]") {
  const unsigned char letter = 65;
  INFO("layer " << 3);
  CAPTURE(letter, 0.5f);
  CHECK(letter == 66);
  CHECK(std::vector<int>{1, 2}.empty());
}
TEST_CASE("a false CHECK_FALSE", "[bad]") { CHECK_FALSE(1 == 1); }
TEST_CASE("a false REQUIRE", "[bad]") {
  REQUIRE(1 == 2);
  std::puts("a REQUIRE that failed went on");
}
TEST_CASE("no throw", "[bad]") { CHECK_THROWS_AS(std::vector<int>(2).at(1), std::out_of_range); }
TEST_CASE("another throw", "[bad]") { CHECK_THROWS_AS(std::vector<int>().at(1), std::bad_alloc); }
TEST_CASE("a FAIL", "[bad]") { FAIL("for " << 7 << " reasons"); }
TEST_CASE("an exception", "[bad]") { throw std::runtime_error("from nowhere"); }
TEST_CASE("hidden", "[.slow]") { CHECK(true); }

namespace {

int wrong = 0;

// Runs the tests that the arguments choose; the exit code and each of the texts must be as given.
void expect(std::vector<std::string> arguments, int code, const std::vector<std::string>& texts) {
  arguments.insert(arguments.begin(), "program");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  std::ostringstream output;
  std::streambuf* const terminal = std::cout.rdbuf(output.rdbuf());
  const int result = lowp_harness::run(static_cast<int>(argv.size()), argv.data());
  std::cout.rdbuf(terminal);
  if (result != code) {
    ++wrong;
    std::printf("exit code %d instead of %d after\n%s", result, code, output.str().c_str());
  }
  for (const auto& text : texts) {
    if (output.str().find(text) == std::string::npos) {
      ++wrong;
      std::printf("not printed: %s\nbut\n%s", text.c_str(), output.str().c_str());
    }
  }
}

}  // namespace

int main() {
  expect({"[good]"}, 0, {"1 passed, 0 failed\n"});
  expect({"holds", "without"}, 0, {"2 passed, 0 failed\n"});
  expect({}, 1, {"2 passed, 7 failed\n"});
  expect({"[bad]"}, 1, {"0 passed, 7 failed\n"});
  expect({"a false CHECK"}, 1,
         {"CHECK( letter == 66 )", "65 == 66", "layer 3", "letter, 0.5f := 65, 0.5", "empty() )", "in test \"a false CHECK\""});
  expect({"a false CHECK_FALSE"}, 1, {"CHECK_FALSE( 1 == 1 )"});
  expect({"a false REQUIRE"}, 1, {"REQUIRE( 1 == 2 )", "0 passed, 1 failed\n"});
  expect({"no throw"}, 1, {"no throw"});
  expect({"another throw"}, 1, {"another type thrown"});
  expect({"a FAIL"}, 1, {"for 7 reasons"});
  expect({"an exception"}, 1, {"from nowhere"});
  expect({"[slow]"}, 0, {"1 passed, 0 failed\n"});
  expect({"[.]"}, 0, {"1 passed, 0 failed\n"});
  // A filter that chooses nothing has tested nothing.
  expect({"[nonsense]"}, 1, {"0 passed, 0 failed\n"});
  std::printf("%s\n", wrong == 0 ? "the harness does what it says" : "the harness is wrong");
  return wrong == 0 ? 0 : 1;
}
