// The one include of every test: Catch2 3, Catch2 2 or the harness beside this file, whichever the build chose.
//
//   #include <lowp_test.hpp>
//   TEST_CASE("a name", "[room]") { CHECK(1 + 1 == 2); }
//
// Tests keep to TEST_CASE, CHECK, CHECK_FALSE, REQUIRE, CHECK_THROWS_AS, INFO, CAPTURE and FAIL, which all three have.
// Files made by Python or kept in the repository lie under LOWP_TEST_DATA and LOWP_EXAMPLE_DATA (strings).
#pragma once

#if defined(LOWP_TEST_HARNESS)
#include "harness.hpp"
#elif __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#elif __has_include(<catch2/catch.hpp>)
#include <catch2/catch.hpp>
#else
#include "harness.hpp"
#endif
