// Packed weights of compressed-tensors and modelopt: weight_packed (integers of 1 to 8 bits, NVFP4, MXFP4, MXFP6), and modelopt's NVFP4,
// whose packed tensor is called weight.
//
//   integers   value = scale * code, or scale * (code - zero); stored are code + 2^(bits - 1) and zero + 2^(bits - 1)
//   NVFP4      value = scale * code / weight_global_scale (compressed-tensors), scale * code * weight_scale_2 (modelopt): here the tensor's
//              scale is what multiplies, 1 / weight_global_scale rounded once
//   MX         scales are exponents, value = 2^(scale - 127) * code
//
// A symmetric layer is described by signed integers; one with zero points by unsigned ones, codes and zero points as they are stored.
// Source: compressed-tensors 0.20, compressors; NVIDIA Model-Optimizer, export.
#pragma once

#include <lowp/io/dialect/gptq.hpp>
#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/layout/compressed_tensors.hpp>
#include <lowp/layout/row_major.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

inline constexpr int packed_in_padded_words = 1;  // the form before 2026 for widths that do not divide 32

inline plain_weights read_packed_integers(const safetensors_checkpoint& files, const weight_info& info) {
  const int bits = info.scheme.bits;
  const bool is_symmetric = info.scheme.symmetry == symmetry_kind::symmetric;
  const bool padded = info.variant == packed_in_padded_words;
  plain_grid grid(info.scheme, info.rows, info.cols);
  const tensor_place& packed = files.at(info.name + ".weight_packed");
  if (padded) unpack<layout::compressed_tensors_padded, 3, 5, 6, 7>(packed, bits, grid.bytes(), info.rows, info.cols);
  else unpack<layout::compressed_tensors, 1, 2, 3, 4, 5, 6, 7, 8>(packed, bits, grid.bytes(), info.rows, info.cols);
  if (is_symmetric) {
    for (auto& code : grid.bytes()) code = static_cast<std::uint8_t>(code ^ 1u << (bits - 1));
  }
  const grid_shape groups = info.scheme.granularity.grid(info.rows, info.cols);
  grid.set_scale(load_grid(files.at(info.name + ".weight_scale"), info.scheme.scale[0].format, groups.rows, groups.cols));
  if (!is_symmetric) {
    plain_grid zeros(info.scheme.zero[0], groups.rows, groups.cols);
    const tensor_place& place = files.at(info.name + ".weight_zero_point");
    if (padded) unpack<layout::compressed_tensors_padded_zeros, 3, 5, 6, 7>(place, bits, zeros.bytes(), groups.rows, groups.cols);
    else unpack<layout::compressed_tensors_zeros, 1, 2, 3, 4, 5, 6, 7, 8>(place, bits, zeros.bytes(), groups.rows, groups.cols);
    grid.set_zero(std::move(zeros));
  }
  std::vector<std::uint32_t> columns;
  if (const auto* g_idx = files.find(info.name + ".weight_g_idx"); g_idx != nullptr)
    columns = column_order(*g_idx, info.cols, group_cols_of(info));
  gather_codes(grid, columns);
  return plain_weights(std::move(grid), std::move(columns));
}

// The integers of one size; -1 for tensors that hold none.
inline std::uint64_t one_integer(const tensor_place& place, std::size_t index) {
  if (place.tensor().dtype == dtype::i64 && index < place.tensor().elements()) return little_endian<std::uint64_t>(place.bytes(), index);
  if (place.tensor().dtype == dtype::i32 && index < place.tensor().elements()) return little_endian<std::uint32_t>(place.bytes(), index);
  fail(place, "where integers are expected");
}

inline std::optional<found_weight> find_packed_integers(const safetensors_checkpoint& files, const quantization_config& config,
                                                        const std::string& tensor) {
  const auto name = without_suffix(tensor, ".weight_packed");
  const tensor_place& packed = files.at(tensor);
  if (!name || packed.tensor().dtype != dtype::i32) return std::nullopt;
  const tensor_place& shape = files.at(*name + ".weight_shape");
  const tensor_place& scales = files.at(*name + ".weight_scale");
  const grid_shape words = matrix_shape(packed, dtype::i32);
  const std::uint64_t rows = one_integer(shape, 0), cols = one_integer(shape, 1);
  if (shape.tensor().elements() != 2 || rows != words.rows || cols == 0) fail(packed, "where weight_shape says ", rows, " x ", cols);
  require_size(packed, rows, cols);

  // The widths that the configuration names, or any; of those the one that makes so many words.
  std::vector<std::pair<int, bool>> fitting;
  for (int bits = 1; bits <= 8; ++bits) {
    bool named = config.groups.empty();
    for (const auto& group : config.groups) named = named || group.bits == static_cast<std::uint32_t>(bits);
    const auto b = static_cast<std::uint64_t>(bits);
    if (!named) continue;
    if (words.cols == ceil_div<std::uint64_t>(cols * b, 32)) fitting.emplace_back(bits, false);
    else if (words.cols == ceil_div<std::uint64_t>(cols, 32 / b)) fitting.emplace_back(bits, true);
  }
  if (fitting.size() != 1)
    fail(packed, fitting.empty() ? "no width of codes makes so many words" : "several widths of codes make so many words");
  const auto [bits, padded] = fitting[0];

  weight_info info{*name, words.rows, static_cast<std::size_t>(cols), {}, read_packed_integers, padded ? packed_in_padded_words : 0};
  const grid_shape grid = matrix_shape(scales, scales.tensor().dtype);
  const auto* zeros = files.find(*name + ".weight_zero_point");
  std::optional<std::uint64_t> group_size;
  for (const auto& group : config.groups) {
    if (group.bits == static_cast<std::uint32_t>(bits) && group.group_size) group_size = group.group_size;
  }
  info.scheme = make_scheme(integer_name(zeros == nullptr && bits > 1, bits), row_groups(scales, info.cols, grid.cols, group_size),
                            plain_format(scale_format(scales)));
  if (zeros == nullptr && bits == 1) fail(packed, "codes of one bit without zero points are not read");
  found_weight found{std::move(info), {tensor, *name + ".weight_shape", *name + ".weight_scale"}};
  if (zeros != nullptr) {
    found.info.scheme.symmetry = symmetry_kind::asymmetric;
    found.info.scheme.zero.push_back(plain_format(found.info.scheme.format));
    found.tensors.push_back(*name + ".weight_zero_point");
  }
  if (const auto* g_idx = files.find(*name + ".weight_g_idx"); g_idx != nullptr) {
    found.info.in_order = column_order(*g_idx, found.info.cols, group_cols_of(found.info)).empty();
    found.tensors.push_back(*name + ".weight_g_idx");
  }
  return found;
}

// E2M1 or E2M3 codes in bytes, the first in the low bits.
inline plain_weights read_packed_floats(const safetensors_checkpoint& files, const weight_info& info) {
  const bool nvfp4 = !info.scheme.scale[0].is_plain();
  const bool modelopt = nvfp4 && files.find(info.name + ".weight_packed") == nullptr;
  plain_grid grid(info.scheme, info.rows, info.cols);
  unpack<layout::row_major, 4, 6>(files.at(info.name + (modelopt ? ".weight" : ".weight_packed")), info.scheme.bits, grid.bytes(),
                                  info.rows, info.cols);
  const grid_shape groups = info.scheme.granularity.grid(info.rows, info.cols);
  const tensor_place& scales = files.at(info.name + ".weight_scale");
  plain_grid block_scales = load_grid(scales, nvfp4 ? "e4m3" : "e8m0", groups.rows, groups.cols);
  if (nvfp4) {
    plain_grid under(info.scheme.scale[0], groups.rows, groups.cols);
    std::copy(block_scales.bytes().begin(), block_scales.bytes().end(), under.bytes().begin());
    const tensor_place& whole = files.at(info.name + (modelopt ? ".weight_scale_2" : ".weight_global_scale"));
    plain_grid tensor_scale = load_grid(whole, "f32", 1, 1);
    if (!modelopt) tensor_scale.set_code(0, reciprocal_code(tensor_scale.code(0)));
    under.set_scale(std::move(tensor_scale));
    block_scales = std::move(under);
  }
  grid.set_scale(std::move(block_scales));
  return plain_weights(std::move(grid));
}

inline std::optional<found_weight> find_packed_floats(const safetensors_checkpoint& files, const quantization_config&,
                                                      const std::string& tensor) {
  const auto packed_name = without_suffix(tensor, ".weight_packed");
  const auto modelopt_name = without_suffix(tensor, ".weight");
  const tensor_place& packed = files.at(tensor);
  if (packed.tensor().dtype != dtype::u8 || (!packed_name && !modelopt_name)) return std::nullopt;
  const std::string name = packed_name ? *packed_name : *modelopt_name;
  const std::string whole = name + (packed_name ? ".weight_global_scale" : ".weight_scale_2");
  const bool nvfp4 = files.find(whole) != nullptr;
  if (!packed_name && !nvfp4) return std::nullopt;
  const tensor_place& scales = files.at(name + ".weight_scale");
  const grid_shape bytes = matrix_shape(packed, dtype::u8);
  const grid_shape grid = matrix_shape(scales, nvfp4 ? dtype::f8_e4m3 : scales.tensor().dtype);
  if (!nvfp4 && scales.tensor().dtype != dtype::u8 && scales.tensor().dtype != dtype::f8_e8m0) fail(scales, "where exponents are expected");
  const std::size_t group = nvfp4 ? 16 : 32;
  const auto cols = checked_mul(grid.cols, group);
  const bool six_bits = !nvfp4 && cols && bytes.cols == *cols / 4 * 3;
  if (!cols || grid.rows != bytes.rows || (!six_bits && bytes.cols != *cols / 2))
    fail(packed, "which scales of ", shape_text(scales.tensor()), " do not fit");
  require_size(packed, bytes.rows, *cols);

  weight_info info{name, bytes.rows, static_cast<std::size_t>(*cols), {}, read_packed_floats};
  scheme_description scale = plain_format(nvfp4 ? "e4m3" : "e8m0");
  if (nvfp4) scale = make_scheme("e4m3", {granularity_kind::per_tensor}, plain_format("f32"));
  info.scheme = make_scheme(six_bits ? "e2m3" : "e2m1", {granularity_kind::per_group, 0, group}, std::move(scale));
  found_weight found{std::move(info), {tensor, name + ".weight_scale"}};
  if (nvfp4) found.tensors.push_back(whole);
  return found;
}

}  // namespace lowp::inline LOWP_ABI::detail
