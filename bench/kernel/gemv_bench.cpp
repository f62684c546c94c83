// One token through every preset, on every instruction set of this machine: in cache (4096 x 4096) and beyond it
// (32768 x 4096, on the best instruction set).
//
//   gemv_bench --benchmark_filter='4_.*/x86_v4' --benchmark_repetitions=5

#include "kernel_bench.hpp"

#include <lowp/scheme/presets.hpp>

namespace {

template <class S>
void add_preset(const std::string& name) {
  lowp::for_each_isa([&](lowp::isa isa) { kernel_bench::add<S>(name, 4096, 4096, 1, isa); });
  kernel_bench::add<S>(name, 32768, 4096, 1, lowp::best_isa());
}

const bool added = [] {
  lowp::for_each_preset([]<class S>(std::string_view name) { add_preset<S>(std::string(name)); });
  add_preset<lowp::scheme<lowp::f32, lowp::per_tensor, lowp::symmetric, lowp::unit>>("f32");
  add_preset<lowp::scheme<lowp::bf16, lowp::per_tensor, lowp::symmetric, lowp::unit>>("bf16");
  return true;
}();

}  // namespace
