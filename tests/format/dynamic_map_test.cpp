#include "sha256.hpp"

#include <lowp/format/dynamic_map.hpp>
#include <lowp/format/encode.hpp>
#include <lowp_test.hpp>

#include <bit>
#include <cstdint>

static_assert(lowp::number_format<lowp::bnb_dynamic8>);

TEST_CASE("the dynamic map is bitsandbytes', bit for bit", "[format]") {
  // The digest of bitsandbytes' own 256 floats, little-endian.
  sha256 digest;
  float before = -1.0f;
  int descents = 0;
  int others = 0;
  for (std::uint32_t code = 0; code != 256; ++code) {
    const float value = lowp::bnb_dynamic8::decode(code);
    descents += value <= before;
    others += lowp::encode<lowp::bnb_dynamic8>(value) != code;
    before = value;
    for (int i = 0; i != 4; ++i) {
      const auto byte = static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(value) >> (8 * i) & 0xff);
      digest.update({&byte, 1});
    }
  }
  CHECK(descents == 0);
  CHECK(others == 0);
  CHECK(digest.hex() == "e732639a65f497b4ad684bb166a4467708255edd5207757de8b8f0c7e1fda89c");
  CHECK(lowp::decode<lowp::bnb_dynamic8>(0) < -0.9929f);
  CHECK(lowp::decode<lowp::bnb_dynamic8>(255) == 1.0f);
  CHECK(lowp::decode<lowp::bnb_dynamic8>(127) == 0.0f);
}
