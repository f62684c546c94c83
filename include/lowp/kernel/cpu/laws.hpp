// The law of a kernel: on every instruction set, a product is that of the portable version but for rounding. Users run it on
// their own formats and schemes.
//
//   lowp::laws::kernel(x, packed, lowp::isa::x86_v4);
#pragma once

#include <lowp/kernel/cpu/gemm.hpp>

#include <cstddef>
#include <vector>

namespace lowp::inline LOWP_ABI::laws {

// How far a product may be from the exact one: gemm_roundings * 2^-24 * sum |x| |w|.
template <scheme_type S>
double gemm_error_bound(matrix_view<const float> x, const quantized<S>& w, std::size_t token, std::size_t row) {
  using F = typename S::format;
  const auto size = [](float a) { return static_cast<double>(magnitude(a)); };
  double sum = 0;
  for (std::size_t k = 0; k < w.cols(); ++k) {
    const affine<S> group = w.group_of(row, k);
    double code = size(decode<F>(w.codes()(row, k)));
    if constexpr (S::has_zero && !S::has_added_term) {
      const float centre = lowp::detail::code_centre<F>();
      code = size(decode<F>(w.codes()(row, k)) - centre) + size(group.zero - centre);
    }
    sum += size(x(token, k)) * (size(group.scale) * code + (S::has_added_term ? size(group.zero) : 0));
  }
  return static_cast<double>(gemm_roundings(group_columns<typename S::granularity>(w.cols()), w.cols())) * sum / (1 << 24);
}

// Whether x * w^T on that instruction set is the portable result within twice the bound, and finite where that is finite.
// An instruction set that this machine does not have obeys the law.
template <scheme_type S>
bool kernel(matrix_view<const float> x, const packed<S, layout::tile16>& w, isa version) {
  if (!supports(version)) return true;
  const quantized<S> plain = unpack(w);
  std::vector<float> expected(x.rows() * w.rows());
  std::vector<float> actual(x.rows() * w.rows());
  gemm(x, w, matrix_view<float>(expected.data(), x.rows(), w.rows()), {.limit = isa::portable});
  gemm(x, w, matrix_view<float>(actual.data(), x.rows(), w.rows()), {.limit = version});
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (is_finite(expected[i]) != is_finite(actual[i])) return false;
    if (!is_finite(expected[i])) continue;
    const double difference = static_cast<double>(expected[i]) - static_cast<double>(actual[i]);
    const double bound = 2 * gemm_error_bound(x, plain, i / w.rows(), i % w.rows());
    if (!(difference <= bound && -difference <= bound)) return false;
  }
  return true;
}

}  // namespace lowp::inline LOWP_ABI::laws
