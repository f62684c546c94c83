// Softmax of a row of numbers.
//
//   const float sum = lowp::cpu::exponentials(scores, 0.125f);       // scores become e^((score - largest) / 8); their sum
//
// Within 4 units in the last place of the exact exponentials, which need not be divided by their sum before they are multiplied further.
// Last bits may depend on the instruction set. NaN makes the sum NaN.
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/kernel/cpu/isa.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace lowp::inline LOWP_ABI::detail {
inline constexpr std::size_t softmax_step = 16;
}

#if defined(__GNUC__)
#define LOWP_TARGET_LANES 4
#else
#define LOWP_TARGET_LANES 1
#endif
#define LOWP_TARGET softmax_portable
LOWP_LOOPS_BEGIN
#include <lowp/kernel/cpu/loops/softmax.hpp>
LOWP_LOOPS_END
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES

#if LOWP_X86_64
LOWP_TARGET_BEGIN("avx2,fma,f16c")
#define LOWP_TARGET softmax_v3
#define LOWP_TARGET_LANES 8
#include <lowp/kernel/cpu/loops/softmax.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES
LOWP_TARGET_END

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#define LOWP_TARGET softmax_v4
#define LOWP_TARGET_LANES 16
#include <lowp/kernel/cpu/loops/softmax.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES
LOWP_TARGET_END
#endif

namespace lowp::inline LOWP_ABI::cpu::inline LOWP_BUILD {

// Each x becomes e^(scale * (x - largest)), scale above 0; returns their sum, 0 for no numbers, and the largest where that is asked for.
inline float exponentials(std::span<float> x, float scale = 1.0f, isa limit = newest_isa, float* most_of = nullptr) {
  constexpr std::size_t step = detail::softmax_step;
  auto* largest = &detail::softmax_portable::largest;
  auto* exponentials = &detail::softmax_portable::exponentials;
#if LOWP_X86_64
  const isa best = best_isa(limit);
  if (best >= isa::x86_v4) {
    largest = &detail::softmax_v4::largest;
    exponentials = &detail::softmax_v4::exponentials;
  } else if (best >= isa::x86_v3) {
    largest = &detail::softmax_v3::largest;
    exponentials = &detail::softmax_v3::exponentials;
  }
#else
  static_cast<void>(limit);
#endif
  const std::size_t whole = x.size() / step * step, rest = x.size() - whole;
  // The last few stand among numbers that change neither the largest nor the sum.
  float tail[step];
  for (std::size_t i = 0; i < step; ++i) tail[i] = i < rest ? x[whole + i] : -infinity();
  float parts[step];
  float most = -infinity();
  const auto take_largest = [&](const float* from, std::size_t count) {
    if (count == 0) return;
    largest(from, count, parts);
    for (const float part : parts) most = part > most ? part : most;
  };
  take_largest(x.data(), whole);
  take_largest(tail, rest == 0 ? 0 : step);
  if (most_of != nullptr) *most_of = most;
  float sum = 0;
  const auto add = [&](float* from, std::size_t count) {
    if (count == 0) return;
    exponentials(from, count, scale, most * scale, parts);
    for (const float part : parts) sum += part;
  };
  add(x.data(), whole);
  if (rest == 0) return sum;
  exponentials(tail, step, scale, most * scale, parts);
  for (std::size_t i = 0; i < rest; ++i) {
    x[whole + i] = tail[i];
    sum += tail[i];
  }
  return sum;
}

}  // namespace lowp::inline LOWP_ABI::cpu::inline LOWP_BUILD
