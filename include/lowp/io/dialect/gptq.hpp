// GPTQ checkpoints (AutoGPTQ, GPTQModel): qweight, qzeros, scales, and g_idx where columns are in another order than their groups.
//
//   value = scale * (code - zero), zero points stored as they are (checkpoint_format gptq_v2 and gptq_p) or minus one (gptq)
//
// Files exist that say gptq and hold zero points of gptq_v2. Those of a symmetric layer give it away: all are 2^(bits - 1), or all one
// less. A symmetric layer is described by signed integers without a zero point.
//
// Source: AutoGPTQ 0.7.1 and GPTQModel, qlinear.
#pragma once

#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/layout/column_order.hpp>
#include <lowp/layout/gptq.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

inline constexpr int gptq_minus_one = 1;  // how a layer's zero points are stored
inline constexpr int gptq_in_planes = 2;  // how its codes are

// Zero points [rows, groups] as they are stored.
inline std::vector<std::uint8_t> gptq_stored_zeros(const tensor_place& place, int bits, std::size_t rows, std::size_t groups, bool planes) {
  std::vector<std::uint8_t> zeros(rows * groups);
  if (planes) unpack<layout::gptq_planes_zeros, 2, 3, 4, 5, 6, 7, 8>(place, bits, zeros, rows, groups);
  else unpack<layout::gptq_zeros, 2, 3, 4, 8>(place, bits, zeros, rows, groups);
  return zeros;
}

// Which columns the groups consist of, side by side; empty where that is the order they are in. Throws lowp::error for other groups.
inline std::vector<std::uint32_t> column_order(const tensor_place& place, std::size_t cols, std::size_t group_cols) {
  if (place.tensor().dtype != dtype::i32) fail(place, "where I32 is expected");
  require_elements(place, cols, 1);
  std::vector<std::int32_t> group_of(cols);
  for (std::size_t k = 0; k < cols; ++k) group_of[k] = little_endian<std::int32_t>(place.bytes(), k);
  bool in_order = true;
  for (std::size_t k = 0; k < cols && in_order; ++k) in_order = group_of[k] >= 0 && static_cast<std::size_t>(group_of[k]) == k / group_cols;
  if (in_order) return {};
  return columns_by_group(std::span<const std::int32_t>(group_of), group_cols);
}

inline std::size_t group_cols_of(const weight_info& info) {
  return info.scheme.granularity.kind == granularity_kind::per_group ? info.scheme.granularity.cols : info.cols;
}

// Codes in the order of `columns`; empty: as they are.
inline void gather_codes(plain_grid& grid, const std::vector<std::uint32_t>& columns) {
  if (columns.empty()) return;
  const std::vector<std::uint8_t> before(grid.bytes().begin(), grid.bytes().end());
  gather_columns(matrix_view<const std::uint8_t>(before.data(), grid.rows(), grid.cols()), columns,
                 matrix_view<std::uint8_t>(grid.bytes(), grid.rows(), grid.cols()));
}

inline plain_weights read_gptq(const safetensors_checkpoint& files, const weight_info& info) {
  const int bits = info.scheme.bits;
  const auto mask = static_cast<std::uint8_t>(low_mask(bits));
  const tensor_place& scales = files.at(info.name + ".scales");
  const bool is_symmetric = info.scheme.symmetry == symmetry_kind::symmetric;
  plain_grid grid(info.scheme, info.rows, info.cols);
  const tensor_place& qweight = files.at(info.name + ".qweight");
  if ((info.variant & gptq_in_planes) != 0)
    unpack<layout::gptq_planes, 2, 3, 4, 5, 6, 7, 8>(qweight, bits, grid.bytes(), info.rows, info.cols);
  else unpack<layout::gptq, 2, 3, 4, 8>(qweight, bits, grid.bytes(), info.rows, info.cols);
  const grid_shape groups = info.scheme.granularity.grid(info.rows, info.cols);
  grid.set_scale(load_grid(scales, info.scheme.scale[0].format, groups.rows, groups.cols, true));
  if (is_symmetric) {
    for (auto& code : grid.bytes()) code = static_cast<std::uint8_t>(code ^ 1u << (bits - 1));
  } else {
    auto stored = gptq_stored_zeros(files.at(info.name + ".qzeros"), bits, groups.rows, groups.cols, (info.variant & gptq_in_planes) != 0);
    plain_grid zeros(info.scheme.zero[0], groups.rows, groups.cols);
    for (std::size_t i = 0; i < stored.size(); ++i)
      zeros.bytes()[i] = static_cast<std::uint8_t>((stored[i] + ((info.variant & gptq_minus_one) != 0 ? 1 : 0)) & mask);
    grid.set_zero(std::move(zeros));
  }
  std::vector<std::uint32_t> columns;
  if (const auto* g_idx = files.find(info.name + ".g_idx"); g_idx != nullptr)
    columns = column_order(*g_idx, info.cols, group_cols_of(info));
  gather_codes(grid, columns);
  return plain_weights(std::move(grid), std::move(columns));
}

inline std::optional<found_weight> find_gptq(const safetensors_checkpoint& files, const quantization_config& config,
                                             const std::string& tensor) {
  const auto linear = find_quantized_linear(files, tensor);
  if (!linear || config.method == "awq") return std::nullopt;
  const auto& [name, codes, zeros, scales] = *linear;
  const grid_shape packed = matrix_shape(*codes, dtype::i32);
  const grid_shape grid = matrix_shape(*scales, scales->tensor().dtype);
  if (grid.cols != packed.cols) return std::nullopt;  // AWQ packs the other way

  const auto* g_idx = files.find(name + ".g_idx");
  if (packed.rows > (std::uint64_t{1} << 40)) fail(*codes, "too many rows");
  const std::uint64_t packed_bits = std::uint64_t{packed.rows} * 32;
  if (g_idx == nullptr && !config.bits) fail(*codes, "neither g_idx nor a configuration tells the number of columns");
  const std::uint64_t cols = g_idx != nullptr ? g_idx->tensor().elements() : packed_bits / (std::max)(1u, *config.bits);
  if (cols == 0 || packed_bits % cols != 0 || packed_bits / cols > 8) fail(*codes, "does not hold ", cols, " columns");
  const int bits = static_cast<int>(packed_bits / cols);
  require_size(*codes, packed.cols, cols);

  weight_info info{name, packed.cols, static_cast<std::size_t>(cols), {}, read_gptq};
  const bool planes = config.checkpoint_format == "gptq_p";
  const granularity_description groups = row_groups(*scales, info.cols, grid.rows, config.group_size);
  const auto stored = gptq_stored_zeros(*zeros, bits, info.rows, grid.rows, planes);
  const int middle = 1 << (bits - 1);
  const auto all = [&](int value) { return std::all_of(stored.begin(), stored.end(), [&](int z) { return z == value; }); };
  bool minus_one = config.checkpoint_format != "gptq_v2" && !planes;
  if (config.symmetric.value_or(true) && all(middle)) minus_one = false;
  if (config.symmetric.value_or(true) && all(middle - 1)) minus_one = true;
  const bool is_symmetric = bits > 1 && all(middle - (minus_one ? 1 : 0));
  info.variant = (minus_one ? gptq_minus_one : 0) | (planes ? gptq_in_planes : 0);
  info.scheme = make_scheme(integer_name(is_symmetric, bits), groups, plain_format(scale_format(*scales)));
  if (!is_symmetric) {
    info.scheme.symmetry = symmetry_kind::asymmetric;
    info.scheme.zero.push_back(plain_format(info.scheme.format));
  }
  info.in_order = g_idx == nullptr || column_order(*g_idx, info.cols, group_cols_of(info)).empty();
  found_weight found{std::move(info), {tensor, name + ".scales", name + ".qzeros"}};
  if (g_idx != nullptr) found.tensors.push_back(name + ".g_idx");
  return found;
}

}  // namespace lowp::inline LOWP_ABI::detail
