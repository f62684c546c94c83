// From one token to many, over weights of each kind.
//
//   gemm_bench --benchmark_filter='int4_g32.*/x86_v4'

#include "kernel_bench.hpp"

#include <lowp/scheme/presets.hpp>

namespace {

template <class S>
void add_tokens(const std::string& name) {
  for (const std::size_t tokens : {1u, 2u, 4u, 8u, 16u, 32u, 128u, 512u}) {
    lowp::for_each_isa([&](lowp::isa isa) {
      if (isa == lowp::isa::portable && tokens > 16) return;
      kernel_bench::add<S>(name, 4096, 4096, tokens, isa);
    });
  }
  kernel_bench::add<S>(name, 768, 768, 512, lowp::best_isa());
}

const bool added = [] {
  add_tokens<lowp::scheme<lowp::f32, lowp::per_tensor, lowp::symmetric, lowp::unit>>("f32");
  add_tokens<lowp::int4_g32>("int4_g32");
  add_tokens<lowp::uint4_g128>("uint4_g128");
  add_tokens<lowp::nf4_g64>("nf4_g64");
  add_tokens<lowp::nvfp4>("nvfp4");
  add_tokens<lowp::int8_channel>("int8_channel");
  add_tokens<lowp::fp8_channel>("fp8_channel");
  return true;
}();

}  // namespace
