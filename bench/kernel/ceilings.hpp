// What this machine can do at most, measured in the same process as the kernels, on one thread or on several at once: operations a
// second in f32, in pairs of bf16 and in fours of bytes, and bytes read a second.
//
//   ceilings::f32_operations(lowp::isa::x86_v4);          // a second, a multiply-add being two
//   ceilings::int8_operations(lowp::best_isa(), 2);       // of two threads together
//   ceilings::read_bytes(lowp::isa::x86_v4, size);        // a second, from wherever a buffer of that size lies
//
// The loops are assembly from end to end, so that no compiler can weaken them: 12 independent chains hide the latency of an
// instruction and leave AVX2 enough registers. An instruction set counts with the instructions that lowp's kernels use on it.
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/kernel/cpu/isa.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <map>
#include <thread>
#include <time.h>
#include <tuple>
#include <vector>

namespace ceilings {

inline constexpr std::size_t chains = 12;
inline constexpr std::size_t read_block = 1024;  // what a round of the reading loops takes from each of its streams

#if LOWP_X86_64
// 0.5 in f32, a half in each bf16; as bytes, not all zero.
inline constexpr unsigned operand = 0x3f003f00u;

#define LOWP_CEILING_CLOBBERS                                                                                                         \
  "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", \
      "xmm14", "xmm15"
// `chain` is the instructions of one chain, whose register is \r; those from 12 on are shared, and 13 holds words of one.
#define LOWP_CEILING_MULTIPLY(name, operand_register, chain)                                                             \
  inline void name(std::size_t rounds) {                                                                                 \
    __asm__ volatile("vpbroadcastd %1, %%" operand_register                                                              \
                     "\n\tvpcmpeqw %%ymm13, %%ymm13, %%ymm13\n\tvpabsw %%ymm13, %%ymm13"                                 \
                     "\n\t.irp r, 0,1,2,3,4,5,6,7,8,9,10,11\n\tvpxor %%xmm\\r, %%xmm\\r, %%xmm\\r\n\t.endr"              \
                     "\n1:\n\t.irp r, 0,1,2,3,4,5,6,7,8,9,10,11\n\t" chain "\n\t.endr\n\tdec %0\n\tjnz 1b\n\tvzeroupper" \
                     : "+r"(rounds)                                                                                      \
                     : "m"(operand)                                                                                      \
                     : LOWP_CEILING_CLOBBERS);                                                                           \
  }
// Reads `bytes` from each of four places, as many as a kernel has panels under way.
#define LOWP_CEILING_READ(name, load)                                                                                               \
  inline void name(const std::byte* p, std::size_t bytes) {                                                                         \
    const std::byte* q = p + bytes;                                                                                                 \
    const std::byte* r = q + bytes;                                                                                                 \
    const std::byte* s = r + bytes;                                                                                                 \
    __asm__ volatile("1:\n\t.irp o, 0,64,128,192,256,320,384,448,512,576,640,704,768,832,896,960\n\t" load(0) load(1) load(2)     \
                         load(3) ".endr\n\tadd $1024, %0\n\tadd $1024, %1\n\tadd $1024, %2\n\tadd $1024, %3\n\tsub $1024, %4\n\t" \
                                 "jnz 1b\n\tvzeroupper"                                                                           \
                     : "+r"(p), "+r"(q), "+r"(r), "+r"(s), "+r"(bytes)                                                            \
                     :                                                                                                            \
                     : LOWP_CEILING_CLOBBERS); \
  }
#define LOWP_CEILING_LOAD_V4(i) "prefetcht0 2048+\\o(%" #i ")\n\tvmovaps \\o(%" #i "), %%zmm" #i "\n\t"
#define LOWP_CEILING_LOAD_V3(i) \
  "prefetcht0 2048+\\o(%" #i ")\n\tvmovaps \\o(%" #i "), %%ymm" #i "\n\tvmovaps 32+\\o(%" #i "), %%ymm" #i "\n\t"

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")
LOWP_CEILING_MULTIPLY(multiply_v4, "zmm12", "vfmadd231ps %%zmm12, %%zmm12, %%zmm\\r")
LOWP_CEILING_MULTIPLY(dot_bytes_v4, "zmm12", "vpdpbusd %%zmm12, %%zmm12, %%zmm\\r")
LOWP_CEILING_MULTIPLY(dot_pairs_v4, "zmm12", "vdpbf16ps %%zmm12, %%zmm12, %%zmm\\r")
LOWP_CEILING_READ(read_v4, LOWP_CEILING_LOAD_V4)
LOWP_TARGET_END

LOWP_TARGET_BEGIN("avx2,fma,avxvnni")
LOWP_CEILING_MULTIPLY(multiply_v3, "ymm12", "vfmadd231ps %%ymm12, %%ymm12, %%ymm\\r")
LOWP_CEILING_MULTIPLY(dot_bytes_v3_vnni, "ymm12", "%{vex%} vpdpbusd %%ymm12, %%ymm12, %%ymm\\r")
LOWP_CEILING_MULTIPLY(dot_bytes_v3, "ymm12",
                      "vpmaddubsw %%ymm12, %%ymm12, %%ymm14\n\tvpmaddwd %%ymm13, %%ymm14, %%ymm15\n\tvpaddd %%ymm15, %%ymm\\r, %%ymm\\r")
LOWP_CEILING_READ(read_v3, LOWP_CEILING_LOAD_V3)
LOWP_TARGET_END
#endif

// Elsewhere, what the compiler makes of registers of 16 bytes.
using quad = float __attribute__((vector_size(16)));

inline void multiply_portable(std::size_t rounds) {
  quad sum[chains] = {};
  const quad half = {0.5f, 0.5f, 0.5f, 0.5f};
  for (std::size_t r = 0; r < rounds; ++r) {
    LOWP_UNROLL
    for (std::size_t i = 0; i < chains; ++i) sum[i] = sum[i] * half + half;
  }
  LOWP_UNROLL
  for (std::size_t i = 1; i < chains; ++i) sum[0] += sum[i];
  volatile float keep = sum[0][0];
  static_cast<void>(keep);
}
inline void read_portable(const std::byte* p, std::size_t bytes) {
  quad sum[4] = {};
  for (std::size_t k = 0; k + sizeof(quad) <= bytes; k += sizeof(quad)) {
    LOWP_UNROLL
    for (std::size_t i = 0; i < 4; ++i) sum[i] += *reinterpret_cast<const quad*>(p + i * bytes + k);
  }
  volatile float keep = (sum[0] + sum[1] + sum[2] + sum[3])[0];
  static_cast<void>(keep);
}

// A loop, and the operations of one of its rounds.
struct arithmetic {
  void (*loop)(std::size_t rounds);
  std::size_t operations;
};
inline arithmetic f32_arithmetic(lowp::isa isa) {
#if LOWP_X86_64
  if (isa >= lowp::isa::x86_v4) return {multiply_v4, 2 * 16 * chains};
  if (isa >= lowp::isa::x86_v3) return {multiply_v3, 2 * 8 * chains};
#endif
  static_cast<void>(isa);
  return {multiply_portable, 2 * 4 * chains};
}
inline arithmetic bf16_arithmetic(lowp::isa isa) {
#if LOWP_X86_64
  if (isa >= lowp::isa::x86_v4_bf16) return {dot_pairs_v4, 2 * 32 * chains};
#endif
  return f32_arithmetic(isa);  // which the kernels then use
}
inline arithmetic int8_arithmetic(lowp::isa isa) {
#if LOWP_X86_64
  if (isa >= lowp::isa::x86_v4_vnni) return {dot_bytes_v4, 2 * 64 * chains};
  if (isa >= lowp::isa::x86_v3_vnni && lowp::supports(lowp::isa::x86_v3_vnni)) return {dot_bytes_v3_vnni, 2 * 32 * chains};
  if (isa >= lowp::isa::x86_v3) return {dot_bytes_v3, 2 * 32 * chains};
#endif
  static_cast<void>(isa);
  return {nullptr, 0};
}

// Of the processor's time, which other programs on the machine do not lengthen.
inline double seconds_of_thread() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// How often a second the threads together do their work, at best: work(thread) is called by all of them at the same time.
template <class Work>
double fastest_rate(std::size_t threads, Work&& work) {
  std::vector<double> best(threads, 1e9);
  std::atomic<std::size_t> waiting = 0;
  const auto run = [&](std::size_t thread) {
    for (std::size_t turn = 1; turn <= 15; ++turn) {
      ++waiting;
      while (waiting < turn * threads) std::this_thread::yield();
      const double start = seconds_of_thread();
      work(thread);
      best[thread] = std::min(best[thread], seconds_of_thread() - start);
    }
  };
  std::vector<std::thread> others;
  for (std::size_t t = 1; t < threads; ++t) others.emplace_back(run, t);
  run(0);
  for (std::thread& t : others) t.join();
  double rate = 0;
  for (const double seconds : best) rate += 1 / seconds;
  return rate;
}

// Operations a second, none where there is no loop; each is measured once for a number of threads.
inline double operations(arithmetic a, std::size_t threads) {
  if (a.loop == nullptr) return 0;
  constexpr std::size_t rounds = 300000;
  static std::map<std::tuple<void (*)(std::size_t), std::size_t>, double> known;
  double& found = known[{a.loop, threads}];
  if (found == 0) found = static_cast<double>(rounds * a.operations) * fastest_rate(threads, [&](std::size_t) { a.loop(rounds); });
  return found;
}
inline double f32_operations(lowp::isa isa, std::size_t threads = 1) { return operations(f32_arithmetic(isa), threads); }
inline double bf16_operations(lowp::isa isa, std::size_t threads = 1) { return operations(bf16_arithmetic(isa), threads); }
inline double int8_operations(lowp::isa isa, std::size_t threads = 1) { return operations(int8_arithmetic(isa), threads); }

// Bytes a second that the threads read, each its part, of a buffer of about `size` bytes that was read before.
inline double read_bytes(lowp::isa isa, std::size_t size, std::size_t threads = 1) {
  static std::map<std::tuple<lowp::isa, std::size_t, std::size_t>, double> known;
  double& found = known[{isa, size, threads}];
  if (found == 0) {
    const std::size_t stream = std::max(size / (4 * threads * read_block), std::size_t{1}) * read_block;
    const std::size_t part = 4 * stream;
    const lowp::aligned_vector<std::byte> buffer(part * threads + 4 * read_block, std::byte{1});
    const std::size_t repeats = std::max((std::size_t{1} << 27) / (part * threads), std::size_t{1});
    found = static_cast<double>(part * repeats) * fastest_rate(threads, [&](std::size_t thread) {
              const std::byte* from = buffer.data() + thread * part;
              for (std::size_t r = 0; r < repeats; ++r) {
#if LOWP_X86_64
                if (isa >= lowp::isa::x86_v4) read_v4(from, stream);
                else if (isa >= lowp::isa::x86_v3) read_v3(from, stream);
                else
#endif
                  read_portable(from, stream);
              }
            });
  }
  return found;
}

}  // namespace ceilings
