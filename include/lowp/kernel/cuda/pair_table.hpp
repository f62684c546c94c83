// Dequantizing by a table of pairs in shared memory: two codes side by side are an index, and what lies there is both numbers. For
// tables of up to 4 bits without a rule (nf4, a codebook of one's own), whose look-up in registers takes 21 instructions for eight codes:
// here it takes 8 integer instructions and 4 loads.
//
//   __shared__ lowp::pair_table<lowp::nf4, lowp::f16> table;            // 32 KiB
//   table.fill(threadIdx.x, blockDim.x);
//   __syncthreads();
//   lowp::fragment<lowp::f16> w = table.value(word, threadIdx.x % 32);  // natural order
//
// Each lane has a copy of its own, 32 words apart, so that the loads of a warp never meet in a bank. Method: Guo et al., "Fast matrix
// multiplications for lookup table-quantized LLMs" (FLUTE), 2024 (arXiv 2407.10960), section 3.2.
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

// Copies: 32, or fewer where shared memory is short and some conflicts do not matter.
template <table_format F, ptx::packed_type Out, int Copies = 32>
requires(F::bits >= 1 && F::bits <= 4 && code_stride<F> == F::bits) class pair_table {
  static_assert(Copies == 1 || Copies == 2 || Copies == 4 || Copies == 8 || Copies == 16 || Copies == 32, "lanes share copies evenly");

 public:
  static constexpr int entries = 1 << (2 * F::bits);

  // By all threads of a block, before a barrier.
  LOWP_HD void fill(unsigned thread, unsigned threads) noexcept {
    for (unsigned codes = thread; codes < entries; codes += threads) {
      const std::uint32_t numbers = fragment_dequantizer<F, Out, natural_order>::value(codes).reg[0];
      if constexpr (Copies < 4) {
        for (unsigned i = 0; i < Copies; ++i) words_[codes * Copies + i] = numbers;
      } else {
        // Each thread begins elsewhere, so that those of a warp write to all banks.
        for (unsigned i = 0; i < Copies / 4; ++i) {
          auto* const vectors = reinterpret_cast<vector_of_words*>(words_ + codes * Copies);
          ptx::store_vector(vectors + (i + thread) % (Copies / 4), {{numbers, numbers, numbers, numbers}});
        }
      }
    }
  }

  // The numbers of eight codes, least significant first.
  LOWP_HD fragment<Out> value(std::uint32_t run, unsigned lane) const noexcept {
    return {look_up(run, 0, lane), look_up(run, 1, lane), look_up(run, 2, lane), look_up(run, 3, lane)};
  }

 private:
  static constexpr int up = [] {
    int bits = 2;
    while (1 << bits < Copies * 4) ++bits;
    return bits;
  }();

  // The place is made in bytes, so that one instruction masks the codes and adds the lane.
  LOWP_HD std::uint32_t look_up(std::uint32_t run, int pair, unsigned lane) const noexcept {
    constexpr std::uint8_t lut = (ptx::lut_a & ptx::lut_b) | ptx::lut_c;
    constexpr std::uint32_t mask = low_mask(2 * F::bits) << up;
    const int right = 2 * F::bits * pair - up;
    const std::uint32_t moved = right >= 0 ? run >> right : run << -right;
    const std::uint32_t offset = ptx::lop3<lut>(moved, mask, lane % Copies * 4);
    return *reinterpret_cast<const std::uint32_t*>(reinterpret_cast<const char*>(words_) + offset);
  }

  alignas(128) std::uint32_t words_[entries * Copies];
};

}  // namespace lowp::inline LOWP_ABI
