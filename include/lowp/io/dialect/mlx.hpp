// MLX checkpoints, mode affine: weight (U32), scales and biases.
//
//   value = scale * code + bias
//
// Tensors alone do not tell the width of the codes: the configuration names it, for all layers or for each of its own.
// Source: MLX, mlx/backend quantized.
#pragma once

#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/layout/row_major.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

inline plain_weights read_mlx_weights(const safetensors_checkpoint& files, const weight_info& info) {
  plain_grid grid(info.scheme, info.rows, info.cols);
  unpack<layout::row_major, 2, 3, 4, 5, 6, 8>(files.at(info.name + ".weight"), info.scheme.bits, grid.bytes(), info.rows, info.cols);
  const grid_shape groups = info.scheme.granularity.grid(info.rows, info.cols);
  grid.set_scale(load_grid(files.at(info.name + ".scales"), info.scheme.scale[0].format, groups.rows, groups.cols));
  grid.set_zero(load_grid(files.at(info.name + ".biases"), info.scheme.zero[0].format, groups.rows, groups.cols));
  return plain_weights(std::move(grid));
}

inline std::optional<found_weight> find_mlx(const safetensors_checkpoint& files, const quantization_config& config,
                                            const std::string& tensor) {
  const auto name = without_suffix(tensor, ".weight");
  const tensor_place& weight = files.at(tensor);
  const auto* scales = name ? files.find(*name + ".scales") : nullptr;
  const auto* biases = name ? files.find(*name + ".biases") : nullptr;
  if (scales == nullptr || biases == nullptr || weight.tensor().dtype != dtype::u32) return std::nullopt;
  std::optional<std::uint32_t> bits = config.bits;
  std::optional<std::uint64_t> group_size = config.group_size;
  for (const auto& group : config.groups) {
    if (group.name != *name) continue;
    if (group.bits) bits = group.bits;
    if (group.group_size) group_size = group.group_size;
  }
  const grid_shape words = matrix_shape(weight, dtype::u32);
  const grid_shape groups = matrix_shape(*scales, scales->tensor().dtype);
  if (!bits || !group_size || *group_size == 0) fail(weight, "MLX's configuration, with bits and group_size, is missing");
  if (*bits == 0 || *bits > 8) fail(weight, "codes of ", *bits, " bits are not read");
  const auto cols = checked_mul(groups.cols, *group_size);
  const auto code_bits = cols ? checked_mul(*cols, *bits) : std::nullopt;
  if (!code_bits || *code_bits % 32 != 0 || *code_bits / 32 != words.cols || groups.rows != words.rows)
    fail(weight, "which is not ", groups.cols, " groups of ", *group_size, " codes of ", *bits, " bits");
  require_size(weight, words.rows, *cols);
  weight_info info{*name, words.rows, static_cast<std::size_t>(*cols), {}, read_mlx_weights};
  info.scheme = make_scheme(integer_name(false, static_cast<int>(*bits)),
                            {granularity_kind::per_group, 0, static_cast<std::size_t>(*group_size)}, plain_format(scale_format(*scales)));
  info.scheme.symmetry = symmetry_kind::with_bias;
  info.scheme.zero.push_back(plain_format(scale_format(*biases)));
  return found_weight{std::move(info), {tensor, *name + ".scales", *name + ".biases"}};
}

}  // namespace lowp::inline LOWP_ABI::detail
