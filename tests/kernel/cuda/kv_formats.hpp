// The formats of KV caches that tests go through.
#pragma once

#include <lowp/kernel/kv_page.hpp>
#include <lowp/scheme/presets.hpp>

namespace lowp_test {

template <class F, class Y = lowp::symmetric>
using per_token_kv = lowp::kv_format<lowp::scheme<F, lowp::per_token, Y, lowp::f16>>;

using kv_fp8 = lowp::kv_format<lowp::fp8_tensor>;
using kv_nvfp4 = lowp::kv_format<lowp::nvfp4>;
template <int Residual>
using kv_kivi = lowp::kv_format<lowp::scheme<lowp::u2, lowp::per_block<32, 1>, lowp::asymmetric_as<lowp::f16>, lowp::f16>,
                                lowp::scheme<lowp::u2, lowp::per_group<32>, lowp::asymmetric_as<lowp::f16>, lowp::f16>, Residual>;

// Calls visit.template operator()<format>(name) for each.
template <class Visitor>
void for_each_kv_format(Visitor&& visit) {
  visit.template operator()<lowp::kv_unquantized<lowp::f16>>("f16");
  visit.template operator()<kv_fp8>("e4m3, a scale a head");
  visit.template operator()<lowp::kv_format<lowp::scheme<lowp::e5m2, lowp::per_tensor>>>("e5m2, a scale a head");
  visit.template operator()<per_token_kv<lowp::e4m3>>("e4m3, a scale a token");
  visit.template operator()<per_token_kv<lowp::i8>>("i8");
  visit.template operator()<per_token_kv<lowp::i4>>("i4");
  visit.template operator()<per_token_kv<lowp::u4, lowp::asymmetric>>("u4, zero points in 4 bits");
  visit.template operator()<per_token_kv<lowp::u4, lowp::asymmetric_as<lowp::f16>>>("u4, zero points in f16");
  visit.template operator()<
      lowp::kv_format<lowp::scheme<lowp::i8, lowp::per_token>, lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::asymmetric, lowp::f16>>>(
      "i8 keys, u4 values in groups");
  visit.template operator()<kv_nvfp4>("NVFP4");
  visit.template operator()<lowp::kv_format<lowp::mxfp4, lowp::mxfp8_e4m3>>("MXFP4 keys, MXFP8 values");
  visit.template operator()<lowp::kv_format<lowp::scheme<lowp::nf4, lowp::per_token>>>("NF4");
  visit.template operator()<kv_kivi<0>>("KIVI");
  visit.template operator()<kv_kivi<32>>("KIVI, 32 tokens kept");
  visit.template
  operator()<lowp::kv_format<lowp::scheme<lowp::i4, lowp::per_token>, lowp::scheme<lowp::u4, lowp::per_token, lowp::asymmetric>, 64>>(
      "i4 and u4, 64 tokens kept");
}

}  // namespace lowp_test
