// Writes a checkpoint that other programs load: GPTQ (gptq_v2), AutoAWQ, compressed-tensors, bitsandbytes or MLX, as model.safetensors
// and config.json in a folder. Layer by layer, so that a model never has to be in memory whole.
//
//   lowp::checkpoint_writer writer("models/mine", lowp::checkpoint_dialect::gptq);
//   writer.declare("model.layers.0.mlp.up_proj", lowp::describe<lowp::int4_g128>(), rows, cols);
//   writer.declare("model.norm.weight", lowp::dtype::bf16, {4096});
//   writer.write("model.layers.0.mlp.up_proj", lowp::to_plain(q));        // in the declared order
//   writer.write("model.norm.weight", bytes);
//   writer.commit(R"({"model_type": "llama"})");                          // the model's own configuration, to which the quantization is
//   added
//
// Which schemes a dialect has is in dialect/encoded_layer.hpp and dialect/encoded_compressed_tensors.hpp; others are an error when they are
// declared. GGUF files are written by gguf_writer and to_ggml_blocks.
#pragma once

#include <lowp/io/atomic_file.hpp>
#include <lowp/io/dialect/encoded_compressed_tensors.hpp>
#include <lowp/io/dialect/encoded_layer.hpp>
#include <lowp/io/safetensors_writer.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

enum class checkpoint_dialect { gptq, awq, compressed_tensors, bitsandbytes, mlx };

class checkpoint_writer {
 public:
  // `folder` must exist. Throws lowp::error if no file can be created in it.
  checkpoint_writer(const std::string& folder, checkpoint_dialect dialect)
      : folder_(folder.empty() || folder.ends_with('/') ? folder : folder + '/'), dialect_(dialect), file_(folder_ + "model.safetensors") {
    file_.metadata("format", dialect == checkpoint_dialect::mlx ? "mlx" : "pt");
  }

  // The next quantized layer. Throws lowp::error for a scheme that the dialect does not have, or that the configuration cannot say
  // beside those declared before (GPTQ and AWQ have one width and one size of groups for all layers).
  void declare(std::string name, scheme_description scheme, std::size_t rows, std::size_t cols) {
    if (dialect_ == checkpoint_dialect::gptq || dialect_ == checkpoint_dialect::awq) {
      if (!layers_.empty() && !(layers_[0].scheme == scheme)) {
        LOWP_THROW(folder_, ": layer ", detail::in_quotes(name), " is in ", to_string(scheme), ", others are in ",
                   to_string(layers_[0].scheme));
      }
    }
    if (dialect_ == checkpoint_dialect::bitsandbytes && !layers_.empty() && layers_[0].scheme.bits != scheme.bits)
      LOWP_THROW(folder_, ": layer ", detail::in_quotes(name), " is in ", scheme.bits, " bits, others in ", layers_[0].scheme.bits);
    for (const auto& tensor : encode({name, scheme, rows, cols, nullptr})) file_.declare(tensor.name, tensor.type, tensor.shape);
    layers_.push_back({std::move(name), std::move(scheme), rows, cols});
  }

  // The next tensor that is not quantized.
  void declare(std::string name, dtype type, std::vector<std::uint64_t> shape) {
    if (shape.size() == 2 && name.ends_with(".weight"))
      unquantized_.push_back(name.substr(0, name.size() - std::string_view(".weight").size()));
    file_.declare(std::move(name), type, std::move(shape));
  }

  // A layer, whole, or the next bytes of a tensor, in the order in which they were declared.
  void write(std::string_view name, const plain_weights& weights) {
    const layer* found = nullptr;
    for (const layer& l : layers_) {
      if (l.name == name) found = &l;
    }
    if (found == nullptr) LOWP_THROW(folder_, ": layer ", detail::in_quotes(name), " was not declared");
    if (!(found->scheme == weights.scheme()) || found->rows != weights.rows() || found->cols != weights.cols()) {
      LOWP_THROW(folder_, ": layer ", detail::in_quotes(name), " was declared as ", found->rows, " x ", found->cols, " in ",
                 to_string(found->scheme), ", not as ", weights.rows(), " x ", weights.cols(), " in ", to_string(weights.scheme()));
    }
    ordered_columns_ = ordered_columns_ || !weights.columns().empty();
    for (const auto& tensor : encode({found->name, found->scheme, found->rows, found->cols, &weights}))
      file_.write(tensor.name, std::as_bytes(std::span(tensor.bytes)));
  }
  void write(std::string_view name, std::span<const std::byte> bytes) { file_.write(name, bytes); }

  // Ends both files and gives them their names. `model_config` is a JSON object.
  void commit(std::string_view model_config = "{}") {
    detail::parse_config(model_config, folder_ + "config.json");
    nlohmann::ordered_json config = nlohmann::ordered_json::parse(model_config.begin(), model_config.end());
    const nlohmann::ordered_json quantization = quantization_config();
    if (dialect_ == checkpoint_dialect::mlx) config["quantization"] = quantization;
    config["quantization_config"] = quantization;
    const std::string text = config.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    atomic_file config_file(folder_ + "config.json");
    config_file.write(std::as_bytes(std::span(text)));
    file_.commit();
    config_file.commit();
  }

 private:
  struct layer {
    std::string name;
    scheme_description scheme;
    std::size_t rows, cols;
  };

  std::vector<detail::encoded_tensor> encode(const detail::layer_to_encode& what) const {
    switch (dialect_) {
      case checkpoint_dialect::gptq:
        return detail::encode_gptq(what);
      case checkpoint_dialect::awq:
        return detail::encode_awq(what);
      case checkpoint_dialect::compressed_tensors:
        return detail::encode_compressed_tensors(what);
      case checkpoint_dialect::bitsandbytes:
        return detail::encode_bitsandbytes(what);
      case checkpoint_dialect::mlx:
        return detail::encode_mlx(what);
    }
    LOWP_THROW(folder_, ": no such dialect");
  }

  nlohmann::ordered_json quantization_config() const {
    if (layers_.empty()) LOWP_THROW(folder_, ": no layer is quantized");
    const scheme_description& first = layers_[0].scheme;
    const bool per_group = first.granularity.kind == granularity_kind::per_group;
    const std::int64_t group_size = per_group ? static_cast<std::int64_t>(first.granularity.cols) : -1;
    switch (dialect_) {
      case checkpoint_dialect::gptq:
        return {{"quant_method", "gptq"},
                {"bits", first.bits},
                {"group_size", group_size},
                {"desc_act", ordered_columns_},
                {"sym", first.symmetry == symmetry_kind::symmetric},
                {"lm_head", false},
                {"checkpoint_format", "gptq_v2"}};
      case checkpoint_dialect::awq:
        return {{"quant_method", "awq"}, {"bits", 4},         {"group_size", group_size},
                {"zero_point", true},    {"version", "gemm"}, {"modules_to_not_convert", unquantized_}};
      case checkpoint_dialect::compressed_tensors:
        return compressed_config();
      case checkpoint_dialect::bitsandbytes:
        if (first.bits == 8) {
          return {{"quant_method", "bitsandbytes"},
                  {"load_in_4bit", false},
                  {"load_in_8bit", true},
                  {"llm_int8_threshold", 6.0},
                  {"llm_int8_skip_modules", unquantized_}};
        }
        return {{"quant_method", "bitsandbytes"},
                {"load_in_4bit", true},
                {"load_in_8bit", false},
                {"bnb_4bit_quant_type", first.format == "nf4" ? "nf4" : "fp4"},
                {"bnb_4bit_use_double_quant", !first.scale[0].is_plain()},
                {"bnb_4bit_compute_dtype", "float32"},
                {"llm_int8_skip_modules", unquantized_}};
      case checkpoint_dialect::mlx:
        break;
    }
    const auto mlx = [](const scheme_description& s) -> nlohmann::ordered_json {
      const std::string_view mode = detail::mlx_mode(s);
      return {{"group_size", s.granularity.cols}, {"bits", s.bits}, {"mode", mode.empty() ? "affine" : mode}};
    };
    nlohmann::ordered_json config = mlx(first);
    for (const layer& l : layers_) {
      if (mlx(l.scheme) != mlx(first)) config[l.name] = mlx(l.scheme);
    }
    return config;
  }

  nlohmann::ordered_json compressed_config() const {
    std::vector<std::pair<nlohmann::ordered_json, std::vector<std::string>>> groups;  // what they say, and their layers
    std::string format;
    for (const layer& l : layers_) {
      const std::string own(detail::compressed_format(l.scheme));
      format = format.empty() || format == own ? own : "mixed-precision";
      const auto arguments = detail::compressed_arguments(l.scheme);
      std::size_t g = 0;
      while (g != groups.size() && groups[g].first["weights"] != arguments) ++g;
      if (g == groups.size()) groups.push_back({{{"weights", arguments}, {"format", own}}, {}});
      groups[g].second.push_back(l.name);
    }
    nlohmann::ordered_json json = {{"quant_method", "compressed-tensors"},
                                   {"format", format},
                                   {"quantization_status", "compressed"},
                                   {"ignore", unquantized_},
                                   {"config_groups", nlohmann::ordered_json::object()}};
    for (std::size_t g = 0; g != groups.size(); ++g) {
      auto& group = json["config_groups"]["group_" + std::to_string(g)] = groups[g].first;
      group["targets"] = groups.size() == 1 ? std::vector<std::string>{"Linear"} : groups[g].second;
    }
    return json;
  }

  std::string folder_;
  checkpoint_dialect dialect_;
  safetensors_writer file_;
  std::vector<layer> layers_;
  std::vector<std::string> unquantized_;  // matrices that stay as they are
  bool ordered_columns_ = false;
};

}  // namespace lowp::inline LOWP_ABI
