// Quantized weights in device memory, as kernels take them: pointers and sizes, trivially copyable, nothing owned.
//
//   auto packed = lowp::pack<lowp::layout::row_major>(q);            // on the host, then copied to the device by the caller:
//   lowp::device_weights<lowp::nvfp4> w{.codes = codes, .rows = rows, .cols = cols,
//                                       .scales = {.codes = e4m3_codes, .scales = {.codes = f32_code}}};
#pragma once

#include <lowp/kernel/cuda/convert.hpp>
#include <lowp/scheme/scheme.hpp>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// A grid of scales in a plain format: one code an element, rows one after another.
//
// `load` and `value` are apart so that a kernel can load early and decode late.
template <class P>
struct device_parameters {
  static_assert(number_format<P>);
  const code_t<P>* codes = nullptr;

  using stored = code_t<P>;
  LOWP_HD stored load(std::size_t row, std::size_t col, grid_shape shape) const noexcept {
    if constexpr (P::bits == 0) return 0;
    else return codes[row * shape.cols + col];
  }
  LOWP_HD static float value(stored code) noexcept { return ptx::widen<P>(code); }
};

// No parameters.
template <>
struct device_parameters<void> {};

// A grid of scales that a scheme quantizes in turn: its codes, and their scales.
template <scheme_type P>
struct device_parameters<P> {
  static_assert(!P::has_zero, "device kernels take scales without zero points of their own");
  using format = typename P::format;
  const code_t<format>* codes = nullptr;
  device_parameters<typename P::scale> scales{};

  struct stored {
    code_t<format> code;
    typename device_parameters<typename P::scale>::stored scale;
  };
  LOWP_HD stored load(std::size_t row, std::size_t col, grid_shape shape) const noexcept {
    const grid_position group = P::granularity::group_of(row, col, shape.rows, shape.cols);
    return {codes[row * shape.cols + col], scales.load(group.row, group.col, P::granularity::grid(shape.rows, shape.cols))};
  }
  LOWP_HD static float value(stored s) noexcept {
    return ptx::widen<format>(s.code) * device_parameters<typename P::scale>::value(s.scale);
  }
};

// Weights [rows, cols] of a scheme, codes in layout::row_major, scales in plain order.
template <scheme_type S>
struct device_weights {
  const void* codes = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t row_stride = 0;  // bytes from row to row; 0: ceil(cols * bits / 8), as layout::row_major has it
  device_parameters<typename S::scale> scales{};
  device_parameters<typename S::zero> zeros{};
};

}  // namespace lowp::inline LOWP_ABI
