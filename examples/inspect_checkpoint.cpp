// What is in a model file, tensor by tensor:
//
//   inspect_checkpoint model.safetensors
//   inspect_checkpoint models/llama-gptq --include '*down_proj*'
//
// Takes safetensors (a file, an index or a folder) and GGUF. Of each quantized layer: its scheme, the bits of a weight with scales and zero
// points, how evenly codes are used (entropy in bits, the share at either end of the format's range), the range of its scales, and the
// weights that are NaN or infinite. Of each other tensor: type, shape, range, deviation, zeros, NaN and infinite elements. Exit code 1 if
// any weight or element is not finite, 2 and one line on any mistake.

#include "support/layer_statistics.hpp"
#include "support/number_statistics.hpp"

#include <lowp/io/checkpoint.hpp>

#include <fnmatch.h>

#include <CLI/CLI.hpp>

namespace {

struct totals {
  std::uint64_t layers = 0, weights = 0, tensors = 0, elements = 0, not_finite = 0;
  double layer_bits = 0, tensor_bits = 0;
};

void show_layer(const lowp::checkpoint& model, const lowp::weight_info& info, totals& sum) {
  const lowp::plain_weights layer = model.read(info);
  const code_use codes(layer.grid());
  number_statistics scales, weights;
  if (!layer.scheme().is_plain()) {
    std::vector<float> numbers(layer.grid().scale().rows() * layer.grid().scale().cols());
    layer.grid().scale().values(0, numbers);
    scales.add(numbers);
  }
  std::vector<float> numbers;
  for (std::size_t row = 0; row < layer.rows(); row += 64) {
    const std::size_t count = std::min<std::size_t>(64, layer.rows() - row);
    numbers.resize(count * layer.cols());
    layer.dequantize(row, count, numbers);
    weights.add(numbers);
  }
  const double bits = stored_bits(layer.scheme(), layer.rows(), layer.cols());
  std::printf("%-44s %13s %7.3f %7.2f %6.2f %% %10.3g %10.3g %7llu %10.3g %7llu  %s\n", lowp::detail::printable(info.name).c_str(),
              (std::to_string(info.rows) + " x " + std::to_string(info.cols)).c_str(),
              weights.count == 0 ? 0 : bits / static_cast<double>(weights.count), codes.entropy, 100 * codes.at_ends, scales.lowest(),
              scales.highest(), static_cast<unsigned long long>(scales.zeros), weights.deviation(),
              static_cast<unsigned long long>(weights.not_finite()), lowp::to_string(layer.scheme()).c_str());
  sum.layers += 1;
  sum.weights += weights.count;
  sum.layer_bits += bits;
  sum.not_finite += weights.not_finite();
}

void show_tensor(const lowp::checkpoint& model, const lowp::plain_tensor& tensor, totals& sum) {
  const auto bytes = model.bytes(tensor.name);
  const std::uint64_t elements = lowp::checked_elements(tensor.shape).value_or(0);
  std::string shape;
  for (const std::uint64_t n : tensor.shape) shape += (shape.empty() ? "" : " x ") + std::to_string(n);
  std::printf("%-44s %13s %-8s", lowp::detail::printable(tensor.name).c_str(), shape.c_str(), tensor.type.c_str());
  sum.tensors += 1;
  sum.elements += elements;
  sum.tensor_bits += 8 * static_cast<double>(bytes.size());
  const auto type = lowp::find_dtype(tensor.type);
  if (!type || *type == lowp::dtype::c64) {
    std::printf(" %10s\n", "(not read)");
    return;
  }
  number_statistics numbers;
  std::vector<float> some;
  constexpr std::uint64_t step = 1 << 16;
  for (std::uint64_t first = 0; first < elements; first += step) {
    some.resize(static_cast<std::size_t>(std::min(step, elements - first)));
    const std::size_t begin = static_cast<std::size_t>(first) / 8 * lowp::dtype_bits(*type);
    lowp::read_floats(*type, bytes.subspan(begin, (some.size() * lowp::dtype_bits(*type) + 7) / 8), some);
    numbers.add(some);
  }
  std::printf(" %10.3g %10.3g %10.3g %10.3g %9llu %7llu %7llu\n", numbers.lowest(), numbers.highest(), numbers.mean(), numbers.deviation(),
              static_cast<unsigned long long>(numbers.zeros), static_cast<unsigned long long>(numbers.nans),
              static_cast<unsigned long long>(numbers.infinities));
  sum.not_finite += numbers.not_finite();
}

int inspect(const std::string& path, const std::vector<std::string>& include) {
  const lowp::checkpoint model = lowp::open_checkpoint(path);
  const auto wanted = [&](const auto& t) {
    return include.empty() ||
           std::any_of(include.begin(), include.end(), [&](const auto& p) { return ::fnmatch(p.c_str(), t.name.c_str(), 0) == 0; });
  };
  totals sum;
  std::printf("%s: %s\n", lowp::detail::printable(model.path(), 400).c_str(), model.dialect().c_str());
  if (!model.weights().empty()) {
    std::printf("\n%-44s %13s %7s %7s %8s %10s %10s %7s %10s %7s  %s\n", "quantized layer", "shape", "bits", "entropy", "at ends",
                "scale min", "scale max", "zeros", "deviation", "NaN/Inf", "scheme");
  }
  for (const lowp::weight_info& w : model.weights()) {
    if (wanted(w)) show_layer(model, w, sum);
  }
  if (!model.tensors().empty()) {
    std::printf("\n%-44s %13s %-8s %10s %10s %10s %10s %9s %7s %7s\n", "tensor", "shape", "type", "min", "max", "mean", "deviation",
                "zeros", "NaN", "Inf");
  }
  for (const lowp::plain_tensor& t : model.tensors()) {
    if (wanted(t)) show_tensor(model, t, sum);
  }
  const auto mean = [](double bits, std::uint64_t count) { return count == 0 ? 0 : bits / static_cast<double>(count); };
  std::printf("\n%llu quantized layers, %llu weights, %.3f bits each; %llu other tensors, %llu elements, %.3f bits each; %llu not finite\n",
              static_cast<unsigned long long>(sum.layers), static_cast<unsigned long long>(sum.weights), mean(sum.layer_bits, sum.weights),
              static_cast<unsigned long long>(sum.tensors), static_cast<unsigned long long>(sum.elements),
              mean(sum.tensor_bits, sum.elements), static_cast<unsigned long long>(sum.not_finite));
  return sum.not_finite == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::string path;
  std::vector<std::string> include;
  CLI::App app("Shows what is in a model file: safetensors or GGUF, quantized or not.");
  app.add_option("path", path, "a .safetensors or .gguf file, an index, or a folder")->required();
  app.add_option("--include", include, "only what matches this pattern (*, ?, [...]); may be repeated")->allow_extra_args(false);
  try {
    app.parse(argc, argv);
    return inspect(path, include);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "inspect_checkpoint: %s\n", e.what());
    return 2;
  }
}
