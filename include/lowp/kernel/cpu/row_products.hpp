// Products with rows of floats as they lie in memory.
//
//   const lowp::detail::row_products rows;
//   const float score = rows.dot(q, k, 128);
//   rows.add_scaled(out, v, weight, 128);           // out += weight * v
//   rows.multiply(x, 8, 128, m, 256, out);          // out [8, 256] = x [8, 128] * m [128, 256], whose columns are a multiple of 32
//   rows.squares(x, 128);                           // their sum
#pragma once

#include <lowp/kernel/cpu/isa.hpp>

#include <cstddef>
#include <cstring>

#if defined(__GNUC__)
#define LOWP_TARGET_LANES 4
#else
#define LOWP_TARGET_LANES 1
#endif
#define LOWP_TARGET rows_portable
LOWP_LOOPS_BEGIN
#include <lowp/kernel/cpu/loops/row_products.hpp>
LOWP_LOOPS_END
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES

#if LOWP_X86_64
LOWP_TARGET_BEGIN("avx2,fma,f16c")
#define LOWP_TARGET rows_v3
#define LOWP_TARGET_LANES 8
#include <lowp/kernel/cpu/loops/row_products.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES
LOWP_TARGET_END

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#define LOWP_TARGET rows_v4
#define LOWP_TARGET_LANES 16
#include <lowp/kernel/cpu/loops/row_products.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES
LOWP_TARGET_END
#endif

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

struct row_products {
  float (*dot)(const float*, const float*, std::size_t) = &rows_portable::dot;
  void (*add_scaled)(float*, const float*, float, std::size_t) = &rows_portable::add_scaled;
  void (*multiply)(const float*, std::size_t rows, std::size_t inner, const float* matrix, std::size_t width,
                   float*) = &rows_portable::multiply;
  double (*squares)(const float*, std::size_t) = &rows_portable::squares;

  explicit row_products(isa limit = newest_isa) {
#if LOWP_X86_64
    const isa best = best_isa(limit);
    if (best >= isa::x86_v4) {
      dot = &rows_v4::dot;
      add_scaled = &rows_v4::add_scaled;
      multiply = &rows_v4::multiply;
      squares = &rows_v4::squares;
    } else if (best >= isa::x86_v3) {
      dot = &rows_v3::dot;
      add_scaled = &rows_v3::add_scaled;
      multiply = &rows_v3::multiply;
      squares = &rows_v3::squares;
    }
#else
    static_cast<void>(limit);
#endif
  }
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
