// Quantized weights in device memory in the layout of the CUDA GEMM: pointers and sizes, trivially copyable, nothing owned.
//
//   auto packed = lowp::pack<lowp::layout::mma_a16>(q);            // on the host; the caller copies its parts to the device
//   lowp::mma_weights<S> w = lowp::mma_weights_of(packed, codes, scales, zeros);
#pragma once

#include <lowp/format/unit.hpp>
#include <lowp/kernel/cuda/weight_layout.hpp>
#include <lowp/layout/packed.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class P>
struct panel_codes {
  using format = typename panel_parameters<P>::format;
  using type = code_t<format>;
  static constexpr bool has_upper = panel_parameters<P>::has_upper;
  static constexpr bool has_multiplier = panel_parameters<P>::nested && panel_parameters<P>::keeps_codes && !has_upper;
};
template <>
struct panel_codes<void> {
  using format = unit;
  using type = std::uint8_t;
  static constexpr bool has_upper = false;
  static constexpr bool has_multiplier = false;
};

}  // namespace detail

// Parameters are codes in panels of 64 rows, [panel][group][64] in the order of layout::mma_a16::parameter_place. Parameters that
// a scheme quantizes under one number (NVFP4's) keep their codes, and that number is the multiplier; nested ones of other kinds are
// f32 here.
template <scheme_type S>
struct mma_weights {
  using scale_format = typename detail::panel_codes<typename S::scale>::format;
  using zero_format = typename detail::panel_codes<typename S::zero>::format;

  const std::uint8_t* codes = nullptr;  // layout::mma_a16, at a multiple of 16, as all pointers here
  std::size_t rows = 0;
  std::size_t cols = 0;
  const code_t<scale_format>* scales = nullptr;
  const code_t<zero_format>* zeros = nullptr;
  float scale_multiplier = 1.0f;
  const std::uint32_t* columns = nullptr;  // where given, column k of the weights is column columns[k] of the activations: act order
};

// Number of codes in the parameters of weights [rows, cols], scales and zero points alike.
template <scheme_type S>
constexpr std::size_t mma_parameter_count(std::size_t rows, std::size_t cols) {
  const std::size_t width = group_columns<typename S::granularity>(cols);
  return ceil_div(rows, layout::mma_a16::panel_rows) * (width == 0 ? 0 : ceil_div(cols, width)) * layout::mma_a16::panel_rows;
}

// Weights whose parts the caller has put at `codes` (packed.bytes()), `scales` (packed.panel_scales().codes()) and `zeros`.
template <scheme_type S>
mma_weights<S> mma_weights_of(const packed<S, layout::mma_a16>& packed, const void* codes, const void* scales,
                              const void* zeros = nullptr) {
  static_assert(!detail::panel_codes<typename S::scale>::has_upper && !detail::panel_codes<typename S::zero>::has_upper,
                "mma_weights hold parameters of one level; weights with scales in groups under scales are taken as device_weights");
  mma_weights<S> w;
  w.codes = static_cast<const std::uint8_t*>(codes);
  w.rows = packed.rows();
  w.cols = packed.cols();
  w.scales = static_cast<decltype(w.scales)>(scales);
  w.scale_multiplier = packed.panel_scales().multiplier();
  w.zeros = static_cast<decltype(w.zeros)>(zeros);
  return w;
}

}  // namespace lowp::inline LOWP_ABI
