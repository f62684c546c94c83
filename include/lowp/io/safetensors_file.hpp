// A safetensors file opened for reading: its header checked, its tensors as bytes in the mapped file or as floats.
//
//   lowp::safetensors_file file("model.safetensors");
//   for (const lowp::tensor_info& tensor : file.tensors()) show(tensor.name, tensor.shape);
//   std::vector<float> weight = file.read_f32("model.layers.0.mlp.up_proj.weight");
#pragma once

#include <lowp/io/mapped_file.hpp>
#include <lowp/io/read_floats.hpp>
#include <lowp/io/safetensors_header.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

class safetensors_file {
 public:
  // Throws lowp::error, with the path and the byte or key at fault, unless the whole file is valid. See mapped_file for
  // what to choose as access; a copied file takes its own size in memory.
  explicit safetensors_file(const std::string& path, file_access access = file_access::map)
      : path_(path), file_(path, access), header_(read_safetensors_header(file_.bytes(), path)) {}

  const std::string& path() const noexcept { return path_; }
  std::uint64_t size_bytes() const noexcept { return file_.size(); }

  // In the order of their bytes in the file.
  const std::vector<tensor_info>& tensors() const noexcept { return header_.tensors; }

  // Sorted by key.
  const std::vector<std::pair<std::string, std::string>>& metadata() const noexcept { return header_.metadata; }
  const std::string* find_metadata(std::string_view key) const noexcept { return header_.find_metadata(key); }

  // The tensor of this name, or null.
  const tensor_info* find(std::string_view name) const noexcept { return header_.find(name); }

  // The tensor of this name. Throws lowp::error if there is none.
  const tensor_info& at(std::string_view name) const {
    const tensor_info* tensor = find(name);
    if (tensor == nullptr) LOWP_THROW(path_, ": there is no tensor ", detail::in_quotes(name));
    return *tensor;
  }

  // The bytes of a tensor of this file, little-endian, rows one after another, valid while this object lives. They may
  // lie at any address: copy them out, rather than reading them through a pointer to a wider type.
  std::span<const std::byte> bytes(const tensor_info& tensor) const {
    if (tensor.begin > tensor.end || tensor.end > header_.data_size) {
      LOWP_THROW(path_, ": tensor ", detail::in_quotes(tensor.name), " is not of this file");
    }
    return file_.bytes().subspan(static_cast<std::size_t>(header_.data_begin + tensor.begin),
                                 static_cast<std::size_t>(tensor.size_bytes()));
  }
  std::span<const std::byte> bytes(std::string_view name) const { return bytes(at(name)); }

  // The elements of a tensor of real numbers, into as many floats as it has; exactly, but for F64 and wide integers (see
  // read_floats). Throws lowp::error, and writes nothing, for C64 or another number of floats.
  void read_f32(const tensor_info& tensor, std::span<float> out) const {
    check_real(tensor);
    if (out.size() != tensor.elements()) {
      LOWP_THROW(path_, ": tensor ", detail::in_quotes(tensor.name), " has ", tensor.elements(), " elements, but there is room for ",
                 out.size());
    }
    read_floats(tensor.dtype, bytes(tensor), out);
  }
  std::vector<float> read_f32(const tensor_info& tensor) const {
    check_real(tensor);
    std::vector<float> out(bytes(tensor).size() * 8 / dtype_bits(tensor.dtype));
    read_f32(tensor, out);
    return out;
  }
  std::vector<float> read_f32(std::string_view name) const { return read_f32(at(name)); }

 private:
  void check_real(const tensor_info& tensor) const {
    if (tensor.dtype == dtype::c64) LOWP_THROW(path_, ": tensor ", detail::in_quotes(tensor.name), " holds C64, which are no real numbers");
    const auto bytes = checked_bytes(tensor.elements(), dtype_bits(tensor.dtype));
    if (!bytes || *bytes != tensor.size_bytes()) LOWP_THROW(path_, ": tensor ", detail::in_quotes(tensor.name), " is not of this file");
  }

  std::string path_;
  mapped_file file_;
  safetensors_header header_;
};

}  // namespace lowp::inline LOWP_ABI
