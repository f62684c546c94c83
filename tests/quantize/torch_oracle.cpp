// The C++ side of torch_oracle.py (see oracle_program.hpp): the schemes of torchao and bitsandbytes, MX by every rule.

#include "oracle_program.hpp"

namespace {

template <lowp::scheme_type S>
bool by_rule(const oracle_arguments& a) {
  const auto with = [&](auto rule) {
    return a.write(lowp::quantize<S>(a.weights(), lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, rule}));
  };
  if (a.rule == "default") return with(lowp::default_scale{});
  if (a.rule == "floor") return with(lowp::mx_floor{});
  if (a.rule == "ceil") return with(lowp::mx_ceil{});
  if (a.rule == "rceil") return with(lowp::mx_rceil{});
  if (a.rule == "even") return with(lowp::mx_even{});
  return false;
}

}  // namespace

int main(int count, char** arguments) {
  return oracle_program(count, arguments, [](const oracle_arguments& a) {
    using namespace lowp;
    if (a.scheme == "mxfp8_e4m3") return by_rule<mxfp8_e4m3>(a);
    if (a.scheme == "mxfp8_e5m2") return by_rule<mxfp8_e5m2>(a);
    if (a.scheme == "mxfp6_e2m3") return by_rule<mxfp6_e2m3>(a);
    if (a.scheme == "mxfp6_e3m2") return by_rule<mxfp6_e3m2>(a);
    if (a.scheme == "mxfp4") return by_rule<mxfp4>(a);
    if (a.scheme == "nvfp4") return a.write(lowp::quantize<nvfp4>(a.weights()));
    if (a.scheme == "nf4_g64") return a.write(lowp::quantize<nf4_g64>(a.weights()));
    if (a.scheme == "bnb_fp4_g64") return a.write(lowp::quantize<scheme<bnb_fp4, per_group<64>, symmetric, f32>>(a.weights()));
    if (a.scheme == "nf4_flat64") return a.write(lowp::quantize<scheme<nf4, per_flat_group<64>, symmetric, f32>>(a.weights()));
    return false;
  });
}
