// Layers as compressed-tensors writes them, and what its configuration says of each.
//
//   lowp::detail::compressed_format(scheme) == "pack-quantized"
#pragma once

#include <lowp/io/dialect/encoded_layer.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

// The format that holds a scheme; empty if none does.
inline std::string_view compressed_format(const scheme_description& s) {
  const auto kind = s.granularity.kind;
  if (has_row_groups(s) && !(s.bits == 8 && kind == granularity_kind::per_channel)) return "pack-quantized";
  if (!s.scale[0].is_plain())
    return to_string(s) == to_string(describe<scheme<e2m1, per_group<16>, symmetric, scheme<e4m3, per_tensor>>>()) ? "nvfp4-pack-quantized"
                                                                                                                   : "";
  const bool by_row = kind == granularity_kind::per_channel || kind == granularity_kind::per_tensor;
  if (s.symmetry == symmetry_kind::symmetric) {
    if (s.scale[0].format == "e8m0" && kind == granularity_kind::per_group && s.granularity.cols == 32)
      return s.format == "e2m1"   ? "mxfp4-pack-quantized"
             : s.format == "e2m3" ? "mxfp6-pack-quantized"
             : s.format == "e4m3" ? "mxfp8-quantized"
                                  : "";
    if (s.format == "e4m3" && (by_row || kind == granularity_kind::per_block)) return "float-quantized";
    if (s.format == "i8" && by_row) return "int-quantized";
  }
  return s.format == "u8" && s.symmetry == symmetry_kind::asymmetric && by_row ? "int-quantized" : "";
}

// The "weights" of a configuration's group.
inline nlohmann::ordered_json compressed_arguments(const scheme_description& s) {
  const bool integers = s.format[0] == 'i' || s.format[0] == 'u';
  nlohmann::ordered_json json = {
      {"num_bits", s.bits}, {"type", integers ? "int" : "float"}, {"symmetric", s.symmetry == symmetry_kind::symmetric}};
  switch (s.granularity.kind) {
    case granularity_kind::per_tensor:
      json["strategy"] = "tensor";
      break;
    case granularity_kind::per_channel:
      json["strategy"] = "channel";
      break;
    case granularity_kind::per_block:
      json["strategy"] = "block";
      json["block_structure"] = {s.granularity.rows, s.granularity.cols};
      break;
    default:
      json["strategy"] = s.scale[0].is_plain() ? "group" : "tensor_group";
      json["group_size"] = s.granularity.cols;
  }
  json["dynamic"] = false;
  return json;
}

inline std::vector<encoded_tensor> encode_compressed_tensors(const layer_to_encode& layer) {
  constexpr std::string_view dialect = "compressed-tensors";
  const scheme_description& s = layer.scheme;
  const std::string_view format = compressed_format(s);
  layer.require(!format.empty(), dialect);
  const auto bits = static_cast<std::size_t>(s.bits);
  const grid_shape groups = layer.groups();
  const plain_grid* all = layer.weights != nullptr ? &layer.weights->grid() : nullptr;
  const auto codes = all != nullptr ? all->bytes() : std::span<const std::uint8_t>();
  const std::string weight = layer.name + ".weight";
  layer.require(layer.weights == nullptr || layer.weights->columns().empty(), dialect);
  const bool exponents = s.scale[0].format == "e8m0";
  const dtype scale_type = exponents ? dtype::u8 : dtype_of_format(layer, s.scale[0].format, dialect);
  std::vector<std::uint64_t> scale_shape{groups.rows, groups.cols};
  if (s.granularity.kind == granularity_kind::per_tensor) scale_shape = {1};
  encoded_tensor scale{weight + "_scale", scale_type, scale_shape, all != nullptr ? grid_bytes(all->scale()) : std::string()};

  std::vector<encoded_tensor> tensors;
  if (format == "pack-quantized") {
    std::vector<std::uint8_t> room;
    const auto stored = unsigned_codes(layer, room);
    std::string shape;
    append_little_endian(shape, std::uint64_t{layer.rows});
    append_little_endian(shape, std::uint64_t{layer.cols});
    tensors.push_back(
        {weight + "_packed",
         dtype::i32,
         {layer.rows, ceil_div(layer.cols * bits, std::size_t{32})},
         packed_bytes<layout::compressed_tensors, 1, 2, 3, 4, 5, 6, 7, 8>(layer, stored, layer.rows, layer.cols, dialect)});
    tensors.push_back({weight + "_shape", dtype::i64, {2}, std::move(shape)});
    if (!layer.is_symmetric()) {
      tensors.push_back({weight + "_zero_point",
                         dtype::i32,
                         {ceil_div(layer.rows * bits, std::size_t{32}), groups.cols},
                         packed_bytes<layout::compressed_tensors_zeros, 1, 2, 3, 4, 5, 6, 7, 8>(layer, unsigned_zeros(layer), groups.rows,
                                                                                                groups.cols, dialect)});
    }
  } else if (bits == 8) {
    // Codes and zero points with a sign, whatever they are here.
    const auto as_signed = [&](std::span<const std::uint8_t> from) {
      std::string bytes(from.begin(), from.end());
      for (char& b : bytes) b = static_cast<char>(b ^ (layer.is_symmetric() ? 0 : '\x80'));
      return bytes;
    };
    tensors.push_back({weight, format == "int-quantized" ? dtype::i8 : dtype::f8_e4m3, {layer.rows, layer.cols}, as_signed(codes)});
    if (!layer.is_symmetric())
      tensors.push_back({weight + "_zero_point", dtype::i8, scale_shape, all != nullptr ? as_signed(all->zero().bytes()) : std::string()});
  } else {
    layer.require(layer.cols % s.granularity.cols == 0, dialect);
    tensors.push_back({weight + "_packed",
                       dtype::u8,
                       {layer.rows, layer.cols * bits / 8},
                       packed_bytes<layout::row_major, 4, 6>(layer, codes, layer.rows, layer.cols, dialect)});
    if (!s.scale[0].is_plain()) {
      std::string whole;
      if (all != nullptr) append_little_endian(whole, reciprocal_code(all->scale().scale().code(0)));
      tensors.push_back({weight + "_global_scale", dtype::f32, {1}, std::move(whole)});
    }
  }
  tensors.push_back(std::move(scale));
  return tensors;
}

}  // namespace lowp::inline LOWP_ABI::detail
