// HQQ checkpoints as safetensors: W_q, scale and zero, and a tensor for each other member (nbits, group_size, axis, shape, packing).
//
//   value = scale * (code - zero), zero points in floating point
//
// The weights are reshaped to [-1, group_size] (axis 1) or [group_size, -1] (axis 0) before the rows of that matrix are packed: the first
// part of them lies in the highest bits of a byte, the next below; 3 bits lie ten in 32-bit words. With axis 0 a group is every n-th
// weight. Source: HQQ, core/quantize.py and core/bitpack.py.
#pragma once

#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/layout/hqq.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

// A number that the checkpoint keeps as a tensor of one element, or of several.
inline std::uint64_t hqq_number(const tensor_place& place, std::size_t index = 0) {
  const tensor_info& t = place.tensor();
  std::vector<float> values = t.elements() <= 8 ? place.read_f32() : std::vector<float>();
  if (index >= values.size() || !(values[index] >= 0) || !(values[index] <= 0x1p24f)) fail(place, "where a size is expected");
  return static_cast<std::uint64_t>(values[index]);
}

inline plain_weights read_hqq(const safetensors_checkpoint& files, const weight_info& info) {
  plain_grid grid(info.scheme, info.rows, info.cols);
  const bool strided = info.scheme.granularity.kind == granularity_kind::strided;
  const grid_shape groups = info.scheme.granularity.grid(info.rows, info.cols);
  const std::size_t group_cols = info.scheme.granularity.kind == granularity_kind::per_channel ? info.cols : info.scheme.granularity.cols;
  const std::size_t count = groups.rows * groups.cols;
  // Reshaping keeps the order of the flattened matrix, so the codes come as they are wanted.
  unpack<layout::hqq<>, 1, 2, 3, 4, 8>(files.at(info.name + ".W_q"), info.scheme.bits, grid.bytes(), strided ? group_cols : count,
                                       strided ? count : group_cols);
  grid.set_scale(load_grid(files.at(info.name + ".scale"), info.scheme.scale[0].format, groups.rows, groups.cols));
  grid.set_zero(load_grid(files.at(info.name + ".zero"), info.scheme.zero[0].format, groups.rows, groups.cols));
  return plain_weights(std::move(grid));
}

inline std::optional<found_weight> find_hqq(const safetensors_checkpoint& files, const quantization_config&, const std::string& tensor) {
  const auto name = without_suffix(tensor, ".W_q");
  if (!name) return std::nullopt;
  const tensor_place& codes = files.at(tensor);
  const tensor_place& scales = files.at(*name + ".scale");
  const tensor_place& zeros = files.at(*name + ".zero");
  const tensor_place& shape = files.at(*name + ".shape");
  const auto bits = hqq_number(files.at(*name + ".nbits"));
  const std::uint64_t rows = hqq_number(shape, 0), cols = hqq_number(shape, 1);
  const std::uint64_t axis = hqq_number(files.at(*name + ".axis"));
  if ((bits > 4 && bits != 8) || bits == 0 || axis > 1) fail(codes, "HQQ of ", bits, " bits along axis ", axis);
  if (files.find(*name + ".scale_q") != nullptr || files.find(*name + ".zero_q") != nullptr)
    fail(codes, "HQQ with quantized scales is not read");
  if (const auto* view = files.find(*name + ".view_as_float"); view != nullptr && hqq_number(*view) != 0)
    fail(codes, "HQQ viewed as floats is not read");
  require_size(codes, rows, cols);
  const auto weights = rows * cols;
  const auto* group_size = files.find(*name + ".group_size");
  if (group_size != nullptr && group_size->tensor().elements() != 1) group_size = nullptr;  // "None" is kept as no element
  const std::uint64_t group = group_size != nullptr ? hqq_number(*group_size) : cols;
  if (group == 0 || weights % group != 0) fail(codes, "groups of ", group, " do not divide ", rows, " x ", cols);

  weight_info info{*name, static_cast<std::size_t>(rows), static_cast<std::size_t>(cols), {}, read_hqq};
  const auto size = static_cast<std::size_t>(group);
  granularity_description granularity{granularity_kind::per_flat_group, 0, size};
  if (axis == 0) granularity.kind = granularity_kind::strided;
  else if (group_size == nullptr) granularity = {granularity_kind::per_channel};
  else if (cols % group == 0) granularity.kind = granularity_kind::per_group;
  info.scheme = make_scheme(integer_name(false, static_cast<int>(bits)), granularity, plain_format(scale_format(scales)));
  info.scheme.symmetry = symmetry_kind::asymmetric_as;
  info.scheme.zero.push_back(plain_format(scale_format(zeros)));
  found_weight found{std::move(info), {}};
  for (const char* member : {"W_q", "scale", "zero", "shape", "nbits", "axis", "group_size", "packing", "view_as_float",
                             "unpack_view_dtype", "compute_dtype", "quant_scale", "quant_zero", "channel_wise", "optimize", "round_zero",
                             "offload_meta", "stores_quant_config", "encoded_state_dict"}) {
    if (files.find(*name + "." + member) != nullptr) found.tensors.push_back(*name + "." + member);
  }
  return found;
}

}  // namespace lowp::inline LOWP_ABI::detail
