// A GGUF file opened for reading: its header checked, its metadata as views, its tensors as bytes in the mapped file.
//
//   lowp::gguf_file file("model.gguf");
//   file.metadata_at("general.architecture").string();
//   for (const lowp::gguf_tensor& tensor : file.tensors()) show(tensor.name, lowp::ggml_type_name(tensor.type), tensor.shape());
//   std::span<const std::byte> blocks = file.bytes("blk.0.attn_q.weight");
//   std::vector<float> norm = file.read_f32("output_norm.weight");
#pragma once

#include <lowp/io/gguf_header.hpp>
#include <lowp/io/mapped_file.hpp>
#include <lowp/io/read_floats.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lowp::inline LOWP_ABI {

// The type of plain elements, or nothing for a type of blocks.
constexpr std::optional<dtype> plain_dtype(ggml_type type) noexcept {
  switch (type) {
    case ggml_type::f32:
      return dtype::f32;
    case ggml_type::f16:
      return dtype::f16;
    case ggml_type::bf16:
      return dtype::bf16;
    case ggml_type::f64:
      return dtype::f64;
    case ggml_type::i8:
      return dtype::i8;
    case ggml_type::i16:
      return dtype::i16;
    case ggml_type::i32:
      return dtype::i32;
    case ggml_type::i64:
      return dtype::i64;
    default:
      return std::nullopt;
  }
}

class gguf_file {
 public:
  // Throws lowp::error, with the path and the byte, key or tensor at fault, unless the whole file is valid. See mapped_file
  // for what to choose as access.
  explicit gguf_file(const std::string& path, file_access access = file_access::map)
      : path_(path), file_(path, access), header_(read_gguf_header(file_.bytes(), path)) {}

  const std::string& path() const noexcept { return path_; }
  std::uint64_t size_bytes() const noexcept { return file_.size(); }
  std::uint32_t version() const noexcept { return header_.version; }
  std::uint64_t alignment() const noexcept { return header_.alignment; }

  // In the order of the file's list. Names are valid while this object lives.
  const std::vector<gguf_tensor>& tensors() const noexcept { return header_.tensors; }
  const gguf_tensor* find(std::string_view name) const noexcept { return header_.find(name); }  // or null
  const gguf_tensor& at(std::string_view name) const {
    const gguf_tensor* tensor = find(name);
    if (tensor == nullptr) LOWP_THROW(path_, ": there is no tensor ", detail::in_quotes(name));
    return *tensor;
  }

  // In the order of the file. Values are valid while this object lives.
  const std::vector<gguf_value>& metadata() const noexcept { return header_.metadata; }
  const gguf_value* find_metadata(std::string_view key) const noexcept { return header_.find_metadata(key); }  // or null
  const gguf_value& metadata_at(std::string_view key) const {
    const gguf_value* value = find_metadata(key);
    if (value == nullptr) LOWP_THROW(path_, ": there is no metadata ", detail::in_quotes(key));
    return *value;
  }

  // The bytes of a tensor of this file: blocks or elements, rows one after another, valid while this object lives.
  std::span<const std::byte> bytes(const gguf_tensor& tensor) const {
    if (tensor.begin > tensor.end || tensor.end > header_.data_size)
      LOWP_THROW(path_, ": tensor ", detail::in_quotes(tensor.name), " is not of this file");
    return file_.bytes().subspan(static_cast<std::size_t>(header_.data_begin + tensor.begin),
                                 static_cast<std::size_t>(tensor.size_bytes()));
  }
  std::span<const std::byte> bytes(std::string_view name) const { return bytes(at(name)); }

  // The elements of a tensor of a plain type as floats; see read_floats. Throws lowp::error for a type of blocks.
  std::vector<float> read_f32(const gguf_tensor& tensor) const {
    const auto type = plain_dtype(tensor.type);
    if (!type)
      LOWP_THROW(path_, ": tensor ", detail::in_quotes(tensor.name), " holds ", ggml_type_name(tensor.type), " blocks, no plain elements");
    const auto in = bytes(tensor);
    std::vector<float> out(in.size() / (dtype_bits(*type) / 8));
    read_floats(*type, in, out);
    return out;
  }
  std::vector<float> read_f32(std::string_view name) const { return read_f32(at(name)); }

 private:
  std::string path_;
  mapped_file file_;
  gguf_header header_;
};

}  // namespace lowp::inline LOWP_ABI
