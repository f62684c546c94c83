// AutoAWQ checkpoints, version gemm: qweight, qzeros and scales, 4 bits, packed along the outputs.
//
//   value = scale * (code - zero), zero points stored as they are
//
// Source: AutoAWQ, modules/linear/gemm.py. Other versions (gemv, gemv_fast) keep another shape and are refused.
#pragma once

#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/layout/awq.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

inline plain_weights read_awq(const safetensors_checkpoint& files, const weight_info& info) {
  plain_grid grid(info.scheme, info.rows, info.cols);
  unpack<layout::awq, 4>(files.at(info.name + ".qweight"), 4, grid.bytes(), info.rows, info.cols);
  const grid_shape groups = info.scheme.granularity.grid(info.rows, info.cols);
  grid.set_scale(load_grid(files.at(info.name + ".scales"), info.scheme.scale[0].format, groups.rows, groups.cols, true));
  plain_grid zeros(info.scheme.zero[0], groups.rows, groups.cols);
  unpack<layout::awq_zeros, 4>(files.at(info.name + ".qzeros"), 4, zeros.bytes(), groups.rows, groups.cols);
  grid.set_zero(std::move(zeros));
  return plain_weights(std::move(grid));
}

inline std::optional<found_weight> find_awq(const safetensors_checkpoint& files, const quantization_config& config,
                                            const std::string& tensor) {
  const auto name = without_suffix(tensor, ".qweight");
  const auto* scales = name ? files.find(*name + ".scales") : nullptr;
  const auto* zeros = name ? files.find(*name + ".qzeros") : nullptr;
  if (scales == nullptr || zeros == nullptr) return std::nullopt;
  const tensor_place& codes = files.at(tensor);
  if (!config.version.empty() && config.version != "gemm" && config.version != "GEMM")
    fail(codes, "AWQ's version ", in_quotes(config.version), " is not read, only gemm");
  const grid_shape packed = matrix_shape(codes, dtype::i32);
  const grid_shape grid = matrix_shape(*scales, scales->tensor().dtype);
  if (grid.cols % 8 != 0 || packed.cols != grid.cols / 8) return std::nullopt;
  require_size(codes, grid.cols, packed.rows);
  weight_info info{*name, grid.cols, packed.rows, {}, read_awq};
  info.scheme = make_scheme("u4", row_groups(*scales, info.cols, grid.rows, config.group_size), plain_format(scale_format(*scales)));
  info.scheme.symmetry = symmetry_kind::asymmetric;
  info.scheme.zero.push_back(plain_format("u4"));
  return found_weight{std::move(info), {tensor, *name + ".scales", *name + ".qzeros"}};
}

}  // namespace lowp::inline LOWP_ABI::detail
