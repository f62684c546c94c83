// A small language model whose weights are in any of lowp's presets.
//
//   tinylm generate "import " --preset nvfp4 --bytes 200
//   tinylm perplexity --preset int4_g128 --gptq
//   tinylm presets
//   tinylm export tinylm.gguf --type Q4_K          for llama.cpp
//   tinylm perplexity --gguf tinylm.gguf
#include "generate.hpp"
#include "gguf.hpp"
#include "perplexity.hpp"
#include "quantize.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

namespace {

using namespace tinylm;

struct options {
  std::string data = LOWP_EXAMPLE_DATA;
  std::string preset = "f32";
  std::string prompt;
  std::string gguf;
  std::string type = "Q4_K";
  bool as_ggml = false;
  bool gptq = false;
  std::size_t calibration = 64;
  std::size_t windows = 0;
  std::size_t bytes = 200;
  float temperature = 0;
  std::uint32_t seed = 0;
  std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

checkpoint load_weights(const options& o) { return o.gguf.empty() ? load_checkpoint(o.data) : read_gguf(o.gguf); }

model load_model(const checkpoint& weights, const options& o) {
  if (!o.gptq) return {weights, quantize_blocks(weights, o.preset, o.threads)};
  const bytes text = load_text(o.data + "/calibration.txt");
  hessians inputs = collect_hessians(weights, windows(text, weights.config.context, o.calibration), o.threads);
  return {weights, quantize_blocks(weights, o.preset, o.threads, &inputs)};
}

void run_generate(const options& o) {
  const checkpoint weights = load_weights(o);
  const model lm = load_model(weights, o);
  std::fputs(o.prompt.c_str(), stdout);
  const auto start = std::chrono::steady_clock::now();
  generate(
      lm, o.prompt, o.bytes,
      [](char c) {
        std::putchar(c);
        std::fflush(stdout);
      },
      o.temperature, o.seed);
  std::fprintf(stderr, "\n%s: %.0f bytes/s\n", o.preset.c_str(), static_cast<double>(o.bytes) / seconds_since(start));
}

void run_perplexity(const options& o) {
  const checkpoint weights = load_weights(o);
  const model lm = load_model(weights, o);
  const bytes text = load_text(o.data + "/eval.txt");
  const auto texts = windows(text, weights.config.context, o.windows);
  const auto start = std::chrono::steady_clock::now();
  const double p = perplexity(lm, texts, o.threads);
  const double seconds = seconds_since(start);
  std::printf("%s%s: perplexity %.5f over %zu windows, %.4f bits per weight, %.0f bytes/s\n", o.preset.c_str(), o.gptq ? " by GPTQ" : "", p,
              texts.size(), lm.bits_per_weight(), static_cast<double>(texts.size() * weights.config.context) / seconds);
}

void add_data_option(CLI::App& command, options& o) {
  command.add_option("--data", o.data, "Directory of config.json, tinylm.safetensors, eval.txt and calibration.txt")->capture_default_str();
}

void add_model_options(CLI::App& command, options& o) {
  command.add_option("--preset", o.preset, "The scheme of the linear layers' weights; see: tinylm presets")->capture_default_str();
  command.add_flag("--gptq", o.gptq, "Quantize by GPTQ instead of rounding to nearest");
  command.add_option("--calibration", o.calibration, "Windows of calibration text for GPTQ")
      ->capture_default_str()
      ->check(CLI::Range(1, 512));
  command.add_option("--gguf", o.gguf, "Take the weights from this GGUF file");
  add_data_option(command, o);
  command.add_option("--threads", o.threads, "Threads for windows and for quantizing")->capture_default_str()->check(CLI::Range(1, 1024));
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  CLI::App app{"A small language model in any of lowp's presets"};
  app.require_subcommand(1);
  CLI::App* generating = app.add_subcommand("generate", "Continue a prompt");
  generating->add_option("prompt", o.prompt, "The text to continue")->required();
  generating->add_option("--bytes", o.bytes, "Bytes to generate")->capture_default_str();
  generating->add_option("--temperature", o.temperature, "0: always the likeliest byte")->capture_default_str();
  generating->add_option("--seed", o.seed, "Of the random choices above temperature 0")->capture_default_str();
  add_model_options(*generating, o);
  CLI::App* measuring = app.add_subcommand("perplexity", "Measure the perplexity, the size and the speed");
  measuring->add_option("--windows", o.windows, "Evenly spread windows of the text to use; 0: all")->capture_default_str();
  add_model_options(*measuring, o);
  CLI::App* listing = app.add_subcommand("presets", "List the presets");
  CLI::App* exporting = app.add_subcommand("export", "Write the model as a GGUF file, which llama.cpp runs");
  exporting->add_option("file", o.gguf, "The file to write")->required();
  exporting->add_option("--type", o.type, "ggml's type of the linear layers: F16, Q4_0, Q8_0, Q4_K, MXFP4, ...")->capture_default_str();
  exporting->add_flag("--as-ggml", o.as_ggml, "Quantize by ggml's steps, bit for bit");
  add_data_option(*exporting, o);
  CLI11_PARSE(app, argc, argv);
  try {
    if (*generating) run_generate(o);
    if (*measuring) run_perplexity(o);
    if (*exporting) write_gguf(load_checkpoint(o.data), o.type, o.gguf, o.as_ggml);
    if (*listing) {
      for (const preset& p : presets())
        std::printf("%-14.*s %7.4f bits per weight\n", static_cast<int>(p.name.size()), p.name.data(), p.bits_per_weight);
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tinylm: %s\n", e.what());
    return 2;
  }
}
