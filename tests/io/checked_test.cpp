#include <lowp/io/checked.hpp>
#include <lowp/io/dtype.hpp>
#include <lowp_test.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace {

constexpr std::uint64_t most = ~std::uint64_t{0};

// Equal to what 128-bit arithmetic says, on every pair of values around the powers of two.
std::vector<std::uint64_t> boundary_values() {
  std::vector<std::uint64_t> values;
  for (int bit = 0; bit != 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    values.insert(values.end(), {power - 1, power, power + 1, most - power, most / power});
  }
  values.push_back(most);
  return values;
}

__extension__ using wide = unsigned __int128;

}  // namespace

TEST_CASE("checked addition and multiplication equal 128-bit arithmetic", "[io]") {
  const auto values = boundary_values();
  std::uint64_t wrong = 0;
  for (const std::uint64_t a : values) {
    for (const std::uint64_t b : values) {
      const wide sum = wide{a} + b;
      const wide product = wide{a} * b;
      wrong += lowp::checked_add(a, b) != (sum > most ? std::optional<std::uint64_t>() : std::optional(static_cast<std::uint64_t>(sum)));
      wrong +=
          lowp::checked_mul(a, b) != (product > most ? std::optional<std::uint64_t>() : std::optional(static_cast<std::uint64_t>(product)));
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("checked alignment equals 128-bit arithmetic and refuses what is no power of two", "[io]") {
  std::uint64_t wrong = 0;
  for (const std::uint64_t value : boundary_values()) {
    for (int bit = 0; bit != 64; ++bit) {
      const std::uint64_t alignment = std::uint64_t{1} << bit;
      const wide up = (wide{value} + alignment - 1) / alignment * alignment;
      wrong += lowp::checked_align_up(value, alignment) !=
               (up > most ? std::optional<std::uint64_t>() : std::optional(static_cast<std::uint64_t>(up)));
      if (bit > 1) wrong += lowp::checked_align_up(value, alignment - 1).has_value();
    }
    wrong += lowp::checked_align_up(value, 0).has_value();
  }
  CHECK(wrong == 0);
}

TEST_CASE("elements and bytes of a shape", "[io]") {
  using shape = std::vector<std::uint64_t>;
  CHECK(lowp::checked_elements(shape{}) == 1u);
  CHECK(lowp::checked_elements(shape{7}) == 7u);
  CHECK(lowp::checked_elements(shape{2, 3, 4}) == 24u);
  CHECK(lowp::checked_elements(shape{2, 0, 4}) == 0u);
  CHECK(lowp::checked_elements(shape{most}) == most);
  CHECK_FALSE(lowp::checked_elements(shape{most, 2}).has_value());
  CHECK_FALSE(lowp::checked_elements(shape{0, most, 2}).has_value());
  CHECK_FALSE(lowp::checked_elements(shape{most, 2, 0}).has_value());
  CHECK(lowp::checked_bytes(6, 4) == 3u);
  CHECK(lowp::checked_bytes(0, 64) == 0u);
  CHECK_FALSE(lowp::checked_bytes(3, 4).has_value());
  CHECK_FALSE(lowp::checked_bytes(most, 8).has_value());
}

TEST_CASE("every dtype has its own name and is found by it", "[io]") {
  for (const auto& entry : lowp::dtype_table) {
    CHECK(lowp::find_dtype(entry.name) == entry.type);
    CHECK(lowp::dtype_name(entry.type) == entry.name);
    CHECK(lowp::dtype_bits(entry.type) == entry.bits);
  }
  CHECK_FALSE(lowp::find_dtype("F31").has_value());
  CHECK_FALSE(lowp::find_dtype("").has_value());
  CHECK(lowp::dtype_name(static_cast<lowp::dtype>(200)) == "?");
  CHECK(lowp::dtype_bits(static_cast<lowp::dtype>(200)) == 0u);
}
