#include "policy_cache_check.hpp"

#include <lowp/kv/kvquant_calibration.hpp>
#include <lowp/kv/qjl.hpp>
#include <lowp/kv/rotated.hpp>
#include <lowp/kv/turboquant.hpp>

#include <cstddef>

namespace {

using namespace lowp;
using policy_cache::check;

using int4 = scheme<i4, per_token, symmetric, f16>;

}  // namespace

TEST_CASE("attention over a cache of any policy is attention over what it holds", "[kv]") {
  check<rotated<int4>, turboquant<3>>(64, rotated<int4>(64), turboquant<3>(64, 3), 2, 5);
  check<turboquant<2>, rotated<int4>>(96, turboquant<2>(96), rotated<int4>(96, 4));
  check<qjl<>, turboquant<3>>(32, qjl<>(32, 160), turboquant<3>(32));
}

TEST_CASE("and so over KVQuant's, whose keys may come before their rotary positions", "[kv]") {
  const std::size_t heads = 2, size = 32, tokens = 200;
  const auto text = normal_numbers(tokens * heads * size, 8);
  const auto view = view_of(text, tokens, heads * size);
  const kvquant_options apart{.outliers = 0.02, .match_moments = true};
  const auto values = calibrate_values<2>(view, heads, apart);
  check<kvquant_keys<3, false>, kvquant_values<2>>(size, calibrate_keys<3, false>(view, heads, apart), values, 1, 3);
  check<kvquant_keys<3>, kvquant_values<2>>(size, calibrate_keys<3>(view, heads, apart), values, 2, 40);
  check<kvquant_keys<3>, kvquant_values<2>>(size, calibrate_keys<3>(view, heads, {}), calibrate_values<2>(view, heads, {}));
}
