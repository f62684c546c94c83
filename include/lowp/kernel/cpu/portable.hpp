// The portable version of the CPU kernels: the primitives in plain C++, for every machine and every format, and what the
// other versions are compared with.
#pragma once

#include <lowp/kernel/cpu/build.hpp>
#include <lowp/kernel/cpu/decoding.hpp>
#include <lowp/kernel/cpu/product.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::portable {

// The sixteen rows of a panel. Four floats at a time are what every processor of today can do.
#if defined(__GNUC__)
using quad = float __attribute__((vector_size(16)));
struct vec {
  quad q[4];
};
LOWP_ALWAYS_INLINE vec load(const float* p) {
  vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
LOWP_ALWAYS_INLINE void store(float* p, vec v) { __builtin_memcpy(p, &v, sizeof v); }
LOWP_ALWAYS_INLINE vec splat(float x) {
  const quad q{x, x, x, x};
  return {{q, q, q, q}};
}
LOWP_ALWAYS_INLINE vec add(vec a, vec b) { return {{a.q[0] + b.q[0], a.q[1] + b.q[1], a.q[2] + b.q[2], a.q[3] + b.q[3]}}; }
LOWP_ALWAYS_INLINE vec subtract(vec a, vec b) { return {{a.q[0] - b.q[0], a.q[1] - b.q[1], a.q[2] - b.q[2], a.q[3] - b.q[3]}}; }
LOWP_ALWAYS_INLINE vec multiply(vec a, vec b) { return {{a.q[0] * b.q[0], a.q[1] * b.q[1], a.q[2] * b.q[2], a.q[3] * b.q[3]}}; }
#else
struct vec {
  float q[16];
};
LOWP_ALWAYS_INLINE vec load(const float* p) {
  vec v;
  for (int i = 0; i < 16; ++i) v.q[i] = p[i];
  return v;
}
LOWP_ALWAYS_INLINE void store(float* p, vec v) {
  for (int i = 0; i < 16; ++i) p[i] = v.q[i];
}
LOWP_ALWAYS_INLINE vec splat(float x) {
  vec v;
  for (int i = 0; i < 16; ++i) v.q[i] = x;
  return v;
}
LOWP_ALWAYS_INLINE vec add(vec a, vec b) {
  for (int i = 0; i < 16; ++i) a.q[i] += b.q[i];
  return a;
}
LOWP_ALWAYS_INLINE vec subtract(vec a, vec b) {
  for (int i = 0; i < 16; ++i) a.q[i] -= b.q[i];
  return a;
}
LOWP_ALWAYS_INLINE vec multiply(vec a, vec b) {
  for (int i = 0; i < 16; ++i) a.q[i] *= b.q[i];
  return a;
}
#endif
LOWP_ALWAYS_INLINE vec load_anywhere(const float* p) { return load(p); }
LOWP_ALWAYS_INLINE void store_anywhere(float* p, vec v) { store(p, v); }
LOWP_ALWAYS_INLINE vec fused_multiply_add(vec a, vec b, vec c) { return add(multiply(a, b), c); }
inline float sum_of(const float* x, std::size_t count) {
  float sum = 0;
  for (; count != 0; --count, ++x) sum += *x;
  return sum;
}

// Keeps a product from being fused with a sum that follows.
LOWP_ALWAYS_INLINE vec settled(vec v) {
#if defined(__GNUC__)
  __asm__("" : "+m"(v));
#endif
  return v;
}

#if defined(__aarch64__)
inline constexpr int tile_rows = 6;  // of 32 registers
#else
inline constexpr int tile_rows = 2;  // of 16
#endif
inline constexpr int tile_panels = 1;

// Codes are always decoded into a block, one at a time.
inline constexpr int dot_panels = 1;
inline constexpr std::size_t dot_rows = 0;
inline constexpr std::size_t quick_dot_rows = 0;
template <code_kind Kind, term Term>
constexpr bool choose_kernels(product&) {
  return false;
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::portable

#define LOWP_TARGET portable
LOWP_LOOPS_BEGIN
#include <lowp/kernel/cpu/loops/walk.hpp>
#include <lowp/kernel/cpu/loops/scalar.hpp>
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::portable {
template <number_format F>
LOWP_ALWAYS_INLINE vec read_parameters(const code_t<F>* codes) {
  return read_scalars<F>(codes);
}
}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::portable
#include <lowp/kernel/cpu/loops/tile.hpp>
#include <lowp/kernel/cpu/loops/multiply.hpp>
LOWP_LOOPS_END
#undef LOWP_TARGET
