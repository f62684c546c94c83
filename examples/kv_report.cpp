// What the policies of a KV cache cost and keep: perplexity of tinylm with its past in each of them, then over a long text of which only
// the first and the latest bytes are seen, then text from a prompt.
//
//   kv_report                      every sixth window of the evaluation text
//   kv_report --windows 0          all of them
//   kv_report --length 16384 --window 128
#include "kv_report/ladder.hpp"
#include "kv_report/policies.hpp"
#include "tinylm/generate.hpp"
#include "tinylm/perplexity.hpp"
#include "tinylm/quantize.hpp"
#include "tinylm/text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>

// Compiled by themselves, for they are most of the program.
extern template std::vector<kv_report::step> kv_report::ladder<2>(const std::vector<kv_report::past>&, const tinylm::config&);
extern template std::vector<kv_report::step> kv_report::ladder<3>(const std::vector<kv_report::past>&, const tinylm::config&);

namespace {

using namespace kv_report;

struct options {
  std::string data = LOWP_EXAMPLE_DATA;
  std::string only;
  std::size_t windows = 64;
  std::size_t calibration = 16;
  std::size_t length = 8192;
  std::size_t window = 256;
  std::size_t generated = 400;
  std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
};

constexpr std::size_t sinks = 4;  // bytes that a sliding window keeps from the beginning

class report {
 public:
  explicit report(const options& o)
      : options_(o), weights_(tinylm::load_checkpoint(o.data)), evaluation_(tinylm::load_text(o.data + "/eval.txt")) {}

  void windows_of_text() {
    const tinylm::model lm(weights_, tinylm::quantize_blocks(weights_, "f32", options_.threads));
    const auto texts = tinylm::windows(evaluation_, weights_.config.context, options_.windows);
    const double base = tinylm::perplexity(lm, texts, options_.threads);
    std::printf("%zu windows of %zu bytes, f32: %.5f\n\n", texts.size(), weights_.config.context, base);
    const auto row = [&](const std::string& name, double bits, const auto& make) {
      if (name.find(options_.only) == std::string::npos) return;
      const double p = tinylm::perplexity(
          lm, texts, options_.threads, [](std::size_t) {}, [&] { return tinylm::session(weights_.config, make); });
      std::printf("%-40s %6.2f bits %10.5f %+9.3f %%\n", name.c_str(), bits, p, 100 * (p / base - 1));
      std::fflush(stdout);
    };
    for (const policy& p : policies(weights_.config)) row(p.name, p.bits, [&](std::size_t) { return p.make(0, ~std::size_t{0}); });
    const tinylm::bytes calibration = tinylm::load_text(options_.data + "/calibration.txt");
    const auto pasts = pasts_of(weights_, lm, tinylm::windows(calibration, weights_.config.context, options_.calibration));
    for (const step& s : qjl_with_channels_apart(pasts, weights_.config)) row(s.name, s.bits, s.make);
    for (const step& s : ladder<2>(pasts, weights_.config)) row("KVQuant, 2 bits: " + s.name, s.bits, s.make);
    for (const step& s : ladder<3>(pasts, weights_.config)) row("KVQuant, 3 bits: " + s.name, s.bits, s.make);
  }

  // Rotary positions go on and on; what the model sees of them is how far apart two bytes are, which stays within the window.
  void long_text() {
    weights_.config.context = std::max(options_.length, options_.generated + prompt.size());
    const tinylm::model lm(weights_, tinylm::quantize_blocks(weights_, "f32", options_.threads));
    const auto texts = tinylm::windows(evaluation_, options_.length, options_.threads);
    std::printf("\n%zu texts of %zu bytes, of which the first %zu and the latest %zu are seen\n\n", texts.size(), options_.length, sinks,
                options_.window);
    double base = 0;
    for (const policy& p : policies(weights_.config)) {
      if (base != 0 && p.name.find(options_.only) == std::string::npos) continue;
      const auto make = [&](std::size_t) { return p.make(sinks, options_.window); };
      const double perplexity = tinylm::perplexity(
          lm, texts, options_.threads, [](std::size_t) {}, [&] { return tinylm::session(weights_.config, make); });
      if (base == 0) base = perplexity;
      std::printf("%-40s %10.5f %+9.3f %%\n", p.name.c_str(), perplexity, 100 * (perplexity / base - 1));
      std::fflush(stdout);
    }
    for (const policy& p : policies(weights_.config)) {
      if (p.name != "2 bits, KIVI, latest 32 kept") continue;
      tinylm::session s(weights_.config, [&](std::size_t) { return p.make(sinks, options_.window); });
      std::printf("\n%s, %zu bytes after a prompt:\n\n", p.name.c_str(), options_.generated);
      tinylm::generate(lm, s, prompt, options_.generated, [](char c) { std::putchar(c); });
      std::printf("\n");
    }
  }

 private:
  static constexpr std::string_view prompt = "In the beginning ";

  const options& options_;
  tinylm::checkpoint weights_;
  tinylm::bytes evaluation_;
};

}  // namespace

int main(int argc, char** argv) {
  options o;
  CLI::App app{"Perplexity of a small language model under each policy of a KV cache"};
  app.add_option("--windows", o.windows, "Evenly spread windows of the evaluation text to use; 0: all")->capture_default_str();
  app.add_option("--calibration", o.calibration, "Windows of calibration text for KVQuant")
      ->capture_default_str()
      ->check(CLI::Range(1, 512));
  app.add_option("--length", o.length, "Bytes of each long text; 0: none")->capture_default_str()->check(CLI::Range(0, 65536));
  app.add_option("--window", o.window, "Bytes of a long text that are seen beside the first")
      ->capture_default_str()
      ->check(CLI::Range(1, 65536));
  app.add_option("--generate", o.generated, "Bytes to generate")->capture_default_str()->check(CLI::Range(1, 65536));
  app.add_option("--only", o.only, "A part of the names of the policies to measure");
  app.add_option("--threads", o.threads, "Threads, each with a text of its own")->capture_default_str()->check(CLI::Range(1, 1024));
  app.add_option("--data", o.data, "Directory of config.json, tinylm.safetensors, eval.txt and calibration.txt")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    report r(o);
    r.windows_of_text();
    if (o.length != 0) r.long_text();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kv_report: %s\n", error.what());
    return 2;
  }
}
