// One row of the demo's table: what a preset, by a method, costs and gives.
#pragma once

#include "tinylm/generate.hpp"
#include "tinylm/perplexity.hpp"
#include "tinylm/quantize.hpp"

#include "support/progress.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

namespace demo {

struct measurement {
  std::string preset;
  std::string method;  // "-" for the unquantized baseline, "RTN" or "GPTQ"
  double perplexity = 0;
  double bits_per_weight = 0;
  std::size_t weight_bytes = 0;
  double bytes_per_second = 0;  // generated, on one thread
  double seconds = 0;           // to quantize
};

// What `m` adds to the baseline's perplexity, in per cent.
inline double change(const measurement& m, const measurement& baseline) { return 100 * (m.perplexity / baseline.perplexity - 1); }

inline std::string print(const char* format, ...) __attribute__((format(printf, 1, 2)));
inline std::string print(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

struct experiment {
  const tinylm::checkpoint& weights;
  std::vector<std::span<const std::uint8_t>> texts;
  std::size_t threads;
  progress& bar;

  // Advances the bar by a window, from any thread.
  auto show(const std::string& what) const {
    return [this, what](std::size_t) {
      static std::mutex lock;
      const std::lock_guard guard(lock);
      bar.advance(1, what);
    };
  }

  measurement measure(const std::string& preset, const std::string& method, tinylm::hessians* inputs) const {
    bar.advance(0, preset + " " + method + ": quantizing");
    const stopwatch quantizing;
    const tinylm::model lm(weights, tinylm::quantize_blocks(weights, preset, threads, inputs));
    measurement m{preset, method};
    m.seconds = quantizing.seconds();
    m.bits_per_weight = lm.bits_per_weight();
    m.weight_bytes = (lm.storage_bits() + 7) / 8;
    // The fastest of a few, since other programs only ever slow it down.
    constexpr std::size_t count = 200;
    for (int i = 0; i < 3; ++i) {
      const stopwatch generating;
      tinylm::generate(lm, "import ", count, [](char) {});
      m.bytes_per_second = std::max(m.bytes_per_second, static_cast<double>(count) / generating.seconds());
    }
    m.perplexity = tinylm::perplexity(lm, texts, threads, show(preset + " " + method + ": perplexity"));
    return m;
  }
};

}  // namespace demo
