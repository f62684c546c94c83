// docs/special_values.md is true: every cell of its table is read and checked.
#include "page_table.hpp"

#include <lowp/format/formats.hpp>
#include <lowp/format/ggml_formats.hpp>

#include <lowp_test.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lowp;

constexpr auto propagate = overflow::propagate;

std::array<std::uint32_t, 2> two_codes(const std::string& cell) {
  char* rest = nullptr;
  const auto first = static_cast<std::uint32_t>(std::strtoul(cell.c_str(), &rest, 16));
  return {first, static_cast<std::uint32_t>(std::strtoul(rest, nullptr, 16))};
}

template <class F>
std::array<std::uint32_t, 2> codes_of(std::uint32_t positive, overflow mode) {
  return {encode<F>(bit_cast<float>(positive), nearest_even{}, mode),
          encode<F>(bit_cast<float>(positive | 0x80000000u), nearest_even{}, mode)};
}

template <class F>
void check_row(const std::vector<std::string>& cells) {
  REQUIRE(cells.size() == 7);
  const std::string& format = cells[0];
  CAPTURE(format);
  const auto nan = two_codes(cells[1]);
  const auto infinity = two_codes(cells[2]);
  const auto propagated = two_codes(cells[3]);
  for (const overflow mode : {overflow::saturate, propagate}) CHECK(codes_of<F>(0x7fc00000u, mode) == nan);
  CHECK(codes_of<F>(0x7f800000u, overflow::saturate) == infinity);
  CHECK(codes_of<F>(0x7f800000u, propagate) == propagated);

  const auto overflows = [&](float x) { return encode<F>(x, nearest_even{}, propagate) == propagated[0] && propagated[0] != infinity[0]; };
  const float largest_float = bit_cast<float>(0x7f7fffffu);
  const std::string& beyond = cells[4];
  CHECK(codes_of<F>(0x7f7fffffu, overflow::saturate)[0] == (beyond == "infinity alone" ? 0x7f7fffffu : infinity[0]));
  if (beyond == "never" || beyond == "infinity alone") {
    CHECK_FALSE(overflows(largest_float));
    CHECK((propagated == infinity) == (beyond == "never"));
  } else if (beyond.rfind("from ", 0) == 0) {
    const float first = page::number(beyond.substr(5));
    CHECK(overflows(first));
    CHECK(overflows(largest_float));
    CHECK_FALSE(overflows(std::nextafter(first, 0.0f)));
  } else {
    REQUIRE(beyond.rfind("above ", 0) == 0);
    const float last = page::number(beyond.substr(6));
    CHECK_FALSE(overflows(last));
    CHECK(overflows(std::nextafter(last, largest_float)));
  }

  CHECK(encode<F>(-0.0f) == two_codes(cells[5])[0]);

  const auto is_zero = [](float x) { return decode<F>(encode<F>(x)) == 0.0f; };
  if (cells[6] == "never") {
    CHECK_FALSE(is_zero(0.0f));
  } else {
    REQUIRE(cells[6].rfind("to ", 0) == 0);
    const float last = page::number(cells[6].substr(3));
    CHECK(is_zero(last));
    CHECK_FALSE(is_zero(std::nextafter(last, 1.0f)));
  }
}

}  // namespace

TEST_CASE("The table of special values holds, cell by cell, for every named format", "[format][special_values]") {
  auto rows = page::read_table("special_values.md");
  REQUIRE(rows.size() > 1);
  const auto check = [&]<class F>(std::string_view name) {
    const auto row = rows.find(std::string(name));
    if (row == rows.end()) FAIL("docs/special_values.md has no row for " << std::string(name));
    check_row<F>(row->second);
    rows.erase(row);
  };
  for_each_format(check);
  check.operator()<ggml::iq4_values>("ggml::iq4_values");
  check.operator()<ggml::ternary>("ggml::ternary");
  check.operator()<ggml::ue4m3>("ggml::ue4m3");
  check.operator()<f16>("f16");
  check.operator()<bf16>("bf16");
  check.operator()<f32>("f32");
  CHECK(rows.empty());
}

TEST_CASE("Payloads and signalling NaN become the quiet NaN of the same sign", "[format][special_values]") {
  for (const std::uint32_t nan : {0x7f800001u, 0x7fbfffffu, 0x7fffffffu}) {
    CHECK(encode<e4m3>(bit_cast<float>(nan)) == 0x7f);
    CHECK(encode<e5m2>(bit_cast<float>(nan | 0x80000000u)) == 0xfe);
    CHECK(encode<f16>(bit_cast<float>(nan)) == 0x7e00);
    CHECK(encode<bf16>(bit_cast<float>(nan | 0x80000000u)) == 0xffc0);
  }
  for (const std::uint32_t code : {0x7du, 0x7eu, 0x7fu}) CHECK(bit_cast<std::uint32_t>(decode<e5m2>(code)) == 0x7fc00000u);
}

TEST_CASE("What lies below the range of e8m0 becomes its smallest power, or NaN if it has no sign to give", "[format][special_values]") {
  for (const float x : {0x1p-149f, 0x1p-128f, 0x1.fffffcp-128f}) {
    CHECK(encode<e8m0>(x) == 0);
    CHECK(encode<e8m0>(x, nearest_even{}, propagate) == 0);
  }
  for (const float x : {0.0f, -0.0f, -1.0f}) {
    CHECK(encode<e8m0>(x) == 0);
    CHECK(encode<e8m0>(x, nearest_even{}, propagate) == 255);
  }
}
