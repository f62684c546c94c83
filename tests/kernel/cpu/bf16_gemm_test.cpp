// Products with activations rounded to bf16, against double precision over the rounded numbers.
#include "gemm_reference.hpp"

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>
#include <lowp/scheme/presets.hpp>

#include <cmath>
#include <string_view>
#include <vector>

namespace {

using namespace lowp;

template <scheme_type S>
void check(std::string_view name, std::size_t rows, std::size_t cols) {
  const quantized<S> w = reference::random_weights<S>(rows, cols, rows + cols);
  const auto packed = pack<layout::tile16>(w);
  const std::vector<float> x = normal_numbers(140 * cols, 9);
  const std::vector<bf16> rounded(x.begin(), x.end());
  const std::vector<float> narrow(rounded.begin(), rounded.end());
  reference::plain_weights<S> exact(w);
  reference::plain_weights<S> table = exact;
  if constexpr (!S::has_zero) {
    // The kernels' tables hold bf16, which makes a difference for formats of arbitrary numbers.
    for (std::size_t i = 0; i < table.value.size(); ++i) {
      const float value = decode<typename S::format>(w.codes()(i / cols, i % cols));
      table.value[i] = static_cast<double>(w.group_of(i / cols, i % cols).scale) * static_cast<double>(static_cast<float>(bf16(value)));
    }
  }
  for (const std::size_t tokens : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{5}, std::size_t{17}, std::size_t{140}}) {
    const reference::product expected = reference::multiply(narrow, tokens, exact);
    const reference::product by_table = reference::multiply(narrow, tokens, table);
#if LOWP_X86_64
    // Pairs wherever they can run, also where a product would not take them.
    if constexpr (detail::decodes_to_pairs<typename S::format>()) {
      if (supports(isa::x86_v4_bf16)) {
        INFO(name << " " << rows << " x " << cols << ", " << tokens << " tokens by pairs");
        std::vector<float> y(tokens * rows, std::nanf(""));
        const matrix_view<float> view{y.data(), tokens, rows};
        const no_epilogue none;
        const detail::output_writer<float, no_epilogue> writer{view, none};
        detail::multiply_pairs({x.data(), tokens, cols}, lowp::view_of(packed), {0, rows}, writer.sink(), thread_executor{2});
        CHECK(reference::worst_error(y, by_table, y.size()) <= 32);
      }
    }
#endif
    for_each_isa([&](isa version) {
      INFO(name << " " << rows << " x " << cols << ", " << tokens << " tokens on " << lowp::name(version));
      std::vector<float> y(tokens * rows, std::nanf(""));
      gemm<compute::bf16>({x.data(), tokens, cols}, packed, {y.data(), tokens, rows}, {.limit = version});
      const bool pairs = detail::has_pair_kernels<S>(version);
      CHECK(reference::worst_error(y, pairs ? by_table : expected, y.size()) <= 32);
      std::vector<float> parts(tokens * rows);
      gemm<compute::bf16>({x.data(), tokens, cols}, packed, {parts.data(), tokens, rows}, {.limit = version}, no_epilogue{}, thread_executor{3});
      CHECK(parts == y);
    });
  }
}

}  // namespace

TEST_CASE("bf16 products of every preset", "[kernel][bf16]") {
  for_each_preset([]<scheme_type S>(std::string_view name) {
    check<S>(name, 40, 320);
    check<S>(name, 21, 131);
  });
}

TEST_CASE("bf16 products of odd groups and widths", "[kernel][bf16]") {
  check<scheme<i4, per_group<6>, symmetric, f16>>("i4 in sixes", 20, 100);
  check<scheme<integer<5, true>, per_group<24>, symmetric, f16>>("i5", 33, 100);
  check<scheme<integer<7, false>, per_group<10>, asymmetric, f16>>("u7", 20, 95);
  check<scheme<u4, per_group<32>, with_bias<f16>, f16>>("u4 with biases", 33, 100);
  check<scheme<bf16, per_channel, symmetric, f32>>("bf16", 20, 95);
}
