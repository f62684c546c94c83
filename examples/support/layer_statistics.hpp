// What a quantized layer of a checkpoint is like beside its numbers: the bits that it takes, and how its codes are used.
//
//   stored_bits(layer.scheme(), layer.rows(), layer.cols()) / weights
//   code_use(layer.grid()).entropy
#pragma once

#include "support/number_statistics.hpp"

#include <lowp/io/plain_weights.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

// Of a matrix with all its scales and zero points.
inline double stored_bits(const lowp::scheme_description& scheme, std::size_t rows, std::size_t cols) {
  double bits = static_cast<double>(scheme.bits) * static_cast<double>(rows) * static_cast<double>(cols);
  const auto groups = scheme.is_plain() ? lowp::grid_shape{} : scheme.granularity.grid(rows, cols);
  for (const auto& scale : scheme.scale) bits += stored_bits(scale, groups.rows, groups.cols);
  for (const auto& zero : scheme.zero) bits += stored_bits(zero, groups.rows, groups.cols);
  return bits + 32.0 * static_cast<double>(scheme.codebook.size());
}

struct code_use {
  double entropy = 0;
  double at_ends = 0;  // the share of codes that are the format's least or greatest number

  explicit code_use(const lowp::plain_grid& grid) {
    if (grid.scheme().bits > 8 || grid.bytes().empty()) return;
    std::array<std::uint64_t, 256> count{};
    for (const std::uint8_t code : grid.bytes()) ++count[code];
    std::vector<float> values;
    for (std::uint32_t c = 0; c < (1u << grid.scheme().bits); ++c) {
      values.push_back(grid.scheme().codebook.empty() ? lowp::find_format(grid.scheme().format)->decode(c) : grid.scheme().codebook[c]);
    }
    number_statistics range;
    range.add(values);
    for (std::size_t c = 0; c < values.size(); ++c) {
      const double share = static_cast<double>(count[c]) / static_cast<double>(grid.bytes().size());
      if (share > 0) entropy -= share * std::log2(share);
      if (values[c] <= range.least || values[c] >= range.greatest) at_ends += share;
    }
  }
};
