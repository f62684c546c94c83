#include "kv_report/policies.hpp"

#include "kv_report/policy_list.hpp"

#include <lowp/scheme/presets.hpp>

#include <utility>

namespace kv_report {

using namespace lowp;

void add_schemes(policy_list& p) {
  p.add<scheme<f16, per_tensor, symmetric, unit>>("f16");
  p.add<scheme<i8, per_token, symmetric, f32>>("INT8, a scale a token");
  p.add<scheme<e4m3, per_token, symmetric, f32>>("FP8 E4M3, a scale a token");
  p.add<mxfp4>("MXFP4");
}

std::vector<policy> policies(const tinylm::config& c) {
  policy_list p(c);
  add_schemes(p);
  add_kivi(p);
  add_turboquant(p);
  return std::move(p.list);
}

}  // namespace kv_report
