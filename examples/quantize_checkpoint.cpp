// Quantizes the weights of a safetensors file:
//
//   quantize_checkpoint model.safetensors nvfp4 model-nvfp4.safetensors
//
// Each matrix of F32, F16 or BF16 is quantized by rounding to nearest in the preset; embeddings, the head and everything
// else are copied. support/quantized_parts.hpp says how a quantized weight lies in the file. Exit code 2 and one line on any
// mistake; the output appears whole or not at all.

#include "support/progress.hpp"
#include "support/quantization_report.hpp"
#include "support/quantized_parts.hpp"
#include "support/tensor_choice.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>

namespace {

struct options {
  std::string input, preset, output;
  tensor_choice choice;
};

volatile std::sig_atomic_t interrupted = 0;

// The header of the output: first what is copied and what is quantized, so that a mistake shows before any work is done.
template <class S>
std::vector<bool> declare(const options& o, const lowp::safetensors_file& in, lowp::safetensors_writer& out) {
  std::vector<bool> quantized;
  for (const auto& [key, value] : in.metadata()) out.metadata(key, value);
  for (const lowp::tensor_info& t : in.tensors()) {
    quantized.push_back(o.choice.takes(in, t));
    if (!quantized.back()) {
      out.declare(t.name, t.dtype, t.shape);
      continue;
    }
    o.choice.check_groups<S>(in, t, o.preset);
    out.metadata("lowp." + t.name, part_metadata(o.preset, t));
    for (const part& p : parts_of<S>(t.name, t.shape[0], t.shape[1])) out.declare(p.name, p.dtype, p.shape);
  }
  if (std::find(quantized.begin(), quantized.end(), true) == quantized.end()) {
    LOWP_THROW(o.input, ": no tensor to quantize among ", quantized.size());
  }
  return quantized;
}

template <class S>
quantization_report quantize_tensor(const lowp::safetensors_file& in, const lowp::tensor_info& t, lowp::safetensors_writer& out) {
  const std::size_t rows = t.shape[0], cols = t.shape[1];
  const std::vector<float> weights = in.read_f32(t);
  std::vector<float> back(weights.size());
  lowp::quantized<S> q;
  try {
    q = lowp::quantize<S>(lowp::matrix_view<const float>(weights.data(), rows, cols));
  } catch (const lowp::error& e) {
    LOWP_THROW(in.path(), ": tensor '", t.name, "': ", e.what());
  }
  lowp::dequantize(q, lowp::matrix_view<float>(back.data(), rows, cols));
  quantization_report r{{}, weights.size(), t.size_bytes(), 0};
  r.error.add(weights, back);
  for (const part& p : parts_of<S>(t.name, rows, cols, &q)) {
    out.write(p.name, std::as_bytes(std::span(p.bytes)));
    r.bytes_after += p.bytes.size();
  }
  return r;
}

template <class S>
void quantize_file(const options& o) {
  const stopwatch total_time;
  const lowp::safetensors_file in(o.input);
  lowp::safetensors_writer out(o.output);
  const std::vector<bool> quantized = declare<S>(o, in, out);
  quantization_report total;
  progress bar(in.size_bytes());
  quantization_report::print_heading(o.preset);
  for (std::size_t i = 0; i != quantized.size(); ++i) {
    const lowp::tensor_info& t = in.tensors()[i];
    if (interrupted != 0) LOWP_THROW("interrupted; '", o.output, "' was not written");
    bar.advance(i == 0 ? 0 : in.tensors()[i - 1].size_bytes(), t.name);
    if (quantized[i]) {
      const stopwatch time;
      const quantization_report r = quantize_tensor<S>(in, t, out);
      bar.clear();
      r.print(t.name, time.seconds());
      total.add(r);
    } else {
      out.write(t.name, in.bytes(t));
    }
  }
  bar.clear();
  out.commit();
  total.print("all quantized weights", total_time.seconds());
  std::printf("%s: %llu bytes -> %s: %llu bytes\n", o.input.c_str(), static_cast<unsigned long long>(in.size_bytes()), o.output.c_str(),
              static_cast<unsigned long long>(out.size_bytes()));
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  std::string presets;
  lowp::for_each_preset([&]<class S>(std::string_view name) { presets.append(" ").append(name); });
  CLI::App app("Quantizes the weights of a safetensors file.");
  app.footer("Presets:" + presets);
  app.add_option("input", o.input, "the safetensors file to read")->required();
  app.add_option("preset", o.preset, "one of the presets below")->required();
  app.add_option("output", o.output, "the safetensors file to write")->required();
  auto* include = app.add_option("--include", o.choice.include, "quantize only what matches this pattern (*, ?, [...]); may be repeated");
  auto* exclude = app.add_option("--exclude", o.choice.exclude, "copy what matches this pattern, instead of embeddings and the head");
  include->allow_extra_args(false);
  exclude->allow_extra_args(false);
  app.add_flag("--ragged", o.choice.ragged, "also take rows that are no whole number of groups");
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { interrupted = 1; });
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is then an error like a full disk
  try {
    app.parse(argc, argv);
    if (include->count() != 0 && exclude->count() == 0) o.choice.exclude.clear();
    std::error_code missing;
    if (std::filesystem::equivalent(o.input, o.output, missing)) LOWP_THROW("'", o.output, "' is the input itself");
    bool known = false;
    lowp::for_each_preset([&]<class S>(std::string_view name) {
      if (name != o.preset) return;
      known = true;
      quantize_file<S>(o);
    });
    if (!known) LOWP_THROW("unknown preset '", o.preset, "'; there are:", presets);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "quantize_checkpoint: %s\n", e.what());
    return 2;
  }
}
