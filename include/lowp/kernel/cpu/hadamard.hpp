// Fast Hadamard transforms of the rows of a matrix, with random signs: the rotations of QuaRot, QuIP# and MR-GPTQ.
//
//   const lowp::hadamard_transform rotation(4096, 42);       // a size, and a seed for the signs
//   rotation(x);                                             // each row x of [tokens, 4096]: H D x / sqrt(4096)
//   rotation.inverse(x);                                     // and back
//   lowp::hadamard_transform(128)(w);                        // without signs; rows of 4096 are 32 stretches of 128
//
// Sizes are those of core/hadamard_matrix.hpp: 4096, 11008, 14336. A row of 4096 takes 12 x 4096 additions; a base of 172 adds 172 for
// each number. The bits are the same on every instruction set and for every number of threads. Source: Ashkboos et al. 2024 (arXiv
// 2404.00456), section 3; Tseng et al. 2024 (arXiv 2402.04396), section 3.
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/core/error.hpp>
#include <lowp/core/hadamard_matrix.hpp>
#include <lowp/core/matrix_view.hpp>
#include <lowp/core/rounding.hpp>
#include <lowp/kernel/cpu/executor.hpp>
#include <lowp/kernel/cpu/isa.hpp>
#include <lowp/kernel/cpu/scratch.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

struct hadamard_plan {
  hadamard_sizes sizes;
  const float* factors;     // signs over sqrt(size)
  const float* matrix;      // of the base
  const float* transposed;
};

}  // namespace lowp::inline LOWP_ABI::detail

#if defined(__GNUC__)
#define LOWP_TARGET_LANES 4
#else
#define LOWP_TARGET_LANES 1
#endif
#define LOWP_TARGET hadamard_portable
LOWP_LOOPS_BEGIN
#include <lowp/kernel/cpu/loops/hadamard.hpp>
LOWP_LOOPS_END
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES

#if LOWP_X86_64
LOWP_TARGET_BEGIN("avx2,fma,f16c")
#define LOWP_TARGET hadamard_v3
#define LOWP_TARGET_LANES 8
#include <lowp/kernel/cpu/loops/hadamard.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES
LOWP_TARGET_END

LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#define LOWP_TARGET hadamard_v4
#define LOWP_TARGET_LANES 16
#include <lowp/kernel/cpu/loops/hadamard.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_LANES
LOWP_TARGET_END
#endif

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

class hadamard_transform {
 public:
  // Stretches of `size` numbers, whose signs follow from the seed; without a seed none is changed. Throws lowp::error for a size that has
  // no matrix here.
  explicit hadamard_transform(std::size_t size, std::optional<std::uint64_t> seed = std::nullopt) : size_(size), factors_(size) {
    const auto sizes = hadamard_shape(size);
    if (!sizes) LOWP_THROW("no Hadamard matrix of size ", size, " is built here");
    sizes_ = *sizes;
    const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(size)));
    for (std::size_t i = 0; i < size; ++i) factors_[i] = seed && (detail::philox(*seed, i) & 1u) != 0 ? -scale : scale;
    const std::vector<std::int8_t> base = hadamard_base(sizes_.base);
    matrix_.assign(base.begin(), base.end());
    transposed_.resize(matrix_.size());
    for (std::size_t i = 0; i < matrix_.size(); ++i) transposed_[i % sizes_.base * sizes_.base + i / sizes_.base] = matrix_[i];
  }

  std::size_t size() const noexcept { return size_; }

  // Throws lowp::error unless rows of so many numbers are stretches of the size.
  void check(std::size_t cols) const {
    if (cols % size_ != 0) LOWP_THROW("rows of ", cols, " numbers are no stretches of ", size_);
  }

  // Entry (row, col) of the orthogonal matrix R = H D / sqrt(size) by which a row x becomes R x.
  float operator()(std::size_t row, std::size_t col) const {
    const std::size_t p = sizes_.power;
    const float of_base = matrix_[row / p * sizes_.base + col / p];
    return (std::popcount(row % p & col % p) % 2 != 0 ? -of_base : of_base) * factors_[col];
  }

  // Each row of x, whose columns are a multiple of the size, in place; of x.transposed() each column. Throws lowp::error, and nothing is
  // changed, where they are not.
  template <executor_type Executor = serial_executor>
  void operator()(matrix_view<float> x, const Executor& executor = {}, isa limit = newest_isa) const {
    run(x, executor, limit, false);
  }

  // The reverse, which is the transpose: the same numbers again, up to rounding.
  template <executor_type Executor = serial_executor>
  void inverse(matrix_view<float> x, const Executor& executor = {}, isa limit = newest_isa) const {
    run(x, executor, limit, true);
  }

 private:
  template <class Executor>
  void run(matrix_view<float> x, const Executor& executor, isa limit, bool inverse) const {
    check(x.cols());
    constexpr std::size_t enough = 65536;  // numbers that are worth a part of their own
    const std::size_t rows = x.cols() == 0 || x.cols() >= enough ? 1 : ceil_div(enough, x.cols());
    const isa best = best_isa(limit);
    executor(ceil_div(x.rows(), rows), [&](std::size_t part) {
      detail::scratch<float> copy(x.contiguous_rows() ? 0 : size_);
      for (std::size_t r = part * rows; r < x.rows() && r < (part + 1) * rows; ++r) {
        for (std::size_t first = 0; first < x.cols(); first += size_) {
          if (x.contiguous_rows()) {
            transform(&x(r, first), best, inverse);
            continue;
          }
          for (std::size_t i = 0; i < size_; ++i) copy[i] = x(r, first + i);
          transform(copy.data(), best, inverse);
          for (std::size_t i = 0; i < size_; ++i) x(r, first + i) = copy[i];
        }
      }
    });
  }

  void transform(float* x, [[maybe_unused]] isa best, bool inverse) const {
    const detail::hadamard_plan plan{sizes_, factors_.data(), matrix_.data(), transposed_.data()};
#if LOWP_X86_64
    if (best >= isa::x86_v4) return detail::hadamard_v4::transform(x, plan, inverse);
    if (best >= isa::x86_v3) return detail::hadamard_v3::transform(x, plan, inverse);
#endif
    detail::hadamard_portable::transform(x, plan, inverse);
  }

  std::size_t size_;
  hadamard_sizes sizes_{};
  std::vector<float> factors_;
  std::vector<float> matrix_;
  std::vector<float> transposed_;
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
