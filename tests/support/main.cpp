// The entry point of the test programs, compiled once. Catch2 3 brings its own.
#if defined(LOWP_TEST_HARNESS)
#include "harness.hpp"
int main(int argc, char** argv) { return lowp_harness::run(argc, argv); }
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
