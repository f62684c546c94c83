#include <lowp/kernel/cpu/hadamard.hpp>
#include <lowp/kernel/cuda/hadamard.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

namespace {

template <int Registers>
void check() {
  constexpr std::size_t size = 32 * Registers;
  const lowp::hadamard_transform rotation(size, 3);
  const lowp::host_block<64> block;
  std::vector<float> rows = normal_numbers(2 * size, 7);
  lowp::host_block<64>::per_thread<lowp::warp_row<Registers>> x;
  for (int thread = 0; thread < 64; ++thread) {
    for (int r = 0; r < Registers; ++r) {
      const auto at = static_cast<std::size_t>(32 * r + thread % 32);
      // Row 0 of the matrix has the signs over the square root.
      x[thread].number[r] = rows[static_cast<std::size_t>(thread / 32) * size + at] * rotation(0, at);
    }
  }
  lowp::hadamard_of_warp(block, x);
  rotation(lowp::matrix_view<float>(rows.data(), 2, size));
  int wrong = 0;
  for (int thread = 0; thread < 64; ++thread) {
    for (int r = 0; r < Registers; ++r)
      wrong += x[thread].number[r] != rows[static_cast<std::size_t>(thread / 32) * size + static_cast<std::size_t>(32 * r + thread % 32)];
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("a warp's transform has the bits of the processor's", "[cuda]") {
  check<1>();
  check<2>();
  check<4>();
  check<8>();
  check<32>();
}
