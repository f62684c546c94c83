// The header of a GGUF file: its metadata, and which tensor has which type and shape and where its bytes lie.
//
// Source: the GGUF specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Versions 1, 2 and 3 in little-endian
// order are read; a big-endian file is refused by that name.
//
// Dimensions: a GGUF file lists the contiguous dimension first, so a matrix [rows, cols] of row-major bytes has dims {cols, rows}.
// gguf_tensor::shape() gives the outermost dimension first, as everything else in this library.
//
// The bytes may come from anybody. Everything is checked before it is used, in arithmetic that cannot wrap:
//   - counts fit the bytes that follow; names are 64 bytes at most, keys 65,535, neither holds a zero byte and keys are not empty;
//   - every value is of a known type, booleans are 0 or 1, arrays nest 4 deep at most; no key and no name occurs twice;
//   - the alignment is a power of two up to 65,536; tensors have 4 dimensions at most and whole blocks along the first;
//   - tensors follow each other at the next aligned byte, without a hole or an overlap, and the file ends after the last one;
//   - reading a header takes no more memory than twice the file and 1 MiB, whatever it says.
//
//   lowp::gguf_header header = lowp::read_gguf_header(bytes, "model.gguf");
//   for (const lowp::gguf_tensor& tensor : header.tensors) use(tensor.name, tensor.shape());
#pragma once

#include <lowp/io/checked.hpp>
#include <lowp/io/ggml_type.hpp>
#include <lowp/io/gguf_value.hpp>
#include <lowp/io/limits.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct gguf_tensor {
  std::string_view name;  // in the file's bytes
  ggml_type type = ggml_type::f32;
  std::uint32_t dimensions = 0;
  std::uint64_t dims[4] = {1, 1, 1, 1};  // the contiguous dimension first, as in the file
  std::uint64_t begin = 0;               // the tensor's bytes are [begin, end), counted from the start of the data
  std::uint64_t end = 0;

  std::uint64_t size_bytes() const noexcept { return end - begin; }
  std::uint64_t elements() const noexcept { return checked_elements(dims).value_or(0); }

  // Outermost dimension first; empty for a scalar.
  std::vector<std::uint64_t> shape() const { return {std::reverse_iterator(dims + dimensions), std::reverse_iterator(dims + 0)}; }
};

struct gguf_header {
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;
  std::vector<gguf_value> metadata;    // in the order of the file
  std::vector<gguf_tensor> tensors;    // in the order of the file's list
  std::vector<std::uint32_t> by_key;   // indices into metadata, sorted by key
  std::vector<std::uint32_t> by_name;  // indices into tensors, sorted by name
  std::uint64_t data_begin = 0;        // where the data start in the file, in bytes
  std::uint64_t data_size = 0;         // up to the end of the last tensor

  // The tensor of this name, or null.
  const gguf_tensor* find(std::string_view name) const noexcept {
    return lookup(tensors, by_name, name, [](const gguf_tensor& t) { return t.name; });
  }

  // The metadata value of this key, or null.
  const gguf_value* find_metadata(std::string_view key) const noexcept {
    return lookup(metadata, by_key, key, [](const gguf_value& v) { return v.key(); });
  }

 private:
  template <class T, class Key>
  static const T* lookup(const std::vector<T>& items, const std::vector<std::uint32_t>& order, std::string_view wanted, Key key) noexcept {
    const auto it =
        std::lower_bound(order.begin(), order.end(), wanted, [&](std::uint32_t i, std::string_view w) { return key(items[i]) < w; });
    return it != order.end() && key(items[*it]) == wanted ? &items[*it] : nullptr;
  }
};

namespace detail {

inline constexpr std::uint64_t gguf_name_limit = 64;
inline constexpr std::uint64_t gguf_key_limit = 65535;
inline constexpr std::uint64_t gguf_alignment_limit = 65536;
inline constexpr std::uint64_t gguf_tensor_limit = std::uint64_t{1} << 20;

// The order of the items by their texts; throws lowp::error if two are the same.
template <class T, class Text>
std::vector<std::uint32_t> sorted_gguf_names(const std::vector<T>& items, std::string_view source, std::string_view what, Text text) {
  std::vector<std::uint32_t> order(items.size());
  for (std::size_t i = 0; i != order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return text(items[a]) < text(items[b]); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (text(items[order[i]]) == text(items[order[i - 1]]))
      LOWP_THROW(source, ": ", what, " ", in_quotes(text(items[order[i]])), " is defined twice");
  }
  return order;
}

inline gguf_tensor read_gguf_tensor(byte_reader& in, std::uint32_t version) {
  gguf_tensor tensor;
  const byte_reader start = in;
  tensor.name = read_gguf_string(in, version, "the name of a tensor");
  if (tensor.name.size() > gguf_name_limit)
    start.fail("a tensor's name of ", tensor.name.size(), " bytes, where ", gguf_name_limit, " are the limit");
  const auto fail = [&](const auto&... parts) { start.fail("tensor ", in_quotes(tensor.name), ": ", parts...); };
  if (tensor.name.find('\0') != std::string_view::npos) fail("a zero byte in the name");
  tensor.dimensions = in.read<std::uint32_t>("the number of dimensions");
  if (tensor.dimensions > 4) fail(tensor.dimensions, " dimensions, where 4 are the limit");
  for (std::uint32_t d = 0; d != tensor.dimensions; ++d) tensor.dims[d] = read_gguf_length(in, version, "a dimension");
  const auto id = in.read<std::uint32_t>("the type of a tensor");
  const ggml_type_entry* entry = find_ggml_type(id);
  if (entry == nullptr && !removed_ggml_type(id).empty())
    fail("ggml type ", id, " (", removed_ggml_type(id), "), which ggml has removed; convert the file with an older version of it");
  if (entry == nullptr) fail("unknown ggml type ", id);
  tensor.type = entry->type;
  if (tensor.dims[0] % entry->block_elements != 0)
    fail("the first dimension, ", tensor.dims[0], ", is no multiple of the ", entry->block_elements, " elements in a block of ",
         entry->name);
  const auto elements = checked_elements(tensor.dims);
  if (!elements) fail("a shape of more than 2^64 elements");
  const auto bytes = ggml_bytes(tensor.type, *elements);
  if (!bytes) fail("a tensor of more than 2^64 bytes");
  tensor.begin = in.read<std::uint64_t>("the offset of a tensor");
  const auto end = checked_add(tensor.begin, *bytes);
  if (!end) fail("offset ", tensor.begin, " and ", *bytes, " bytes end beyond 2^64");
  tensor.end = *end;
  return tensor;
}

// The data of the tensors, whose file ends `available` bytes after the data start.
inline void check_gguf_offsets(gguf_header& header, std::uint64_t available, std::string_view source) {
  std::vector<std::uint32_t> order(header.tensors.size());
  for (std::size_t i = 0; i != order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  const auto& tensors = header.tensors;
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(tensors[a].begin, tensors[a].end) < std::pair(tensors[b].begin, tensors[b].end);
  });
  std::uint64_t next = 0;
  for (const std::uint32_t i : order) {
    const gguf_tensor& tensor = tensors[i];
    if (tensor.begin != next) {
      LOWP_THROW(source, ": tensor ", in_quotes(tensor.name), " starts at byte ", tensor.begin, " of the data, but ",
                 tensor.begin < next ? "the one before it ends at, with padding, byte " : "the next aligned byte is ", next);
    }
    const auto padded = checked_align_up(tensor.end, header.alignment);
    if (!padded) LOWP_THROW(source, ": tensor ", in_quotes(tensor.name), " ends beyond 2^64");
    header.data_size = tensor.end;
    next = *padded;
  }
  if (header.data_size > available)
    LOWP_THROW(source, ": the tensors take ", header.data_size, " bytes of data, but the file has ", available);
  if (available > next) LOWP_THROW(source, ": the tensors and their padding take ", next, " bytes of data, but the file has ", available);
}

// `bytes` hold at least the header of a file of `file_bytes`.
inline gguf_header parse_gguf_header(std::span<const std::byte> bytes, std::uint64_t file_bytes, std::uint64_t memory_limit,
                                     std::string_view source) {
  byte_reader in(bytes, source);
  if (bytes.size() < 8 || in.read<std::uint32_t>("the magic") != 0x46554747u)
    LOWP_THROW(source, ": not a GGUF file: it does not start with 'GGUF'");
  gguf_header header;
  header.version = in.read<std::uint32_t>("the version");
  if (header.version != 0 && (header.version & 0xffff) == 0)
    LOWP_THROW(source, ": byte 4: a big-endian GGUF file, of version ", header.version >> 24, "; convert it to little-endian order first");
  if (header.version < 1 || header.version > 3)
    LOWP_THROW(source, ": byte 4: GGUF version ", header.version, ", where 1, 2 and 3 are known");
  const std::uint64_t tensor_count = read_gguf_length(in, header.version, "the number of tensors");
  const std::uint64_t value_count = read_gguf_length(in, header.version, "the number of metadata values");
  // The least that one of each takes in the file: the length of its name, its type (and dimensions, offset), one byte of value.
  const std::uint64_t length_bytes = header.version == 1 ? 4 : 8;
  if (tensor_count > in.remaining() / (length_bytes + 16)) in.fail(tensor_count, " tensors, but ", in.remaining(), " bytes follow");
  if (tensor_count > gguf_tensor_limit) in.fail(tensor_count, " tensors, where ", gguf_tensor_limit, " are the limit");
  if (value_count > in.remaining() / (length_bytes + 6)) in.fail(value_count, " metadata values, but ", in.remaining(), " bytes follow");
  const std::uint64_t memory =
      4096 + tensor_count * (sizeof(gguf_tensor) + 2 * sizeof(std::uint32_t)) + value_count * (sizeof(gguf_value) + sizeof(std::uint32_t));
  if (memory > memory_limit) {
    in.fail(tensor_count, " tensors and ", value_count, " metadata values would take ", memory,
            " bytes of memory, where a file of this size may take ", memory_limit);
  }

  header.metadata.reserve(static_cast<std::size_t>(value_count));
  for (std::uint64_t i = 0; i != value_count; ++i) {
    const byte_reader start = in;
    const std::string_view key = read_gguf_string(in, header.version, "a metadata key");
    if (key.empty() || key.size() > gguf_key_limit)
      start.fail("a metadata key of ", key.size(), " bytes, where 1 to ", gguf_key_limit, " are possible");
    if (key.find('\0') != std::string_view::npos) start.fail("a zero byte in the metadata key ", in_quotes(key));
    const gguf_type type{in.read<std::uint32_t>("the type of a metadata value")};
    header.metadata.push_back(gguf_value::parse(in, key, type, header.version));
  }
  header.by_key = sorted_gguf_names(header.metadata, source, "metadata key", [](const gguf_value& v) { return v.key(); });
  if (const gguf_value* alignment = header.find_metadata("general.alignment"); alignment != nullptr) {
    if (alignment->type() != gguf_type::uint32)
      LOWP_THROW(source, ": general.alignment is no uint32, but ", gguf_type_name(alignment->type()));
    header.alignment = alignment->unsigned_integer();
    if (header.alignment == 0 || header.alignment > gguf_alignment_limit || (header.alignment & (header.alignment - 1)) != 0) {
      LOWP_THROW(source, ": general.alignment is ", header.alignment, ", where powers of two up to ", gguf_alignment_limit,
                 " are possible");
    }
  }

  header.tensors.reserve(static_cast<std::size_t>(tensor_count));
  for (std::uint64_t i = 0; i != tensor_count; ++i) header.tensors.push_back(read_gguf_tensor(in, header.version));
  header.by_name = sorted_gguf_names(header.tensors, source, "tensor", [](const gguf_tensor& t) { return t.name; });

  const auto data_begin = checked_align_up(in.position(), header.alignment);
  header.data_begin = *data_begin;  // a position in memory, so far from 2^64
  // A file without tensors may end before the padding.
  check_gguf_offsets(header, file_bytes > header.data_begin ? file_bytes - header.data_begin : 0, source);
  return header;
}

}  // namespace detail

// Reads and checks the header at the start of a whole GGUF file in memory, which must outlive the result. `source` (a path,
// say) starts every message. Throws lowp::error with the byte, the key or the tensor at fault.
inline gguf_header read_gguf_header(std::span<const std::byte> file, std::string_view source = "gguf") {
  return detail::parse_gguf_header(file, file.size(), detail::header_memory_limit(file.size()), source);
}

}  // namespace lowp::inline LOWP_ABI
