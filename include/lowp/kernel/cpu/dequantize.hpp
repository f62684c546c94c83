// Dequantizing fast on one core: the numbers of lowp::dequantize, bit for bit, at the speed of vector instructions.
//
//   lowp::cpu::dequantize(q, lowp::matrix_view<float>{out, rows, cols});                        // or of f16, bf16
//   lowp::cpu::dequantize(q, out, {.first = 0, .last = 1024});                                  // only those rows
//   lowp::cpu::dequantize(lowp::pack<lowp::layout::tile16>(q), out);                            // from the kernels' own layout
#pragma once

#include <lowp/kernel/cpu/dequantize_portable.hpp>
#include <lowp/kernel/cpu/dequantize_v3.hpp>
#include <lowp/kernel/cpu/dequantize_v4.hpp>
#include <lowp/kernel/cpu/isa.hpp>
#include <lowp/kernel/cpu/quantizing.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/tile16.hpp>
#include <lowp/quantize/quantize.hpp>

#include <cstddef>

namespace lowp::inline LOWP_ABI::cpu::inline LOWP_BUILD {

// The numbers that the codes stand for, into the rows of out [rows, cols]. Throws lowp::error as lowp::dequantize does.
template <scheme_type S, class T>
void dequantize(const quantized_view<S>& q, matrix_view<T> out, rows_options options = {}) {
  detail::require_same_shape(q, out);
  detail::require_fit(q, q.rows(), q.cols());
  detail::resolve(options, q.rows());
  const isa best = best_isa(options.limit);
#if LOWP_X86_64
  if (best >= isa::x86_v4) return detail::quantize_v4::dequantize_rows(q, out, options.first, options.last);
  if (best >= isa::x86_v3) return detail::quantize_v3::dequantize_rows(q, out, options.first, options.last);
#endif
  static_cast<void>(best);
  detail::quantize_portable::dequantize_rows(q, out, options.first, options.last);
}

template <scheme_type S, class T>
void dequantize(const quantized<S>& q, matrix_view<T> out, const rows_options& options = {}) {
  dequantize(q.view(), out, options);
}

// The same from weights that are packed for the kernels.
template <scheme_type S, class T>
void dequantize(const packed<S, layout::tile16>& w, matrix_view<T> out, rows_options options = {}) {
  if constexpr (S::format::bits > 8) {
    dequantize(unpack(w), out, options);
  } else {
    detail::require_same_shape(w, out);
    detail::resolve(options, w.rows());
    const isa best = best_isa(options.limit);
#if LOWP_X86_64
    if (best >= isa::x86_v4) return detail::quantize_v4::dequantize_panels(w, out, options.first, options.last);
    if (best >= isa::x86_v3) return detail::quantize_v3::dequantize_panels(w, out, options.first, options.last);
#endif
    static_cast<void>(best);
    detail::quantize_portable::dequantize_panels(w, out, options.first, options.last);
  }
}

}  // namespace lowp::inline LOWP_ABI::cpu::inline LOWP_BUILD
