#include <lowp/kv/attention.hpp>
#include <lowp/scheme/presets.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace {

using namespace lowp;

// Attention by each instruction set against the portable one.
template <class Key, class Value>
void check(std::size_t shared) {
  CAPTURE(shared);
  const std::size_t size = 64, tokens = 100;
  const auto keys = normal_numbers(tokens * size, 1), values = normal_numbers(tokens * size, 2), q = normal_numbers(shared * size, 3);
  kv_cache<Key, Value> cache(1, size);
  cache.append({keys.data(), tokens, size}, {values.data(), tokens, size});
  std::vector<float> expected(q.size()), found(q.size());
  attend({q.data(), shared, size}, cache, {expected.data(), shared, size}, {.limit = isa::portable});
  for_each_isa([&](isa version) {
    CAPTURE(name(version));
    attend({q.data(), shared, size}, cache, {found.data(), shared, size}, {.limit = version});
    float worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::abs(found[i] - expected[i]));
    CHECK(worst <= 1e-4f);
  });
}

using int8 = scheme<i8, per_token, symmetric, f16>;
using uint8 = scheme<u8, per_token, asymmetric, f16>;
using fp8 = scheme<e4m3, per_token, symmetric, f16>;
using int4 = scheme<u4, per_group<32>, asymmetric, f16>;
using plain = scheme<f16, per_tensor, symmetric, unit>;

}  // namespace

TEST_CASE("every instruction set attends alike", "[kv]") {
  check<int8, int8>(1);
  check<int8, uint8>(3);
  check<fp8, fp8>(2);
  check<int4, nvfp4>(2);
  check<scheme<u2, per_block<32, 1>, with_bias<f16>, f16>, scheme<u2, per_group<32>, with_bias<f16>, f16>>(1);
  check<nf4_g64, plain>(2);
}
