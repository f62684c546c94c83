// The C++ side of gptq_oracle.py:
//
//   <scheme> <options> - <rows> <columns> <weights> <output> <hessian> [<mismatch>]
//
// The options are letters: a for act_order, s for static_groups, g for group_aware_order, - for none; with a mismatch, GPTAQ.

#include "../quantize/oracle_program.hpp"

#include <lowp/algorithm/gptq.hpp>

int main(int count, char** arguments) {
  if (count != 9 && count != 10) return 3;
  const std::vector<float> h = read_floats(arguments[8]);
  const std::vector<float> d = count == 10 ? read_floats(arguments[9]) : std::vector<float>();
  return oracle_program(8, arguments, [&](const oracle_arguments& a) {
    using namespace lowp;
    if (h.size() != a.cols * a.cols) return false;
    const gptq_options options{.act_order = a.rule.find('a') != std::string::npos,
                               .static_groups = a.rule.find('s') != std::string::npos,
                               .group_aware_order = a.rule.find('g') != std::string::npos};
    const auto with = [&]<class S>(S) {
      const matrix_view<const float> hessian(h.data(), a.cols, a.cols);
      if (d.empty()) return a.write(gptq<S>(a.weights(), hessian, options));
      return a.write(gptaq<S>(a.weights(), hessian, matrix_view<const float>(std::span(d), a.cols, a.cols), options));
    };
    if (a.scheme == "int4_g128") return with(int4_g128{});
    if (a.scheme == "u3_g128") return with(scheme<u3, per_group<128>, asymmetric, f32>{});
    if (a.scheme == "u4_channel") return with(scheme<u4, per_channel, asymmetric, f32>{});
    if (a.scheme == "nf4_g64") return with(nf4_g64{});
    if (a.scheme == "nvfp4") return with(nvfp4{});
    if (a.scheme == "mxfp4") return with(mxfp4{});
    return false;
  });
}
