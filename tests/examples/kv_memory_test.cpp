// tinylm with its past in caches of the library.
#include <lowp_test.hpp>

#include "kv_report/ladder.hpp"
#include "tinylm/cache_memory.hpp"
#include "tinylm/perplexity.hpp"
#include "tinylm/quantize.hpp"
#include "tinylm/text.hpp"

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

TEST_CASE("keys are quantized before or after their rotary positions, by ranges from calibration text", "[tinylm]") {
  const config& c = weights().config;
  const double exact = perplexity_f32();
  const bytes text = load_text(data + "/calibration.txt");
  const auto pasts = kv_report::pasts_of(weights(), unquantized(), windows(text, c.context, 2));
  const auto with = [&]<bool BeforeRope>(std::size_t keep_first) {
    return perplexity_with([&](std::size_t b) {
      using cache = lowp::kv_cache<lowp::kvquant_keys<3, BeforeRope>, half>;
      const auto keys = lowp::calibrate_keys<3, BeforeRope>((BeforeRope ? pasts[b].before : pasts[b].after).view(), c.kv_heads);
      return make_memory(cache(c.kv_heads, c.head_width, {.key = keys, .keep_first = keep_first}));
    });
  };
  const double before = with.template operator()<true>(0), after = with.template operator()<false>(0);
  CHECK(before < 1.01 * exact);
  CHECK(before < after);
  CHECK(after < 1.1 * exact);
  CHECK(std::abs(with.template operator()<true>(512) / exact - 1) < 1e-5);
}
