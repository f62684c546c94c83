// A model's config.json from its folder, or made from a GGUF file's metadata; and the reverse for Llama models.
#pragma once

#include <lowp/io/checkpoint.hpp>
#include <lowp/io/gguf_writer.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>

inline constexpr std::pair<const char*, const char*> llama_sizes[] = {
    {"max_position_embeddings", "llama.context_length"}, {"hidden_size", "llama.embedding_length"},
    {"num_hidden_layers", "llama.block_count"},          {"intermediate_size", "llama.feed_forward_length"},
    {"num_attention_heads", "llama.attention.head_count"}, {"num_key_value_heads", "llama.attention.head_count_kv"},
    {"head_dim", "llama.rope.dimension_count"},          {"vocab_size", "llama.vocab_size"}};
inline constexpr std::pair<const char*, const char*> llama_numbers[] = {{"rms_norm_eps", "llama.attention.layer_norm_rms_epsilon"},
                                                                        {"rope_theta", "llama.rope.freq_base"}};

// Without what it says of a quantization; an empty object where there is no file.
inline nlohmann::ordered_json read_model_config(const lowp::checkpoint& model) {
  nlohmann::ordered_json config = nlohmann::ordered_json::object();
  if (model.gguf() != nullptr) {
    if (const auto* name = model.gguf()->find_metadata("general.architecture")) config["model_type"] = std::string(name->string());
    for (const auto& [ours, gguf] : llama_sizes) {
      if (const auto* value = model.gguf()->find_metadata(gguf)) config[ours] = value->unsigned_integer();
    }
    for (const auto& [ours, gguf] : llama_numbers) {
      if (const auto* value = model.gguf()->find_metadata(gguf)) config[ours] = value->number();
    }
    if (config.value("model_type", "") == "llama") config["architectures"] = {"LlamaForCausalLM"};
    return config;
  }
  const std::size_t slash = model.path().rfind('/');
  std::ifstream file((slash == std::string::npos ? std::string() : model.path().substr(0, slash + 1)) + "config.json");
  if (!file) return config;
  config = nlohmann::ordered_json::parse(file, nullptr, false);
  if (!config.is_object()) LOWP_THROW(model.path(), ": its config.json is no JSON object");
  config.erase("quantization_config");
  config.erase("quantization");
  return config;
}

inline std::size_t head_width_of(const nlohmann::ordered_json& config) {
  const auto size = [&](const char* name) {
    const auto value = config.find(name);
    return value != config.end() && value->is_number_unsigned() ? value->get<std::size_t>() : 0;
  };
  if (size("head_dim") != 0) return size("head_dim");
  if (size("num_attention_heads") == 0) LOWP_THROW("the configuration does not say how wide a head is");
  return size("hidden_size") / size("num_attention_heads");
}

// What a GGUF file says of a Llama model. Without a vocabulary, which Hugging Face keeps in files of other kinds.
inline void write_llama_metadata(lowp::gguf_writer& file, nlohmann::ordered_json config) {
  if (config.value("model_type", "") != "llama") LOWP_THROW("only Llama models are written as GGUF; this is '", config.value("model_type", ""), "'");
  config["head_dim"] = head_width_of(config);
  file.metadata("general.architecture", "llama");
  file.metadata("general.quantization_version", std::uint32_t{2});
  for (const auto& [ours, gguf] : llama_sizes) {
    if (!config.contains(ours) || !config[ours].is_number_unsigned()) LOWP_THROW("the configuration has no ", ours);
    file.metadata(gguf, config[ours].get<std::uint32_t>());
  }
  file.metadata("llama.attention.key_length", config["head_dim"].get<std::uint32_t>());
  file.metadata("llama.attention.value_length", config["head_dim"].get<std::uint32_t>());
  for (const auto& [ours, gguf] : llama_numbers) {
    if (!config.contains(ours) || !config[ours].is_number()) LOWP_THROW("the configuration has no ", ours);
    file.metadata(gguf, config[ours].get<float>());
  }
  file.metadata("tokenizer.ggml.model", "no_vocab");
}
