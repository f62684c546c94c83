// tinylm with its past in caches of the library.
#include <lowp_test.hpp>

#include "tinylm/cache_memory.hpp"
#include "tinylm/decoded_memory.hpp"
#include "tinylm/perplexity.hpp"
#include "tinylm/quantize.hpp"
#include "tinylm/text.hpp"

#include <lowp/kv/kvquant.hpp>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace {

using namespace tinylm;

const std::string data = LOWP_EXAMPLE_DATA;

const checkpoint& weights() {
  static const checkpoint loaded = load_checkpoint(data);
  return loaded;
}

const model& unquantized() {
  static const model lm(weights(), quantize_blocks(weights(), "f32", 2));
  return lm;
}

template <class Make>
double perplexity_with(const Make& make) {
  const bytes text = load_text(data + "/eval.txt");
  const auto texts = windows(text, weights().config.context, 2);
  return perplexity(
      unquantized(), texts, 2, [](std::size_t) {}, [&] { return session(weights().config, make); });
}

double perplexity_f32() {
  const bytes text = load_text(data + "/eval.txt");
  return perplexity(unquantized(), windows(text, weights().config.context, 2), 2);
}

using half = lowp::scheme<lowp::f16, lowp::per_tensor, lowp::symmetric, lowp::unit>;

lowp::kv_cache<half> half_cache() { return {weights().config.kv_heads, weights().config.head_width}; }

}  // namespace

TEST_CASE("tinylm over a cache of halves is tinylm", "[tinylm]") {
  const double p = perplexity_with([](std::size_t) { return make_memory(half_cache()); });
  CHECK(std::abs(p / perplexity_f32() - 1) < 2e-5);
}

TEST_CASE("a session over caches goes on where it was, and starts again", "[tinylm]") {
  const bytes text = load_text(data + "/eval.txt");
  const std::span<const std::uint8_t> start(text.data(), 60);
  session s(weights().config, [](std::size_t) { return make_memory(half_cache()); });
  unquantized().forward(start, s);
  const std::vector<float> at_once(s.logits().row(59).begin(), s.logits().row(59).end());
  s.reset();
  unquantized().forward(start.subspan(0, 40), s);
  unquantized().forward(start.subspan(40), s);
  double most = 0;
  for (std::size_t i = 0; i < at_once.size(); ++i) most = std::max(most, static_cast<double>(std::abs(at_once[i] - s.logits().row(19)[i])));
  CHECK(most < 1e-4);
}

TEST_CASE("what a window hides changes what follows, and a wide one hides nothing", "[tinylm]") {
  const double all = perplexity_with([](std::size_t) { return make_memory(half_cache()); });
  CHECK(perplexity_with([](std::size_t) { return make_memory(half_cache(), 512); }) == all);
  const double narrow = perplexity_with([](std::size_t) { return make_memory(half_cache(), 16); });
  CHECK(narrow > 1.02 * all);
}

TEST_CASE("decoded keys and values are those of the policy, before or after their rotary positions", "[tinylm]") {
  const config& c = weights().config;
  const std::size_t channels = c.kv_heads * c.head_width;
  const double exact = perplexity_f32();
  const auto with = [&]<bool BeforeRope>(std::size_t keep_first) {
    // Ranges wide enough for every key, and codes fine enough not to matter.
    lowp::kvquant_keys<8, BeforeRope> keys(c.kv_heads, std::vector<float>(channels, 0.5f), std::vector<float>(channels, 40.0f), true);
    lowp::kvquant_values<8> values;
    return perplexity_with([&](std::size_t) {
      return std::make_unique<decoded_memory<decltype(keys), decltype(values)>>(c, keys, c.kv_heads, values, c.kv_heads, keep_first);
    });
  };
  CHECK(std::abs(with.template operator()<false>(0) / exact - 1) < 0.01);
  CHECK(std::abs(with.template operator()<true>(0) / exact - 1) < 0.01);
  CHECK(std::abs(with.template operator()<true>(512) / exact - 1) < 1e-6);
}
