// A checkpoint in any of the dialects in which quantized models are published, opened as one: which layers are quantized and how, and
// their weights as floats or as quantized<S>.
//
//   lowp::checkpoint model = lowp::open_checkpoint("models/llama-gptq");
//   for (const lowp::weight_info& w : model.weights()) {
//     show(w.name, w.rows, w.cols, lowp::to_string(w.scheme));
//     lowp::plain_weights plain = model.read(w);                              // one layer at a time: files are mapped, not loaded
//     lowp::visit(w.scheme, [&]<class S>() { run(w.name, lowp::to_quantized<S>(plain)); });
//   }
//   for (const lowp::plain_tensor& t : model.tensors()) model.read_f32(t.name);   // what is not quantized, as it is
//
// Recognised are GPTQ (also mislabelled ones), AutoAWQ (gemm and gemv), compressed-tensors, DeepSeek's FP8, modelopt's NVFP4 and FP8,
// bitsandbytes, HQQ, MLX, gpt-oss, GGUF and plain safetensors: by the names, types and shapes of tensors, and by the configuration
// files where those cannot tell. include/lowp/io/dialect has one header a dialect, which says what its numbers mean.
#pragma once

#include <lowp/io/dialect/awq.hpp>
#include <lowp/io/dialect/bitsandbytes.hpp>
#include <lowp/io/dialect/compressed_tensors.hpp>
#include <lowp/io/dialect/config.hpp>
#include <lowp/io/dialect/gguf_weights.hpp>
#include <lowp/io/dialect/gpt_oss.hpp>
#include <lowp/io/dialect/gptq.hpp>
#include <lowp/io/dialect/hqq.hpp>
#include <lowp/io/dialect/mlx.hpp>
#include <lowp/io/dialect/scaled_bytes.hpp>
#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/io/gguf_checkpoint.hpp>
#include <lowp/io/scheme_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

// A tensor that is not quantized, or of whose quantization nothing is known here (GGUF's IQ2 and IQ3 types, experts in NVFP4).
struct plain_tensor {
  std::string name;
  std::string type;  // "BF16", "IQ2_XS"
  std::vector<std::uint64_t> shape;
};

class checkpoint {
 public:
  // The dialect: the configuration's word for it ("gptq", "awq", "compressed-tensors", "fp8", "modelopt", "bitsandbytes", "hqq", "mlx",
  // "mxfp4"), "gguf", or "safetensors" where nothing names one.
  const std::string& dialect() const noexcept { return dialect_; }
  const std::string& path() const noexcept { return path_; }

  // Quantized layers, and all other tensors, in the order of the files.
  const std::vector<weight_info>& weights() const noexcept { return weights_; }
  const std::vector<plain_tensor>& tensors() const noexcept { return tensors_; }

  // The layer of this name, or null.
  const weight_info* find(std::string_view name) const noexcept { return find_in(weights_, name); }

  // The codes, scales and zero points of a layer of this checkpoint. Throws lowp::error where its tensors do not fit together.
  plain_weights read(const weight_info& info) const {
    if (gguf_ == nullptr) {
      if (info.read == nullptr) LOWP_THROW(path_, ": layer ", detail::in_quotes(info.name), " is not of this checkpoint");
      return info.read(*safetensors_, info);
    }
    const gguf_checkpoint::place& place = gguf_->at(info.name);
    plain_weights weights = read_ggml_blocks(place.tensor().type, place.bytes(), info.rows, info.cols);
    const gguf_checkpoint::place* scale = tensor_scale(place.tensor());
    return scale != nullptr ? under_tensor_scale(weights, scale->read_f32()[0]) : weights;
  }
  plain_weights read(std::string_view name) const {
    const weight_info* info = find(name);
    if (info == nullptr) LOWP_THROW(path_, ": there is no quantized layer ", detail::in_quotes(name));
    return read(*info);
  }

  // The same in the scheme S. Throws lowp::error unless the layer is in just that scheme.
  template <scheme_type S>
  quantized<S> read_quantized(std::string_view name) const {
    return to_quantized<S>(read(name));
  }

  // A layer, or a tensor that is not quantized, as floats.
  std::vector<float> read_f32(std::string_view name) const {
    if (find(name) != nullptr) return read(name).dequantize();
    return gguf_ != nullptr ? gguf_->at(name).read_f32() : safetensors_->read_f32(name);
  }

  // A tensor that is not quantized as bytes, as they are in the file; valid while this object lives.
  std::span<const std::byte> bytes(std::string_view name) const {
    return gguf_ != nullptr ? gguf_->at(name).bytes() : safetensors_->bytes(name);
  }

  // The files below: all of them, and of GGUF the first, whose metadata speak for all. Null where they are of the other kind.
  const safetensors_checkpoint* safetensors() const noexcept { return safetensors_.get(); }
  const gguf_file* gguf() const noexcept { return gguf_ != nullptr ? &gguf_->first() : nullptr; }

 private:
  checkpoint() = default;
  friend checkpoint open_checkpoint(const std::string& path, file_access access);

  template <class T>
  static const T* find_in(const std::vector<T>& items, std::string_view name) noexcept {
    const auto it = std::find_if(items.begin(), items.end(), [&](const T& item) { return item.name == name; });
    return it == items.end() ? nullptr : &*it;
  }

  void open_gguf(file_access access) {
    dialect_ = "gguf";
    gguf_ = std::make_unique<gguf_checkpoint>(path_, access);
    for (const gguf_checkpoint::place& place : gguf_->tensors()) {
      const gguf_tensor& tensor = place.tensor();
      auto scheme = ggml_scheme(tensor.type);
      const auto cols = static_cast<std::size_t>(tensor.dims[0]);
      const gguf_checkpoint::place* scale = tensor_scale(tensor);
      if (scheme && scale != nullptr) scheme = under_tensor_scale(*std::move(scheme));
      // Scales of many tensors in one (experts) are no scheme of a matrix.
      if (!scheme || (scale != nullptr && scale->tensor().elements() != 1)) {
        tensors_.push_back({std::string(tensor.name), std::string(ggml_type_name(tensor.type)), tensor.shape()});
      } else {
        weights_.push_back({std::string(tensor.name), cols == 0 ? 0 : static_cast<std::size_t>(tensor.elements()) / cols, cols, *scheme});
      }
    }
  }

  // The scale of a tensor of NVFP4 blocks, or null.
  const gguf_checkpoint::place* tensor_scale(const gguf_tensor& tensor) const noexcept {
    constexpr std::string_view weight = "weight";
    if (tensor.type != ggml_type::nvfp4 || !tensor.name.ends_with(weight)) return nullptr;
    const gguf_checkpoint::place* scale = gguf_->find(std::string(tensor.name.substr(0, tensor.name.size() - weight.size())) + "scale");
    return scale != nullptr && scale->tensor().type == ggml_type::f32 ? scale : nullptr;
  }

  void open_safetensors(file_access access) {
    const quantization_config config = read_quantization_config(detail::folder_of(path_));
    constexpr std::string_view known[] = {"",         "gptq",         "awq", "compressed-tensors", "fp8",
                                          "modelopt", "bitsandbytes", "hqq", "mlx",                "mxfp4"};
    if (std::find(std::begin(known), std::end(known), config.method) == std::end(known))
      LOWP_THROW(path_, ": quantization method ", detail::in_quotes(config.method), " is not read");
    dialect_ = config.method.empty() ? "safetensors" : config.method;
    safetensors_ = std::make_unique<safetensors_checkpoint>(path_, access);
    constexpr std::optional<detail::found_weight> (*finders[])(const safetensors_checkpoint&, const quantization_config&,
                                                               const std::string&) = {
        detail::find_gptq,          detail::find_awq,          detail::find_packed_integers,
        detail::find_packed_floats, detail::find_bitsandbytes, detail::find_scaled_bytes,
        detail::find_mlx,           detail::find_hqq,          detail::find_experts};
    std::vector<std::string> used;
    for (const auto& place : safetensors_->tensors()) {
      for (const auto find : finders) {
        auto found = find(*safetensors_, config, place.tensor().name);
        if (!found) continue;
        weights_.push_back(std::move(found->info));
        for (auto& name : found->tensors) used.push_back(std::move(name));
        break;
      }
    }
    std::sort(used.begin(), used.end());
    for (const auto& place : safetensors_->tensors()) {
      const tensor_info& t = place.tensor();
      if (!std::binary_search(used.begin(), used.end(), t.name)) tensors_.push_back({t.name, std::string(dtype_name(t.dtype)), t.shape});
    }
    if (weights_.empty() && !config.method.empty())
      LOWP_THROW(path_, ": the configuration says ", detail::in_quotes(config.method), ", but no layer of it is there");
  }

  std::string path_;
  std::string dialect_;
  std::unique_ptr<safetensors_checkpoint> safetensors_;
  std::unique_ptr<gguf_checkpoint> gguf_;
  std::vector<weight_info> weights_;
  std::vector<plain_tensor> tensors_;
};

// Opens a folder, a GGUF file or the first of several, a safetensors file or the index of several. Of a folder are taken
// model.safetensors.index.json, model.safetensors, or the only .safetensors or .gguf file in it. Throws lowp::error where nothing, or
// nothing that is valid, is there.
inline checkpoint open_checkpoint(const std::string& path, file_access access = file_access::map) {
  checkpoint result;
  result.path_ = path;
  if (detail::is_directory(path)) {
    const std::string folder = path.ends_with('/') ? path : path + '/';
    result.path_.clear();
    for (const char* name : {"model.safetensors.index.json", "model.safetensors"}) {
      if (result.path_.empty() && detail::file_exists(folder + name)) result.path_ = folder + name;
    }
    if (result.path_.empty()) {
      std::error_code failure;
      for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
        const std::string name = entry.path().filename().string();
        if (!name.ends_with(".safetensors") && !name.ends_with(".gguf")) continue;
        if (detail::is_later_gguf_split(name)) continue;
        if (!result.path_.empty()) LOWP_THROW(path, ": several model files, and no model.safetensors among them; name one");
        result.path_ = folder + name;
      }
      if (result.path_.empty()) LOWP_THROW(path, ": neither a safetensors nor a GGUF file is there");
    }
  }
  if (result.path_.ends_with(".gguf")) result.open_gguf(access);
  else result.open_safetensors(access);
  return result;
}

}  // namespace lowp::inline LOWP_ABI
