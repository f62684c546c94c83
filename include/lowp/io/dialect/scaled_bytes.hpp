// Weights of one byte each beside their scales: FP8 of DeepSeek (weight_scale_inv), modelopt and compressed-tensors (weight_scale),
// MXFP8, and 8-bit integers of compressed-tensors and bitsandbytes (SCB).
//
//   value = scale * code            weight_scale_inv multiplies too, in spite of its name; the scale of bitsandbytes is SCB / 127, rounded
//   value = scale * (code - zero)   with weight_zero_point: codes and zero points are then described as unsigned, 128 above
//
// A scale is one of the tensor, of each row, of each group of a row, or of each block of the configured size (128 x 128 unless it says).
#pragma once

#include <lowp/io/dialect/weight_info.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

inline std::string bytes_scale_name(const safetensors_checkpoint& files, const std::string& name) {
  for (const char* suffix : {".weight_scale_inv", ".weight_scale", ".SCB"}) {
    if (files.find(name + suffix) != nullptr) return name + suffix;
  }
  return {};
}

inline plain_weights read_scaled_bytes(const safetensors_checkpoint& files, const weight_info& info) {
  plain_grid grid(info.scheme, info.rows, info.cols);
  const tensor_place& weight = files.at(info.name + ".weight");
  const bool is_symmetric = info.scheme.symmetry == symmetry_kind::symmetric;
  const auto from = octets(weight);
  const unsigned flip = is_symmetric ? 0 : 0x80;
  for (std::size_t i = 0; i < from.size(); ++i) grid.bytes()[i] = static_cast<std::uint8_t>(from[i] ^ flip);
  const grid_shape groups = info.scheme.granularity.grid(info.rows, info.cols);
  const std::string scale_name = bytes_scale_name(files, info.name);
  plain_grid scale = load_grid(files.at(scale_name), info.scheme.scale[0].format, groups.rows, groups.cols);
  if (scale_name.ends_with(".SCB")) {
    for (std::size_t i = 0; i < groups.rows; ++i) scale.set_code(i, bit_cast<std::uint32_t>(bit_cast<float>(scale.code(i)) / 127.0f));
  }
  grid.set_scale(std::move(scale));
  if (!is_symmetric) {
    plain_grid zeros = load_grid(files.at(info.name + ".weight_zero_point"), info.scheme.zero[0].format, groups.rows, groups.cols);
    for (auto& zero : zeros.bytes()) zero = static_cast<std::uint8_t>(zero ^ 0x80u);
    grid.set_zero(std::move(zeros));
  }
  return plain_weights(std::move(grid));
}

inline std::optional<found_weight> find_scaled_bytes(const safetensors_checkpoint& files, const quantization_config& config,
                                                     const std::string& tensor) {
  const auto name = without_suffix(tensor, ".weight");
  const tensor_place& weight = files.at(tensor);
  const dtype type = weight.tensor().dtype;
  if (!name) return std::nullopt;
  std::string format;
  switch (type) {
    case dtype::f8_e4m3:
      format = "e4m3";
      break;
    case dtype::f8_e5m2:
      format = "e5m2";
      break;
    case dtype::f8_e4m3fnuz:
      format = "e4m3fnuz";
      break;
    case dtype::f8_e5m2fnuz:
      format = "e5m2fnuz";
      break;
    case dtype::i8:
      format = "i8";
      break;
    default:
      return std::nullopt;
  }
  const std::string scale_name = bytes_scale_name(files, *name);
  if (scale_name.empty()) return std::nullopt;
  const tensor_place& scales = files.at(scale_name);
  const grid_shape size = matrix_shape(weight, type);
  require_size(weight, size.rows, size.cols);
  weight_info info{*name, size.rows, size.cols, {}, read_scaled_bytes};

  const auto& shape = scales.tensor().shape;
  const bool exponents = scales.tensor().dtype == dtype::u8 || scales.tensor().dtype == dtype::f8_e8m0;
  const std::uint64_t scale_rows = shape.empty() ? 1 : shape[0];
  const std::uint64_t scale_cols = shape.size() == 2 ? shape[1] : 1;
  granularity_description granularity;
  if (shape.size() > 2) fail(scales, "three dimensions of scales");
  if (scale_name.ends_with(".SCB") || (scale_cols == 1 && scale_rows == info.rows && info.rows != 1)) {
    granularity = {granularity_kind::per_channel};
  } else if (scales.tensor().elements() == 1) {
    granularity = {granularity_kind::per_tensor};
  } else if (scale_rows == ceil_div<std::uint64_t>(info.rows, config.block_rows) &&
             scale_cols == ceil_div<std::uint64_t>(info.cols, config.block_cols) && !(exponents && scale_rows == info.rows)) {
    granularity = {granularity_kind::per_block, static_cast<std::size_t>(config.block_rows), static_cast<std::size_t>(config.block_cols)};
  } else if (scale_rows == info.rows) {
    std::optional<std::uint64_t> group_size;
    if (!config.groups.empty()) group_size = config.groups[0].group_size;
    granularity = row_groups(scales, info.cols, static_cast<std::size_t>(scale_cols), group_size);
  } else {
    fail(scales, "no scales of the tensor, of rows, of groups or of blocks of ", config.block_rows, " x ", config.block_cols,
         " of weights ", shape_text(weight.tensor()));
  }
  const auto* zeros = files.find(*name + ".weight_zero_point");
  if (zeros != nullptr && type == dtype::i8) format = "u8";
  info.scheme = make_scheme(format, granularity, plain_format(exponents ? "e8m0" : scale_format(scales)));
  found_weight found{std::move(info), {tensor, scale_name}};
  if (zeros != nullptr) {
    if (type != dtype::i8 || zeros->tensor().dtype != dtype::i8) fail(*zeros, "zero points are read of 8-bit integers alone");
    found.info.scheme.symmetry = symmetry_kind::asymmetric;
    found.info.scheme.zero.push_back(plain_format(format));
    found.tensors.push_back(*name + ".weight_zero_point");
  }
  if (scale_name.ends_with(".SCB") && files.find(*name + ".weight_format") != nullptr) found.tensors.push_back(*name + ".weight_format");
  return found;
}

}  // namespace lowp::inline LOWP_ABI::detail
