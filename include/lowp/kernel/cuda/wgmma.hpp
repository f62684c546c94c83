// wgmma: four warps multiply matrices that lie in shared memory, and go on while the tensor cores work (sm_90a).
//
//   lowp::warpgroup_products<Block, lowp::e4m3, 128> products(shared);          // c [64, 128] += a [64, 32] * b [128, 32]^T
//   products.settle(c);
//   products.begin();
//   products.add(c, a, b, accumulate);                                          // a, b: lowp::wgmma_operand::at(address)
//   products.wait(c);                                                           // now c holds the sums, and a and b may be overwritten
//
// Operands are rows of 128 bytes, the columns that are summed over, swizzled as the hardware wants it against bank conflicts: of row r,
// sixteen bytes number i lie at r * 128 + (i ^ r % 8) * 16, from an address that is a multiple of 1024. An operand 32 columns further on
// is one whose address is 32 bytes higher. On the host the products are made when they are waited for, through the same descriptors.
// Source: PTX ISA 9.0, section 9.7.15 (wgmma): "Shared Memory Matrix Layout", "Matrix Descriptor Format", "wgmma.mma_async".
#pragma once

#include <lowp/kernel/cuda/async_copy.hpp>
#include <lowp/kernel/cuda/block.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>
#if !defined(__CUDACC_RTC__)
#include <vector>
#endif

namespace lowp::inline LOWP_ABI {

inline constexpr int warpgroup_threads = 128;
inline constexpr int swizzled_row_bytes = 128;

// Where byte `col` of row `row` of a swizzled tile lies, from the tile's beginning.
LOWP_HD constexpr std::uint32_t swizzled_place(std::uint32_t row, std::uint32_t col) noexcept {
  return row * swizzled_row_bytes + ((col / 16 ^ row % 8) * 16 | col % 16);
}

// What wgmma is told of an operand at an address in shared memory: swizzled rows of 128 bytes, 1024 bytes from eight rows to the next.
struct wgmma_operand {
  std::uint64_t descriptor;

  LOWP_HD static constexpr wgmma_operand at(std::uint32_t address) noexcept {
    constexpr std::uint64_t eight_rows = 8 * swizzled_row_bytes;
    return {(address & 0x3ffffu) >> 4 | std::uint64_t{1} << 16 | eight_rows >> 4 << 32 | std::uint64_t{1} << 62};
  }
  // The operand `bytes` further along its rows.
  LOWP_HD constexpr wgmma_operand along(std::uint32_t bytes) const noexcept { return {descriptor + (bytes >> 4)}; }
};

namespace ptx {

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

#define LOWP_WGMMA_8(constraint, first)                                                                                         \
  constraint(d[first]), constraint(d[first + 1]), constraint(d[first + 2]), constraint(d[first + 3]), constraint(d[first + 4]), \
      constraint(d[first + 5]), constraint(d[first + 6]), constraint(d[first + 7])
#define LOWP_WGMMA_32(constraint, first)                                                                      \
  LOWP_WGMMA_8(constraint, first), LOWP_WGMMA_8(constraint, first + 8), LOWP_WGMMA_8(constraint, first + 16), \
      LOWP_WGMMA_8(constraint, first + 24)
#define LOWP_WGMMA_N64(types, constraint, rest)                                                      \
  asm volatile("{.reg .pred p; setp.ne.b32 p, %34, 0; wgmma.mma_async.sync.aligned.m64n64k32." types \
               " {"                                                                                  \
               "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "              \
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"      \
               "}, %32, %33, p" rest ";}"                                                            \
               : LOWP_WGMMA_32(constraint, 0)                                                        \
               : "l"(a.descriptor), "l"(b.descriptor), "r"(accumulate))
#define LOWP_WGMMA_N128(types, constraint, rest)                                                      \
  asm volatile("{.reg .pred p; setp.ne.b32 p, %66, 0; wgmma.mma_async.sync.aligned.m64n128k32." types \
               " {"                                                                                   \
               "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "               \
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "     \
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "     \
               "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"       \
               "}, %64, %65, p" rest ";}"                                                             \
               : LOWP_WGMMA_32(constraint, 0), LOWP_WGMMA_32(constraint, 32)                          \
               : "l"(a.descriptor), "l"(b.descriptor), "r"(accumulate))

// d = a * b; not New: plus what d was, if `accumulate` is not 0. What becomes of registers that are New before that is free.
template <number_format F, bool New, class Sum, int Count>
__device__ LOWP_ALWAYS_INLINE void wgmma(Sum (&d)[Count], wgmma_operand a, wgmma_operand b, int accumulate) {
  static_assert(Count == 32 || Count == 64, "products are 64 or 128 wide");
  if constexpr (New) accumulate = 0;
  if constexpr (std::same_as<F, i8>) {
    if constexpr (Count == 32 && New) LOWP_WGMMA_N64("s32.s8.s8", "=r", "");
    else if constexpr (Count == 32) LOWP_WGMMA_N64("s32.s8.s8", "+r", "");
    else if constexpr (New) LOWP_WGMMA_N128("s32.s8.s8", "=r", "");
    else LOWP_WGMMA_N128("s32.s8.s8", "+r", "");
  } else if constexpr (std::same_as<F, e4m3>) {
    if constexpr (Count == 32 && New) LOWP_WGMMA_N64("f32.e4m3.e4m3", "=f", ", 1, 1");
    else if constexpr (Count == 32) LOWP_WGMMA_N64("f32.e4m3.e4m3", "+f", ", 1, 1");
    else if constexpr (New) LOWP_WGMMA_N128("f32.e4m3.e4m3", "=f", ", 1, 1");
    else LOWP_WGMMA_N128("f32.e4m3.e4m3", "+f", ", 1, 1");
  } else {
    static_assert(std::same_as<F, e5m2>, "wgmma multiplies i8, e4m3 and e5m2 here");
    if constexpr (Count == 32 && New) LOWP_WGMMA_N64("f32.e5m2.e5m2", "=f", ", 1, 1");
    else if constexpr (Count == 32) LOWP_WGMMA_N64("f32.e5m2.e5m2", "+f", ", 1, 1");
    else if constexpr (New) LOWP_WGMMA_N128("f32.e5m2.e5m2", "=f", ", 1, 1");
    else LOWP_WGMMA_N128("f32.e5m2.e5m2", "+f", ", 1, 1");
  }
}

#undef LOWP_WGMMA_8
#undef LOWP_WGMMA_32
#undef LOWP_WGMMA_N64
#undef LOWP_WGMMA_N128

// The compiler must not move what is done with these registers past this point.
template <class Sum, int Count>
__device__ LOWP_ALWAYS_INLINE void keep_in_order(Sum (&d)[Count]) {
  LOWP_DEVICE_UNROLL
  for (int i = 0; i < Count; ++i) {
    if constexpr (std::same_as<Sum, float>) asm volatile("" : "+f"(d[i])::"memory");
    else asm volatile("" : "+r"(d[i])::"memory");
  }
}

// What each thread of a warpgroup has from here on; all threads of the warpgroup say so. Count: a multiple of 8.
template <int Count>
__device__ LOWP_ALWAYS_INLINE void release_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
}
template <int Count>
__device__ LOWP_ALWAYS_INLINE void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
}

#endif

}  // namespace ptx

#if !defined(__CUDA_ARCH__)

namespace detail {

// Byte `col` of row `row` of an operand, found as the tensor cores do: by the fields of the descriptor, the swizzle by bits of the address.
inline std::uint8_t wgmma_byte(const std::uint8_t* shared, wgmma_operand o, std::uint32_t row, std::uint32_t col) noexcept {
  const auto start = static_cast<std::uint32_t>(o.descriptor & 0x3fff) << 4;
  const auto eight_rows = static_cast<std::uint32_t>(o.descriptor >> 32 & 0x3fff) << 4;
  const std::uint32_t linear = start + row / 8 * eight_rows + row % 8 * swizzled_row_bytes + col;
  return shared[o.descriptor >> 62 == 1 ? linear ^ (linear >> 7 & 7) << 4 : linear];
}

// Registers of the 128 threads of a warpgroup. Sums as mma_of_warp takes them.
template <number_format F, int Width, class Registers>
void wgmma_of_warpgroup(const std::uint8_t* shared, Registers* c, wgmma_operand a, wgmma_operand b, bool accumulate) {
  using sum_type = std::remove_reference_t<decltype(c->reg[0])>;
  using number = std::conditional_t<std::same_as<sum_type, std::int32_t>, std::int32_t, double>;
  constexpr std::uint32_t depth = 32;
  const auto numbers = [&](wgmma_operand o, std::uint32_t rows) {
    std::vector<number> all(rows * depth);
    for (std::uint32_t i = 0; i < rows * depth; ++i) all[i] = operand_number<F>(wgmma_byte(shared, o, i / depth, i % depth), 0);
    return all;
  };
  const std::vector<number> left = numbers(a, 64);
  const std::vector<number> right = numbers(b, Width);
  for (int thread = 0; thread < warpgroup_threads; ++thread) {
    for (int r = 0; r < Width / 2; ++r) {
      const mma_position p = wgmma_m64<F>::c_at(thread, r);
      const number* const x = left.data() + static_cast<std::size_t>(p.row) * depth;
      const number* const w = right.data() + static_cast<std::size_t>(p.col) * depth;
      number sum = accumulate ? static_cast<number>(c[thread].reg[r]) : number{0};
      for (std::uint32_t k = 0; k < depth; ++k) sum += x[k] * w[k];
      c[thread].reg[r] = static_cast<sum_type>(sum);
    }
  }
}

}  // namespace detail

#endif

// Products of the warpgroups of a block, 64 x Width sums each. `shared`: what addresses of operands count from on the host.
template <class Block, number_format F, int Width>
class warpgroup_products {
 public:
  static_assert(Block::threads % warpgroup_threads == 0, "a warpgroup is 128 threads");
  using sum = std::conditional_t<std::same_as<F, i8>, std::int32_t, float>;
  using c_type = accumulator_registers<sum, Width / 2>;
  template <class T>
  using per_thread = typename Block::template per_thread<T>;

#if defined(__CUDA_ARCH__)
  LOWP_HD explicit warpgroup_products(const void*) {}
#else
  LOWP_HD explicit warpgroup_products(const void* shared) : shared_(static_cast<const std::uint8_t*>(shared)) {}
#endif

  // Before the first product.
  LOWP_HD LOWP_ALWAYS_INLINE void begin() const {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
  }

  // What was computed in these registers is there before what follows begins: for sums that products are added to, before begin(), and
  // where registers are scarce.
  template <class Registers>
  LOWP_HD LOWP_ALWAYS_INLINE void settle([[maybe_unused]] per_thread<Registers>& c) const {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    ptx::keep_in_order(c[0].reg);
#endif
  }

  // c = a * b^T, 32 columns deep; `add`: plus c if `accumulate`. Each warpgroup has operands of its own.
  LOWP_HD LOWP_ALWAYS_INLINE void set(per_thread<c_type>& c, const per_thread<wgmma_operand>& a, const per_thread<wgmma_operand>& b) {
    multiply<true>(c, a, b, false);
  }
  LOWP_HD LOWP_ALWAYS_INLINE void add(per_thread<c_type>& c, const per_thread<wgmma_operand>& a, const per_thread<wgmma_operand>& b,
                                      bool accumulate = true) {
    multiply<false>(c, a, b, accumulate);
  }

  // Until all products that were added to c are there.
  LOWP_HD LOWP_ALWAYS_INLINE void wait([[maybe_unused]] per_thread<c_type>& c) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("wgmma.commit_group.sync.aligned;\n wgmma.wait_group.sync.aligned 0;" ::: "memory");
    ptx::keep_in_order(c[0].reg);
#elif !defined(__CUDA_ARCH__)
    for (product& p : pending_) {
      for (int t = 0; t < Block::threads; t += warpgroup_threads) {
        detail::wgmma_of_warpgroup<F, Width>(shared_, &(*p.c)[t], p.a[t], p.b[t], p.accumulate);
      }
    }
    pending_.clear();
#endif
  }

 private:
  template <bool New>
  LOWP_HD LOWP_ALWAYS_INLINE void multiply([[maybe_unused]] per_thread<c_type>& c, [[maybe_unused]] const per_thread<wgmma_operand>& a,
                                           [[maybe_unused]] const per_thread<wgmma_operand>& b, [[maybe_unused]] bool accumulate) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    ptx::wgmma<F, New>(c[0].reg, a[0], b[0], accumulate);
#elif !defined(__CUDA_ARCH__)
    pending_.push_back({&c, a, b, accumulate});
#endif
  }

#if !defined(__CUDA_ARCH__)
  struct product {
    per_thread<c_type>* c;
    per_thread<wgmma_operand> a, b;
    bool accumulate;
  };
  const std::uint8_t* shared_;
  std::vector<product> pending_;
#endif
};

}  // namespace lowp::inline LOWP_ABI
