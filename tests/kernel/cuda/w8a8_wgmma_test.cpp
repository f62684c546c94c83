// Products of 8-bit numbers by wgmma on the host: the producer and the warpgroups take turns as far as the barriers let them, operands
// are read through their descriptors, and products are made when they are waited for.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/shared_memory.hpp>
#include <lowp/kernel/cuda/w8a8_body.hpp>
#include <lowp/kernel/cuda/w8a8_wgmma_body.hpp>

#include "w8a8_problem.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using lowp::e4m3;
using lowp::e5m2;
using lowp::f16;
using lowp::i8;
using lowp::w8a8_scaling;
using lowp::w8a8_wgmma_tile;

template <class F>
struct problem : lowp_test::w8a8_problem<F> {
  using base = lowp_test::w8a8_problem<F>;
  using base::base;

  template <w8a8_scaling Scaling, int Tokens, class Y = float, class E = lowp::identity_epilogue>
  std::vector<Y> product(E epilogue = {}, std::uint32_t most_blocks = 1000000, bool shares = false, unsigned turns = 1) const {
    constexpr w8a8_wgmma_tile tile = lowp::w8a8_wgmma_tile_for(Tokens);
    return base::template product_of<Scaling, Y>(
        [&](const lowp::w8a8_arguments<F, Scaling, Y, E>& a) {
          using body = lowp::w8a8_wgmma_body<F, Scaling, Y, E, tile>;
          const lowp::w8a8_schedule schedule = body::output::schedule_for(a, tile, most_blocks);
          const lowp::tensor_source left{a.x.codes, a.x.stride, a.tokens, a.cols, static_cast<std::uint32_t>(tile.tokens)};
          const lowp::tensor_source right{a.weights.codes, a.weights.stride, a.rows, a.cols, static_cast<std::uint32_t>(tile.rows)};
          for (const std::uint32_t b : lowp_test::order_of_blocks(schedule.blocks, turns)) {
            std::vector<std::uint8_t> shared(static_cast<std::size_t>(tile.shared_bytes()), 0xff);  // NaN, or -1
            typename body::ring ring;
            ring.init();
            typename body::producer producer(schedule, b);
            const auto wait_for = [&](const auto& at) {
              while (producer.more() && producer.may_send(ring)) producer.send(ring, shared.data(), left, right);
              ring.full[at.stage].wait(at.phase);
            };
            body::multiply(lowp::host_block<w8a8_wgmma_tile::multipliers>{}, a, schedule, ring, shared.data(), 0, b, wait_for);
            CHECK(!producer.more());
          }
        },
        epilogue, shares ? 2 * most_blocks : 0, static_cast<std::size_t>(tile.tokens * tile.rows));
  }
};

constexpr double enough = 1e-6;

}  // namespace

TEST_CASE("swizzled tiles are what the descriptors of wgmma say", "[cuda]") {
  // PTX ISA: addresses and offsets in units of 16 bytes, 128-byte swizzle is mode 1, bits 62 and 63.
  constexpr auto operand = lowp::wgmma_operand::at(0x12c00);
  static_assert((operand.descriptor & 0x3fff) == 0x12c0);
  static_assert((operand.descriptor >> 32 & 0x3fff) == 64);
  static_assert(operand.descriptor >> 62 == 1);
  static_assert((operand.along(96).descriptor & 0x3fff) == 0x12c6);
  // A matrix of 128 rows that was copied by tiles, read through descriptors at each multiple of 32 columns.
  std::vector<std::uint8_t> matrix(128 * 128);
  for (std::size_t i = 0; i < matrix.size(); ++i) matrix[i] = static_cast<std::uint8_t>(i * 7 + i / 128 * 31);
  std::vector<std::uint8_t> shared(1024 + matrix.size());
  lowp::ptx::transfer_barrier barrier;
  barrier.init(1);
  barrier.arrive_and_expect(128 * 128);
  lowp::ptx::copy_tile(shared.data() + 1024, {matrix.data(), 128, 128, 128, 128}, 0, 0, barrier);
  barrier.wait(0);
  int wrong = 0;
  int unmoved = 0;
  for (std::uint32_t first = 0; first < 128; first += 64) {
    for (std::uint32_t k = 0; k < 128; k += 32) {
      const auto part = lowp::wgmma_operand::at(1024 + first * 128).along(k);
      const lowp::wgmma_operand unswizzled{part.descriptor & ~(std::uint64_t{3} << 62)};
      for (std::uint32_t i = 0; i < 64 * 32; ++i) {
        const std::uint32_t row = i / 32;
        const std::uint8_t byte = matrix[(first + row) * 128 + k + i % 32];
        wrong += lowp::detail::wgmma_byte(shared.data(), part, row, i % 32) != byte;
        unmoved += lowp::detail::wgmma_byte(shared.data(), unswizzled, row, i % 32) == byte;
        wrong += shared[1024 + lowp::swizzled_place(first + row, k + i % 32)] != byte;
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(unmoved < 128 * 128 / 4);  // without the swizzle most bytes are found elsewhere
}

TEST_CASE("what lies beyond a matrix is copied as zeros", "[cuda]") {
  const std::vector<std::uint8_t> matrix(3 * 40, 9);
  std::vector<std::uint8_t> shared(8 * 128, 0xff);
  lowp::ptx::transfer_barrier barrier;
  barrier.init(1);
  barrier.arrive_and_expect(8 * 128);
  lowp::ptx::copy_tile(shared.data(), {matrix.data(), 40, 3, 37, 8}, 0, 1, barrier);
  barrier.wait(0);
  int wrong = 0;
  for (std::uint32_t row = 0; row < 8; ++row) {
    for (std::uint32_t col = 0; col < 128; ++col) wrong += shared[lowp::swizzled_place(row, col)] != (row < 2 && col < 37 ? 9 : 0);
  }
  CHECK(wrong == 0);
}

TEST_CASE("products of INT8 by wgmma are those of integers", "[cuda]") {
  for (const std::size_t k : {1u, 128u, 130u, 1300u}) {
    const problem<i8> p(5, 140, k);
    CHECK(p.wrong_integers(p.product<w8a8_scaling::rows, 64>()) == 0);
  }
  const problem<i8> p(150, 140, 300);
  CHECK(p.wrong_integers(p.product<w8a8_scaling::rows, 128>()) == 0);
  const problem<i8> q(300, 140, 900);
  CHECK(q.wrong_integers(q.product<w8a8_scaling::rows, 256>()) == 0);
  const problem<i8> blocks(70, 300, 400);
  CHECK(blocks.worst_error<w8a8_scaling::blocks>(blocks.product<w8a8_scaling::blocks, 128>()) < enough);
}

TEST_CASE("products of FP8 by wgmma equal sums in double", "[cuda]") {
  const problem<e4m3> p(70, 140, 1000);
  CHECK((p.worst_error<w8a8_scaling::rows>(p.product<w8a8_scaling::rows, 64>()) < enough));
  CHECK((p.worst_error<w8a8_scaling::rows>(p.product<w8a8_scaling::rows, 128>()) < enough));
  CHECK((p.worst_error<w8a8_scaling::rows>(p.product<w8a8_scaling::rows, 256>()) < enough));
  const problem<e5m2> q(19, 70, 300);
  CHECK((q.worst_error<w8a8_scaling::rows>(q.product<w8a8_scaling::rows, 64>()) < enough));
}

TEST_CASE("block scales of wgmma's products belong to their blocks", "[cuda]") {
  const problem<e4m3> p(260, 300, 400);
  const auto y = p.product<w8a8_scaling::blocks, 256>();
  CHECK(p.worst_error<w8a8_scaling::blocks>(y) < enough);
  CHECK((p.product<w8a8_scaling::blocks, 64>() == y));
  CHECK(p.tells_blocks_apart(y, enough));
}

TEST_CASE("blocks that share tiles of wgmma give the same bits in any order", "[cuda]") {
  const problem<i8> p(70, 300, 1700);
  const auto integers = p.product<w8a8_scaling::rows, 64>();
  for (const std::uint32_t blocks : {1u, 5u, 11u, 17u}) {
    CHECK((p.product<w8a8_scaling::rows, 64>({}, blocks) == integers));
    CHECK((p.product<w8a8_scaling::rows, 64>({}, blocks, true, 7) == integers));
  }
  const problem<e4m3> q(200, 140, 1500);
  const auto y = q.product<w8a8_scaling::blocks, 256>({}, 5, true);
  CHECK(q.worst_error<w8a8_scaling::blocks>(y) < enough);
  CHECK((q.product<w8a8_scaling::blocks, 256>({}, 5, true, 9) == y));
}

TEST_CASE("wgmma's results go through the epilogue and are stored by pairs or one by one", "[cuda]") {
  for (const std::size_t rows : {140u, 141u}) {
    const problem<i8> p(70, rows, 100);
    std::vector<float> bias(rows);
    for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<float>(i) * 0.37f;
    const auto plain = p.product<w8a8_scaling::rows, 64>();
    const auto biased = p.product<w8a8_scaling::rows, 64, f16>(lowp::bias_epilogue{bias.data()});
    int wrong = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) wrong += biased[i].code != f16(plain[i] + bias[i % rows]).code ? 1 : 0;
    CHECK(wrong == 0);
  }
}

TEST_CASE("the workspace has room for what all blocks of a wave leave", "[cuda]") {
  const auto fits = [](const auto& tile, std::size_t blocks_per_processor) {
    const std::size_t words = 2 * blocks_per_processor * static_cast<std::size_t>(tile.tokens * tile.rows);
    return words * sizeof(std::uint32_t) <= lowp::w8a8_workspace_for(1).sums &&
           blocks_per_processor * sizeof(std::uint32_t) <= lowp::w8a8_workspace_for(1).arrivals;
  };
  CHECK(fits(lowp::w8a8_few_tokens, 16));
  CHECK(fits(lowp::w8a8_many_tokens, 2));
  for (const int tokens : {64, 128, 256}) {
    const w8a8_wgmma_tile tile = lowp::w8a8_wgmma_tile_for(tokens);
    CHECK(fits(tile, 1));
    CHECK(tile.shared_bytes() + 2 * tile.stages * 8 <= lowp::shared_memory_of(90));
  }
}

TEST_CASE("products of a warpgroup are there when they are waited for, and not before", "[cuda]") {
  using block = lowp::host_block<lowp::warpgroup_threads>;
  std::vector<std::uint8_t> shared(128 * 128, 1);
  lowp::warpgroup_products<block, i8, 64> products(shared.data());
  block::per_thread<lowp::warpgroup_products<block, i8, 64>::c_type> sums;
  block::per_thread<lowp::wgmma_operand> left;
  block::per_thread<lowp::wgmma_operand> right;
  for (int t = 0; t < lowp::warpgroup_threads; ++t) {
    left[t] = lowp::wgmma_operand::at(0);
    right[t] = lowp::wgmma_operand::at(64 * 128);
    sums[t].reg[5] = 1000;
  }
  products.begin();
  products.set(sums, left, right);
  products.add(sums, left, right);
  products.add(sums, left, right, false);
  products.add(sums, left, right);
  CHECK(sums[77].reg[5] == 1000);
  products.wait(sums);
  CHECK(sums[77].reg[5] == 64);
}
