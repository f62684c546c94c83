// Instruction sets that kernels are written for, and which of them this machine has.
//
//   lowp::best_isa()                          // isa::x86_v4_bf16 on a processor with AVX-512 and its dot products
//   lowp::supports(lowp::isa::x86_v3)
//   lowp::for_each_isa([](lowp::isa i) { ... });   // those that this machine has, the portable one first
//
// On x86 the answers come from CPUID and from XGETBV, since a processor may have registers that the operating system does
// not save; on 64-bit Arm, where programs may not ask the processor, from Linux. Sources: Intel SDM volume 2A, CPUID;
// volume 1, section 13.3; x86-64 psABI, section 3.1.1 (the levels); Linux, Documentation/arch/arm64/elf_hwcaps.rst.
#pragma once

#include <lowp/kernel/cpu/build.hpp>

#include <cstdint>
#include <string_view>

#if LOWP_X86_64
#include <cpuid.h>
#endif
#if LOWP_NEON && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace lowp::inline LOWP_ABI {

// In ascending order of preference; no machine has both Arm's and x86's.
enum class isa : std::uint8_t {
  portable,      // what the compiler was told it may use
  neon,          // 64-bit Arm, all of them
  neon_dotprod,  // and FEAT_DotProd
  neon_i8mm,     // and FEAT_I8MM
  x86_v3,        // AVX2, FMA, F16C
  x86_v3_vnni,   // and AVX-VNNI
  x86_v4,        // AVX-512 F, BW, DQ, VL
  x86_v4_vnni,   // and AVX-512 VNNI
  x86_v4_vbmi,   // and AVX-512 VBMI
  x86_v4_bf16    // VNNI and AVX-512 BF16, not always VBMI
};

inline constexpr isa newest_isa = isa::x86_v4_bf16;

constexpr std::string_view name(isa i) noexcept {
  switch (i) {
    case isa::neon:
      return "neon";
    case isa::neon_dotprod:
      return "neon_dotprod";
    case isa::neon_i8mm:
      return "neon_i8mm";
    case isa::x86_v3:
      return "x86_v3";
    case isa::x86_v3_vnni:
      return "x86_v3_vnni";
    case isa::x86_v4:
      return "x86_v4";
    case isa::x86_v4_vnni:
      return "x86_v4_vnni";
    case isa::x86_v4_vbmi:
      return "x86_v4_vbmi";
    case isa::x86_v4_bf16:
      return "x86_v4_bf16";
    default:
      return "portable";
  }
}

// What kernels ask of a processor; a feature counts only if the operating system keeps its registers.
struct cpu_features {
  bool avx2 = false;
  bool fma = false;
  bool f16c = false;
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512dq = false;
  bool avx512vl = false;
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool quick_bf16_dots = false;  // faster than twice as many f32 multiplications: AMD's; Intel's run at a quarter of that rate
  bool avx512_vbmi = false;
  bool avx_vnni = false;
  bool dotprod = false;
  bool i8mm = false;
};

// Functions that run before the instruction set is known must themselves be those of this build.
namespace detail::inline LOWP_BUILD {

inline cpu_features detect_features() noexcept {
  cpu_features f;
#if LOWP_X86_64
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  const auto bit = [](unsigned word, int i) { return ((word >> i) & 1u) != 0; };
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || !bit(c, 27)) return f;  // OSXSAVE
  unsigned saved = 0;
  [[maybe_unused]] unsigned saved_high = 0;
  __asm__ volatile("xgetbv" : "=a"(saved), "=d"(saved_high) : "c"(0));
  const bool ymm = (saved & 0x06u) == 0x06u;
  const bool zmm = (saved & 0xe6u) == 0xe6u;
  f.fma = ymm && bit(c, 12);
  f.f16c = ymm && bit(c, 29);
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return f;
  const unsigned subleaves = a;
  f.avx2 = ymm && bit(b, 5);
  f.avx512f = zmm && bit(b, 16);
  f.avx512dq = zmm && bit(b, 17);
  f.avx512bw = zmm && bit(b, 30);
  f.avx512vl = zmm && bit(b, 31);
  f.avx512_vbmi = zmm && bit(c, 1);
  f.avx512_vnni = zmm && bit(c, 11);
  if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0) {
    f.avx_vnni = ymm && bit(a, 4);
    f.avx512_bf16 = zmm && bit(a, 5);
    f.quick_bf16_dots = f.avx512_bf16 && __get_cpuid(0, &a, &b, &c, &d) != 0 && b == 0x68747541u;  // "Auth" of AuthenticAMD
  }
#endif
#if LOWP_NEON && defined(__linux__)
  f.dotprod = (getauxval(AT_HWCAP) >> 20 & 1u) != 0;  // HWCAP_ASIMDDP
  f.i8mm = (getauxval(AT_HWCAP2) >> 13 & 1u) != 0;    // HWCAP2_I8MM
#elif defined(__ARM_FEATURE_DOTPROD)
  f.dotprod = true;
#endif
  return f;
}

}  // namespace detail::inline LOWP_BUILD

inline namespace LOWP_BUILD {

// Found out once.
inline const cpu_features& this_cpu() noexcept {
  static const cpu_features features = detail::detect_features();
  return features;
}

inline bool supports(isa i) noexcept {
  const cpu_features& f = this_cpu();
  switch (i) {
    case isa::neon:
      return LOWP_NEON != 0;
    case isa::neon_dotprod:
      return LOWP_NEON != 0 && f.dotprod;
    case isa::neon_i8mm:
      return supports(isa::neon_dotprod) && f.i8mm;
    case isa::x86_v3:
      return f.avx2 && f.fma && f.f16c;
    case isa::x86_v3_vnni:
      return supports(isa::x86_v3) && f.avx_vnni;
    case isa::x86_v4_vnni:
      return supports(isa::x86_v4) && f.avx512_vnni;
    case isa::x86_v4_vbmi:
      return supports(isa::x86_v4_vnni) && f.avx512_vbmi;
    case isa::x86_v4_bf16:
      return supports(isa::x86_v4_vnni) && f.avx512_bf16;
    case isa::x86_v4:
      return supports(isa::x86_v3) && f.avx512f && f.avx512bw && f.avx512dq && f.avx512vl;
    default:
      return true;
  }
}

// The best of the instruction sets that this machine has, up to a limit.
inline isa best_isa(isa limit = newest_isa) noexcept {
  for (auto i = static_cast<int>(limit); i > 0; --i) {
    if (supports(static_cast<isa>(i))) return static_cast<isa>(i);
  }
  return isa::portable;
}

// Calls visit(i) for each instruction set of this machine.
template <class Visitor>
void for_each_isa(Visitor&& visit) {
  for (int i = 0; i <= static_cast<int>(newest_isa); ++i) {
    if (supports(static_cast<isa>(i))) visit(static_cast<isa>(i));
  }
}

}  // namespace LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
