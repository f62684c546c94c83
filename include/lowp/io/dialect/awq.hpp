// AutoAWQ checkpoints, versions gemm and gemv: qweight, qzeros and scales, 4 bits.
//
//   value = scale * (code - zero), zero points stored as they are
//
//   gemm   qweight [cols, rows / 8], qzeros [groups, rows / 8], scales [groups, rows]
//   gemv   qweight [rows, cols / 8], qzeros [rows, words], scales [rows, 8 * words], as many words as hold all groups, or more
//
// Source: AutoAWQ, modules/linear/gemm.py and gemv.py. Version gemv_fast, in an order of one kernel's own, is refused.
#pragma once

#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/layout/awq.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

inline plain_weights read_awq_gemv(const safetensors_checkpoint& files, const weight_info& info) {
  plain_grid grid(info.scheme, info.rows, info.cols);
  unpack<layout::awq_gemv, 4>(files.at(info.name + ".qweight"), 4, grid.bytes(), info.rows, info.cols);
  // What is stored beyond the last group belongs to none.
  const grid_shape groups = info.scheme.granularity.grid(info.rows, info.cols);
  const tensor_place& scales = files.at(info.name + ".scales");
  const std::size_t stored = matrix_shape(scales, scales.tensor().dtype).cols;
  const plain_grid all_scales = load_grid(scales, info.scheme.scale[0].format, groups.rows, stored);
  plain_grid all_zeros(info.scheme.zero[0], groups.rows, stored);
  unpack<layout::awq_gemv, 4>(files.at(info.name + ".qzeros"), 4, all_zeros.bytes(), groups.rows, stored);
  plain_grid scale(info.scheme.scale[0], groups.rows, groups.cols), zero(info.scheme.zero[0], groups.rows, groups.cols);
  for (std::size_t r = 0; r < groups.rows; ++r) {
    for (std::size_t g = 0; g < groups.cols; ++g) {
      scale.set_code(r * groups.cols + g, all_scales.code(r * stored + g));
      zero.set_code(r * groups.cols + g, all_zeros.code(r * stored + g));
    }
  }
  grid.set_scale(std::move(scale));
  grid.set_zero(std::move(zero));
  return plain_weights(std::move(grid));
}

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
  const auto linear = find_quantized_linear(files, tensor);
  if (!linear) return std::nullopt;
  const auto& [name, codes, zeros, scales] = *linear;
  const bool gemv = config.version == "gemv" || config.version == "GEMV";
  if (!gemv && !config.version.empty() && config.version != "gemm" && config.version != "GEMM")
    fail(*codes, "AWQ's version ", in_quotes(config.version), " is not read, only gemm and gemv");
  const grid_shape packed = matrix_shape(*codes, dtype::i32);
  const grid_shape grid = matrix_shape(*scales, scales->tensor().dtype);
  weight_info info;
  info.name = name;
  granularity_description groups;
  if (gemv) {
    const auto cols = checked_mul(packed.cols, 8);
    if (!cols || !config.group_size || *config.group_size == 0) fail(*codes, "AWQ's configuration, with group_size, is missing");
    info.rows = packed.rows;
    info.cols = static_cast<std::size_t>(*cols);
    info.read = read_awq_gemv;
    groups = {granularity_kind::per_group, 0, static_cast<std::size_t>(*config.group_size)};
    const grid_shape zero_words = matrix_shape(*zeros, dtype::i32);
    if (grid.rows != info.rows || zero_words.rows != info.rows || grid.cols % 8 != 0 || zero_words.cols != grid.cols / 8 ||
        groups.grid(info.rows, info.cols).cols > grid.cols)
      fail(*scales, "do not fit ", info.rows, " x ", info.cols, " weights in groups of ", *config.group_size);
  } else {
    if (grid.cols % 8 != 0 || packed.cols != grid.cols / 8) return std::nullopt;
    info.rows = grid.cols;
    info.cols = packed.rows;
    info.read = read_awq;
    groups = row_groups(*scales, info.cols, grid.rows, config.group_size);
  }
  require_size(*codes, info.rows, info.cols);
  info.scheme = make_scheme("u4", groups, plain_format(scale_format(*scales)));
  info.scheme.symmetry = symmetry_kind::asymmetric;
  info.scheme.zero.push_back(plain_format("u4"));
  return found_weight{std::move(info), {tensor, name + ".scales", name + ".qzeros"}};
}

}  // namespace lowp::inline LOWP_ABI::detail
