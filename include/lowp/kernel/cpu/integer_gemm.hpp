// Matrix products of quantized activations with packed weights, where both are small integers times scales: W8A8, W4A8, W4A4, MXFP4
// and NVFP4 on both sides. Codes are multiplied and added as integers, exactly; narrow_product.hpp says how scales follow.
//
//   auto x8 = lowp::quantize<lowp::int8_token>(x);      // activations [tokens, in], once for all layers that read them
//   lowp::gemm(x8.view(), w, y);                        // y[tokens, out] = x8 * w^T
//
// The same bits on every instruction set, with any executor and for any number of tokens.
#pragma once

#include <lowp/kernel/cpu/gemm_call.hpp>
#include <lowp/kernel/cpu/portable_bytes.hpp>
#include <lowp/kernel/cpu/x86_v3_bytes.hpp>
#include <lowp/kernel/cpu/x86_v4_vnni.hpp>
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
inline constexpr bool integer_product_exists = detail::reads_as_signed_bytes<X>() && detail::byte_rule_of<typename S::format, S::has_zero>.exact;

namespace detail::inline LOWP_BUILD {

// Activations as the kernels read them: signed bytes in the order of the pieces, scales, and the sums of each piece.
struct integer_activations {
  piece_list list;
  aligned_vector<std::uint8_t> bytes;
  aligned_vector<std::int32_t> starts;
  aligned_vector<float> sums;
  aligned_vector<float> scales;
};

template <number_format F>
constexpr auto signed_bytes = [] {
  constexpr byte_rule rule = byte_rule_of<F>;
  struct {
    std::int8_t value[std::size_t{1} << F::bits] = {};
  } table;
  for (std::size_t c = 0; c < (std::size_t{1} << F::bits); ++c) {
    table.value[c] = static_cast<std::int8_t>(static_cast<double>(decode<F>(static_cast<std::uint32_t>(c))) / static_cast<double>(rule.unit));
  }
  return table;
}();

// Copies a token's codes to where the pieces read them; bytes that no piece covers stay zero.
template <scheme_type X>
void lay_out(const quantized_view<X>& x, const piece_list& list, std::size_t group_cols, std::size_t x_group_cols, std::size_t token,
             std::uint8_t* to) {
  const auto& table = signed_bytes<typename X::format>;
  std::size_t k = 0;
  for (const piece& at : list.pieces) {
    const std::size_t end = piece_list::end_of(k, x.cols(), group_cols, x_group_cols, byte_piece);
    for (; k < end; ++k) to[k - at.first_step * step_columns] = static_cast<std::uint8_t>(table.value[x.codes(token, k) & low_mask(X::format::bits)]);
    to += at.steps * step_columns;
  }
}

template <scheme_type X>
void describe_activations(const quantized_view<X>& x, std::size_t group_cols, int bias, bool zeros, integer_activations& store,
                          narrow_product& a) {
  constexpr bool plain = X::format::bits == 8 && byte_rule_of<typename X::format>.lowest < 0;  // two's complement
  const std::size_t x_group_cols = group_columns<typename X::granularity>(x.cols());
  store.list = piece_list::make(x.cols(), group_cols, x_group_cols, byte_piece);
  a.tokens = x.rows();
  a.pieces = store.list.pieces.data();
  a.piece_count = store.list.pieces.size();
  if (plain && store.list.aligned && x.codes.contiguous_rows()) {
    a.x = x.codes.data();
    a.x_stride = x.codes.row_stride();
  } else {
    a.x_stride = store.list.x_columns;
    store.bytes.resize(a.tokens * a.x_stride);
    for (std::size_t m = 0; m < a.tokens; ++m) lay_out(x, store.list, group_cols, x_group_cols, m, store.bytes.data() + m * a.x_stride);
    a.x = store.bytes.data();
  }
  const std::size_t x_groups = ceil_div(x.cols(), x_group_cols);
  store.scales.resize(a.tokens * x_groups);
  store.starts.resize(a.tokens * a.piece_count);
  if (zeros) store.sums.resize(a.tokens * a.piece_count);
  for (std::size_t m = 0; m < a.tokens; ++m) {
    for (std::size_t g = 0; g < x_groups; ++g) store.scales[g * a.tokens + m] = x.group_of(m, g * x_group_cols).scale;
    const auto* bytes = reinterpret_cast<const std::int8_t*>(a.x + m * a.x_stride);
    for (std::size_t i = 0; i < a.piece_count; ++i) {
      const std::int32_t sum = a.sum(bytes, a.pieces[i].steps * step_columns);
      bytes += a.pieces[i].steps * step_columns;
      store.starts[i * a.tokens + m] = -bias * sum;
      if (zeros) store.sums[i * a.tokens + m] = static_cast<float>(sum);
    }
  }
  a.x_scales = store.scales.data();
  a.starts = store.starts.data();
  a.sums = store.sums.data();
}

template <scheme_type S, bool Grouped>
void choose_integer_kernels(narrow_product& a, isa limit) {
  using F = typename S::format;
  using scale = typename parameter_format<typename S::scale>::type;
  using zero = typename parameter_format<typename S::zero>::type;
  const isa best = best_isa(limit);
#if LOWP_X86_64
  if (best >= isa::x86_v4_vnni) return x86_v4_vnni::choose_byte_kernels<F, scale, zero, Grouped>(a);
  // AVX-512 without its dot products has nothing to add to AVX2.
  if (best != isa::portable && supports(isa::x86_v3_vnni) && best >= isa::x86_v3_vnni) {
    return x86_v3_vnni::choose_byte_kernels<F, scale, zero, Grouped>(a);
  }
  if (best != isa::portable) return x86_v3::choose_byte_kernels<F, scale, zero, Grouped>(a);
#endif
  static_cast<void>(best);
  portable::choose_byte_kernels<F, scale, zero, Grouped>(a);
}

}  // namespace detail::inline LOWP_BUILD

inline namespace LOWP_BUILD {

// y[tokens, rows of w] = x[tokens, cols of w] * w^T for activations that are quantized, for the rows of w that the options name; y of
// float, f16 or bf16. Throws lowp::error where shapes do not fit, before anything is written.
template <scheme_type X, scheme_type S, class Y, epilogue_type Epilogue = no_epilogue, executor_type Executor = serial_executor>
  requires integer_product_exists<X, S>
void gemm(const quantized_view<X>& x, const packed<S, layout::tile16>& w, matrix_view<Y> y, const gemm_options& options = {},
          const Epilogue& epilogue = {}, const Executor& executor = {}) {
  constexpr detail::byte_rule rule = detail::byte_rule_of<typename S::format, S::has_zero>;
  const detail::row_range range = detail::require_product(x.rows(), x.cols(), w.rows(), w.cols(), y, options);
  detail::require_fit(x, x.rows(), x.cols());
  if (x.rows() == 0 || range.first == range.last) return;
  const detail::output_writer<Y, Epilogue> writer{y, epilogue};
  if (x.cols() == 0) return detail::put_zeros(writer.sink(), x.rows(), range);
  detail::narrow_product a;
  detail::describe_weights(w, a);
  detail::choose_integer_kernels<S, X::granularity::cols_per_group != 0>(a, options.limit);
  a.unit = rule.unit;
  a.x_unit = detail::byte_rule_of<typename X::format>.unit * (S::has_zero ? 1.0f : rule.unit);
  a.out = writer.sink();
  detail::integer_activations store;
  detail::describe_activations(x, group_columns<typename S::granularity>(w.cols()), rule.bias, S::has_zero, store, a);
  detail::multiply_parts(a, range, executor);
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
