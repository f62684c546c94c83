// The entry point of the device tests: skipped (exit code 77) where there is no device to run them.
#include "harness.hpp"

int main(int argc, char** argv) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::cout << "SKIPPED: no CUDA device" << std::endl;
    return 77;
  }
  return lowp_harness::run(argc, argv);
}

TEST_CASE("a CUDA device is there", "[cuda]") {
  cudaDeviceProp properties{};
  REQUIRE(cudaGetDeviceProperties(&properties, 0) == cudaSuccess);
  std::cout << "on " << properties.name << '\n';
}
