// A quantized model from one dialect to another, with the numbers that it has:
//
//   convert_checkpoint models/llama-awq models/llama-gptq --to gptq
//   convert_checkpoint models/llama-mxfp4 llama.gguf --to gguf --dry-run       what would happen, and to which layer
//   convert_checkpoint models/llama llama.gguf --to gguf --quantize Q4_K       what cannot be carried over is quantized anew
//
// Takes what inspect_checkpoint takes; writes GPTQ, AWQ, compressed-tensors, bitsandbytes, MLX, GGUF, and plain safetensors of floats. Layers
// are read and written one at a time. Exit code 1, and nothing is written, if some layer's numbers do not fit the dialect and --quantize does
// not say in what to round them; 2 and one line on any mistake.

#include "support/conversion.hpp"

#include <CLI/CLI.hpp>

namespace {

void show(const conversion::item& i) {
  const std::string shape = i.shape.size() == 2 ? std::to_string(i.shape[0]) + " x " + std::to_string(i.shape[1]) : "";
  const std::string name = lowp::detail::printable(i.name);
  const std::string from = i.from.format.empty() ? i.type : lowp::to_string(i.from);
  switch (i.what) {
    case conversion::fate::copied:
      return;
    case conversion::fate::carried:
      std::printf("%-40s %13s  same numbers  %s%s\n", name.c_str(), shape.c_str(), from.c_str(),
                  i.from == i.to ? "" : (" -> " + lowp::to_string(i.to)).c_str());
      return;
    case conversion::fate::quantized:
      std::printf("%-40s %13s  error %.4f  %s -> %s\n", name.c_str(), shape.c_str(), i.error, from.c_str(), lowp::to_string(i.to).c_str());
      return;
    case conversion::fate::refused:
      std::printf("%-40s %13s  does not fit  %s\n", name.c_str(), shape.c_str(), from.c_str());
  }
}

int convert(const std::string& in, const std::string& out, dialect to, const std::string& scheme, bool all, bool dry_run) {
  const stopwatch time;
  const lowp::checkpoint model = lowp::open_checkpoint(in);
  const conversion plan(model, to, scheme.empty() ? nullptr : find_quantizer(scheme), all);
  std::size_t count[4] = {};
  for (const conversion::item& i : plan.items()) {
    show(i);
    ++count[static_cast<std::size_t>(i.what)];
  }
  std::printf("%s: %zu layers keep their numbers, %zu are quantized anew, %zu do not fit; %zu tensors are copied\n", model.dialect().c_str(), count[1],
              count[2], count[3], count[0]);
  if (count[3] != 0) {
    std::printf("nothing is written: --quantize says in which scheme to round the layers that do not fit\n");
    return 1;
  }
  if (dry_run) return 0;
  plan.write(out);
  std::printf("%s written in %.1f s\n", lowp::detail::printable(out, 400).c_str(), time.seconds());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string in, out, scheme;
  dialect to = dialect::safetensors;
  bool all = false, dry_run = false;
  CLI::App app("Converts a quantized model from one dialect to another without changing its numbers.");
  app.add_option("in", in, "a .safetensors or .gguf file, an index, or a folder")->required();
  app.add_option("out", out, "the folder to write, or the .gguf file")->required();
  app.add_option("--to", to, "gptq, awq, compressed-tensors, bitsandbytes, mlx, gguf or safetensors (floats)")
      ->required()
      ->transform(CLI::CheckedTransformer(dialects()));
  app.add_option("--quantize", scheme, "a preset or ggml type for layers that the dialect cannot hold, and for layers of floats");
  app.add_flag("--all", all, "quantize every layer anew");
  app.add_flag("--dry-run", dry_run, "only say what would be done");
  try {
    app.parse(argc, argv);
    if (all && scheme.empty()) LOWP_THROW("--all needs --quantize");
    return convert(in, out, to, scheme, all, dry_run);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "convert_checkpoint: %s\n", e.what());
    return 2;
  }
}
