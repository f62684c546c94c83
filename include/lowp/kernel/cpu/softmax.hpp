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

// The largest of some numbers, NaN aside; minus infinity of none.
inline float largest(std::span<const float> x, isa limit = newest_isa) {
  constexpr std::size_t step = detail::softmax_step;
  auto* largest = &detail::softmax_portable::largest;
#if LOWP_X86_64
  const isa best = best_isa(limit);
  if (best >= isa::x86_v4) largest = &detail::softmax_v4::largest;
  else if (best >= isa::x86_v3) largest = &detail::softmax_v3::largest;
#else
  static_cast<void>(limit);
#endif
  const std::size_t whole = x.size() / step * step;
  float most = -infinity();
  if (whole != 0) {
    float parts[step];
    largest(x.data(), whole, parts);
    for (const float part : parts) most = part > most ? part : most;
  }
  for (std::size_t i = whole; i < x.size(); ++i) most = x[i] > most ? x[i] : most;
  return most;
}

// Each x becomes e^(scale * (x - most)), scale above 0 and no x above `most`; returns their sum, 0 for no numbers.
inline float exponentials_below(float most, std::span<float> x, float scale = 1.0f, isa limit = newest_isa) {
  constexpr std::size_t step = detail::softmax_step;
  auto* exponentials = &detail::softmax_portable::exponentials;
#if LOWP_X86_64
  const isa best = best_isa(limit);
  if (best >= isa::x86_v4) exponentials = &detail::softmax_v4::exponentials;
  else if (best >= isa::x86_v3) exponentials = &detail::softmax_v3::exponentials;
#else
  static_cast<void>(limit);
#endif
  const std::size_t whole = x.size() / step * step, rest = x.size() - whole;
  float parts[step], sum = 0;
  if (whole != 0) {
    exponentials(x.data(), whole, scale, most * scale, parts);
    for (const float part : parts) sum += part;
  }
  if (rest == 0) return sum;
  float tail[step];
  for (std::size_t i = 0; i < step; ++i) tail[i] = i < rest ? x[whole + i] : most;
  exponentials(tail, step, scale, most * scale, parts);
  for (std::size_t i = 0; i < rest; ++i) {
    x[whole + i] = tail[i];
    sum += tail[i];
  }
  return sum;
}

// The same below the largest of them.
inline float exponentials(std::span<float> x, float scale = 1.0f, isa limit = newest_isa) {
  return exponentials_below(largest(x, limit), x, scale, limit);
}

}  // namespace lowp::inline LOWP_ABI::cpu::inline LOWP_BUILD
