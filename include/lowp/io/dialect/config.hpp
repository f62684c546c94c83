// What a checkpoint's configuration files say of its quantization, as far as a reader needs it. Most is told by the tensors
// themselves; the files settle what tensors cannot tell.
//
//   lowp::quantization_config c = lowp::read_quantization_config("models/llama/");
//   c.method == "gptq" && c.bits == 4
//
// Read are config.json (quantization_config, or quantization of MLX), quantize_config.json (AutoGPTQ) and hf_quant_config.json
// (modelopt). They may come from anybody: at most 16 MiB, nested 32 deep, each value of its own type.
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/io/json_limits.hpp>
#include <lowp/io/mapped_file.hpp>
#include <lowp/io/safetensors_checkpoint.hpp>
#include <lowp/io/tensor_info.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct quantization_config {
  // Groups of weights that share their sizes: compressed-tensors' config_groups, MLX's layers of their own.
  struct group {
    std::string name;  // of an MLX layer
    std::optional<std::uint32_t> bits;
    std::optional<std::uint64_t> group_size;
    std::string mode = {};  // of an MLX layer; empty: that of the model
  };

  std::string method;  // "gptq", "awq", "compressed-tensors", "fp8", "modelopt", "bitsandbytes", "hqq", "mlx", "mxfp4"; empty: none
  std::string checkpoint_format;  // GPTQ: "gptq", "gptq_v2", "gptq_p"
  std::string version;            // AWQ: "gemm", "gemv"
  std::string mode;               // MLX: "affine", "mxfp4", "mxfp8", "nvfp4"; empty: affine
  std::optional<std::uint32_t> bits;
  std::optional<std::uint64_t> group_size;  // none where all of a row is one group
  std::optional<bool> symmetric;
  std::uint64_t block_rows = 128;  // of FP8 blocks
  std::uint64_t block_cols = 128;
  std::vector<group> groups;
};

namespace detail {

class config_reader {
 public:
  config_reader(const nlohmann::json& object, std::string_view source) : object_(object), source_(source) {}

  // Of the key, if it is there and not null. Throw lowp::error for another type.
  std::optional<std::string> text(const char* key) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) fail(key, "text");
    return value->get<std::string>();
  }
  std::optional<bool> boolean(const char* key) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_boolean()) fail(key, "true or false");
    return value->get<bool>();
  }
  // From 0 to `most`; -1, which stands for "all", as nothing.
  std::optional<std::uint64_t> size(const char* key, std::uint64_t most) const {
    const auto* value = find(key);
    if (value == nullptr || (value->is_number_integer() && !value->is_number_unsigned() && value->get<std::int64_t>() == -1))
      return std::nullopt;
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > most) fail(key, "a size");
    return value->get<std::uint64_t>();
  }
  std::optional<std::uint32_t> bits(const char* key) const {
    const auto value = size(key, 64);
    return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
  }
  const nlohmann::json* find(const char* key) const {
    const auto it = object_.find(key);
    return it == object_.end() || it->is_null() ? nullptr : &*it;
  }
  // The object of this key, or null.
  const nlohmann::json* object(const char* key) const {
    const auto* value = find(key);
    if (value != nullptr && !value->is_object()) fail(key, "an object");
    return value;
  }

 private:
  [[noreturn]] void fail(const char* key, const char* wanted) const { LOWP_THROW(source_, ": ", in_quotes(key), " is not ", wanted); }

  const nlohmann::json& object_;
  std::string_view source_;
};

// A JSON object. Throws lowp::error for anything else.
inline nlohmann::json parse_config(std::string_view text, std::string_view source) {
  constexpr std::size_t most = std::size_t{16} << 20;
  if (text.size() > most) LOWP_THROW(source, ": ", text.size(), " bytes, where ", most, " are the limit");
  check_json_limits(text, {.depth = 32, .token_bytes = 65536}, source);
  nlohmann::json json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded() || !json.is_object()) LOWP_THROW(source, ": no JSON object");
  return json;
}

inline constexpr std::uint64_t config_size_limit = std::uint64_t{1} << 40;

// The members that several methods share.
inline void read_sizes(quantization_config& config, const config_reader& in) {
  if (const auto bits = in.bits("bits")) config.bits = bits;
  if (const auto size = in.size("group_size", config_size_limit)) config.group_size = size;
  if (const auto symmetric = in.boolean("sym")) config.symmetric = symmetric;
  if (const auto format = in.text("checkpoint_format")) config.checkpoint_format = *format;
  if (const auto version = in.text("version")) config.version = *version;
}

inline void read_method(quantization_config& config, const nlohmann::json& object, std::string_view source) {
  const config_reader in(object, source);
  config.method = in.text("quant_method").value_or(config.method);
  if (config.method == "gptq" || config.method == "awq") read_sizes(config, in);
  if (const auto* block = in.find("weight_block_size"); block != nullptr) {
    if (!block->is_array() || block->size() != 2 || !(*block)[0].is_number_unsigned() || !(*block)[1].is_number_unsigned())
      LOWP_THROW(source, ": 'weight_block_size' is not two sizes");
    config.block_rows = (*block)[0].get<std::uint64_t>();
    config.block_cols = (*block)[1].get<std::uint64_t>();
    if (config.block_rows == 0 || config.block_cols == 0) LOWP_THROW(source, ": 'weight_block_size' is zero");
  }
  if (const auto* groups = in.object("config_groups"); groups != nullptr) {
    for (const auto& [name, group] : groups->items()) {
      if (!group.is_object()) LOWP_THROW(source, ": ", in_quotes(name), " is not an object");
      const auto* weights = config_reader(group, source).object("weights");
      if (weights == nullptr) continue;
      const config_reader sizes(*weights, source);
      config.groups.push_back({name, sizes.bits("num_bits"), sizes.size("group_size", config_size_limit)});
      if (const auto* structure = sizes.find("block_structure"); structure != nullptr && structure->is_array() && structure->size() == 2 &&
                                                                 (*structure)[0].is_number_unsigned() &&
                                                                 (*structure)[1].is_number_unsigned()) {
        config.block_rows = (std::max<std::uint64_t>)(1, (*structure)[0].get<std::uint64_t>());
        config.block_cols = (std::max<std::uint64_t>)(1, (*structure)[1].get<std::uint64_t>());
      }
    }
  }
}

inline void read_mlx(quantization_config& config, const nlohmann::json& object, std::string_view source) {
  const config_reader in(object, source);
  config.method = "mlx";
  read_sizes(config, in);
  config.mode = in.text("mode").value_or("");
  for (const auto& [name, layer] : object.items()) {
    if (!layer.is_object()) continue;
    const config_reader sizes(layer, source);
    config.groups.push_back(
        {name, sizes.bits("bits"), sizes.size("group_size", config_size_limit), sizes.text("mode").value_or("")});
  }
}

}  // namespace detail

// Of the files in a folder, whose name ends in a separator or is empty. Without files nothing is said.
inline quantization_config read_quantization_config(const std::string& folder) {
  quantization_config config;
  const auto each = [&](const char* name, auto read) {
    const std::string path = folder + name;
    if (!detail::file_exists(path)) return;
    const mapped_file file(path, file_access::copy);
    const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.size());
    read(detail::parse_config(text, path), path);
  };
  each("config.json", [&](const nlohmann::json& json, const std::string& path) {
    const detail::config_reader in(json, path);
    if (const auto* object = in.object("quantization_config"); object != nullptr && in.object("quantization") == nullptr)
      detail::read_method(config, *object, path);
    if (const auto* object = in.object("compression_config"); object != nullptr) detail::read_method(config, *object, path);
    if (const auto* object = in.object("quantization"); object != nullptr) detail::read_mlx(config, *object, path);
  });
  each("quantize_config.json", [&](const nlohmann::json& json, const std::string& path) {
    if (config.method.empty()) config.method = "gptq";
    detail::read_sizes(config, detail::config_reader(json, path));
  });
  each("hf_quant_config.json", [&](const nlohmann::json& json, const std::string& path) {
    if (config.method.empty() && detail::config_reader(json, path).object("quantization") != nullptr) config.method = "modelopt";
  });
  return config;
}

}  // namespace lowp::inline LOWP_ABI
