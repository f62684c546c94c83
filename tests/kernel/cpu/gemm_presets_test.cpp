// Every named scheme, in shapes that tiles, units and groups divide and in shapes that they do not.

#include "gemm_reference.hpp"

#include <lowp/scheme/presets.hpp>

TEST_CASE("every preset multiplies exactly but for rounding", "[kernel][gemm]") {
  lowp::for_each_preset([]<class S>(std::string_view name) {
    reference::check_product<S>(name, 64, 128);
    reference::check_product<S>(name, 70, 515);
    // Scales in flat groups of 256 fit rows of some lengths only.
    reference::check_product<S>(name, 3, 64);
  });
}
