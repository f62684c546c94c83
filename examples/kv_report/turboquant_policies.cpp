#include "kv_report/policy_list.hpp"

#include <lowp/kv/turboquant_product.hpp>

namespace kv_report {

using namespace lowp;

void add_turboquant(policy_list& p) {
  const std::size_t size = p.head_size();
  p.add<turboquant<4>>("4 bits, TurboQuant", {.key = turboquant<4>(size), .value = turboquant<4>(size)});
  p.add<turboquant_product<4>, turboquant<4>>("4 bits, TurboQuant for scores",
                                              {.key = turboquant_product<4>(size), .value = turboquant<4>(size)});
  p.add<turboquant<3>>("3 bits, TurboQuant", {.key = turboquant<3>(size), .value = turboquant<3>(size)});
  p.add<turboquant_product<3>, turboquant<3>>("3 bits, TurboQuant for scores",
                                              {.key = turboquant_product<3>(size), .value = turboquant<3>(size)});
}

}  // namespace kv_report
