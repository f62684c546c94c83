#include <lowp/format/formats.hpp>
#include <lowp/scheme/presets.hpp>

#include <lowp_test.hpp>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>

namespace {

// Codes + scale + zero point over the weights that share them, worked out by hand.
const std::map<std::string, double> expected_bits{
    {"int8_tensor", 8},
    {"int8_channel", 8},
    {"fp8_tensor", 8},
    {"fp8_channel", 8},
    {"fp8_block128", 8 + 32.0 / 16384},  // 8.001953125
    {"mxint8", 8.25},                    // 8 / 32
    {"mxfp8_e4m3", 8.25},
    {"mxfp8_e5m2", 8.25},
    {"mxfp6_e2m3", 6.25},
    {"mxfp6_e3m2", 6.25},
    {"nf4_g64", 4.5},   // 32 / 64
    {"int4_g32", 4.5},  // 16 / 32
    {"nvfp4", 4.5},     // 8 / 16
    {"mxfp4", 4.25},
    {"uint4_g128", 4.15625},                           // (16 + 4) / 128
    {"nf4_double", 4 + 8.0 / 64 + 32.0 / (64 * 256)},  // 4.126953125
    {"int4_g128", 4.125},
    {"int3_g128", 3.125},
    {"int2_g32", 2.5625},  // (16 + 2) / 32
};

using k_quant = lowp::scheme<lowp::u4, lowp::per_group<32>,
                             lowp::asymmetric_as<lowp::scheme<lowp::integer<6, false>, lowp::per_group<8>, lowp::symmetric, lowp::f16>>,
                             lowp::scheme<lowp::integer<6, false>, lowp::per_group<8>, lowp::symmetric, lowp::f16>>;
using hqq = lowp::scheme<lowp::u2, lowp::per_group<64>, lowp::asymmetric_as<lowp::f16>, lowp::f16>;
using unscaled = lowp::scheme<lowp::e4m3, lowp::per_tensor, lowp::symmetric, lowp::unit>;

}  // namespace

TEST_CASE("bits per weight of the presets", "[scheme]") {
  std::set<std::string> seen;
  lowp::for_each_preset([&]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    REQUIRE(expected_bits.count(std::string(name)) == 1);
    CHECK(lowp::bits_per_weight<S> == expected_bits.at(std::string(name)));
    // A matrix that every group divides costs that much, and what is stored once a row or tensor.
    const std::size_t exact = lowp::storage_bits<S>(1024, 16384);
    const double whole = lowp::bits_per_weight<S> * 1024 * 16384;
    const bool channel = std::is_same_v<typename S::granularity, lowp::per_channel>;
    const bool tensor = std::is_same_v<typename S::granularity, lowp::per_tensor> || name == "nvfp4";
    CHECK(static_cast<double>(exact) == whole + (channel ? 1024 * 32 : tensor ? 32 : 0));
    seen.insert(std::string(name));
  });
  CHECK(seen.size() == expected_bits.size());
}

TEST_CASE("bits per weight of composed schemes", "[scheme]") {
  // Q4_K: 144 bytes for 256 weights.
  CHECK(lowp::bits_per_weight<k_quant> == 4.5);
  CHECK(lowp::storage_bits<k_quant>(1, 256) == 144 * 8);
  CHECK(lowp::bits_per_weight<hqq> == 2.5);
  CHECK(lowp::bits_per_weight<unscaled> == 8.0);
  CHECK(lowp::storage_bits<unscaled>(10, 10) == 800);
}

TEST_CASE("storage of ragged and empty shapes", "[scheme]") {
  CHECK(lowp::storage_bits<lowp::int4_g128>(3, 129) == 3 * (129 * 4 + 2 * 16));
  CHECK(lowp::storage_bits<lowp::uint4_g128>(3, 129) == 3 * (129 * 4 + 2 * (16 + 4)));
  CHECK(lowp::storage_bits<lowp::nvfp4>(3, 17) == 3 * (17 * 4 + 2 * 8) + 32);
  CHECK(lowp::storage_bits<lowp::fp8_block128>(130, 1) == 130 * 8 + 2 * 32);
  // 5 x 100 weights: 2 groups a row, 10 absmax values in one flat group.
  CHECK(lowp::storage_bits<lowp::nf4_double>(5, 100) == 500 * 4 + 10 * 8 + 32);
  CHECK(lowp::storage_bits<k_quant>(2, 257) == 2 * (257 * 4 + 2 * (9 * 6 + 2 * 16)));
  lowp::for_each_preset([]<class S>(std::string_view) {
    CHECK(lowp::storage_bits<S>(0, 0) == 0);
    CHECK(lowp::storage_bits<S>(0, 128) == 0);
    CHECK(lowp::storage_bits<S>(128, 0) == 0);
  });
}

TEST_CASE("biases and minima are parameters as zero points are, but added", "[scheme]") {
  using biased = lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::with_bias<lowp::bf16>, lowp::bf16>;
  using six = lowp::scheme<lowp::integer<6, false>, lowp::per_group<8>, lowp::symmetric, lowp::f16>;
  using least = lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::with_minimum<six>, six>;
  CHECK(std::is_same_v<biased::zero, lowp::bf16>);
  CHECK(std::is_same_v<least::zero, six>);
  CHECK((biased::has_zero && biased::has_added_term && biased::has_bias && !biased::has_minimum));
  CHECK((least::has_zero && least::has_added_term && !least::has_bias && least::has_minimum));
  CHECK_FALSE(lowp::uint4_g128::has_added_term);
  CHECK_FALSE(lowp::int4_g128::has_added_term);
  CHECK(lowp::bits_per_weight<biased> == 5);
  CHECK(lowp::bits_per_weight<least> == 4.5);
}

TEST_CASE("the names of a scheme's parts", "[scheme]") {
  using S = lowp::uint4_g128;
  CHECK(std::is_same_v<S::format, lowp::u4>);
  CHECK(std::is_same_v<S::scale, lowp::f16>);
  CHECK(std::is_same_v<S::zero, lowp::u4>);
  CHECK(S::has_zero);
  CHECK(std::is_same_v<hqq::zero, lowp::f16>);
  CHECK_FALSE(lowp::nvfp4::has_zero);
  CHECK(std::is_same_v<lowp::nvfp4, lowp::scheme<lowp::e2m1, lowp::per_group<16>, lowp::symmetric, lowp::scheme<lowp::e4m3>>>);
  CHECK(lowp::scheme_type<lowp::nvfp4>);
  CHECK_FALSE(lowp::scheme_type<lowp::e4m3>);
  CHECK(lowp::parameter_storage<lowp::nvfp4::scale>);
  CHECK_FALSE(lowp::parameter_storage<double>);
}
