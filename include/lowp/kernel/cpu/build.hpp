// How the CPU kernels are compiled: the namespace that keeps differently compiled copies apart, and the regions whose
// functions may use more instructions than the rest of the program.
//
// A program may link files compiled with and without -mavx2. Inline functions of one name would then be merged, and an
// old processor could be given the new code. So everything from gemm down lives in an inline namespace named after the
// instruction sets that the compiler was allowed to use.
//
//   namespace lowp::inline LOWP_ABI::inline LOWP_BUILD { ... }
//
//   LOWP_TARGET_BEGIN("avx2,fma,f16c")      // functions and templates defined here use AVX2, whatever the compiler's flags
//   ...
//   LOWP_TARGET_END
#pragma once

#include <lowp/core/config.hpp>

#if defined(__x86_64__) && defined(__GNUC__)
#define LOWP_X86_64 1
#else
#define LOWP_X86_64 0
#endif
#if defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__) && !defined(__AARCH64EB__)
#define LOWP_NEON 1
#else
#define LOWP_NEON 0
#endif

#if defined(__SSE4_2__)
#define LOWP_FLAG_SSE4 1
#else
#define LOWP_FLAG_SSE4 0
#endif
#if defined(__AVX__)
#define LOWP_FLAG_AVX 1
#else
#define LOWP_FLAG_AVX 0
#endif
#if defined(__AVX2__)
#define LOWP_FLAG_AVX2 1
#else
#define LOWP_FLAG_AVX2 0
#endif
#if defined(__FMA__)
#define LOWP_FLAG_FMA 1
#else
#define LOWP_FLAG_FMA 0
#endif
#if defined(__F16C__)
#define LOWP_FLAG_F16C 1
#else
#define LOWP_FLAG_F16C 0
#endif
#if defined(__BMI__) || defined(__BMI2__) || defined(__LZCNT__)
#define LOWP_FLAG_BMI 1
#else
#define LOWP_FLAG_BMI 0
#endif
#if defined(__AVXVNNI__)
#define LOWP_FLAG_AVXVNNI 1
#else
#define LOWP_FLAG_AVXVNNI 0
#endif
#if defined(__AVX512F__)
#define LOWP_FLAG_AVX512 1
#else
#define LOWP_FLAG_AVX512 0
#endif
#if defined(__AVX512BW__) || defined(__AVX512DQ__) || defined(__AVX512VL__)
#define LOWP_FLAG_AVX512X 1
#else
#define LOWP_FLAG_AVX512X 0
#endif
#if defined(__AVX512VNNI__)
#define LOWP_FLAG_AVX512VNNI 1
#else
#define LOWP_FLAG_AVX512VNNI 0
#endif
#if defined(__AVX512BF16__) || defined(__AVX512FP16__)
#define LOWP_FLAG_AVX512H 1
#else
#define LOWP_FLAG_AVX512H 0
#endif
#if defined(__AVX512VBMI__) || defined(__AVX512VBMI2__) || defined(__AVX512IFMA__) || defined(__AVX512BITALG__) || defined(__GFNI__)
#define LOWP_FLAG_AVX512VBMI 1
#else
#define LOWP_FLAG_AVX512VBMI 0
#endif
#if defined(__ARM_FEATURE_DOTPROD) || defined(__ARM_FEATURE_BF16) || defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
#define LOWP_FLAG_ARM 1
#else
#define LOWP_FLAG_ARM 0
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8) || defined(__ARM_FEATURE_SVE)
#define LOWP_FLAG_ARMX 1
#else
#define LOWP_FLAG_ARMX 0
#endif
// Not a matter of safety, but a file that did not ask for fast mathematics should not get another file's.
#if defined(__FAST_MATH__)
#define LOWP_FLAG_FAST 1
#else
#define LOWP_FLAG_FAST 0
#endif

#define LOWP_BUILD_JOIN_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o) build_##a##b##c##d##e##f##g##h##i##j##k##l##m##n##o
#define LOWP_BUILD_JOIN(...) LOWP_BUILD_JOIN_(__VA_ARGS__)
#define LOWP_BUILD                                                                                                                   \
  LOWP_BUILD_JOIN(LOWP_FLAG_SSE4, LOWP_FLAG_AVX, LOWP_FLAG_AVX2, LOWP_FLAG_FMA, LOWP_FLAG_F16C, LOWP_FLAG_BMI, LOWP_FLAG_AVXVNNI,    \
                  LOWP_FLAG_AVX512, LOWP_FLAG_AVX512X, LOWP_FLAG_AVX512VNNI, LOWP_FLAG_AVX512H, LOWP_FLAG_AVX512VBMI, LOWP_FLAG_ARM, \
                  LOWP_FLAG_ARMX, LOWP_FLAG_FAST)

#if defined(__GNUC__)
#define LOWP_INLINE_LAMBDA __attribute__((always_inline))
#else
#define LOWP_INLINE_LAMBDA
#endif

// For what is read soon, and for what is read thousands of bytes later.
#if defined(__GNUC__)
#define LOWP_PREFETCH(address) __builtin_prefetch(address)
#define LOWP_PREFETCH_FAR(address) __builtin_prefetch(address, 0, 2)
#else
#define LOWP_PREFETCH(address) static_cast<void>(address)
#define LOWP_PREFETCH_FAR(address) static_cast<void>(address)
#endif

#define LOWP_PRAGMA(text) _Pragma(#text)
#if defined(__CUDACC__)
// nvcc hands the pragmas that it does not know to the host compiler, and warns.
#define LOWP_LOOPS_BEGIN _Pragma("nv_diagnostic push") _Pragma("nv_diag_suppress 1675")
#define LOWP_LOOPS_END _Pragma("nv_diagnostic pop")
#else
#define LOWP_LOOPS_BEGIN
#define LOWP_LOOPS_END
#endif
#if defined(__clang__)
#define LOWP_TARGET_BEGIN(features) LOWP_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define LOWP_TARGET_END _Pragma("clang attribute pop")
#define LOWP_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
// The compiler's own intrinsics start from registers that are undefined on purpose, which it then warns about (GCC bug 105593).
#define LOWP_TARGET_BEGIN(features)                                                            \
  LOWP_LOOPS_BEGIN                                                                             \
  _Pragma("GCC push_options") LOWP_PRAGMA(GCC target(features)) _Pragma("GCC diagnostic push") \
      _Pragma("GCC diagnostic ignored \"-Wmaybe-uninitialized\"") _Pragma("GCC diagnostic ignored \"-Wuninitialized\"")
#define LOWP_TARGET_END _Pragma("GCC diagnostic pop") _Pragma("GCC pop_options") LOWP_LOOPS_END
#define LOWP_UNROLL _Pragma("GCC unroll 32")
#else
#define LOWP_TARGET_BEGIN(features)
#define LOWP_TARGET_END
#define LOWP_UNROLL
#endif
