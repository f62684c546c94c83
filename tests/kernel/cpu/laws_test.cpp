// The law of kernels on every named scheme, quick enough for machines that are imitated.

#include "gemm_reference.hpp"

#include <lowp/kernel/cpu/laws.hpp>
#include <lowp/scheme/presets.hpp>

TEST_CASE("every preset obeys the law of kernels", "[kernel][laws]") {
  constexpr std::size_t tokens[] = {1, 2, 3, 5, 9};
  const std::vector<float> x = normal_numbers(9 * 515, 4);
  lowp::for_each_preset([&]<class S>(std::string_view name) {
    for (const std::size_t cols : {64u, 515u}) {
      const auto w = lowp::pack<lowp::layout::tile16>(reference::random_weights<S>(35, cols, 8));
      lowp::for_each_isa([&](lowp::isa version) {
        INFO(name << ", " << cols << " columns on " << lowp::name(version));
        for (const std::size_t m : tokens) CHECK(lowp::laws::kernel(view_of(x, m, cols), w, version));
      });
    }
  });
}
