// bitsandbytes' 4-bit checkpoints: weight, the first code of a byte in its high half, beside absmax, quant_map and quant_state.
//
//   value = absmax * map[code], for blocks of the flattened matrix; with double quantization
//   absmax = nested_absmax * nested_map[code] + offset, for blocks of the flattened absmax
//
// A map that is NF4's, FP4's or the dynamic map of 8 bits is described by that format, another one by the file's own codebook.
// Source: bitsandbytes 0.50, functional.QuantState.
#pragma once

#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/layout/bitsandbytes.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

struct bitsandbytes_state {
  std::size_t rows = 0, cols = 0, block = 0;
  bool nested = false;
  std::size_t nested_block = 0;
  float nested_offset = 0;
};

inline std::string bitsandbytes_state_name(const safetensors_checkpoint& files, const std::string& name) {
  for (const char* suffix : {".weight.quant_state.bitsandbytes__nf4", ".weight.quant_state.bitsandbytes__fp4"}) {
    if (files.find(name + suffix) != nullptr) return name + suffix;
  }
  return {};
}

inline bitsandbytes_state read_bitsandbytes_state(const tensor_place& place) {
  const auto bytes = octets(place);
  const std::string source = place.file().path() + ": tensor " + in_quotes(place.tensor().name);
  const nlohmann::json json = parse_config({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, source);
  const config_reader in(json, source);
  bitsandbytes_state state;
  const auto block = in.size("blocksize", 4096);
  const auto* shape = in.find("shape");
  if (!block || *block == 0 || shape == nullptr || !shape->is_array() || shape->empty() || shape->size() > 8)
    fail(place, "no shape, or no blocksize");
  std::uint64_t rows = 1, cols = 1;
  for (std::size_t i = 0; i < shape->size(); ++i) {
    if (!(*shape)[i].is_number_unsigned()) fail(place, "a shape of other things than sizes");
    auto& side = i + 1 == shape->size() ? cols : rows;
    side = checked_mul(side, (*shape)[i].get<std::uint64_t>()).value_or(~std::uint64_t{0});
  }
  require_size(place, rows, 1);
  state.rows = static_cast<std::size_t>(rows);
  state.cols = static_cast<std::size_t>(cols);
  state.block = static_cast<std::size_t>(*block);
  if (const auto nested = in.size("nested_blocksize", 65536); nested) {
    const auto* offset = in.find("nested_offset");
    if (*nested == 0 || offset == nullptr || !offset->is_number()) fail(place, "no nested_offset");
    state.nested = true;
    state.nested_block = static_cast<std::size_t>(*nested);
    state.nested_offset = static_cast<float>(offset->get<double>());
  }
  return state;
}

// The scheme of codes whose values the file lists.
inline scheme_description mapped_format(const tensor_place& map, int bits) {
  require_elements(map, std::uint64_t{1} << bits, 1);
  std::vector<float> values = map.read_f32();
  for (const char* name : {"nf4", "bnb_fp4", "bnb_dynamic8"}) {
    const known_format* format = find_format(name);
    bool same = format->bits == bits;
    for (std::uint32_t c = 0; same && c < values.size(); ++c) same = format->decode(c) == values[c];
    if (same) return plain_format(name);
  }
  scheme_description d;
  d.format = "codebook<" + std::to_string(bits) + ">";
  d.bits = bits;
  d.codebook = std::move(values);
  return d;
}

inline plain_weights read_bitsandbytes(const safetensors_checkpoint& files, const weight_info& info) {
  plain_grid grid(info.scheme, info.rows, info.cols);
  const std::string name = info.name + ".weight";
  unpack<layout::bitsandbytes, 4>(files.at(name), 4, grid.bytes(), info.rows, info.cols);
  const std::size_t blocks = info.scheme.granularity.grid(info.rows, info.cols).cols;
  const scheme_description& scale = info.scheme.scale[0];
  if (scale.is_plain()) {
    grid.set_scale(load_grid(files.at(name + ".absmax"), "f32", 1, blocks));
    return plain_weights(std::move(grid));
  }
  plain_grid absmax(scale, 1, blocks);
  const plain_grid codes = load_grid(files.at(name + ".absmax"), "u8", 1, blocks);
  std::copy(codes.bytes().begin(), codes.bytes().end(), absmax.bytes().begin());
  const std::size_t outer = scale.granularity.grid(1, blocks).cols;
  absmax.set_scale(load_grid(files.at(name + ".nested_absmax"), "f32", 1, outer));
  const bitsandbytes_state state = read_bitsandbytes_state(files.at(bitsandbytes_state_name(files, info.name)));
  plain_grid offset(plain_format("f32"), 1, outer);
  for (std::size_t i = 0; i < outer; ++i) offset.set_code(i, bit_cast<std::uint32_t>(state.nested_offset));
  absmax.set_zero(std::move(offset));
  grid.set_scale(std::move(absmax));
  return plain_weights(std::move(grid));
}

inline std::optional<found_weight> find_bitsandbytes(const safetensors_checkpoint& files, const quantization_config&,
                                                     const std::string& tensor) {
  const auto name = without_suffix(tensor, ".weight");
  const std::string state_name = name ? bitsandbytes_state_name(files, *name) : std::string();
  if (state_name.empty()) return std::nullopt;
  const tensor_place& weight = files.at(tensor);
  const bitsandbytes_state state = read_bitsandbytes_state(files.at(state_name));
  require_size(weight, state.rows, state.cols);
  weight_info info{*name, state.rows, state.cols, mapped_format(files.at(tensor + ".quant_map"), 4), read_bitsandbytes};
  info.scheme.granularity = {granularity_kind::per_flat_group, 0, state.block};
  found_weight found{std::move(info), {tensor, tensor + ".absmax", tensor + ".quant_map", state_name}};
  scheme_description scale = plain_format("f32");
  if (state.nested) {
    scale = mapped_format(files.at(tensor + ".nested_quant_map"), 8);
    scale.granularity = {granularity_kind::per_flat_group, 0, state.nested_block};
    scale.symmetry = symmetry_kind::with_bias;
    scale.scale.push_back(plain_format("f32"));
    scale.zero.push_back(plain_format("f32"));
    found.tensors.push_back(tensor + ".nested_absmax");
    found.tensors.push_back(tensor + ".nested_quant_map");
  }
  found.info.scheme.scale.push_back(std::move(scale));
  return found;
}

}  // namespace lowp::inline LOWP_ABI::detail
