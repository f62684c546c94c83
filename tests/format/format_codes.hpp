// The program behind the oracles of this folder: codes and values of any format, over standard input and output.
//
//   PROGRAM decode FORMAT                                  the values of codes 0, 1, ..., 2^bits - 1: floats
//   PROGRAM encode FORMAT ROUNDING MODE [SEED] < floats    their codes: 16-bit unsigned integers
//
// ROUNDING is nearest_even, half_away, toward_zero, away_from_zero or stochastic (the index is the position in the
// input); MODE is saturate or propagate. All numbers are in the machine's own order of bytes.
#pragma once

#include <lowp/format/formats.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace format_codes {

template <class T>
bool write(const std::vector<T>& values) {
  return std::fwrite(values.data(), sizeof(T), values.size(), stdout) == values.size();
}

inline std::vector<float> read_floats() {
  std::vector<float> values;
  float buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, sizeof(float), 4096, stdin)) != 0;) values.insert(values.end(), buffer, buffer + n);
  return values;
}

template <class F>
bool write_values() {
  std::vector<float> values;
  for (std::uint32_t code = 0; code < (1u << F::bits); ++code) values.push_back(lowp::decode<F>(code));
  return write(values);
}

template <class F, class R>
bool write_codes(R rounding, lowp::overflow mode) {
  std::vector<std::uint16_t> codes;
  for (const float& x : read_floats()) codes.push_back(lowp::encode<F>(x, lowp::detail::rounding_at(rounding, codes.size()), mode));
  return write(codes);
}

// 0: done; 1: the arguments make no sense; 2: the output could not be written.
template <class F>
int run(const std::vector<std::string>& arguments) {
  if (arguments[1] == "decode") return write_values<F>() ? 0 : 2;
  if (arguments[1] != "encode" || arguments.size() < 5) return 1;
  const std::string& rounding = arguments[3];
  const lowp::overflow mode = arguments[4] == "propagate" ? lowp::overflow::propagate : lowp::overflow::saturate;
  const std::uint64_t seed = arguments.size() > 5 ? std::strtoull(arguments[5].c_str(), nullptr, 10) : 0;
  if (rounding == "nearest_even") return write_codes<F>(lowp::nearest_even{}, mode) ? 0 : 2;
  if (rounding == "half_away") return write_codes<F>(lowp::half_away{}, mode) ? 0 : 2;
  if (rounding == "toward_zero") return write_codes<F>(lowp::toward_zero{}, mode) ? 0 : 2;
  if (rounding == "away_from_zero") return write_codes<F>(lowp::away_from_zero{}, mode) ? 0 : 2;
  if (rounding == "stochastic") return write_codes<F>(lowp::stochastic{.seed = seed}, mode) ? 0 : 2;
  return 1;
}

inline int main(int count, char** values) {
  const std::vector<std::string> arguments(values, values + count);
  if (arguments.size() < 3) return 1;
  int result = 1;
  const auto consider = [&]<class F>(std::string_view name) {
    if (arguments[2] == name) result = run<F>(arguments);
  };
  lowp::for_each_format(consider);
  consider.operator()<lowp::f16>("f16");
  consider.operator()<lowp::bf16>("bf16");
  consider.operator()<lowp::minifloat<4, 3, lowp::special_values::ieee>>("ieee_e4m3");
  consider.operator()<lowp::minifloat<3, 4, lowp::special_values::ieee>>("ieee_e3m4");
  consider.operator()<lowp::minifloat<4, 3, lowp::special_values::fnuz, 11>>("e4m3b11fnuz");
  return result;
}

}  // namespace format_codes
