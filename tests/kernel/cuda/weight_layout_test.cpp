// The layout of the CUDA kernels: a bijection, made of fragments as mma.sync has them, and reached from every checkpoint layout.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/repack.hpp>
#include <lowp/kernel/cuda/weight_layout.hpp>
#include <lowp/layout/laws.hpp>
#include <lowp/layout/layouts.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/scheme/presets.hpp>

#include "gemm_problem.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace {

using lowp::layout::mma_a16;

template <int Bits>
void check_law() {
  CAPTURE(Bits);
  for (const auto& [rows, cols] : {std::pair<std::size_t, std::size_t>{64, 256}, {1, 1}, {63, 255}, {65, 257}, {130, 40}, {17, 700}}) {
    CAPTURE(rows);
    CAPTURE(cols);
    CHECK(lowp::laws::layout<mma_a16, Bits>(rows, cols));
    CHECK(mma_a16::size<Bits>(rows, cols) ==
          (rows + 63) / 64 * ((cols + mma_a16::unit_cols<Bits> - 1) / mma_a16::unit_cols<Bits>)*mma_a16::block_bytes<Bits>);
  }
}

}  // namespace

TEST_CASE("every code of every width has a place of its own", "[cuda]") {
  check_law<1>();
  check_law<2>();
  check_law<3>();
  check_law<4>();
  check_law<5>();
  check_law<6>();
  check_law<7>();
  check_law<8>();
  static_assert(mma_a16::unit_cols<4> == 64 && mma_a16::unit_bytes<4> == 512);
  static_assert(mma_a16::unit_cols<8> == 32 && mma_a16::unit_bytes<8> == 512);
  static_assert(mma_a16::unit_cols<2> == 128 && mma_a16::unit_bytes<2> == 512);
  static_assert(mma_a16::unit_cols<3> == 128 && mma_a16::unit_bytes<3> == 512 + 256);
  static_assert(mma_a16::unit_cols<6> == 64 && mma_a16::unit_bytes<6> == 512 + 256);
}

TEST_CASE("a lane's word of 4-bit codes is its fragment", "[cuda]") {
  // Column 16 s + c, row r of unit u: word s of the lane, as the picture in the header has it.
  int wrong = 0;
  for (int lane = 0; lane < 32; ++lane) {
    const int g = lane / 4;
    const int t = lane % 4;
    const int rows[8] = {g, g, g + 8, g + 8, g, g, g + 8, g + 8};
    const int cols[8] = {4 * t, 4 * t + 2, 4 * t, 4 * t + 2, 4 * t + 1, 4 * t + 3, 4 * t + 1, 4 * t + 3};
    for (int s = 0; s < 4; ++s) {
      for (int p = 0; p < 8; ++p) {
        const auto row = static_cast<std::size_t>(64 + 32 + rows[p]);
        const auto col = static_cast<std::size_t>(128 + 16 * s + cols[p]);
        const auto expected = static_cast<std::size_t>((((1 * 5 + 2) * 4 + 2) * 512 + lane * 16 + s * 4) * 8 + p * 4);
        wrong += mma_a16::bit<4>(row, col, 0, 128, 320) != expected;
      }
      for (int p = 0; p < 8; ++p) {
        const int eight_rows[4] = {g, g, g + 8, g + 8};
        const auto row = static_cast<std::size_t>(eight_rows[p % 4]);
        const auto col = static_cast<std::size_t>(32 + 16 * (s / 2) + 4 * t + p / 4 * 2 + p % 2);
        const auto expected = static_cast<std::size_t>(((1 * 4) * 512 + lane * 16 + s / 2 * 8 + p) * 8);
        wrong += mma_a16::bit<8>(row, col, 0, 64, 64) != expected;
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("the places in a fragment follow from the map of mma.m16n8k16", "[cuda]") {
  int wrong = 0;
  for (int lane = 0; lane < 32; ++lane) {
    for (int e = 0; e < 8; ++e) {
      const lowp::mma_position p = mma_a16::weight_at(lane, e);
      const std::size_t at = mma_a16::bit<4>(static_cast<std::size_t>(p.row), static_cast<std::size_t>(p.col), 0, 64, 64);
      wrong += at != static_cast<std::size_t>(lane * 128 + 4 * mma_a16::place_of<4>(e));
      wrong += mma_a16::place_of<4>(mma_a16::place_of<4>(e)) != e;
    }
    // Four columns next to each other are the two registers of the other operand.
    for (int r = 0; r < 2; ++r) {
      for (int e = 0; e < 2; ++e) wrong += mma_a16::column_of(mma_a16::shape::b_at(lane, r, e).row) != lane % 4 * 4 + r * 2 + e;
    }
  }
  CHECK(wrong == 0);
}

namespace {

// From a checkpoint's layout and back by way of the kernels'.
template <class From, int Bits>
void check_repack(std::size_t rows, std::size_t cols) {
  CAPTURE(Bits);
  using S = lowp::scheme<lowp::integer<Bits, false>, lowp::per_channel, lowp::symmetric, lowp::f32>;
  const auto q = lowp_test::random_weights<S>(rows, cols);
  const auto from = lowp::pack<From>(q);
  const auto there = lowp::repack<mma_a16>(from);
  CHECK(lowp::unpack(there) == q);
  CHECK(lowp::pack<From>(lowp::unpack(there)).bytes().size() == from.bytes().size());
  int wrong = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      wrong += lowp::read_code<From, Bits>(from.bytes().data(), r, c, rows, cols) !=
               lowp::read_code<mma_a16, Bits>(there.bytes().data(), r, c, rows, cols);
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("weights of every checkpoint layout are repacked", "[cuda]") {
  namespace layout = lowp::layout;
  check_repack<layout::row_major, 2>(70, 200);
  check_repack<layout::row_major, 3>(70, 200);
  check_repack<layout::row_major, 6>(70, 200);
  check_repack<layout::gptq, 2>(70, 192);
  check_repack<layout::gptq, 3>(70, 192);
  check_repack<layout::gptq, 4>(70, 192);
  check_repack<layout::gptq, 8>(70, 192);
  check_repack<layout::gptq_planes, 3>(70, 192);
  check_repack<layout::awq, 4>(72, 200);
  check_repack<layout::awq_gemv, 4>(72, 200);
  check_repack<layout::marlin, 4>(128, 192);
  check_repack<layout::marlin, 8>(128, 192);
  check_repack<layout::tinygemm<>, 4>(72, 1024);
  check_repack<layout::compressed_tensors, 4>(70, 200);
  check_repack<layout::compressed_tensors_padded, 3>(70, 200);
  check_repack<layout::tile16, 3>(70, 200);
  check_repack<layout::tile16, 4>(70, 200);
}

TEST_CASE("parameters lie in panels of 64 rows, in the order of lanes", "[cuda]") {
  const auto q = lowp_test::random_weights<lowp::uint4_g128>(100, 400);
  const auto packed = lowp::pack<mma_a16>(q);
  int wrong = 0;
  for (std::size_t row = 0; row < 100; ++row) {
    for (std::size_t g = 0; g < 4; ++g) {
      const std::size_t at = (row / 64 * 4 + g) * 64 + row % 8 * 8 + row % 64 / 8;
      wrong += packed.panel_scales().codes()[at] != q.scales().codes()(row, g);
      wrong += packed.panel_zeros().codes()[at] != q.zeros().codes()(row, g);
    }
  }
  CHECK(wrong == 0);
}

namespace {

// The words that the device writes, against the packer's.
template <class From, int Bits>
void check_device_repack(std::size_t rows, std::size_t cols) {
  CAPTURE(Bits);
  using S = lowp::scheme<lowp::integer<Bits, false>, lowp::per_channel, lowp::symmetric, lowp::f32>;
  const auto q = lowp_test::random_weights<S>(rows, cols);
  const auto from = lowp::pack<From>(q);
  const auto expected = lowp::pack<mma_a16>(q);
  std::vector<std::uint32_t> words(expected.bytes().size() / 4, 0xffffffffu);
  const lowp::repack_arguments a{from.bytes().data(), words.data(), rows, cols};
  for (std::uint32_t b = 0; b < 3; ++b) lowp::repack_words<From, Bits>(lowp::host_block<64>{}, a, b, 3);
  CHECK(std::memcmp(words.data(), expected.bytes().data(), expected.bytes().size()) == 0);
}

}  // namespace

TEST_CASE("the device repacks from every layout as the host does", "[cuda]") {
  namespace layout = lowp::layout;
  check_device_repack<layout::row_major, 1>(70, 300);
  check_device_repack<layout::row_major, 2>(70, 200);
  check_device_repack<layout::row_major, 3>(70, 200);
  check_device_repack<layout::row_major, 4>(1, 1);
  check_device_repack<layout::row_major, 5>(70, 200);
  check_device_repack<layout::row_major, 6>(70, 200);
  check_device_repack<layout::row_major, 7>(70, 200);
  check_device_repack<layout::row_major, 8>(70, 200);
  check_device_repack<layout::gptq, 2>(70, 192);
  check_device_repack<layout::gptq, 3>(70, 192);
  check_device_repack<layout::gptq, 4>(70, 192);
  check_device_repack<layout::gptq, 8>(70, 192);
  check_device_repack<layout::awq, 4>(72, 200);
  check_device_repack<layout::marlin, 4>(128, 192);
  check_device_repack<layout::marlin, 8>(128, 192);
  check_device_repack<layout::tinygemm<>, 4>(72, 1024);
  check_device_repack<layout::compressed_tensors, 4>(70, 200);
  check_device_repack<layout::compressed_tensors_padded, 3>(70, 200);
  check_device_repack<mma_a16, 3>(70, 200);
}
