// A quantized matrix as named tensors of a safetensors file. The weight `w` [rows, cols] in scheme S becomes
//
//   w.codes          the codes, U8 [rows, bytes of a row]: each row a stream of bits, least significant bit first
//   w.scales         the scales, in the shape of the scheme's grid of groups
//   w.scales.scales  the scales of the scales, where the scheme quantizes them in turn (and so on)
//   w.zeros          the zero points, where the scheme has them
//
// Parameters in a type that safetensors knows (F32, F16, BF16, F8_E8M0, F8_E4M3, F8_E5M2) have that type; others are
// streams of bits like the codes. The file's metadata say of each weight, under "lowp.w", how to read it:
//
//   {"preset": "nvfp4", "rows": 256, "cols": 768, "dtype": "BF16"}      // dtype: what it was quantized from
#pragma once

#include <lowp/io.hpp>
#include <lowp/lowp.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

struct part {
  std::string name;
  lowp::dtype dtype;
  std::vector<std::uint64_t> shape;
  std::vector<std::uint8_t> bytes;  // empty while only names and sizes are wanted
};

template <class Format>
std::optional<lowp::dtype> file_dtype() {
  if (std::is_same_v<Format, lowp::f32>) return lowp::dtype::f32;
  if (std::is_same_v<Format, lowp::f16>) return lowp::dtype::f16;
  if (std::is_same_v<Format, lowp::bf16>) return lowp::dtype::bf16;
  if (std::is_same_v<Format, lowp::e8m0>) return lowp::dtype::f8_e8m0;
  if (std::is_same_v<Format, lowp::e4m3>) return lowp::dtype::f8_e4m3;
  if (std::is_same_v<Format, lowp::e5m2>) return lowp::dtype::f8_e5m2;
  return std::nullopt;
}

// The numbers of a grid as one part; a row-major bit stream of 8, 16 or 32 bits a number is little-endian.
template <class Format, class Grid>
part make_part(const std::string& name, std::size_t rows, std::size_t cols, const Grid* grid) {
  using layout = lowp::layout::row_major;
  const auto dtype = file_dtype<Format>();
  part p{name, dtype.value_or(lowp::dtype::u8), {rows, dtype ? cols : layout::row_bytes<Format::bits>(cols)}, {}};
  if (grid != nullptr) {
    p.bytes.resize(layout::size<Format::bits>(rows, cols));
    lowp::pack_codes<layout, Format::bits>(grid->codes(), std::span<std::uint8_t>(p.bytes));
  }
  return p;
}

// Appends the parts of parameters P (a format or a scheme) for a grid of rows x cols; `grid` may be null.
template <class P>
void append_parts(std::vector<part>& parts, const std::string& name, std::size_t rows, std::size_t cols,
                  const lowp::parameter_grid<P>* grid) {
  if constexpr (lowp::number_format<P>) {
    if constexpr (P::bits != 0) parts.push_back(make_part<P>(name, rows, cols, grid));
  } else {
    parts.push_back(make_part<typename P::format>(name, rows, cols, grid));
    const auto groups = P::granularity::grid(rows, cols);
    append_parts<typename P::scale>(parts, name + ".scales", groups.rows, groups.cols, grid ? &grid->scales() : nullptr);
    if constexpr (P::has_zero) {
      append_parts<typename P::zero>(parts, name + ".zeros", groups.rows, groups.cols, grid ? &grid->zeros() : nullptr);
    }
  }
}

// The parts of a weight; without `q`, only their names, types and shapes.
template <lowp::scheme_type S>
std::vector<part> parts_of(const std::string& name, std::size_t rows, std::size_t cols, const lowp::quantized<S>* q = nullptr) {
  std::vector<part> parts;
  append_parts<S>(parts, name, rows, cols, q);
  parts.front().name += ".codes";
  parts.front().dtype = lowp::dtype::u8;
  return parts;
}

inline std::string part_metadata(const std::string& preset, const lowp::tensor_info& t) {
  return "{\"preset\":\"" + preset + "\",\"rows\":" + std::to_string(t.shape[0]) + ",\"cols\":" + std::to_string(t.shape[1]) +
         ",\"dtype\":\"" + std::string(lowp::dtype_name(t.dtype)) + "\"}";
}
