// Matrix products with packed low-precision weights on the CPU: y = x * w^T.
//
//   auto w = lowp::pack<lowp::layout::tile16>(lowp::quantize<lowp::nf4_g64>(weights));   // weights [out, in]
//   lowp::gemm(x, w, y);                                            // y[tokens, out] = x[tokens, in] * w^T
//   lowp::gemv(std::span<const float>(x), w, std::span<float>(y));  // one token
//   lowp::gemm(x, w, y, {.first = 0, .last = 1024});                // only those outputs
//   lowp::gemm(x, lowp::packed_view<S, lowp::layout::tile16>{...}, y);   // weights in memory of somebody's own
//   lowp::gemm(x, w, y, {}, lowp::silu{}, lowp::thread_executor{4});  // epilogue.hpp, thread_executor.hpp
//   lowp::gemm<lowp::compute::int8<>>(x, w, y);                     // activations rounded to 8 bits, which is several times faster
//
// With compute::exact, the default, codes are looked up, multiplied by the activations and summed in f32; a group's scale is applied
// to its sum where few tokens share the work and to its weights where many do. An output therefore does not depend on which range it
// was computed in, nor on the other tokens, but its last bits may depend on the number of tokens and on the instruction set.
// Against exact arithmetic, |error| <= gemm_roundings(...) * 2^-24 * sum |x| |w|, and in practice about the square root of that
// count; with zero points, |w| counts as scale * (|code - c| + |zero - c|), c the middle of the codes.
#pragma once

#include <lowp/kernel/cpu/bf16_gemm.hpp>
#include <lowp/kernel/cpu/dequantize.hpp>
#include <lowp/kernel/cpu/gemm_call.hpp>
#include <lowp/kernel/cpu/integer_gemm.hpp>
#include <lowp/kernel/cpu/neon.hpp>
#include <lowp/kernel/cpu/portable.hpp>
#include <lowp/kernel/cpu/quantize.hpp>
#include <lowp/kernel/cpu/split_activations.hpp>
#include <lowp/kernel/cpu/x86_v3.hpp>
#include <lowp/kernel/cpu/x86_v4.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// What activations become before they are multiplied.
namespace compute {

// They stay as they are, in f32.
struct exact {};

// They are rounded to bf16, and so are weights that bf16 does not hold (NF4 and other tables of arbitrary numbers); products are summed
// in f32. On processors that multiply bf16 quickly this is about twice as fast; on others only activations are rounded.
struct bf16 {};

// 16 bits with a scale for each token, as two signed bytes: each is off by at most half of the token's largest magnitude / 32639, which
// is near exact, by integer products. Weights as for int8.
struct split {};

// Signed bytes -127 ... 127 with a scale for each token, or for each group of columns (per_group<N>): each is off by at most half of
// its group's largest magnitude / 127. With asymmetric, codes 0 ... 255 around a zero point for each token, for activations of one sign.
// The weights' format must be made of small integers: integers, E2M1, E2M3.
template <granularity_policy G = per_token, symmetry_policy Y = symmetric>
struct int8 {
  static_assert(std::is_same_v<Y, symmetric> || (std::is_same_v<Y, asymmetric> && std::is_same_v<G, per_token>),
                "8-bit activations are symmetric, or have one zero point for each token");
  using scheme = lowp::scheme<std::conditional_t<std::is_same_v<Y, symmetric>, i8, u8>, G, Y, f32>;
};

}  // namespace compute

// How many roundings an output can meet, at worst, on its way through a product of `cols` columns in groups of group_cols.
constexpr std::size_t gemm_roundings(std::size_t group_cols, std::size_t cols) noexcept {
  const std::size_t group = group_cols < detail::dot_columns ? group_cols : detail::dot_columns;
  const std::size_t by_groups = group + (cols / (group + (group == 0)) + cols / (group_cols + (group_cols == 0)) + 2);
  const std::size_t by_blocks = detail::decode_columns + cols / detail::decode_columns + 2;
  return (by_groups > by_blocks ? by_groups : by_blocks) + 4;  // and those of a weight, its scale and its zero point
}

namespace detail::inline LOWP_BUILD {

template <scheme_type S>
void choose_float_kernels(product& a, isa limit) {
  using F = typename S::format;
  using scale = typename parameter_format<typename S::scale>::type;
  using zero = typename parameter_format<typename S::zero>::type;
  const isa best = best_isa(limit);
#if LOWP_X86_64
  if (best >= isa::x86_v4) return x86_v4::choose_float_kernels<F, scale, zero, term_of<S>>(a);
  if (best >= isa::x86_v3) return x86_v3::choose_float_kernels<F, scale, zero, term_of<S>>(a);
#elif LOWP_NEON
  if (best >= isa::neon) return neon::choose_float_kernels<F, scale, zero, term_of<S>>(a);
#endif
  static_cast<void>(best);
  portable::choose_float_kernels<F, scale, zero, term_of<S>>(a);
}

// x itself where it is floats with adjacent columns, else a copy that is.
template <class X>
matrix_view<const float> as_rows_of_floats(matrix_view<const X> x, scratch<float>& copy) {
  if constexpr (std::is_same_v<X, float>) {
    if (x.contiguous_rows()) return x;
  }
  copy.resize(x.rows() * x.cols());
  for (std::size_t m = 0; m < x.rows(); ++m) {
    for (std::size_t k = 0; k < x.cols(); ++k) copy[m * x.cols() + k] = static_cast<float>(x(m, k));
  }
  return {copy.data(), x.rows(), x.cols()};
}

template <class X, scheme_type S, class Y, class Epilogue, class Executor>
void multiply(compute::exact, matrix_view<const X> x, const packed_view<S, layout::tile16>& w, matrix_view<Y> y,
              const gemm_options& options, const Epilogue& epilogue, const Executor& executor) {
  const row_range range = require_product(x.rows(), x.cols(), w.rows, w.cols, y, options);
  if (x.rows() == 0 || range.first == range.last) return;
  const output_writer<Y, Epilogue> writer{y, epilogue};
  if (x.cols() == 0) return put_zeros(writer.sink(), x.rows(), range);
  scratch<float> copy;
  product a;
  describe_weights(w, a);
  a.x = as_rows_of_floats(x, copy);
  a.cols = w.cols;
  a.group_cols = group_columns<typename S::granularity>(w.cols);
  a.out = writer.sink();
  choose_float_kernels<S>(a, options.limit);
  multiply_parts(a, range, executor);
}

template <class X, scheme_type S, class Y, class Epilogue, class Executor>
void multiply(compute::bf16, matrix_view<const X> x, const packed_view<S, layout::tile16>& w, matrix_view<Y> y,
              const gemm_options& options, const Epilogue& epilogue, const Executor& executor) {
  const row_range range = require_product(x.rows(), x.cols(), w.rows, w.cols, y, options);
  if (x.rows() == 0 || range.first == range.last) return;
  scratch<float> copy;
#if LOWP_X86_64
  if (has_pair_kernels<S>(options.limit) && x.cols() != 0) {
    const output_writer<Y, Epilogue> writer{y, epilogue};
    if constexpr (decodes_to_pairs<typename S::format>()) multiply_pairs(as_rows_of_floats(x, copy), w, range, writer.sink(), executor);
    return;
  }
#endif
  copy.resize(x.rows() * x.cols());
  for (std::size_t m = 0; m < x.rows(); ++m) {
    for (std::size_t k = 0; k < x.cols(); ++k) copy[m * x.cols() + k] = lowp::bf16(static_cast<float>(x(m, k)));
  }
  multiply(compute::exact{}, matrix_view<const float>(copy.data(), x.rows(), x.cols()), w, y, options, epilogue, executor);
}

// Whether weights in S are small integers times a scale.
template <scheme_type S>
inline constexpr bool takes_bytes = integer_product_exists<scheme<i8, per_token, symmetric, f32>, S>;

// A granularity whose containers no other build shares.
template <granularity_policy G>
struct of_this_build : G {};

template <class G, class Symmetry, class X, scheme_type S, class Y, class Epilogue, class Executor>
void multiply(compute::int8<G, Symmetry>, matrix_view<const X> x, const packed_view<S, layout::tile16>& w, matrix_view<Y> y,
              const gemm_options& options, const Epilogue& epilogue, const Executor& executor) {
  using shared = typename compute::int8<G, Symmetry>::scheme;
  using activations = scheme<typename shared::format, of_this_build<G>, Symmetry, f32>;
  static_assert(takes_bytes<S>,
                "8-bit activations need weights that are small integers times a scale; this format is not: use compute::exact");
  const row_range range = require_product(x.rows(), x.cols(), w.rows, w.cols, y, options);
  const quantized<activations> bytes = cpu::quantize<activations>(x);
  if constexpr (activations::has_zero) {
    if (x.rows() == 0 || range.first == range.last) return;
    const output_writer<Y, Epilogue> writer{y, epilogue};
    if (x.cols() == 0) return put_zeros(writer.sink(), x.rows(), range);
    multiply_shifted(bytes, w, range, writer.sink(), options.limit, executor);
  } else {
    gemm(bytes.view(), w, y, options, epilogue, executor);
  }
}

template <class X, scheme_type S, class Y, class Epilogue, class Executor>
void multiply(compute::split, matrix_view<const X> x, const packed_view<S, layout::tile16>& w, matrix_view<Y> y,
              const gemm_options& options, const Epilogue& epilogue, const Executor& executor) {
  static_assert(takes_bytes<S>,
                "split activations need weights that are small integers times a scale; this format is not: use compute::exact");
  const row_range range = require_product(x.rows(), x.cols(), w.rows, w.cols, y, options);
  if (x.rows() == 0 || range.first == range.last) return;
  const output_writer<Y, Epilogue> writer{y, epilogue};
  if (x.cols() == 0) return put_zeros(writer.sink(), x.rows(), range);
  scratch<float> copy;
  multiply_split(as_rows_of_floats(x, copy), w, range, writer.sink(), options.limit, executor);
}

template <class Compute, class X, scheme_type S, class Y, class Epilogue, class Executor>
void multiply_in_order(matrix_view<const X> x, const packed_view<S, layout::tile16>& w, matrix_view<Y> y, const gemm_options& options,
                       const Epilogue& epilogue, const Executor& executor) {
  if (options.columns.empty()) return multiply(Compute{}, x, w, y, options, epilogue, executor);
  require_product(x.rows(), x.cols(), w.rows, w.cols, y, options);
  scratch<float> store;
  gemm_options in_order = options;
  in_order.columns = {};
  multiply(Compute{}, detail::in_order(x, options, store), w, y, in_order, epilogue, executor);
}

}  // namespace detail::inline LOWP_BUILD

inline namespace LOWP_BUILD {

// y[tokens, rows of w] = x[tokens, cols of w] * w^T, for the rows of w that the options name; the rest of y is left alone. x and y
// hold float, f16 or bf16, may have any strides, and must not overlap. Throws lowp::error where shapes do not fit, before anything
// is written.
template <class Compute, class X, tile_weights W, class Y, epilogue_type Epilogue = no_epilogue, executor_type Executor = serial_executor>
void gemm(matrix_view<X> x, const W& w, matrix_view<Y> y, const gemm_options& options = {},
          const Epilogue& epilogue = {}, const Executor& executor = {}) {
  detail::multiply_in_order<Compute>(matrix_view<const std::remove_const_t<X>>(x), view_of(w), y, options, epilogue, executor);
}
template <class X, tile_weights W, class Y, epilogue_type Epilogue = no_epilogue, executor_type Executor = serial_executor>
void gemm(matrix_view<X> x, const W& w, matrix_view<Y> y, const gemm_options& options = {},
          const Epilogue& epilogue = {}, const Executor& executor = {}) {
  gemm<compute::exact>(x, w, y, options, epilogue, executor);
}

// The same for floats, whose views may be written in braces: gemm({x, tokens, in}, w, {y, tokens, out}).
template <class Compute = compute::exact, tile_weights W, epilogue_type Epilogue = no_epilogue, executor_type Executor = serial_executor>
void gemm(matrix_view<const float> x, const W& w, matrix_view<float> y, const gemm_options& options = {},
          const Epilogue& epilogue = {}, const Executor& executor = {}) {
  detail::multiply_in_order<Compute>(x, view_of(w), y, options, epilogue, executor);
}

// Activations that are quantized, but whose products with the weights are no integers (FP8, NF4 and so on): what they stand for is
// multiplied and summed in f32.
template <scheme_type X, tile_weights W, class Y, epilogue_type Epilogue = no_epilogue, executor_type Executor = serial_executor>
  requires(!integer_product_exists<X, typename W::scheme>)
void gemm(const quantized_view<X>& x, const W& w, matrix_view<Y> y, const gemm_options& options = {},
          const Epilogue& epilogue = {}, const Executor& executor = {}) {
  detail::require_product(x.rows(), x.cols(), view_of(w).rows, view_of(w).cols, y, options);
  detail::scratch<float> store(x.rows() * x.cols());
  const matrix_view<float> plain{store.data(), x.rows(), x.cols()};
  cpu::dequantize(x, plain);
  gemm<compute::exact>(plain, w, y, options, epilogue, executor);
}

// The product with one token: y[rows of w] = w * x.
template <class Compute = compute::exact, tile_weights W, epilogue_type Epilogue = no_epilogue, executor_type Executor = serial_executor>
void gemv(std::span<const float> x, const W& w, std::span<float> y, const gemm_options& options = {},
          const Epilogue& epilogue = {}, const Executor& executor = {}) {
  gemm<Compute>(matrix_view<const float>(x.data(), 1, x.size()), w, matrix_view<float>(y.data(), 1, y.size()), options, epilogue, executor);
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
