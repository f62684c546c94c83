// What the programs behind the Python oracles share. Each is called as
//
//   <scheme> <rule> <calibrator> <rows> <columns> <input> <output>
//
// and quantizes a file of 32-bit floats. The output holds arrays, each after three 64-bit numbers (rows, columns, bytes an
// element): codes, then the scales (codes and scales again, where a scheme quantizes them), then the zero points.
#pragma once

#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

inline std::vector<float> read_floats(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::vector<float> numbers(in ? static_cast<std::size_t>(in.tellg()) / sizeof(float) : 0);
  in.seekg(0);
  in.read(reinterpret_cast<char*>(numbers.data()), static_cast<std::streamsize>(numbers.size() * sizeof(float)));
  return numbers;
}

template <class T>
void write_matrix(std::ostream& out, lowp::matrix_view<const T> m) {
  const std::uint64_t header[3] = {m.rows(), m.cols(), sizeof(T)};
  out.write(reinterpret_cast<const char*>(header), sizeof(header));
  for (std::size_t r = 0; r < m.rows(); ++r) {
    out.write(reinterpret_cast<const char*>(m.row(r).data()), static_cast<std::streamsize>(m.cols() * sizeof(T)));
  }
}

template <lowp::number_format F>
void write_quantized(std::ostream& out, const lowp::number_grid<F>& grid) {
  write_matrix(out, grid.codes());
}

template <lowp::scheme_type S>
void write_quantized(std::ostream& out, const lowp::quantized<S>& q) {
  write_matrix(out, q.codes());
  write_quantized(out, q.scales());
  if constexpr (S::has_zero) write_quantized(out, q.zeros());
}

struct oracle_arguments {
  std::string scheme;
  std::string rule;
  std::string calibrator;
  std::size_t rows;
  std::size_t cols;
  std::vector<float> numbers;
  std::string output;

  lowp::matrix_view<const float> weights() const { return {numbers.data(), rows, cols}; }

  template <lowp::scheme_type S>
  bool write(const lowp::quantized<S>& q) const {
    std::ofstream out(output, std::ios::binary);
    write_quantized(out, q);
    return static_cast<bool>(out);
  }
};

// Exit code 3 for what the program does not know, 2 for an error of the library.
template <class Quantize>
int oracle_program(int count, char** arguments, Quantize&& quantize) {
  if (count != 8) return 3;
  const oracle_arguments a{
      arguments[1], arguments[2], arguments[3], std::stoul(arguments[4]), std::stoul(arguments[5]), read_floats(arguments[6]),
      arguments[7]};
  if (a.numbers.size() != a.rows * a.cols) return 3;
  try {
    return quantize(a) ? 0 : 3;
  } catch (const lowp::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
