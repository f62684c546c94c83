// Every named scheme, in shapes that tiles, units and groups divide and in shapes that they do not.

#include "gemm_reference.hpp"

#include <lowp/kernel/cpu/laws.hpp>
#include <lowp/scheme/presets.hpp>

TEST_CASE("every preset multiplies exactly but for rounding", "[kernel][gemm]") {
  lowp::for_each_preset([]<class S>(std::string_view name) {
    reference::check_product<S>(name, 64, 128);
    reference::check_product<S>(name, 70, 515);
    // Scales in flat groups of 256 fit rows of some lengths only.
    reference::check_product<S>(name, 3, 64);
  });
}

TEST_CASE("every preset obeys the law of kernels", "[kernel][laws]") {
  const std::vector<float> x = normal_numbers(6 * 256, 4);
  lowp::for_each_preset([&]<class S>(std::string_view name) {
    const auto w = lowp::pack<lowp::layout::tile16>(reference::random_weights<S>(37, 256, 8));
    lowp::for_each_isa([&](lowp::isa version) {
      INFO(name << " on " << lowp::name(version));
      for (const std::size_t m : {1u, 3u, 6u}) CHECK(lowp::laws::kernel(view_of(x, m, 256), w, version));
    });
  });
}
