// What CUTLASS calls the library's formats, and parameters in the order in which its mixed-input kernels read them: for large products
// on Hopper and Blackwell, which are CUTLASS's own ground. CUTLASS is included by the user, before this header; without it only the
// exported parameters are here.
//
//   #include <cutlass/numeric_types.h>
//   #include <lowp/kernel/cuda/cutlass_adapter.hpp>
//   using ElementB = lowp::cutlass_type<lowp::i4>;                     // cutlass::int4b_t
//   auto codes = lowp::pack<lowp::layout::row_major>(q);               // K-major, as the narrow operand must be
//   auto scales = lowp::cutlass_group_scales(q);                       // [groups, rows]
//
// Source: CUTLASS 4, include/cutlass/numeric_types.h and examples/55_hopper_mixed_dtype_gemm. Scale factors of block-scaled kernels
// (sm_100, sm_120) are layout/scale_swizzle.hpp.
#pragma once

#include <lowp/format/formats.hpp>
#include <lowp/quantize/quantized.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#if defined(CUTLASS_HOST_DEVICE)
namespace lowp::inline LOWP_ABI {

namespace detail {

// A format that CUTLASS has a type for.
template <class F>
struct cutlass_name;
template <>
struct cutlass_name<f16> : std::type_identity<cutlass::half_t> {};
template <>
struct cutlass_name<bf16> : std::type_identity<cutlass::bfloat16_t> {};
template <>
struct cutlass_name<f32> : std::type_identity<float> {};
template <>
struct cutlass_name<i8> : std::type_identity<std::int8_t> {};
template <>
struct cutlass_name<u8> : std::type_identity<std::uint8_t> {};
template <>
struct cutlass_name<i4> : std::type_identity<cutlass::int4b_t> {};
template <>
struct cutlass_name<u4> : std::type_identity<cutlass::uint4b_t> {};
template <>
struct cutlass_name<i2> : std::type_identity<cutlass::int2b_t> {};
template <>
struct cutlass_name<u2> : std::type_identity<cutlass::uint2b_t> {};
template <>
struct cutlass_name<e4m3> : std::type_identity<cutlass::float_e4m3_t> {};
template <>
struct cutlass_name<e5m2> : std::type_identity<cutlass::float_e5m2_t> {};
template <>
struct cutlass_name<e3m2> : std::type_identity<cutlass::float_e3m2_t> {};
template <>
struct cutlass_name<e2m3> : std::type_identity<cutlass::float_e2m3_t> {};
template <>
struct cutlass_name<e2m1> : std::type_identity<cutlass::float_e2m1_t> {};
template <>
struct cutlass_name<e8m0> : std::type_identity<cutlass::float_ue8m0_t> {};

}  // namespace detail

template <number_format F>
using cutlass_type = typename detail::cutlass_name<F>::type;

}  // namespace lowp::inline LOWP_ABI
#endif

namespace lowp::inline LOWP_ABI {

// Scales of groups along rows as codes of their format, those of a group together: [groups, rows].
template <scheme_type S>
requires(number_format<typename S::scale>&& rectangular_granularity<typename S::granularity>)
    std::vector<code_t<typename S::scale>> cutlass_group_scales(const quantized<S>& q) {
  const std::size_t width = S::granularity::cols_per_group == 0 ? q.cols() : S::granularity::cols_per_group;
  const std::size_t groups = q.cols() == 0 ? 0 : ceil_div(q.cols(), width);
  std::vector<code_t<typename S::scale>> codes(groups * q.rows());
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t row = 0; row < q.rows(); ++row) {
      const grid_position at = S::granularity::group_of(row, g * width, q.rows(), q.cols());
      codes[g * q.rows() + row] = q.scales().codes()(at.row, at.col);
    }
  }
  return codes;
}

}  // namespace lowp::inline LOWP_ABI
