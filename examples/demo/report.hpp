// The demo's page: the chart and the table, in one file that needs nothing else.
#pragma once

#include "caches.hpp"
#include "chart.hpp"
#include "measurement.hpp"

#include <lowp/core/error.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace demo {

inline constexpr const char* style = R"(
:root { color-scheme: light dark; --text: #1c2024; --quiet: #60646c; --line: #e0e2e6; --back: #ffffff; --rtn: #0072b2; --gptq: #d55e00; }
@media (prefers-color-scheme: dark) {
  :root { --text: #eceef0; --quiet: #a0a6ae; --line: #343a40; --back: #15181b; --rtn: #56b4e9; --gptq: #f0a050; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; }
p { max-width: 46rem; }
svg { width: 100%; height: auto; font: 13px system-ui, sans-serif; }
svg .grid { stroke: var(--line); fill: none; }
svg .axis { fill: var(--quiet); }
svg .label, svg .name { fill: var(--text); }
svg .name { font-size: 12.5px; }
svg .link { stroke: var(--quiet); fill: none; stroke-dasharray: 2 3; }
svg .leader { stroke: var(--quiet); stroke-width: 0.7; fill: none; }
svg .rtn { fill: var(--rtn); }
svg .gptq { fill: var(--gptq); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; font-size: 0.9rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; white-space: normal; vertical-align: bottom; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
)";

// Writes `rows`, of which the first is the baseline, to `path`.
inline void write_report(const std::string& path, const std::vector<measurement>& rows, const std::vector<cache_measurement>& caches,
                         const std::string& circumstances) {
  std::string page =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n";
  page.append("<title>lowp: a language model in every preset</title>\n<style>").append(style).append("</style>\n</head>\n<body>\n");
  page +=
      "<h1>A small language model in every preset</h1>\n<p>The weights of the linear layers of tinylm, a Llama-architecture model over "
      "bytes, "
      "in each of lowp's number formats: by rounding to nearest (RTN), and by GPTQ with calibration text where codes are short. "
      "Perplexity is per byte of text that the model was not trained on; lower is better. ";
  page.append(circumstances).append("</p>\n").append(chart(rows).svg());
  page +=
      "<div class=\"scroll\"><table>\n<tr><th>preset</th><th>method</th><th>perplexity</th><th>change</th><th>bits per "
      "weight</th><th>weight bytes</th>"
      "<th>bytes/s generated</th><th>seconds to quantize</th></tr>\n";
  for (const measurement& m : rows) {
    page += print("<tr><td>%s</td><td>%s</td><td>%.5f</td><td>%+.2f %%</td><td>%.4f</td><td>%zu</td><td>%.0f</td><td>%.2f</td></tr>\n",
                  m.preset.c_str(), m.method.c_str(), m.perplexity, change(m, rows.front()), m.bits_per_weight, m.weight_bytes,
                  m.bytes_per_second, m.seconds);
  }
  page += "</table></div>\n";
  if (!caches.empty()) {
    page +=
        "<h2>Its past in quantized KV caches</h2>\n<p>Weights in f32; keys and values are quantized as they come, and attention works on "
        "the "
        "codes.</p>\n<div class=\"scroll\"><table>\n<tr><th>cache</th><th>perplexity</th><th>change</th><th>bits per number</th></tr>\n";
    for (const cache_measurement& c : caches) {
      page += print("<tr><td>%s</td><td>%.5f</td><td>%+.2f %%</td><td>%.2f</td></tr>\n", c.name.c_str(), c.perplexity,
                    100 * (c.perplexity / rows.front().perplexity - 1), c.bits);
    }
    page += "</table></div>\n";
  }
  page += "</body>\n</html>\n";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) LOWP_THROW("cannot write ", path);
  const bool written = std::fwrite(page.data(), 1, page.size(), file) == page.size();
  if (std::fclose(file) != 0 || !written) LOWP_THROW("cannot write all of ", path);
}

}  // namespace demo
