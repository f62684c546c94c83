// The reverse of the readers: the tensors that a layer becomes in each dialect that is written.
//
//   std::vector<lowp::detail::encoded_tensor> t = lowp::detail::encode_gptq("model.layers.0.q", scheme, rows, cols, &weights);
//
// Each function says the tensors of a layer of so many rows and columns in a scheme, and fills in their bytes where there are weights.
// It throws lowp::error for a scheme that the dialect does not have.
#pragma once

#include <lowp/io/dialect/mlx.hpp>
#include <lowp/io/dialect/weight_info.hpp>
#include <lowp/io/plain_weights.hpp>
#include <lowp/layout/awq.hpp>
#include <lowp/layout/bitsandbytes.hpp>
#include <lowp/layout/compressed_tensors.hpp>
#include <lowp/layout/convert.hpp>
#include <lowp/layout/gptq.hpp>
#include <lowp/layout/row_major.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

struct encoded_tensor {
  std::string name;
  lowp::dtype type;
  std::vector<std::uint64_t> shape;
  std::string bytes;  // little-endian; empty without weights
};

// What is being encoded.
struct layer_to_encode {
  const std::string& name;
  const scheme_description& scheme;
  std::size_t rows;
  std::size_t cols;
  const plain_weights* weights;  // or null

  grid_shape groups() const { return scheme.granularity.grid(rows, cols); }
  bool is_symmetric() const { return scheme.symmetry == symmetry_kind::symmetric; }

  [[noreturn]] void refuse(std::string_view dialect) const {
    LOWP_THROW("layer ", in_quotes(name), " of ", rows, " x ", cols, " in ", to_string(scheme), " cannot be written as ", dialect);
  }
  // Throws lowp::error unless this holds.
  void require(bool condition, std::string_view dialect) const {
    if (!condition) refuse(dialect);
  }
};

inline lowp::dtype dtype_of_format(const layer_to_encode& layer, std::string_view format, std::string_view dialect) {
  if (format == "f32") return dtype::f32;
  if (format == "f16") return dtype::f16;
  if (format == "bf16") return dtype::bf16;
  if (format == "e4m3") return dtype::f8_e4m3;
  layer.refuse(dialect);
}

// Codes of any width as the elements of a tensor, in order or transposed.
inline std::string grid_bytes(const plain_grid& grid, bool transposed = false) {
  std::string bytes;
  const std::size_t rows = transposed ? grid.cols() : grid.rows(), cols = transposed ? grid.rows() : grid.cols();
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      const std::uint32_t code = grid.code(transposed ? c * rows + r : r * cols + c);
      if (grid.scheme().bits <= 8) bytes += static_cast<char>(code);
      else if (grid.scheme().bits <= 16) append_little_endian(bytes, static_cast<std::uint16_t>(code));
      else append_little_endian(bytes, code);
    }
  }
  return bytes;
}

// Codes [rows, cols] in a layout, of one of the widths.
template <class Layout, int... Widths>
std::string packed_bytes(const layer_to_encode& layer, std::span<const std::uint8_t> codes, std::size_t rows, std::size_t cols,
                         std::string_view dialect) {
  std::string bytes;
  const bool known = (... || (layer.scheme.bits == Widths ? (bytes.resize(Layout::template size<Widths>(rows, cols)), true) : false));
  layer.require(known, dialect);
  if (layer.weights == nullptr) return bytes;
  const std::span<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
  const matrix_view<const std::uint8_t> view(codes.data(), rows, cols);
  static_cast<void>((... || (layer.scheme.bits == Widths ? (pack_codes<Layout, Widths>(view, out), true) : false)));
  return bytes;
}

// The codes of a layer, columns in the layer's order; those of a symmetric one as unsigned numbers, 2^(bits - 1) above. `room` holds them
// where they are not just what the grid holds.
inline std::span<const std::uint8_t> unsigned_codes(const layer_to_encode& layer, std::vector<std::uint8_t>& room) {
  if (layer.weights == nullptr) return {};
  const auto codes = layer.weights->grid().bytes();
  const auto& columns = layer.weights->columns();
  if (columns.empty() && !layer.is_symmetric()) return codes;
  const unsigned flip = layer.is_symmetric() ? 1u << (layer.scheme.bits - 1) : 0;
  room.resize(codes.size());
  for (std::size_t first = 0; first < codes.size(); first += layer.cols) {
    const std::uint8_t* const from = codes.data() + first;
    std::uint8_t* const to = room.data() + first;
    if (columns.empty()) {
      for (std::size_t c = 0; c < layer.cols; ++c) to[c] = static_cast<std::uint8_t>(from[c] ^ flip);
    } else {
      for (std::size_t c = 0; c < layer.cols; ++c) to[columns[c]] = static_cast<std::uint8_t>(from[c] ^ flip);
    }
  }
  return room;
}

// Its zero points as unsigned numbers: those of a symmetric layer are all 2^(bits - 1).
inline std::vector<std::uint8_t> unsigned_zeros(const layer_to_encode& layer) {
  if (layer.weights == nullptr) return {};
  if (!layer.is_symmetric()) {
    const auto zeros = layer.weights->grid().zero().bytes();
    return {zeros.begin(), zeros.end()};
  }
  return std::vector<std::uint8_t>(layer.groups().rows * layer.groups().cols, static_cast<std::uint8_t>(1u << (layer.scheme.bits - 1)));
}

// Integers with groups along rows, and zero points of their own width or none.
inline bool has_row_groups(const scheme_description& s) {
  const bool integers = s.format == integer_name(s.symmetry == symmetry_kind::symmetric, s.bits);
  const bool rows = s.granularity.kind == granularity_kind::per_group || s.granularity.kind == granularity_kind::per_channel;
  return integers && rows && s.scale[0].is_plain() && (s.symmetry == symmetry_kind::symmetric || s.symmetry == symmetry_kind::asymmetric);
}

inline std::vector<encoded_tensor> encode_gptq(const layer_to_encode& layer) {
  constexpr std::string_view dialect = "GPTQ";
  const grid_shape groups = layer.groups();
  const auto bits = static_cast<std::size_t>(layer.scheme.bits);
  layer.require(has_row_groups(layer.scheme) && layer.scheme.scale[0].format == "f16", dialect);
  layer.require(layer.rows * bits % 32 == 0 && layer.cols * bits % 32 == 0, dialect);
  std::string g_idx(4 * layer.cols, '\0');
  if (layer.weights != nullptr) {
    g_idx.clear();
    const auto& columns = layer.weights->columns();
    const std::size_t group = layer.scheme.granularity.kind == granularity_kind::per_group ? layer.scheme.granularity.cols : layer.cols;
    std::vector<std::uint32_t> group_of(layer.cols);
    for (std::size_t k = 0; k < layer.cols; ++k) group_of[columns.empty() ? k : columns[k]] = static_cast<std::uint32_t>(k / group);
    for (const std::uint32_t g : group_of) append_little_endian(g_idx, g);
  }
  std::vector<std::uint8_t> room;
  std::vector<encoded_tensor> tensors;
  tensors.push_back({layer.name + ".qweight",
                     dtype::i32,
                     {layer.cols * bits / 32, layer.rows},
                     packed_bytes<layout::gptq, 2, 3, 4, 8>(layer, unsigned_codes(layer, room), layer.rows, layer.cols, dialect)});
  tensors.push_back({layer.name + ".qzeros",
                     dtype::i32,
                     {groups.cols, layer.rows * bits / 32},
                     packed_bytes<layout::gptq_zeros, 2, 3, 4, 8>(layer, unsigned_zeros(layer), groups.rows, groups.cols, dialect)});
  tensors.push_back({layer.name + ".scales",
                     dtype::f16,
                     {groups.cols, layer.rows},
                     layer.weights != nullptr ? grid_bytes(layer.weights->grid().scale(), true) : std::string()});
  tensors.push_back({layer.name + ".g_idx", dtype::i32, {layer.cols}, std::move(g_idx)});
  return tensors;
}

inline std::vector<encoded_tensor> encode_awq(const layer_to_encode& layer) {
  constexpr std::string_view dialect = "AWQ";
  const grid_shape groups = layer.groups();
  layer.require(has_row_groups(layer.scheme) && layer.scheme.scale[0].format == "f16" && layer.rows % 8 == 0, dialect);
  layer.require(layer.weights == nullptr || layer.weights->columns().empty(), dialect);
  std::vector<std::uint8_t> room;
  std::vector<encoded_tensor> tensors;
  tensors.push_back({layer.name + ".qweight",
                     dtype::i32,
                     {layer.cols, layer.rows / 8},
                     packed_bytes<layout::awq, 4>(layer, unsigned_codes(layer, room), layer.rows, layer.cols, dialect)});
  tensors.push_back({layer.name + ".qzeros",
                     dtype::i32,
                     {groups.cols, layer.rows / 8},
                     packed_bytes<layout::awq_zeros, 4>(layer, unsigned_zeros(layer), groups.rows, groups.cols, dialect)});
  tensors.push_back({layer.name + ".scales",
                     dtype::f16,
                     {groups.cols, layer.rows},
                     layer.weights != nullptr ? grid_bytes(layer.weights->grid().scale(), true) : std::string()});
  return tensors;
}

inline std::vector<encoded_tensor> encode_mlx(const layer_to_encode& layer) {
  constexpr std::string_view dialect = "MLX";
  const scheme_description& s = layer.scheme;
  const bool floats = !mlx_mode(s).empty();
  const auto bits = static_cast<std::size_t>(s.bits);
  layer.require(floats || (s.format == integer_name(false, s.bits) && s.symmetry == symmetry_kind::with_bias && s.scale[0].is_plain() &&
                           s.zero[0] == s.scale[0] && s.granularity.kind == granularity_kind::per_group),
                dialect);
  layer.require(layer.cols % s.granularity.cols == 0 && layer.cols * bits % 32 == 0, dialect);
  const grid_shape groups = layer.groups();
  const dtype type = floats ? dtype::u8 : dtype_of_format(layer, s.scale[0].format, dialect);
  const plain_grid* all = layer.weights != nullptr ? &layer.weights->grid() : nullptr;
  std::vector<encoded_tensor> tensors;
  tensors.push_back({layer.name + ".weight",
                     dtype::u32,
                     {layer.rows, layer.cols * bits / 32},
                     packed_bytes<layout::row_major, 1, 2, 3, 4, 5, 6, 8>(
                         layer, all != nullptr ? all->bytes() : std::span<const std::uint8_t>(), layer.rows, layer.cols, dialect)});
  tensors.push_back({layer.name + ".scales", type, {groups.rows, groups.cols}, all != nullptr ? grid_bytes(all->scale()) : std::string()});
  if (!floats)
    tensors.push_back({layer.name + ".biases", type, {groups.rows, groups.cols}, all != nullptr ? grid_bytes(all->zero()) : std::string()});
  return tensors;
}

// bitsandbytes' double quantization: scales in its dynamic map, under an f32 for each block of them and above one offset.
inline bool is_bitsandbytes_scale(const scheme_description& s) {
  return s.is_plain() ? s.format == "f32"
                      : s.format == "bnb_dynamic8" && s.granularity.kind == granularity_kind::per_flat_group &&
                            s.symmetry == symmetry_kind::with_bias && s.scale[0] == plain_format("f32") && s.zero[0] == s.scale[0];
}

inline std::string map_bytes(std::string_view format, int bits) {
  std::string map;
  for (std::uint32_t c = 0; c < (1u << bits); ++c) {
    const float value = find_format(format)->decode(c);
    append_little_endian(map, bit_cast<std::uint32_t>(value == 0 ? 0.0f : value));
  }
  return map;
}

// LLM.int8(): rows of integers, whose scale is SCB / 127, rounded. Not every scale is.
inline std::vector<encoded_tensor> encode_bitsandbytes_int8(const layer_to_encode& layer) {
  std::string codes, largest;
  if (layer.weights != nullptr) {
    const plain_grid& grid = layer.weights->grid();
    codes.assign(grid.bytes().begin(), grid.bytes().end());
    for (std::size_t r = 0; r < layer.rows; ++r) {
      const auto scale = bit_cast<float>(grid.scale().code(r));
      const float product = scale * 127.0f;
      std::uint32_t found = bit_cast<std::uint32_t>(product);
      for (const std::uint32_t candidate : {found, found - 1, found + 1}) {
        if (bit_cast<float>(candidate) / 127.0f == scale) found = candidate;
      }
      if (bit_cast<float>(found) / 127.0f != scale)
        LOWP_THROW("layer ", in_quotes(layer.name), ": the scale ", scale, " of row ", r,
                   " is no number divided by 127, as bitsandbytes has it");
      append_little_endian(largest, found);
    }
  }
  std::vector<encoded_tensor> tensors;
  tensors.push_back({layer.name + ".weight", dtype::i8, {layer.rows, layer.cols}, std::move(codes)});
  tensors.push_back({layer.name + ".SCB", dtype::f32, {layer.rows}, std::move(largest)});
  tensors.push_back({layer.name + ".weight_format", dtype::u8, {}, std::string(1, '\0')});  // row by row
  return tensors;
}

inline std::vector<encoded_tensor> encode_bitsandbytes(const layer_to_encode& layer) {
  constexpr std::string_view dialect = "bitsandbytes";
  const scheme_description& s = layer.scheme;
  if (s == describe<scheme<i8, per_channel, symmetric, f32>>()) return encode_bitsandbytes_int8(layer);
  const bool nf4 = s.format == "nf4";
  layer.require((nf4 || s.format == "bnb_fp4") && layer.is_symmetric() && s.granularity.kind == granularity_kind::per_flat_group &&
                    is_bitsandbytes_scale(s.scale[0]),
                dialect);
  const bool nested = !s.scale[0].is_plain();
  const std::size_t blocks = layer.groups().cols;
  const plain_grid* all = layer.weights != nullptr ? &layer.weights->grid() : nullptr;
  nlohmann::ordered_json state = {
      {"quant_type", nf4 ? "nf4" : "fp4"}, {"blocksize", s.granularity.cols}, {"dtype", "float32"}, {"shape", {layer.rows, layer.cols}}};
  const std::string weight = layer.name + ".weight";
  std::vector<encoded_tensor> tensors;
  tensors.push_back({weight,
                     dtype::u8,
                     {(layer.rows * layer.cols + 1) / 2, 1},
                     packed_bytes<layout::bitsandbytes, 4>(layer, all != nullptr ? all->bytes() : std::span<const std::uint8_t>(),
                                                           layer.rows, layer.cols, dialect)});
  tensors.push_back(
      {weight + ".absmax", nested ? dtype::u8 : dtype::f32, {blocks}, all != nullptr ? grid_bytes(all->scale()) : std::string()});
  tensors.push_back({weight + ".quant_map", dtype::f32, {16}, map_bytes(s.format, 4)});
  std::size_t room = 0;  // for a number that is not known when the tensor is declared
  if (nested) {
    const std::size_t outer = s.scale[0].granularity.grid(1, blocks).cols;
    tensors.push_back({weight + ".nested_absmax", dtype::f32, {outer}, all != nullptr ? grid_bytes(all->scale().scale()) : std::string()});
    tensors.push_back({weight + ".nested_quant_map", dtype::f32, {256}, map_bytes("bnb_dynamic8", 8)});
    state["nested_blocksize"] = s.scale[0].granularity.cols;
    state["nested_dtype"] = "float32";
    state["nested_offset"] = 0;
    room = state.dump().size() + 32;
    if (all != nullptr) {
      const plain_grid& offsets = all->scale().zero();
      for (std::size_t i = 1; i < outer; ++i) layer.require(offsets.code(i) == offsets.code(0), dialect);
      const float offset = outer != 0 ? bit_cast<float>(offsets.code(0)) : 0.0f;
      layer.require(is_finite(offset), dialect);
      state["nested_offset"] = static_cast<double>(offset);
    }
  }
  std::string text = state.dump();
  text.resize((std::max)(text.size(), room), ' ');
  tensors.push_back(
      {weight + (nf4 ? ".quant_state.bitsandbytes__nf4" : ".quant_state.bitsandbytes__fp4"), dtype::u8, {text.size()}, std::move(text)});
  return tensors;
}

}  // namespace lowp::inline LOWP_ABI::detail
