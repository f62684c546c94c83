// One token through every preset in each mode, on every instruction set of this machine: in cache (4096 x 4096) and beyond it
// (32768 x 4096, on the best instruction set).
//
//   gemv_bench --benchmark_filter='4_.*/x86_v4_bf16' --benchmark_repetitions=5

#include "kernel_bench.hpp"

#include <string>
#include <string_view>

namespace {

template <lowp::scheme_type S>
void add_size(const std::string& name, std::size_t rows, std::size_t cols, lowp::isa isa) {
  if constexpr (S::format::bits > 8) kernel_bench::add<lowp::compute::exact, S>(name, rows, cols, 1, isa);
  else kernel_bench::add_modes<S>(name, rows, cols, 1, isa);
}

template <lowp::scheme_type S>
void add_preset(const std::string& name) {
  lowp::for_each_isa([&](lowp::isa isa) { add_size<S>(name, 4096, 4096, isa); });
  add_size<S>(name, 32768, 4096, lowp::best_isa());
}

const bool added = [] {
  lowp::for_each_preset([]<class S>(std::string_view name) { add_preset<S>(std::string(name)); });
  add_preset<kernel_bench::plain<lowp::f32>>("f32");
  add_preset<kernel_bench::plain<lowp::bf16>>("bf16");
  return true;
}();

}  // namespace
