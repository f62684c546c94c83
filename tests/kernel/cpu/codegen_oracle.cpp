// A program built without any flag for an instruction set; codegen_oracle.py looks at the code that it holds.

#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/scheme/presets.hpp>

#include <cstdio>
#include <string>
#include <vector>

int main() {
  const auto w = lowp::pack<lowp::layout::tile16>(lowp::quantized<lowp::int4_g32>(64, 64));
  const std::vector<float> x(64, 1.0f);
  std::vector<float> y(64);
  lowp::gemv(std::span<const float>(x), w, std::span<float>(y));
  std::printf("%s %g\n", std::string(lowp::name(lowp::best_isa())).c_str(), static_cast<double>(y[0]));
}
