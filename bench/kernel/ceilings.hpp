// What this machine can do at most, measured in the same process as the kernels: f32 fused multiply-adds a second of one
// core per instruction set, and bytes read a second from a buffer as large as the weights.
//
//   ceilings::flops(lowp::isa::x86_v4);              // of one core
//   ceilings::read_bytes(lowp::isa::x86_v4, size);   // a second, from wherever a buffer of that size lies
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/kernel/cpu/isa.hpp>

#include <cstddef>
#include <ctime>
#include <map>
#include <utility>

#if LOWP_X86_64
#include <immintrin.h>
#endif

namespace ceilings {

inline constexpr int chains = 12;  // enough to hide the latency of a multiplication, few enough for the registers of AVX2

#if LOWP_X86_64
LOWP_TARGET_BEGIN("avx512f")
inline float multiply_v4(std::size_t rounds) {
  __m512 sum[chains];
  LOWP_UNROLL
  for (int i = 0; i < chains; ++i) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.5f);
  for (std::size_t r = 0; r < rounds; ++r) {
    LOWP_UNROLL
    for (int i = 0; i < chains; ++i) {
      sum[i] = _mm512_fmadd_ps(sum[i], a, a);
      __asm__("" : "+v"(sum[i]));
    }
  }
  LOWP_UNROLL
  for (int i = 1; i < chains; ++i) sum[0] = _mm512_add_ps(sum[0], sum[i]);
  return _mm512_cvtss_f32(sum[0]);
}
inline float read_v4(const float* p, std::size_t count) {
  __m512 sum[4] = {};
  for (std::size_t k = 0; k + 64 <= count; k += 64) {
    LOWP_UNROLL
    for (int i = 0; i < 4; ++i) sum[i] = _mm512_add_ps(sum[i], _mm512_load_ps(p + k + static_cast<std::size_t>(i) * 16));
  }
  return _mm512_cvtss_f32(_mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3])));
}
LOWP_TARGET_END

LOWP_TARGET_BEGIN("avx2,fma")
inline float multiply_v3(std::size_t rounds) {
  __m256 sum[chains];
  LOWP_UNROLL
  for (int i = 0; i < chains; ++i) sum[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.5f);
  for (std::size_t r = 0; r < rounds; ++r) {
    LOWP_UNROLL
    for (int i = 0; i < chains; ++i) {
      sum[i] = _mm256_fmadd_ps(sum[i], a, a);
      __asm__("" : "+x"(sum[i]));
    }
  }
  LOWP_UNROLL
  for (int i = 1; i < chains; ++i) sum[0] = _mm256_add_ps(sum[0], sum[i]);
  return _mm256_cvtss_f32(sum[0]);
}
inline float read_v3(const float* p, std::size_t count) {
  __m256 sum[8] = {};
  for (std::size_t k = 0; k + 64 <= count; k += 64) {
    LOWP_UNROLL
    for (int i = 0; i < 8; ++i) sum[i] = _mm256_add_ps(sum[i], _mm256_load_ps(p + k + static_cast<std::size_t>(i) * 8));
  }
  LOWP_UNROLL
  for (int i = 1; i < 8; ++i) sum[0] = _mm256_add_ps(sum[0], sum[i]);
  return _mm256_cvtss_f32(sum[0]);
}
LOWP_TARGET_END
#endif

using quad = float __attribute__((vector_size(16)));

inline float multiply_portable(std::size_t rounds) {
  quad sum[chains] = {};
  quad a = {0.5f, 0.5f, 0.5f, 0.5f};
  for (std::size_t r = 0; r < rounds; ++r) {
    LOWP_UNROLL
    for (int i = 0; i < chains; ++i) sum[i] = sum[i] * a + a;
  }
  LOWP_UNROLL
  for (int i = 1; i < chains; ++i) sum[0] += sum[i];
  return sum[0][0];
}
inline float read_portable(const float* p, std::size_t count) {
  quad sum[8] = {};
  for (std::size_t k = 0; k + 32 <= count; k += 32) {
    LOWP_UNROLL
    for (std::size_t i = 0; i < 8; ++i) sum[i] += *reinterpret_cast<const quad*>(p + k + i * 4);
  }
  LOWP_UNROLL
  for (int i = 1; i < 8; ++i) sum[0] += sum[i];
  return sum[0][0];
}

// Of the processor's time, which other programs on the machine do not lengthen.
inline double seconds_of_work() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// The shortest of some runs, in seconds.
template <class Work>
double fastest(Work&& work) {
  double best = 1e9;
  for (int run = 0; run < 15; ++run) {
    const double start = seconds_of_work();
    volatile float keep = work();
    static_cast<void>(keep);
    const double seconds = seconds_of_work() - start;
    best = seconds < best ? seconds : best;
  }
  return best;
}

// f32 operations a second, a fused multiply-add being two.
inline double flops(lowp::isa isa) {
  static std::map<lowp::isa, double> known;
  double& found = known[isa];
  if (found == 0) {
    constexpr std::size_t rounds = 300000;
    const int width = isa >= lowp::isa::x86_v4 ? 16 : isa >= lowp::isa::x86_v3 ? 8 : 4;
    const double seconds = fastest([&]() -> float {
#if LOWP_X86_64
      if (isa >= lowp::isa::x86_v4) return multiply_v4(rounds);
      if (isa >= lowp::isa::x86_v3) return multiply_v3(rounds);
#endif
      return multiply_portable(rounds);
    });
    found = 2.0 * chains * width * rounds / seconds;
  }
  return found;
}

// Bytes a second read by one core from a buffer of `size` bytes that was read before.
inline double read_bytes(lowp::isa isa, std::size_t size) {
  static std::map<std::pair<lowp::isa, std::size_t>, double> known;
  double& found = known[{isa, size}];
  if (found == 0) {
    const lowp::aligned_vector<float> buffer(size / sizeof(float), 1.0f);
    const std::size_t repeats = size < (1u << 27) ? (1u << 27) / size : 1;
    const double seconds = fastest([&]() -> float {
      float sum = 0;
      for (std::size_t r = 0; r < repeats; ++r) {
#if LOWP_X86_64
        if (isa >= lowp::isa::x86_v4) sum += read_v4(buffer.data(), buffer.size());
        else if (isa >= lowp::isa::x86_v3) sum += read_v3(buffer.data(), buffer.size());
        else
#endif
          sum += read_portable(buffer.data(), buffer.size());
      }
      return sum;
    });
    found = static_cast<double>(size * repeats) / seconds;
  }
  return found;
}

}  // namespace ceilings
