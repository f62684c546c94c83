// From one token to many through every preset in each mode, on every instruction set of this machine.
//
//   gemm_bench --benchmark_filter='int4_g32/int8/.*/x86_v4_bf16'

#include "kernel_bench.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace {

template <lowp::scheme_type S>
void add_preset(const std::string& name) {
  for (const std::size_t tokens : {1u, 2u, 4u, 8u, 16u, 32u, 128u, 512u}) {
    lowp::for_each_isa([&](lowp::isa isa) {
      if (isa == lowp::isa::portable && tokens > 16) return;
      if constexpr (S::format::bits > 8) kernel_bench::add<lowp::compute::exact, S>(name, 4096, 4096, tokens, isa);
      else kernel_bench::add_modes<S>(name, 4096, 4096, tokens, isa);
    });
  }
}

const bool added = [] {
  lowp::for_each_preset([]<class S>(std::string_view name) { add_preset<S>(std::string(name)); });
  add_preset<kernel_bench::plain<lowp::f32>>("f32");
  return true;
}();

}  // namespace
