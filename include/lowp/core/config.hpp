// What every header needs first: the host/device annotation, the versioned namespace and the two inlining attributes.
//
//   namespace lowp::inline LOWP_ABI { LOWP_HD constexpr int twice(int x) { return 2 * x; } }
#pragma once

#include <lowp/version.hpp>

// Functions that run on the host, on the device and in constant expressions.
#if defined(__CUDACC__)
#define LOWP_HD __host__ __device__
#else
#define LOWP_HD
#endif

// Builds with and without exceptions differ in one inline function, so they must not share its name.
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define LOWP_EXCEPTIONS 1
#define LOWP_ABI v0_1
#else
#define LOWP_EXCEPTIONS 0
#define LOWP_ABI v0_1_noexcept
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define LOWP_ALWAYS_INLINE __forceinline
#define LOWP_NOINLINE __declspec(noinline)
#else
#define LOWP_ALWAYS_INLINE inline __attribute__((always_inline))
#define LOWP_NOINLINE __attribute__((noinline))
#endif

static_assert(sizeof(int) == 4 && sizeof(float) == 4, "lowp needs 32-bit int and float");
