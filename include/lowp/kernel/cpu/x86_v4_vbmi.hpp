// Look-ups of bytes in tables of more than 16 entries with AVX-512 VBMI, for the 8-bit dot products of x86_v4_vnni.hpp: one permutation
// where 16 entries at a time would take several. Source: Intel SDM volume 2, VPERMB, VPERMI2B.
#pragma once

#include <lowp/kernel/cpu/x86_v4_vnni.hpp>

#if LOWP_X86_64

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx2,fma,f16c")
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4::vnni::vbmi {

template <byte_kind Kind>
class byte_columns {
 public:
  static constexpr int code_bits = Kind.bits;

  LOWP_ALWAYS_INLINE explicit byte_columns(const void* table) {
    LOWP_UNROLL
    for (int i = 0; i < registers; ++i) table_[i] = load_bits(static_cast<const std::uint8_t*>(table) + 64 * i);
  }

  // Step c of a unit: the bytes of four columns for each row. What lies above a code does not disturb, since small tables repeat.
  template <class Index>
  LOWP_ALWAYS_INLINE bits get(const std::uint8_t* unit, Index c, int) const {
    const bits codes = step_codes<Kind.bits>(unit, c);
    if constexpr (registers == 1) return _mm512_permutexvar_epi8(codes, table_[0]);
    const bits lower = _mm512_permutex2var_epi8(table_[0], codes, table_[registers > 1 ? 1 : 0]);
    if constexpr (registers == 2) return lower;
    const bits upper = _mm512_permutex2var_epi8(table_[registers > 2 ? 2 : 0], codes, table_[registers - 1]);
    return _mm512_mask_mov_epi8(lower, _mm512_movepi8_mask(codes), upper);
  }

 private:
  static constexpr int registers = Kind.bits <= 6 ? 1 : Kind.bits == 7 ? 2 : 4;

  bits table_[registers];
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::x86_v4::vnni::vbmi

#define LOWP_TARGET x86_v4::vnni::vbmi
#include <lowp/kernel/cpu/loops/walk.hpp>
#include <lowp/kernel/cpu/loops/steps.hpp>
#include <lowp/kernel/cpu/loops/multiply_steps.hpp>
#include <lowp/kernel/cpu/loops/byte_kernels.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
#endif
