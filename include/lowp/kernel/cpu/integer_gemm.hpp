// Matrix products of quantized activations with packed weights, where both are small integers times scales: W8A8, W4A8, W4A4, MXFP4
// and NVFP4 on both sides. Codes are multiplied and added as integers, exactly; narrow_product.hpp says how scales follow.
//
//   auto x8 = lowp::quantize<lowp::int8_token>(x);      // activations [tokens, in], once for all layers that read them
//   lowp::gemm(x8.view(), w, y);                        // y[tokens, out] = x8 * w^T
//
// The same bits on every instruction set, with any executor and for any number of tokens.
#pragma once

#include <lowp/kernel/cpu/gemm_call.hpp>
#include <lowp/kernel/cpu/neon_bytes.hpp>
#include <lowp/kernel/cpu/portable_bytes.hpp>
#include <lowp/kernel/cpu/x86_v3_bytes.hpp>
#include <lowp/kernel/cpu/x86_v4_vbmi.hpp>
#include <lowp/quantize/quantized_view.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

// Activations whose codes fit signed bytes, and whose groups lie along their rows.
template <scheme_type X>
constexpr bool reads_as_signed_bytes() {
  constexpr byte_rule rule = byte_rule_of<typename X::format>;
  return rule.exact && rule.lowest >= -128 && rule.largest <= 127 && !X::has_zero && rectangular_granularity<typename X::granularity>;
}

}  // namespace detail

// Whether activations in X and weights in S are multiplied as integers.
template <scheme_type X, scheme_type S>
inline constexpr bool integer_product_exists =
    detail::reads_as_signed_bytes<X>() && detail::byte_rule_of<typename S::format, detail::term_of<S> == detail::term::zero>.exact;

namespace detail::inline LOWP_BUILD {

// Rows of signed bytes and their scales.
struct byte_rows {
  matrix_view<const std::int8_t> bytes;  // [tokens, cols], columns adjacent
  const float* scales;                   // [groups of x_group_cols columns][tokens]
  std::size_t x_group_cols;
  float unit;  // of everything
};

// What kernels read beside the rows, in the order of the pieces.
struct byte_activations {
  piece_list list;
  scratch<std::uint8_t> tiles;
  scratch<std::uint8_t> bytes;
  scratch<std::int32_t> starts;
  scratch<float> sums;
};

// Copies a token's bytes to where the pieces read them; places that no piece covers stay zero.
inline void lay_out(const std::int8_t* from, const piece_list& list, std::size_t cols, std::size_t group_cols, std::size_t x_group_cols,
                    std::uint8_t* to) {
  std::size_t k = 0;
  for (const piece& at : list.pieces) {
    const std::size_t end = piece_list::end_of(k, cols, group_cols, x_group_cols, byte_piece);
    for (; k < end; ++k) to[k - at.first_step * step_columns] = static_cast<std::uint8_t>(from[k]);
    to += at.steps * step_columns;
  }
}

inline void describe_activations(const byte_rows& x, std::size_t group_cols, int bias, bool zeros, byte_activations& store,
                                 narrow_product& a) {
  const std::size_t cols = x.bytes.cols();
  store.list = piece_list::make(cols, group_cols, x.x_group_cols, byte_piece);
  a.tokens = x.bytes.rows();
  a.pieces = store.list.pieces.data();
  a.piece_count = store.list.pieces.size();
  a.x_bytes = store.list.x_columns;
  if (store.list.aligned) {
    a.x = reinterpret_cast<const std::uint8_t*>(x.bytes.data());
    a.x_stride = x.bytes.row_stride();
  } else {
    a.x_stride = store.list.x_columns;
    store.bytes.resize(a.tokens * a.x_stride);
    for (std::size_t m = 0; m < a.tokens; ++m) {
      lay_out(&x.bytes(m, 0), store.list, cols, group_cols, x.x_group_cols, store.bytes.data() + m * a.x_stride);
    }
    a.x = store.bytes.data();
  }
  store.starts.resize(a.tokens * a.piece_count);
  if (zeros) store.sums.resize(a.tokens * a.piece_count);
  for (std::size_t m = 0; m < a.tokens; ++m) {
    const auto* bytes = reinterpret_cast<const std::int8_t*>(a.x + m * a.x_stride);
    for (std::size_t i = 0; i < a.piece_count; ++i) {
      const std::int32_t sum = a.sum(bytes, a.pieces[i].steps * step_columns);
      bytes += a.pieces[i].steps * step_columns;
      store.starts[i * a.tokens + m] = (a.centre - bias) * sum;
      if (zeros) store.sums[i * a.tokens + m] = static_cast<float>(sum);
    }
  }
  a.x_scales = x.scales;
  a.starts = store.starts.data();
  a.sums = store.sums.data();
}

template <scheme_type S, bool Grouped>
void choose_integer_kernels(narrow_product& a, isa limit) {
  using F = typename S::format;
  using scale = typename parameter_format<typename S::scale>::type;
  using zero = typename parameter_format<typename S::zero>::type;
  [[maybe_unused]] constexpr byte_kind kind = byte_rule_of<F, term_of<S> == term::zero>.kind;
  const isa best = best_isa(limit);
#if LOWP_X86_64
  if constexpr (kind.table && kind.bits > 4) {
    if (best >= isa::x86_v4_vbmi && supports(isa::x86_v4_vbmi)) {
      return x86_v4::vnni::vbmi::choose_byte_kernels<F, scale, zero, term_of<S>, Grouped>(a);
    }
  }
  if (best >= isa::x86_v4_vnni) return x86_v4::vnni::choose_byte_kernels<F, scale, zero, term_of<S>, Grouped>(a);
  // AVX-512 without its dot products has nothing to add to AVX2.
  if (best != isa::portable && supports(isa::x86_v3_vnni) && best >= isa::x86_v3_vnni) {
    return x86_v3::vnni::choose_byte_kernels<F, scale, zero, term_of<S>, Grouped>(a);
  }
  if (best != isa::portable) return x86_v3::choose_byte_kernels<F, scale, zero, term_of<S>, Grouped>(a);
#elif LOWP_NEON
  a.centre = kind.wide && (best == isa::neon || best == isa::neon_dotprod) ? 128 : 0;
  if (best >= isa::neon_i8mm) return neon::i8mm::choose_byte_kernels<F, scale, zero, term_of<S>, Grouped>(a);
  if (best >= isa::neon_dotprod) return neon::dotprod::choose_byte_kernels<F, scale, zero, term_of<S>, Grouped>(a);
  if (best >= isa::neon) return neon::choose_byte_kernels<F, scale, zero, term_of<S>, Grouped>(a);
#endif
  static_cast<void>(best);
  portable::choose_byte_kernels<F, scale, zero, term_of<S>, Grouped>(a);
}

// The product of rows of bytes with weights; Grouped: rows have several scales.
template <bool Grouped, scheme_type S, class Executor>
void multiply_bytes(const byte_rows& x, const packed_view<S, layout::tile16>& w, row_range range, const output_sink& out, isa limit,
                    const Executor& executor) {
  constexpr byte_rule rule = byte_rule_of<typename S::format, term_of<S> == term::zero>;
  narrow_product a;
  describe_weights(w, a);
  choose_integer_kernels<S, Grouped>(a, limit);
  a.unit = rule.unit;
  a.x_unit = x.unit * (S::has_zero ? 1.0f : rule.unit);
  a.steps = ceil_div(x.bytes.cols(), step_columns);
  a.out = out;
  byte_activations store;
  describe_activations(x, group_columns<typename S::granularity>(w.cols), rule.bias, S::has_zero, store, a);
  tile_activations(a, store.tiles);
  multiply_parts(a, range, executor);
}

// Signed bytes of quantized activations: their own codes, or a copy of what those stand for.
template <scheme_type X>
matrix_view<const std::int8_t> signed_rows(const quantized_view<X>& x, scratch<std::int8_t>& copy) {
  using F = typename X::format;
  constexpr byte_rule rule = byte_rule_of<F>;
  if constexpr (F::bits == 8 && rule.lowest < 0 && !rule.kind.table) {
    if (x.codes.contiguous_rows()) {
      return {reinterpret_cast<const std::int8_t*>(x.codes.data()), x.rows(), x.cols(), x.codes.row_stride()};
    }
  }
  std::int8_t value[std::size_t{1} << F::bits];
  for (std::uint32_t c = 0; c < (std::uint32_t{1} << F::bits); ++c) {
    value[c] = static_cast<std::int8_t>(static_cast<double>(decode<F>(c)) / static_cast<double>(rule.unit));
  }
  copy.resize(x.rows() * x.cols());
  for (std::size_t m = 0; m < x.rows(); ++m) {
    for (std::size_t k = 0; k < x.cols(); ++k) copy[m * x.cols() + k] = value[x.codes(m, k) & low_mask(F::bits)];
  }
  return {copy.data(), x.rows(), x.cols()};
}

}  // namespace detail::inline LOWP_BUILD

inline namespace LOWP_BUILD {

// y[tokens, rows of w] = x[tokens, cols of w] * w^T for activations that are quantized, for the rows of w that the options name; y of
// float, f16 or bf16. Throws lowp::error where shapes do not fit, before anything is written.
template <scheme_type X, tile_weights W, class Y, epilogue_type Epilogue = no_epilogue, executor_type Executor = serial_executor>
  requires integer_product_exists<X, typename W::scheme>
void gemm(const quantized_view<X>& x, const W& w, matrix_view<Y> y, const gemm_options& options = {},
          const Epilogue& epilogue = {}, const Executor& executor = {}) {
  const auto weights = view_of(w);
  const detail::row_range range = detail::require_product(x.rows(), x.cols(), weights.rows, weights.cols, y, options);
  detail::require_fit(x, x.rows(), x.cols());
  if (x.rows() == 0 || range.first == range.last) return;
  if (!options.columns.empty()) {
    if (X::granularity::cols_per_group != 0) LOWP_THROW("activations with groups along their rows cannot be taken in another order");
    detail::scratch<code_t<typename X::format>> store;
    gemm_options in_order = options;
    in_order.columns = {};
    quantized_view<X> ordered = x;
    ordered.codes = detail::in_order(x.codes, options, store);
    return gemm(ordered, w, y, in_order, epilogue, executor);
  }
  const detail::output_writer<Y, Epilogue> writer{y, epilogue};
  if (x.cols() == 0) return detail::put_zeros(writer.sink(), x.rows(), range);
  const std::size_t x_group_cols = group_columns<typename X::granularity>(x.cols());
  detail::scratch<std::int8_t> copy;
  detail::scratch<float> scales(x.rows() * ceil_div(x.cols(), x_group_cols));
  for (std::size_t k = 0; k < x.cols(); k += x_group_cols) {
    for (std::size_t m = 0; m < x.rows(); ++m) scales[k / x_group_cols * x.rows() + m] = x.group_of(m, k).scale;
  }
  const detail::byte_rows rows{detail::signed_rows(x, copy), scales.data(), x_group_cols, detail::byte_rule_of<typename X::format>.unit};
  detail::multiply_bytes<X::granularity::cols_per_group != 0>(rows, weights, range, writer.sink(), options.limit, executor);
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
