// MLX checkpoints: weight (U32), scales, and biases in mode affine.
//
//   affine                value = scale * code + bias
//   mxfp4, mxfp8, nvfp4   value = scale * code, of which the scales are bytes: exponents in groups of 32, or E4M3 in groups of 16
//
// Tensors alone do not tell the width of the codes: the configuration names it, for all layers or for each of its own.
// Source: MLX 0.32, mlx.core.quantize.
#pragma once

#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/layout/row_major.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

inline plain_weights read_mlx_weights(const safetensors_checkpoint& files, const weight_info& info) {
  plain_grid grid(info.scheme, info.rows, info.cols);
  unpack<layout::row_major, 1, 2, 3, 4, 5, 6, 8>(files.at(info.name + ".weight"), info.scheme.bits, grid.bytes(), info.rows, info.cols);
  const grid_shape groups = info.scheme.granularity.grid(info.rows, info.cols);
  grid.set_scale(load_grid(files.at(info.name + ".scales"), info.scheme.scale[0].format, groups.rows, groups.cols));
  if (!info.scheme.zero.empty())
    grid.set_zero(load_grid(files.at(info.name + ".biases"), info.scheme.zero[0].format, groups.rows, groups.cols));
  return plain_weights(std::move(grid));
}

// The modes without biases.
struct mlx_float_mode {
  std::string_view name;
  std::string_view format;
  std::string_view scale;
  std::size_t group;
};
inline constexpr mlx_float_mode mlx_float_modes[] = {
    {"mxfp4", "e2m1", "e8m0", 32}, {"mxfp8", "e4m3", "e8m0", 32}, {"nvfp4", "e2m1", "e4m3", 16}};

// The one of these that holds a scheme; empty if none does.
inline std::string_view mlx_mode(const scheme_description& s) {
  for (const mlx_float_mode& mode : mlx_float_modes) {
    if (s == make_scheme(mode.format, {granularity_kind::per_group, 0, mode.group}, plain_format(mode.scale))) return mode.name;
  }
  return {};
}

inline std::optional<found_weight> find_mlx(const safetensors_checkpoint& files, const quantization_config& config,
                                            const std::string& tensor) {
  const auto name = without_suffix(tensor, ".weight");
  const tensor_place& weight = files.at(tensor);
  const auto* scales = name ? files.find(*name + ".scales") : nullptr;
  if (scales == nullptr || weight.tensor().dtype != dtype::u32) return std::nullopt;
  quantization_config::group layer{*name, config.bits, config.group_size, config.mode};
  for (const auto& group : config.groups) {
    if (group.name != *name) continue;
    if (group.bits) layer.bits = group.bits;
    if (group.group_size) layer.group_size = group.group_size;
    if (!group.mode.empty()) layer.mode = group.mode;
  }
  const bool affine = layer.mode.empty() || layer.mode == "affine";
  const auto* biases = files.find(*name + ".biases");
  if (affine != (biases != nullptr)) {
    if (config.method != "mlx") return std::nullopt;
    fail(weight, affine ? "biases are missing" : "biases beside a mode that has none");
  }
  scheme_description scheme;
  if (affine) {
    if (!layer.bits || !layer.group_size || *layer.group_size == 0)
      fail(weight, "MLX's configuration, with bits and group_size, is missing");
    if (*layer.bits == 0 || *layer.bits > 8) fail(weight, "codes of ", *layer.bits, " bits are not read");
    const granularity_description groups{granularity_kind::per_group, 0, static_cast<std::size_t>(*layer.group_size)};
    scheme = make_scheme(integer_name(false, static_cast<int>(*layer.bits)), groups, plain_format(scale_format(*scales)));
    scheme.symmetry = symmetry_kind::with_bias;
    scheme.zero.push_back(plain_format(scale_format(*biases)));
  } else {
    const auto mode = std::find_if(std::begin(mlx_float_modes), std::end(mlx_float_modes),
                                   [&](const mlx_float_mode& m) { return m.name == layer.mode; });
    if (mode == std::end(mlx_float_modes)) fail(weight, "MLX's mode ", in_quotes(layer.mode), " is not read");
    if (scales->tensor().dtype != dtype::u8) fail(*scales, "where scales of a byte are expected");
    scheme = make_scheme(mode->format, {granularity_kind::per_group, 0, mode->group}, plain_format(mode->scale));
  }
  const grid_shape words = matrix_shape(weight, dtype::u32);
  const grid_shape groups = matrix_shape(*scales, scales->tensor().dtype);
  const auto bits = static_cast<std::uint64_t>(scheme.bits);
  const auto cols = checked_mul(groups.cols, scheme.granularity.cols);
  const auto code_bits = cols ? checked_mul(*cols, bits) : std::nullopt;
  if (!code_bits || *code_bits % 32 != 0 || *code_bits / 32 != words.cols || groups.rows != words.rows)
    fail(weight, "which is not ", groups.cols, " groups of ", scheme.granularity.cols, " codes of ", bits, " bits");
  require_size(weight, words.rows, *cols);
  weight_info info{*name, words.rows, static_cast<std::size_t>(*cols), std::move(scheme), read_mlx_weights};
  found_weight found{std::move(info), {tensor, *name + ".scales"}};
  if (affine) found.tensors.push_back(*name + ".biases");
  return found;
}

}  // namespace lowp::inline LOWP_ABI::detail
