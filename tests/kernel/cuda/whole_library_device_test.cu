// All of the library in a file that nvcc compiles, host kernels included.
#include <lowp/lowp.hpp>

#include "harness.hpp"

#include <vector>

TEST_CASE("host kernels in a file that nvcc compiles", "[cuda]") {
  using rotated = lowp::rotated<lowp::scheme<lowp::i8, lowp::per_token, lowp::symmetric, lowp::f16>>;
  std::vector<float> x(64 * 128), out(128);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 257) / 128 - 1;
  lowp::kv_cache<lowp::nvfp4, rotated> cache(1, 128, {.value = rotated(128)});
  cache.append({x.data(), 64, 128}, {x.data(), 64, 128});
  std::vector<float> of_each[2];
  for (const lowp::isa limit : {lowp::newest_isa, lowp::isa::portable}) {
    lowp::attend({x.data() + 777, 1, 128}, cache, {out.data(), 1, 128}, {.limit = limit});
    of_each[limit == lowp::isa::portable] = out;
  }
  for (std::size_t c = 0; c < 128; ++c) CHECK(std::abs(of_each[0][c] - of_each[1][c]) < 1e-3f);
}
