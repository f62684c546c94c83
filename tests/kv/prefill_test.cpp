#include <lowp/kernel/cpu/thread_executor.hpp>
#include <lowp/kv/prefill.hpp>
#include <lowp/scheme/presets.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

namespace {

using namespace lowp;

// A prompt at once against one query at a time over a cache that is cut to what each sees.
template <class Key, class Value = Key>
void check(std::size_t heads, std::size_t size, std::size_t tokens, std::size_t prompt, std::size_t shared, std::size_t window,
           double tolerance, std::size_t keep_first = 0, std::size_t keep_last = 0) {
  CAPTURE(heads, size, tokens, prompt, shared, window);
  const std::size_t width = heads * size;
  const auto keys = normal_numbers(tokens * width, 1), values = normal_numbers(tokens * width, 2);
  const auto q = normal_numbers(prompt * width * shared, 3);
  kv_cache<Key, Value> cache(heads, size, {.keep_first = keep_first, .keep_last = keep_last});
  cache.append({keys.data(), tokens, width}, {values.data(), tokens, width});
  std::vector<float> out(q.size()), again(q.size());
  attend_causal({q.data(), prompt, width * shared}, cache, {out.data(), prompt, width * shared}, {.window = window});
  attend_causal({q.data(), prompt, width * shared}, cache, {again.data(), prompt, width * shared}, {.window = window}, thread_executor{2});
  CHECK(std::memcmp(out.data(), again.data(), out.size() * sizeof(float)) == 0);
  std::vector<float> k(tokens * size), v(tokens * size);
  double worst = 0;
  for (std::size_t head = 0; head < heads; ++head) {
    cache.read_keys(head, 0, {k.data(), tokens, size});
    cache.read_values(head, 0, {v.data(), tokens, size});
    for (std::size_t i = 0; i < prompt; ++i) {
      const std::size_t seen = tokens - prompt + i + 1;
      for (std::size_t s = 0; s < shared; ++s) {
        const std::size_t at = (i * heads * shared + head * shared + s) * size;
        std::vector<double> scores(seen, -1e300), sum(size);
        for (std::size_t t = 0; t < seen; ++t) {
          if (t >= keep_first && t + window < seen) continue;
          scores[t] = 0;
          for (std::size_t c = 0; c < size; ++c) scores[t] += static_cast<double>(q[at + c]) * static_cast<double>(k[t * size + c]);
          scores[t] /= std::sqrt(static_cast<double>(size));
        }
        const double most = *std::max_element(scores.begin(), scores.end());
        double all = 0;
        for (std::size_t t = 0; t < seen; ++t) {
          const double p = std::exp(scores[t] - most);
          all += p;
          for (std::size_t c = 0; c < size; ++c) sum[c] += p * static_cast<double>(v[t * size + c]);
        }
        for (std::size_t c = 0; c < size; ++c) worst = std::max(worst, std::abs(sum[c] / all - static_cast<double>(out[at + c])));
      }
    }
  }
  CHECK(worst <= tolerance);
}

using int4 = scheme<u4, per_group<32>, asymmetric, f16>;
using kivi_keys = scheme<u2, per_block<32, 1>, with_bias<f16>, f16>;
using kivi_values = scheme<u2, per_group<32>, with_bias<f16>, f16>;

}  // namespace

TEST_CASE("a prompt attends to what each of its tokens sees", "[kv]") {
  check<int8_channel>(2, 64, 300, 300, 1, 1000, 1e-5);
  check<int4>(1, 64, 290, 70, 3, 1000, 1e-5);
  check<int4, nvfp4>(2, 32, 600, 20, 2, 100, 1e-5);
  check<kivi_keys, kivi_values>(1, 64, 330, 100, 2, 1000, 1e-5, 3, 32);
  check<scheme<e4m3, per_token, symmetric, f16>, scheme<u3, per_token, asymmetric, f16>>(1, 96, 270, 40, 1, 33, 1e-5, 4, 0);
}

TEST_CASE("mistakes with a prompt are errors", "[kv]") {
  kv_cache<int8_channel> cache(2, 32);
  std::vector<float> x(4 * 64), y(4 * 64);
  cache.append({x.data(), 3, 64}, {x.data(), 3, 64});
  CHECK_THROWS_AS(attend_causal({x.data(), 4, 64}, cache, {y.data(), 4, 64}), error);
  CHECK_THROWS_AS(attend_causal({x.data(), 3, 32}, cache, {y.data(), 3, 32}), error);
  CHECK_THROWS_AS(attend_causal({x.data(), 3, 64}, cache, {y.data(), 2, 64}), error);
  attend_causal({x.data(), 3, 64}, cache, {y.data(), 3, 64});
}
