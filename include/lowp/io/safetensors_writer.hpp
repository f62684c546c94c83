// Writes a safetensors file tensor by tensor, so that a model never has to be in memory whole.
//
// The header comes first in the file, so all tensors are declared before the first is written. The file appears under its
// name in commit(); any error before that, or none at all, leaves nothing behind (see atomic_file).
//
//   lowp::safetensors_writer writer("out.safetensors");
//   writer.metadata("format", "pt");
//   writer.declare("w", lowp::dtype::f32, {2, 3});
//   writer.write("w", std::as_bytes(std::span(values)));      // the declared order; in as many pieces as you like
//   writer.commit();
#pragma once

#include <lowp/io/atomic_file.hpp>
#include <lowp/io/declared_tensors.hpp>
#include <lowp/io/little_endian.hpp>
#include <lowp/io/safetensors_header.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

class safetensors_writer {
 public:
  // Throws lowp::error if no file can be created beside `path`.
  explicit safetensors_writer(std::string path) : file_(std::move(path)) {}

  // UTF-8 text that the file carries, before the first write. Keys must differ.
  void metadata(std::string key, std::string value) {
    check_open();
    metadata_.emplace_back(std::move(key), std::move(value));
  }

  // The next tensor of the file. Its bytes follow those of the one declared before it, so declaring wide elements first
  // keeps all of them aligned. Throws lowp::error if the shape has no exact size in bytes.
  void declare(std::string name, dtype type, std::vector<std::uint64_t> shape) {
    check_open();
    const auto elements = checked_elements(shape);
    const auto bytes = elements ? checked_bytes(*elements, dtype_bits(type)) : std::nullopt;
    tensors_.declare(file_, {std::move(name), type, std::move(shape)}, bytes, 1, dtype_name(type));
  }

  // The next bytes of the data, little-endian, of the tensor `name`: the current one, or the one declared after it once
  // the current one is complete. Tensors without bytes may be left out. The first call writes the header.
  void write(std::string_view name, std::span<const std::byte> bytes) {
    if (!header_written_) write_header();
    tensors_.write(file_, name, bytes);
  }

  // Ends the file and gives it its name. Throws lowp::error if a tensor is incomplete, or if the system cannot.
  void commit() {
    if (!header_written_) write_header();
    tensors_.finish(file_, 0);
    file_.commit();
  }

  // Bytes of the file so far, or of the whole of it after commit().
  std::uint64_t size_bytes() const noexcept { return file_.size(); }

 private:
  void check_open() const {
    if (header_written_) LOWP_THROW(file_.path(), ": the header is already written; declare everything before the first write");
  }

  void write_header() {
    std::string json = "{";
    if (!metadata_.empty()) {
      json += "\"__metadata__\":{";
      for (std::size_t i = 0; i != metadata_.size(); ++i) {
        if (i != 0) json += ',';
        append_string(json, metadata_[i].first);
        json += ':';
        append_string(json, metadata_[i].second);
      }
      json += '}';
    }
    for (const tensor_info& tensor : tensors_.list()) {
      if (json.size() > 1) json += ',';
      append_string(json, tensor.name);
      json.append(":{\"dtype\":\"").append(dtype_name(tensor.dtype)).append("\",\"shape\":[");
      for (std::size_t i = 0; i != tensor.shape.size(); ++i) {
        if (i != 0) json += ',';
        json += std::to_string(tensor.shape[i]);
      }
      json.append("],\"data_offsets\":[").append(std::to_string(tensor.begin)).append(",").append(std::to_string(tensor.end)).append("]}");
    }
    json += '}';
    json.resize((json.size() + 7) / 8 * 8, ' ');
    if (json.size() > detail::safetensors_header_limit) {
      LOWP_THROW(file_.path(), ": a header of ", json.size(), " bytes, where ", detail::safetensors_header_limit, " are the limit");
    }
    // What the reader would refuse (duplicate names, text that is no UTF-8, too many dimensions) must not be written either.
    detail::parse_safetensors_header(json, tensors_.size_bytes(), (std::numeric_limits<std::uint64_t>::max)(), file_.path());

    std::string length;
    append_little_endian(length, static_cast<std::uint64_t>(json.size()));
    header_written_ = true;
    file_.write(std::as_bytes(std::span(length)));
    file_.write(std::as_bytes(std::span(json)));
  }

  static void append_string(std::string& json, std::string_view text) {
    constexpr const char* digits = "0123456789abcdef";
    json += '"';
    for (const char c : text) {
      const auto u = static_cast<unsigned char>(c);
      if (u < 0x20) json.append("\\u00").append(1, digits[u >> 4]).append(1, digits[u & 15]);
      else if (c == '"' || c == '\\') json.append(1, '\\').append(1, c);
      else json += c;
    }
    json += '"';
  }

  atomic_file file_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  detail::declared_tensors<tensor_info> tensors_;
  bool header_written_ = false;
};

}  // namespace lowp::inline LOWP_ABI
