// Packed matrices: codes in a layout's order, beside the scales and zero points of the scheme.
//
//   auto packed = lowp::pack<lowp::layout::tile16>(q);               // for the CPU kernels
//   auto rows = lowp::repack<lowp::layout::row_major>(packed);       // any layout into any other, exactly
//   lowp::quantized<S> back = lowp::unpack(rows);                    // == q
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/layout/convert.hpp>
#include <lowp/layout/layout.hpp>
#include <lowp/layout/panel_parameters.hpp>
#include <lowp/quantize/quantized.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace lowp::inline LOWP_ABI {

// A layout made of panels of rows, whose kernels want parameters in panel order too.
template <class L>
concept panel_layout = layout_type<L> && requires {
  { L::panel_rows } -> std::convertible_to<std::size_t>;
};

// What kernels read of a matrix in panels, in memory of somebody's own: mapped from a file, or a part of something larger.
//
//   lowp::packed_view<lowp::int8_channel, lowp::layout::tile16> w{rows, cols, bytes, {scale_codes}};
//
// `bytes` are those of the layout for rows x cols, from a cache line on.
template <scheme_type S, panel_layout L>
struct packed_view {
  using scheme = S;
  using layout = L;

  std::size_t rows = 0;
  std::size_t cols = 0;
  const std::uint8_t* bytes = nullptr;
  panel_parameter_view<typename S::scale> scales;
  panel_parameter_view<typename S::zero> zeros;
};

template <scheme_type S, layout_type L>
class packed {
 public:
  using scheme = S;
  using layout = L;
  using format = typename S::format;
  static constexpr int bits = format::bits;

  packed() = default;

  explicit packed(const quantized<S>& q)
      : rows_(q.rows()), cols_(q.cols()), bytes_(L::template size<bits>(rows_, cols_)), scales_(q.scales()), zeros_(q.zeros()) {
    if constexpr (panel_layout<L>) {
      using G = typename S::granularity;
      panel_scales_ = panel_parameters<typename S::scale>::make(G{}, q.view().scales, rows_, cols_, L::panel_rows);
      if constexpr (S::has_zero) panel_zeros_ = panel_parameters<typename S::zero>::make(G{}, q.view().zeros, rows_, cols_, L::panel_rows);
    }
    pack_codes<L, bits>(q.codes(), std::span<std::uint8_t>(bytes_));
  }

  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }

  // The codes in the layout's order, starting at a cache line.
  std::span<const std::uint8_t> bytes() const noexcept { return bytes_; }

  // The parameters in plain order, as in quantized.
  const parameter_grid<typename S::scale>& scales() const noexcept { return scales_; }
  const parameter_grid<typename S::zero>& zeros() const noexcept { return zeros_; }

  // The parameters in panel order.
  const panel_parameters<typename S::scale>& panel_scales() const noexcept requires panel_layout<L> { return panel_scales_; }
  const panel_parameters<typename S::zero>& panel_zeros() const noexcept requires panel_layout<L> { return panel_zeros_; }

 private:
  template <class P>
  using panel_of = std::conditional_t<panel_layout<L>, panel_parameters<P>, panel_parameters<void>>;

  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  aligned_vector<std::uint8_t> bytes_;
  parameter_grid<typename S::scale> scales_;
  parameter_grid<typename S::zero> zeros_;
  panel_of<typename S::scale> panel_scales_;
  panel_of<typename S::zero> panel_zeros_;
};

// Weights in panels, owned or viewed.
template <class W, class L>
concept panel_weights =
    panel_layout<L> && (std::is_same_v<W, packed<typename W::scheme, L>> || std::is_same_v<W, packed_view<typename W::scheme, L>>);

// What kernels read; valid while the packed matrix lives.
template <scheme_type S, panel_layout L>
packed_view<S, L> view_of(const packed<S, L>& p) noexcept {
  return {p.rows(), p.cols(), p.bytes().data(), p.panel_scales().view(), p.panel_zeros().view()};
}
template <scheme_type S, panel_layout L>
packed_view<S, L> view_of(const packed_view<S, L>& p) noexcept {
  return p;
}

// q with its codes in the order of the layout L. Throws lowp::error where a panel layout meets groups that cross rows.
template <layout_type L, scheme_type S>
packed<S, L> pack(const quantized<S>& q) {
  return packed<S, L>(q);
}

template <scheme_type S, layout_type L>
quantized<S> unpack(const packed<S, L>& p) {
  quantized<S> q(p.rows(), p.cols());
  unpack_codes<L, S::format::bits>(p.bytes(), q.codes());
  q.scales() = p.scales();
  q.zeros() = p.zeros();
  return q;
}

template <layout_type To, scheme_type S, layout_type From>
packed<S, To> repack(const packed<S, From>& p) {
  return pack<To>(unpack(p));
}

}  // namespace lowp::inline LOWP_ABI
