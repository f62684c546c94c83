// The schemes that have names in the field.
//
//   lowp::quantized<lowp::nvfp4> q = lowp::quantize<lowp::nvfp4>(w);
//   lowp::for_each_preset([]<class S>(std::string_view name) { ... });
#pragma once

#include <lowp/format/codebook.hpp>
#include <lowp/format/e8m0.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/format/minifloat.hpp>
#include <lowp/format/unit.hpp>
#include <lowp/scheme/scheme.hpp>

#include <string_view>

namespace lowp::inline LOWP_ABI {

// Integers. int2 has a zero point: two bits without one are hardly more than a sign.
using int8_tensor = scheme<i8, per_tensor, symmetric, f32>;
using int8_channel = scheme<i8, per_channel, symmetric, f32>;
using int4_g128 = scheme<i4, per_group<128>, symmetric, f16>;
using int4_g32 = scheme<i4, per_group<32>, symmetric, f16>;
using uint4_g128 = scheme<u4, per_group<128>, asymmetric, f16>;
using int3_g128 = scheme<i3, per_group<128>, symmetric, f16>;
using int2_g32 = scheme<i2, per_group<32>, asymmetric, f16>;

// NormalFloat in blocks of 64 with an f32 absmax, and with the absmax quantized in turn (QLoRA's double quantization:
// 8 bits in blocks of 256 over the whole tensor).
using nf4_g64 = scheme<nf4, per_group<64>, symmetric, f32>;
using nf4_double = scheme<nf4, per_group<64>, symmetric, scheme<u8, per_flat_group<256>, symmetric, f32>>;

// FP8 E4M3; blocks of 128 x 128 as in DeepSeek-V3.
using fp8_tensor = scheme<e4m3, per_tensor, symmetric, f32>;
using fp8_channel = scheme<e4m3, per_channel, symmetric, f32>;
using fp8_block128 = scheme<e4m3, per_block<128, 128>, symmetric, f32>;

// OCP Microscaling Formats 1.0: blocks of 32 with a power-of-two scale.
using mxfp8_e4m3 = scheme<e4m3, per_group<32>, symmetric, e8m0>;
using mxfp8_e5m2 = scheme<e5m2, per_group<32>, symmetric, e8m0>;
using mxfp6_e2m3 = scheme<e2m3, per_group<32>, symmetric, e8m0>;
using mxfp6_e3m2 = scheme<e3m2, per_group<32>, symmetric, e8m0>;
using mxfp4 = scheme<e2m1, per_group<32>, symmetric, e8m0>;
using mxint8 = scheme<integer<8, true, 6>, per_group<32>, symmetric, e8m0>;

// NVFP4: blocks of 16 with E4M3 scales under one f32 a tensor.
using nvfp4 = scheme<e2m1, per_group<16>, symmetric, scheme<e4m3, per_tensor, symmetric, f32>>;

// Calls visit.template operator()<S>(name) for each preset.
template <class Visitor>
constexpr void for_each_preset(Visitor&& visit) {
  visit.template operator()<int8_tensor>(std::string_view("int8_tensor"));
  visit.template operator()<int8_channel>(std::string_view("int8_channel"));
  visit.template operator()<fp8_tensor>(std::string_view("fp8_tensor"));
  visit.template operator()<fp8_channel>(std::string_view("fp8_channel"));
  visit.template operator()<fp8_block128>(std::string_view("fp8_block128"));
  visit.template operator()<mxint8>(std::string_view("mxint8"));
  visit.template operator()<mxfp8_e4m3>(std::string_view("mxfp8_e4m3"));
  visit.template operator()<mxfp8_e5m2>(std::string_view("mxfp8_e5m2"));
  visit.template operator()<mxfp6_e2m3>(std::string_view("mxfp6_e2m3"));
  visit.template operator()<mxfp6_e3m2>(std::string_view("mxfp6_e3m2"));
  visit.template operator()<nf4_g64>(std::string_view("nf4_g64"));
  visit.template operator()<int4_g32>(std::string_view("int4_g32"));
  visit.template operator()<nvfp4>(std::string_view("nvfp4"));
  visit.template operator()<mxfp4>(std::string_view("mxfp4"));
  visit.template operator()<uint4_g128>(std::string_view("uint4_g128"));
  visit.template operator()<nf4_double>(std::string_view("nf4_double"));
  visit.template operator()<int4_g128>(std::string_view("int4_g128"));
  visit.template operator()<int3_g128>(std::string_view("int3_g128"));
  visit.template operator()<int2_g32>(std::string_view("int2_g32"));
}

}  // namespace lowp::inline LOWP_ABI
