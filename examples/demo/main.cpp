// tinylm in f32, in every preset and with quantized KV caches: tables on the terminal while it is measured, and report.html with a chart.
//
//   demo                   all presets over the whole of the evaluation text
//   demo --windows 32      a quick look
#include "report.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>
#include <thread>

namespace {

using namespace demo;

struct options {
  std::string data = LOWP_EXAMPLE_DATA;
  std::string report = "report.html";
  std::size_t windows = 0;
  std::size_t calibration = 128;
  std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
};

void print_row(const measurement& m, const measurement& baseline) {
  std::printf("%-13s %-6s %10.5f %+8.2f %% %9.4f %12zu %9.0f %9.2f\n", m.preset.c_str(), m.method.c_str(), m.perplexity,
              change(m, baseline), m.bits_per_weight, m.weight_bytes, m.bytes_per_second, m.seconds);
  std::fflush(stdout);
}

// GPTQ closes a gap that longer codes do not have.
bool worth_gptq(const tinylm::preset& p) { return p.bits_per_weight <= 4.5; }

void run(const options& o) {
  const stopwatch all;
  const tinylm::checkpoint weights = tinylm::load_checkpoint(o.data);
  const tinylm::bytes evaluation = tinylm::load_text(o.data + "/eval.txt");
  const tinylm::bytes calibration = tinylm::load_text(o.data + "/calibration.txt");
  const auto texts = tinylm::windows(evaluation, weights.config.context, o.windows);
  const auto calibration_texts = tinylm::windows(calibration, weights.config.context, o.calibration);

  std::size_t runs = 0;
  for (const tinylm::preset& p : tinylm::presets()) runs += p.name == "bf16" ? 0u : worth_gptq(p) ? 2u : 1u;
  const auto kinds = cache_kinds(weights.config);
  progress bar((runs + kinds.size()) * texts.size() + calibration_texts.size());
  const experiment e{weights, texts, o.threads, bar};

  std::printf("%zu windows of %zu bytes, GPTQ from %zu windows, %zu threads\n\n", texts.size(), weights.config.context,
              calibration_texts.size(), o.threads);
  std::printf("%-13s %-6s %10s %10s %9s %12s %9s %9s\n", "preset", "method", "perplexity", "change", "bits per", "weight", "bytes/s",
              "seconds to");
  std::printf("%-13s %-6s %10s %10s %9s %12s %9s %9s\n", "", "", "", "", "weight", "bytes", "generated", "quantize");
  std::vector<measurement> rows;
  const auto add = [&](std::string_view preset, const char* method, tinylm::hessians* inputs) {
    rows.push_back(e.measure(std::string(preset), method, inputs));
    bar.clear();
    print_row(rows.back(), rows.front());
  };
  add("f32", "-", nullptr);
  const stopwatch calibrating;
  tinylm::hessians inputs = tinylm::collect_hessians(weights, calibration_texts, o.threads, e.show("calibration"));
  const std::string circumstances = print(
      "Measured on %zu windows of %zu bytes; GPTQ takes columns in the order of the Hessian's diagonal, whose inputs come from %zu windows "
      "of the training text (%.1f s, once for all presets). "
      "Generation runs on one thread, everything else on %zu.",
      texts.size(), weights.config.context, calibration_texts.size(), calibrating.seconds(), o.threads);
  // After every preset, so that there is something to look at early, and an early error if the page cannot be written.
  for (const tinylm::preset& p : tinylm::presets()) {
    if (p.dense) continue;
    add(p.name, "RTN", nullptr);
    if (worth_gptq(p)) add(p.name, "GPTQ", &inputs);
    write_report(o.report, rows, {}, circumstances);
  }

  std::printf("\n%-40s %10s %10s %9s\n", "KV cache, weights in f32", "perplexity", "change", "bits");
  const tinylm::model exact(weights, tinylm::quantize_blocks(weights, "f32", o.threads));
  std::vector<cache_measurement> caches;
  for (const cache_kind& kind : kinds) {
    const double perplexity = tinylm::perplexity(exact, texts, o.threads, e.show(kind.name + ": perplexity"),
                                                 [&] { return tinylm::session(weights.config, kind.make); });
    caches.push_back({kind.name, kind.bits, perplexity});
    bar.clear();
    std::printf("%-40s %10.5f %+8.2f %% %9.2f\n", kind.name.c_str(), perplexity, 100 * (perplexity / rows.front().perplexity - 1),
                kind.bits);
    std::fflush(stdout);
  }
  write_report(o.report, rows, caches, circumstances);

  std::printf("\n%.0f s in all; the chart is in %s\n", all.seconds(), o.report.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  CLI::App app{"A small language model in f32 and in every preset of lowp"};
  app.add_option("--windows", o.windows, "Evenly spread windows of the evaluation text to use; 0: all")->capture_default_str();
  app.add_option("--calibration", o.calibration, "Windows of calibration text for GPTQ")->capture_default_str()->check(CLI::Range(1, 512));
  app.add_option("--threads", o.threads, "Threads for windows and for quantizing")->capture_default_str()->check(CLI::Range(1, 1024));
  app.add_option("--report", o.report, "The page to write")->capture_default_str();
  app.add_option("--data", o.data, "Directory of config.json, tinylm.safetensors, eval.txt and calibration.txt")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    run(o);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "demo: %s\n", error.what());
    return 2;
  }
}
