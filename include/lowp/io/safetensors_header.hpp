// The header of a safetensors file: which tensor has which type and shape, and where its bytes lie.
//
// Source: the safetensors format, https://github.com/huggingface/safetensors. A file is a 64-bit little-endian length n,
// n bytes of JSON, and the data:
//
//   {"__metadata__": {"key": "value"}, "name": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}, ...}
//
// The bytes may come from anybody. Everything is checked before it is used, in arithmetic that cannot wrap:
//   - the header is at most 100,000,000 bytes, starts with '{', is valid JSON in valid UTF-8, and only spaces follow it;
//   - no key occurs twice, none is missing, none is unknown; metadata are strings; every dtype is one of lowp::dtype;
//   - at most 2^20 tensors, 8 dimensions, 65,536 bytes in a name;
//   - elements times bits of a tensor is exactly its length, and the tensors cover the data without a hole or an overlap;
//   - reading a header takes no more memory than twice the file and 1 MiB, whatever it says.
// A dimension may be 0; such a tensor has no bytes. Tensor data need not be aligned.
//
//   lowp::safetensors_header header = lowp::read_safetensors_header(bytes, "model.safetensors");
//   for (const lowp::tensor_info& tensor : header.tensors) use(tensor.name, tensor.shape);
#pragma once

#include <lowp/io/checked.hpp>
#include <lowp/io/dtype.hpp>
#include <lowp/io/limits.hpp>
#include <lowp/io/little_endian.hpp>
#include <lowp/io/safetensors_parser.hpp>
#include <lowp/io/tensor_info.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct safetensors_header {
  std::vector<tensor_info> tensors;                           // in the order of their bytes in the file
  std::vector<std::pair<std::string, std::string>> metadata;  // sorted by key
  std::vector<std::uint32_t> by_name;                         // indices into tensors, sorted by name
  std::uint64_t data_begin = 0;                               // where the data start in the file, in bytes
  std::uint64_t data_size = 0;

  // The tensor of this name, or null.
  const tensor_info* find(std::string_view name) const noexcept {
    const auto it =
        std::lower_bound(by_name.begin(), by_name.end(), name, [this](std::uint32_t i, std::string_view n) { return tensors[i].name < n; });
    return it != by_name.end() && tensors[*it].name == name ? &tensors[*it] : nullptr;
  }

  // The metadata value of this key, or null.
  const std::string* find_metadata(std::string_view key) const noexcept {
    const auto it =
        std::lower_bound(metadata.begin(), metadata.end(), key, [](const auto& entry, std::string_view k) { return entry.first < k; });
    return it != metadata.end() && it->first == key ? &it->second : nullptr;
  }
};

namespace detail {

// What can only be checked once all tensors are known. `source` starts every message.
inline void check_safetensors_tensors(safetensors_header& header, std::string_view source) {
  auto& tensors = header.tensors;
  // Tensors without bytes share their offset with the one that follows; names make the order one and the same for all readers.
  std::sort(tensors.begin(), tensors.end(), [](const tensor_info& a, const tensor_info& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    return a.end != b.end ? a.end < b.end : a.name < b.name;
  });
  std::uint64_t covered = 0;
  for (const tensor_info& tensor : tensors) {
    if (tensor.begin != covered) {
      LOWP_THROW(source, ": tensor ", in_quotes(tensor.name), " starts at byte ", tensor.begin, " of the data, but ",
                 tensor.begin < covered ? "the one before it ends at byte " : "nothing covers the bytes from ", covered);
    }
    covered = tensor.end;
  }
  if (covered != header.data_size) {
    LOWP_THROW(source, ": the tensors cover ", covered, " bytes of data, but the file has ", header.data_size);
  }
  header.by_name.resize(tensors.size());
  for (std::size_t i = 0; i != tensors.size(); ++i) header.by_name[i] = static_cast<std::uint32_t>(i);
  std::sort(header.by_name.begin(), header.by_name.end(),
            [&](std::uint32_t a, std::uint32_t b) { return tensors[a].name < tensors[b].name; });
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    const std::string& name = tensors[header.by_name[i]].name;
    if (name == tensors[header.by_name[i - 1]].name) LOWP_THROW(source, ": tensor ", in_quotes(name), " is defined twice");
  }
  std::sort(header.metadata.begin(), header.metadata.end());
  for (std::size_t i = 1; i < header.metadata.size(); ++i) {
    if (header.metadata[i].first == header.metadata[i - 1].first) {
      LOWP_THROW(source, ": metadata key ", in_quotes(header.metadata[i].first), " is defined twice");
    }
  }
}

// The header of a file whose JSON is `json` and whose data are `data_size` bytes.
inline safetensors_header parse_safetensors_header(std::string_view json, std::uint64_t data_size, std::uint64_t memory_limit,
                                                   std::string_view source) {
  safetensors_header header;
  header.data_begin = safetensors_length_bytes + json.size();
  header.data_size = data_size;
  safetensors_parser parser(json, memory_limit, source, header.tensors, header.metadata);
  parser.run();
  check_safetensors_tensors(header, source);
  return header;
}

}  // namespace detail

// Reads and checks the header at the start of a whole safetensors file in memory. `source` (a path, say) starts every
// message. Throws lowp::error with the byte or the key at fault.
inline safetensors_header read_safetensors_header(std::span<const std::byte> file, std::string_view source = "safetensors") {
  constexpr std::uint64_t prefix = detail::safetensors_length_bytes;
  if (file.size() < prefix)
    LOWP_THROW(source, ": not a safetensors file: ", file.size(), " bytes, where the length of the header alone takes 8");
  const auto length = little_endian<std::uint64_t>(file, 0);
  if (length > detail::safetensors_header_limit) {
    LOWP_THROW(source, ": not a safetensors file: byte 0: a header of ", length, " bytes, where ", detail::safetensors_header_limit,
               " are the limit");
  }
  const std::uint64_t rest = file.size() - prefix;
  if (length > rest)
    LOWP_THROW(source, ": not a safetensors file, or a truncated one: byte 0: a header of ", length, " bytes, but ", rest, " follow");
  const auto text = file.subspan(prefix, static_cast<std::size_t>(length));
  const std::string_view json(reinterpret_cast<const char*>(text.data()), text.size());
  return detail::parse_safetensors_header(json, rest - length, detail::header_memory_limit(file.size()), source);
}

}  // namespace lowp::inline LOWP_ABI
