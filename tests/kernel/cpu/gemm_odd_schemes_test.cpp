// Schemes that have no name.

#include "gemm_reference.hpp"

#include "../../quantize/odd_schemes.hpp"

TEST_CASE("schemes nobody planned for multiply exactly but for rounding", "[kernel][gemm]") {
  const auto check = []<class S>(std::string_view name) {
    using G = typename S::granularity;
    if constexpr (lowp::rectangular_granularity<G>) {
      reference::check_product<S>(name, 40, 120);
      reference::check_product<S>(name, 19, 333);
      reference::check_product<S>(name, 1, 1);
    } else if constexpr (G::weights_per_group != 0) {
      reference::check_product<S>(name, 40, G::weights_per_group * 5);
    }
  };
  odd::for_each(check);
  odd::for_each_with_added_term(check);
}
