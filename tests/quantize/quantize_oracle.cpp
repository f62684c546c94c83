// The C++ side of quantize_oracle.py (see oracle_program.hpp): integers and FP8, and calibrators on two schemes.

#include "oracle_program.hpp"

#include <cstdlib>

namespace {

template <lowp::scheme_type S>
bool by_calibrator(const oracle_arguments& a) {
  const auto colon = a.calibrator.find(':');
  const double parameter = colon == std::string::npos ? 0 : std::atof(a.calibrator.c_str() + colon + 1);
  const std::string kind = a.calibrator.substr(0, colon);
  const auto with = [&](auto calibrator) { return a.write(lowp::quantize<S>(a.weights(), lowp::recipe{calibrator})); };
  if (kind == "min_max") return with(lowp::min_max{});
  if (kind == "percentile") return with(lowp::percentile{parameter});
  if (kind == "mse") return with(lowp::mse_search{.norm = parameter});
  if (kind == "entropy") return with(lowp::entropy{});
  return false;
}

}  // namespace

int main(int count, char** arguments) {
  return oracle_program(count, arguments, [](const oracle_arguments& a) {
    using namespace lowp;
    if (a.scheme == "i4_g128") return by_calibrator<scheme<i4, per_group<128>, symmetric, f32>>(a);
    if (a.scheme == "i8_tensor") return by_calibrator<scheme<i8, per_tensor, symmetric, f32>>(a);
    bool done = false;
    const auto try_one = [&]<class S>(std::string_view name) {
      if (name == a.scheme) done = a.write(lowp::quantize<S>(a.weights()));
    };
    lowp::for_each_preset(try_one);
    try_one.template operator()<scheme<u8, per_group<128>, asymmetric, f32>>("u8_g128");
    try_one.template operator()<scheme<u4, per_group<128>, asymmetric, f32>>("u4_g128");
    try_one.template operator()<scheme<u3, per_group<128>, asymmetric, f32>>("u3_g128");
    try_one.template operator()<scheme<u2, per_group<32>, asymmetric, f32>>("u2_g32");
    try_one.template operator()<scheme<u3, per_group<128>, asymmetric, f16>>("u3_g128_f16");
    try_one.template operator()<scheme<i4, per_group<128>, asymmetric, f32>>("i4_g128_asymmetric");
    try_one.template operator()<scheme<i3, per_group<24>, symmetric, f32>>("i3_g24");
    return done;
  });
}
