// The index of a checkpoint in several safetensors files: which tensor lies in which file.
//
//   {"metadata": {"total_size": 123}, "weight_map": {"model.embed_tokens.weight": "model-00001-of-00002.safetensors", ...}}
//
// The index may come from anybody. It is at most 100,000,000 bytes of JSON, file names in it are plain names in the index's
// own folder that end in .safetensors, and nothing occurs twice that must not.
//
//   lowp::read_safetensors_index(json, "model.safetensors.index.json", [](const std::string& tensor, const std::string& file) { ... });
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/io/json_limits.hpp>
#include <lowp/io/tensor_info.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace lowp::inline LOWP_ABI {

namespace detail {

inline constexpr std::uint64_t safetensors_index_limit = 100'000'000;

// A name that stays in its folder: no separator, no "..", nothing hidden, nothing that a terminal or a system call would misread.
inline bool plain_file_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 255 || name[0] == '.') return false;
  for (const char c : name) {
    if (c == '/' || c == '\\' || c == ':' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

// The events of the parser, as nlohmann-json names them. What is not in the weight map is passed over.
template <class F>
class safetensors_index_events {
 public:
  safetensors_index_events(std::string_view source, F& entry) : source_(source), entry_(entry) {}

  bool null() { return value("null"); }
  bool boolean(bool) { return value("a boolean"); }
  bool number_integer(std::int64_t) { return value("a number"); }
  bool number_unsigned(std::uint64_t) { return value("a number"); }
  bool number_float(double, const std::string&) { return value("a number"); }
  bool binary(const nlohmann::json::binary_t&) { return value("binary data"); }

  bool string(const std::string& text) {
    if (!in_map()) return value("a string");
    if (!plain_file_name(text) || !text.ends_with(".safetensors"))
      LOWP_THROW(source_, ": tensor ", in_quotes(tensor_), ": ", in_quotes(text), " is no plain name of a .safetensors file");
    entry_(tensor_, text);
    return true;
  }

  bool key(const std::string& text) {
    if (depth_ == 1) {
      weight_map_ = text == "weight_map";
      if (weight_map_ && std::exchange(seen_, true)) LOWP_THROW(source_, ": weight_map occurs twice");
    } else if (in_map()) {
      tensor_ = text;
    }
    return true;
  }

  bool start_object(std::size_t) {
    if (depth_ >= 2 && weight_map_) LOWP_THROW(source_, ": tensor ", in_quotes(tensor_), ": an object is no file name");
    ++depth_;
    return true;
  }
  bool start_array(std::size_t) {
    if (depth_ == 0) LOWP_THROW(source_, ": no safetensors index: it does not start with '{'");
    value("an array");
    ++depth_;
    return true;
  }
  bool end_object() { return end(); }
  bool end_array() { return end(); }

  bool parse_error(std::size_t byte, const std::string&, const nlohmann::json::exception& reason) {
    LOWP_THROW(source_, ": byte ", byte == 0 ? 0 : byte - 1, ": invalid JSON: ", printable(json_reason(reason.what()), 200));
  }

  // Throws lowp::error unless there was a weight map.
  void finish() const {
    if (!seen_) LOWP_THROW(source_, ": no safetensors index: there is no weight_map");
  }

 private:
  bool in_map() const noexcept { return depth_ == 2 && weight_map_; }
  bool end() {
    --depth_;
    return true;
  }
  bool value(const char* what) {
    if (depth_ == 0) LOWP_THROW(source_, ": no safetensors index: it does not start with '{'");
    if (weight_map_ && depth_ == 1) LOWP_THROW(source_, ": weight_map is ", what, ", not an object");
    if (weight_map_) LOWP_THROW(source_, ": tensor ", in_quotes(tensor_), ": ", what, " is no file name");
    return true;
  }

  std::string_view source_;
  F& entry_;
  int depth_ = 0;
  bool weight_map_ = false;
  bool seen_ = false;
  std::string tensor_;
};

}  // namespace detail

// Calls entry(tensor, file) for each line of the weight map. `source` (a path, say) starts every message. Throws lowp::error
// with the byte or the tensor at fault; a tensor listed twice is the caller's to find.
template <class F>
void read_safetensors_index(std::span<const std::byte> json, std::string_view source, F&& entry) {
  if (json.size() > detail::safetensors_index_limit)
    LOWP_THROW(source, ": an index of ", json.size(), " bytes, where ", detail::safetensors_index_limit, " are the limit");
  const std::string_view text(reinterpret_cast<const char*>(json.data()), json.size());
  detail::check_json_limits(text, {.depth = 8, .token_bytes = 65536}, source);
  detail::safetensors_index_events<F> events(source, entry);
  nlohmann::json::sax_parse(text.begin(), text.end(), &events);
  events.finish();
}

}  // namespace lowp::inline LOWP_ABI
