// The C++ side of gptq_oracle.py:
//
//   <scheme> <options> - <rows> <columns> <weights> <output> <hessian>
//
// The options are letters: a for act_order, s for static_groups, - for none.

#include "../quantize/oracle_program.hpp"

#include <lowp/algorithm/gptq.hpp>

int main(int count, char** arguments) {
  if (count != 9) return 3;
  const std::vector<float> h = read_floats(arguments[8]);
  return oracle_program(8, arguments, [&](const oracle_arguments& a) {
    using namespace lowp;
    if (h.size() != a.cols * a.cols) return false;
    const gptq_options options{.act_order = a.rule.find('a') != std::string::npos, .static_groups = a.rule.find('s') != std::string::npos};
    const auto with = [&]<class S>(S) {
      return a.write(gptq<S>(a.weights(), matrix_view<const float>{h.data(), a.cols, a.cols}, options));
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
