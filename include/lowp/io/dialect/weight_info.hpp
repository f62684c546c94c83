// A quantized layer of a checkpoint, and the steps that the readers of all dialects share: finding the tensors of a layer, checking
// their shapes, and bringing packed codes and stored scales into plain order.
//
//   lowp::weight_info info = ...;                                    // of a checkpoint, see checkpoint.hpp
//   info.name;  info.rows;  lowp::to_string(info.scheme);
#pragma once

#include <lowp/io/checked.hpp>
#include <lowp/io/dialect/config.hpp>
#include <lowp/io/plain_weights.hpp>
#include <lowp/io/safetensors_checkpoint.hpp>
#include <lowp/layout/convert.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct weight_info {
  std::string name;  // of the layer: "model.layers.0.mlp.up_proj" of "model.layers.0.mlp.up_proj.qweight"
  std::size_t rows = 0;
  std::size_t cols = 0;
  scheme_description scheme;
  plain_weights (*read)(const safetensors_checkpoint& files, const weight_info& info) = nullptr;  // null for a layer of another file
  int variant = 0;                                                                                // what else `read` must know
  bool in_order = true;  // false where groups are not made of neighbouring columns (act order), see plain_weights::columns
};

namespace detail {

// A layer and the tensors that make it.
struct found_weight {
  weight_info info;
  std::vector<std::string> tensors;
};

using tensor_place = safetensors_checkpoint::place;

// The name without its suffix, if it has that suffix.
inline std::optional<std::string> without_suffix(const std::string& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  return name.substr(0, name.size() - suffix.size());
}

// The three tensors of a layer of AutoGPTQ or AutoAWQ.
struct quantized_linear {
  std::string name;
  const tensor_place* codes;   // qweight
  const tensor_place* zeros;   // qzeros
  const tensor_place* scales;
};

// The layer whose qweight this tensor is; nothing where it is none.
inline std::optional<quantized_linear> find_quantized_linear(const safetensors_checkpoint& files, const std::string& tensor) {
  const auto name = without_suffix(tensor, ".qweight");
  if (!name) return std::nullopt;
  const quantized_linear found{*name, files.find(tensor), files.find(*name + ".qzeros"), files.find(*name + ".scales")};
  return found.zeros != nullptr && found.scales != nullptr ? std::optional(found) : std::nullopt;
}

inline std::string shape_text(const tensor_info& tensor) {
  std::string text = "[";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) text += (i != 0 ? ", " : "") + std::to_string(tensor.shape[i]);
  return text + "]";
}

template <class... Parts>
[[noreturn]] void fail(const tensor_place& place, const Parts&... parts) {
  LOWP_THROW(place.file().path(), ": tensor ", in_quotes(place.tensor().name), " ", dtype_name(place.tensor().dtype), " ",
             shape_text(place.tensor()), ": ", parts...);
}

// Throws lowp::error unless the tensor is a matrix of this dtype; its sizes.
inline grid_shape matrix_shape(const tensor_place& place, dtype type) {
  const tensor_info& t = place.tensor();
  if (t.dtype != type || t.shape.size() != 2) fail(place, "where a matrix of ", dtype_name(type), " is expected");
  return {static_cast<std::size_t>(t.shape[0]), static_cast<std::size_t>(t.shape[1])};
}

inline void require_elements(const tensor_place& place, std::uint64_t rows, std::uint64_t cols) {
  const auto wanted = checked_mul(rows, cols);
  if (!wanted || place.tensor().elements() != *wanted) fail(place, "where ", rows, " x ", cols, " elements are expected");
}

// Throws lowp::error unless the sizes of a layer are some and have a product that the file can hold.
inline void require_size(const tensor_place& place, std::uint64_t rows, std::uint64_t cols) {
  const auto weights = checked_mul(rows, cols);
  // Codes take a byte each here, and at least a bit in the file.
  if (!weights || *weights / 8 > place.file().size_bytes()) fail(place, "where ", rows, " x ", cols, " weights are too many");
  if (*weights == 0) fail(place, "a layer of ", rows, " x ", cols, " has no weights");
}

// The format in which a tensor of this dtype stores scales.
inline std::string_view scale_format(const tensor_place& place) {
  switch (place.tensor().dtype) {
    case dtype::f32:
      return "f32";
    case dtype::f16:
      return "f16";
    case dtype::bf16:
      return "bf16";
    case dtype::f8_e4m3:
      return "e4m3";
    case dtype::f8_e8m0:
      return "e8m0";
    default:
      fail(place, "no type for scales");
  }
}

// compressed-tensors keeps what divides where a scheme has what multiplies; infinity stands for what no number divides by.
inline std::uint32_t reciprocal_code(std::uint32_t f32_code) noexcept {
  const auto x = bit_cast<float>(f32_code);
  return bit_cast<std::uint32_t>(x == 0 ? infinity() : 1.0f / x);
}

inline std::span<const std::uint8_t> octets(const tensor_place& place) {
  const auto bytes = place.bytes();
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

// The codes of a plain format, as the tensor lists them; or of a tensor [cols, rows], transposed.
inline plain_grid load_grid(const tensor_place& place, std::string_view format, std::size_t rows, std::size_t cols,
                            bool transposed = false) {
  require_elements(place, rows, cols);
  plain_grid grid(plain_format(format), rows, cols);
  const auto bytes = place.bytes();
  const auto code = [&](std::size_t i) -> std::uint32_t {
    if (grid.scheme().bits <= 8) return std::to_integer<std::uint32_t>(bytes[i]);
    return grid.scheme().bits <= 16 ? little_endian<std::uint16_t>(bytes, i) : little_endian<std::uint32_t>(bytes, i);
  };
  if (bytes.size() != rows * cols * (grid.scheme().bits <= 8 ? 1 : grid.scheme().bits <= 16 ? 2 : 4))
    fail(place, "where codes of ", format, " are expected");
  if (grid.scheme().bits <= 8 && !transposed) {
    std::memcpy(grid.bytes().data(), bytes.data(), bytes.size());
    return grid;
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) grid.set_code(r * cols + c, code(transposed ? c * rows + r : r * cols + c));
  }
  return grid;
}

// Codes of a packed tensor, one a byte; `bits` from 1 to 8, of which the layout knows those in Widths. Throws lowp::error where the
// bytes do not fit.
template <class Layout, int... Widths>
void unpack(const tensor_place& place, int bits, std::span<std::uint8_t> codes, std::size_t rows, std::size_t cols) {
  const matrix_view<std::uint8_t> view(codes, rows, cols);
  const bool known = (... || (bits == Widths ? (unpack_codes<Layout, Widths>(octets(place), view), true) : false));
  if (!known) fail(place, "codes of ", bits, " bits have no such layout");
}

inline scheme_description make_scheme(std::string_view format, granularity_description granularity, scheme_description scale) {
  scheme_description d = plain_format(format);
  d.granularity = granularity;
  d.scale.push_back(std::move(scale));
  return d;
}

inline std::string integer_name(bool is_signed, int bits) { return (is_signed ? "i" : "u") + std::to_string(bits); }

// Groups along rows of `cols` columns, of which there are `groups`: the configured size where it fits, else what divides evenly.
inline granularity_description row_groups(const tensor_place& scales, std::size_t cols, std::size_t groups,
                                          std::optional<std::uint64_t> configured) {
  if (configured && *configured != 0 && ceil_div<std::uint64_t>(cols, *configured) == groups)
    return {granularity_kind::per_group, 0, static_cast<std::size_t>(*configured)};
  if (groups == 1) return {granularity_kind::per_channel};
  if (groups == 0 || cols % groups != 0) fail(scales, groups, " groups do not divide ", cols, " columns");
  return {granularity_kind::per_group, 0, cols / groups};
}

}  // namespace detail
}  // namespace lowp::inline LOWP_ABI
