// docs/formats.md is true: every cell of its table of formats is read and checked against all the codes.
#include "page_table.hpp"

#include <lowp/format/formats.hpp>
#include <lowp/format/ggml_formats.hpp>

#include <lowp_test.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lowp;

// Exponent bits, mantissa bits and bias of the floats that do not state them.
template <class F>
std::string shape() {
  if constexpr (requires { F::bias; }) {
    return std::to_string(F::exponent_bits) + ", " + std::to_string(F::mantissa_bits) + ", " + std::to_string(F::bias);
  }
  if constexpr (std::same_as<F, f16>) return "5, 10, 15";
  if constexpr (std::same_as<F, bf16>) return "8, 7, 127";
  if constexpr (std::same_as<F, e8m0>) return "8, 0, 127";
  return "-";
}

template <class F>
void check_row(const std::vector<std::string>& cells) {
  REQUIRE(cells.size() == 10);
  const std::string& format = cells[0];
  CAPTURE(format);
  std::set<float> numbers;
  int nans = 0;
  int infinities = 0;
  float smallest = std::numeric_limits<float>::max();
  for (std::uint32_t code = 0; code < (1u << F::bits); ++code) {
    const float v = decode<F>(code);
    nans += is_nan(v);
    infinities += !is_nan(v) && !is_finite(v);
    if (!is_finite(v)) continue;
    numbers.insert(v);
    if (v > 0 && v < smallest) smallest = v;
  }
  CHECK(std::atoi(cells[1].c_str()) == F::bits);
  CHECK(cells[2] == shape<F>());
  CHECK(page::number(cells[3]) == *numbers.begin());
  CHECK(page::number(cells[4]) == *numbers.rbegin());
  if (cells[2] == "-") {
    CHECK(cells[5] == "-");
  } else {
    // 2^(1 - bias); e8m0, without a mantissa, is normal from its code 0.
    const int bias = std::atoi(cells[2].substr(cells[2].rfind(' ')).c_str());
    CHECK(page::number(cells[5]) == std::ldexp(1.0f, (std::same_as<F, e8m0> ? 0 : 1) - bias));
  }
  CHECK(page::number(cells[6]) == smallest);
  CHECK(std::atoi(cells[7].c_str()) == nans);
  CHECK(std::atoi(cells[8].c_str()) == infinities);
  CHECK(static_cast<std::size_t>(std::atoi(cells[9].c_str())) == numbers.size());
  CHECK(limits<F>.lowest == *numbers.begin());
  CHECK(limits<F>.largest == *numbers.rbegin());
}

}  // namespace

TEST_CASE("The table of formats holds, cell by cell, for every named format", "[format][formats_page]") {
  auto rows = page::read_table("formats.md");
  REQUIRE(rows.size() > 1);
  const auto check = [&]<class F>(std::string_view name) {
    const auto row = rows.find(std::string(name));
    if (row == rows.end()) FAIL("docs/formats.md has no row for " << std::string(name));
    check_row<F>(row->second);
    rows.erase(row);
  };
  for_each_format(check);
  check.operator()<ggml::iq4_values>("ggml::iq4_values");
  check.operator()<ggml::ternary>("ggml::ternary");
  check.operator()<ggml::ue4m3>("ggml::ue4m3");
  check.operator()<f16>("f16");
  check.operator()<bf16>("bf16");
  // What is left are the members that a format may have.
  CHECK(rows.count("threshold(i)") == 1);
  CHECK(rows.size() == 3);
}
