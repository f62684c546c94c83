// Dequantizing in plain C++, one number at a time: for every machine, and what the other versions are compared with.
#pragma once

#include <lowp/kernel/cpu/quantize_portable.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/tile16.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_portable {

template <scheme_type S, class T>
void decode_stretch(const affine<S>& group, const code_t<typename S::format>* codes, std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = T(group.decode(codes[i]));
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::quantize_portable

#define LOWP_TARGET quantize_portable
LOWP_LOOPS_BEGIN
#include <lowp/kernel/cpu/loops/dequantize.hpp>
LOWP_LOOPS_END
#undef LOWP_TARGET
