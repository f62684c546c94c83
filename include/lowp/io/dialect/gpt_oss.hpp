// The experts of gpt-oss, MXFP4: `X_blocks` U8 [experts, rows, groups, 16] (or `X.blocks`), two codes a byte, the first in the low
// bits, beside `X_scales` U8 [experts, rows, groups], the exponents: value = 2^(scale - 127) * code. The matrices of a layer's experts
// are read as one, each below the one before it.
// Source: openai/gpt-oss, gpt_oss/torch/weights.py.
#pragma once

#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/layout/row_major.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace lowp::inline LOWP_ABI::detail {

// How the names of the two tensors go on.
inline constexpr std::pair<const char*, const char*> expert_tensors[] = {{"_blocks", "_scales"}, {".blocks", ".scales"}};

inline plain_weights read_experts(const safetensors_checkpoint& files, const weight_info& info) {
  const auto& names = expert_tensors[info.variant];
  plain_grid grid(info.scheme, info.rows, info.cols);
  unpack<layout::row_major, 4>(files.at(info.name + names.first), 4, grid.bytes(), info.rows, info.cols);
  grid.set_scale(load_grid(files.at(info.name + names.second), "e8m0", info.rows, info.cols / 32));
  return plain_weights(std::move(grid));
}

inline std::optional<found_weight> find_experts(const safetensors_checkpoint& files, const quantization_config&,
                                                const std::string& tensor) {
  for (int variant = 0; variant < 2; ++variant) {
    const auto name = without_suffix(tensor, expert_tensors[variant].first);
    const auto* scales = name ? files.find(*name + expert_tensors[variant].second) : nullptr;
    const tensor_place& blocks = files.at(tensor);
    const auto& shape = blocks.tensor().shape;
    if (scales == nullptr || blocks.tensor().dtype != dtype::u8 || shape.size() < 3 || shape.back() != 16) continue;
    const std::uint64_t groups = shape[shape.size() - 2];
    if (scales->tensor().dtype != dtype::u8 || scales->tensor().shape != std::vector<std::uint64_t>(shape.begin(), shape.end() - 1))
      fail(*scales, "which do not fit the blocks of ", shape_text(blocks.tensor()));
    const std::uint64_t elements = blocks.tensor().elements();
    if (elements == 0) fail(blocks, "a layer without weights");
    const std::uint64_t cols = groups * 32, rows = elements / groups / 16;
    require_size(blocks, rows, cols);
    weight_info info{*name, static_cast<std::size_t>(rows), static_cast<std::size_t>(cols), {}, read_experts, variant};
    info.scheme = make_scheme("e2m1", {granularity_kind::per_group, 0, 32}, plain_format("e8m0"));
    return found_weight{std::move(info), {tensor, *name + expert_tensors[variant].second}};
  }
  return std::nullopt;
}

}  // namespace lowp::inline LOWP_ABI::detail
