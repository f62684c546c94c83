// Quantizes a model by a method and measures what it costs, or writes it as a checkpoint:
//
//   quantize_model "uint3_g128 gptq act_order mse"
//   quantize_model "uint4_g128 awq clip gptq" --out models/mine --dialect gptq
//
//   quantize_model "nvfp4 gptq" --data models/llama --calibration-text c4.u32 --eval wiki.u32 --token-bytes 4
//
// quantize_model/method.hpp has the words of a method. The model is tinylm, or any of Llama's architecture that fits into memory as floats;
// its texts are files of token numbers, since there is no tokenizer here.
#include "quantize_model/output.hpp"
#include "quantize_model/pipeline.hpp"
#include "quantize_model/tokens.hpp"
#include "support/progress.hpp"

#include <tinylm/perplexity.hpp>
#include <tinylm/text.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

namespace {

struct options {
  std::string method, data = LOWP_EXAMPLE_DATA, out, calibration_file;
  std::string eval = "eval.txt", calibration_text = "calibration.txt", dialect = "safetensors";
  std::size_t token_bytes = 1, context = 512;
  std::size_t calibration = 64;
  std::size_t windows = 0;
  double outliers = 1;
  bool no_perplexity = false;
  std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
};

void run(const options& o) {
  const method m = parse_method(o.method);
  if (m.inputs == activations::llm_int8 && !o.out.empty())
    LOWP_THROW("no dialect holds the columns that llm_int8 keeps; int8 has the same weights otherwise");
  const bool shipped = std::filesystem::exists(o.data + "/tinylm.safetensors");
  tinylm::checkpoint weights = shipped ? tinylm::load_checkpoint(o.data) : tinylm::load_llama(o.data, o.context);
  const auto texts = [&](const std::string& name) { return load_tokens(o.data + "/" + name, o.token_bytes); };
  if (o.outliers != 1) add_outliers(weights, static_cast<float>(o.outliers));
  const std::vector<token> calibration = m.needs_inputs() || m.budget > 0 ? texts(o.calibration_text) : std::vector<token>();
  const stopwatch time;
  std::optional<model_calibration> known;
  if (!o.calibration_file.empty()) {
    if (m.sequential || !m.needs_inputs()) LOWP_THROW("a calibration file serves a method that is parallel and needs calibration");
    if (m.rotate || o.outliers != 1) LOWP_THROW("a calibration file is of the model as it is: no rotation, no outliers");
    if (std::filesystem::exists(o.calibration_file)) known = load_calibration(o.calibration_file, weights.config);
  }
  const bool collects = !o.calibration_file.empty() && !known;
  pipeline p(weights, m, tinylm::windows(std::span<const token>(calibration), weights.config.context, o.calibration), o.threads,
             std::move(known));
  if (collects) save_calibration(o.calibration_file, p.calibration());
  std::unique_ptr<model_output> out;
  if (!o.out.empty()) out = std::make_unique<model_output>(o.out, o.dialect, o.data, m);
  progress bar(p.blocks() * tinylm::projections);
  for (std::size_t block = 0; block < p.blocks(); ++block) {
    if (out && out->restore(p, block)) {
      bar.advance(tinylm::projections, "block " + std::to_string(block) + ", done before");
      continue;
    }
    std::vector<layer_result> results;
    p.quantize_block(block, [&](const std::string& name, const layer_result& r) {
      bar.advance(1, name);
      if (out) results.push_back(r);
    });
    if (out) out->keep(p, block, std::move(results));
  }
  bar.clear();
  if (out) out->commit(p);
  const double seconds = time.seconds();
  std::printf("%s: ", m.text.c_str());
  if (!o.no_perplexity) {
    const std::vector<token> text = texts(o.eval);
    const auto windows = tinylm::windows(std::span<const token>(text), weights.config.context, o.windows);
    std::printf("perplexity %.5f, ", tinylm::perplexity(p.result(), windows, o.threads));
  }
  std::printf("%.4f bits per weight, quantized in %.1f s\n",
              static_cast<double>(p.storage_bits()) / static_cast<double>(p.result().layer_weights()), seconds);
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  CLI::App app{"Quantizes a model by a method and measures what it costs"};
  std::string names;
  for (const std::string& s : schemes()) names += " " + s;
  app.footer("Schemes:" + names);
  app.add_option("method", o.method, "A scheme, a method and what it is told, in one line: \"uint3_g128 gptq act_order\"")->required();
  app.add_option("--data", o.data, "Folder of the model: config.json, its safetensors files and its texts")->capture_default_str();
  app.add_option("--out", o.out, "Folder of the checkpoint to write; what it holds of an interrupted run is taken up again");
  app.add_option("--dialect", o.dialect, "gptq, awq, compressed-tensors, bitsandbytes, mlx or safetensors")->capture_default_str();
  app.add_option("--eval", o.eval, "Held-out text, in the model's folder")->capture_default_str();
  app.add_option("--calibration-text", o.calibration_text, "Calibration text, in the model's folder")->capture_default_str();
  app.add_option("--token-bytes", o.token_bytes, "Bytes of each token in the texts")
      ->capture_default_str()
      ->check(CLI::IsMember({1, 2, 4}));
  app.add_option("--context", o.context, "Tokens of a window, of a model other than tinylm")
      ->capture_default_str()
      ->check(CLI::Range(2, 1 << 16));
  app.add_option("--calibration", o.calibration, "Windows of calibration text")->capture_default_str()->check(CLI::Range(1, 512));
  app.add_option("--calibration-file", o.calibration_file,
                 "What the unquantized model's layers read, for a parallel method: made if missing");
  app.add_option("--windows", o.windows, "Evenly spread windows of the held-out text to measure; 0: all")->capture_default_str();
  app.add_option("--outliers", o.outliers, "Multiply four channels of each norm, and divide what reads them")->capture_default_str();
  app.add_flag("--no-perplexity", o.no_perplexity, "Measure nothing");
  app.add_option("--threads", o.threads, "Threads")->capture_default_str()->check(CLI::Range(1, 1024));
  CLI11_PARSE(app, argc, argv);
  try {
    run(o);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "quantize_model: %s\n", e.what());
    return 2;
  }
}
