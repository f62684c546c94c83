// Products of 8-bit activations and weights on the host: INT8 exactly, FP8 against sums in double.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/w8a8_body.hpp>

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

template <class F>
struct problem : lowp_test::w8a8_problem<F> {
  using base = lowp_test::w8a8_problem<F>;
  using base::base;

  // By so many blocks, whose turns come in an order that `turns` decides; several share a tile if there is a workspace.
  template <w8a8_scaling Scaling, lowp::w8a8_tile Tile, bool Native = true, class Y = float, class E = lowp::identity_epilogue>
  std::vector<Y> product(E epilogue = {}, std::uint32_t most_blocks = 1000000, bool shares = false, unsigned turns = 1) const {
    return base::template product_of<Scaling, Y>(
        [&](const lowp::w8a8_arguments<F, Scaling, Y, E>& a) {
          using body = lowp::w8a8_body<F, Scaling, Y, E, Tile, Native>;
          const lowp::w8a8_schedule schedule = body::output::schedule_for(a, Tile, most_blocks);
          for (const std::uint32_t b : lowp_test::order_of_blocks(schedule.blocks, turns)) {
            std::vector<lowp::vector_of_words> shared(Tile.shared_bytes() / 16, {{~0u, ~0u, ~0u, ~0u}});
            body::run(lowp::host_block<Tile.threads()>{}, a, schedule, shared.data(), b);
          }
        },
        epilogue, shares ? 2 * most_blocks : 0, static_cast<std::size_t>(Tile.tokens * Tile.rows));
  }
};

constexpr double enough = 1e-6;
constexpr auto few = lowp::w8a8_few_tokens;
constexpr auto many = lowp::w8a8_many_tokens;

}  // namespace

TEST_CASE("products of INT8 are those of integers, for any shape", "[cuda]") {
  for (const std::size_t m : {1u, 17u, 32u, 33u}) {
    for (const std::size_t k : {1u, 16u, 63u, 64u, 65u, 200u, 513u}) {
      const problem<i8> p(m, 70, k);
      CHECK(p.wrong_integers(p.product<w8a8_scaling::rows, few>()) == 0);
    }
  }
  const problem<i8> large(130, 140, 300);
  CHECK(large.wrong_integers(large.product<w8a8_scaling::rows, many>()) == 0);
  // Rows that do not start at multiples of 16 bytes.
  const problem<i8> odd(20, 70, 201, 3, 5);
  CHECK(odd.wrong_integers(odd.product<w8a8_scaling::rows, few>()) == 0);
  const problem<i8> empty(2, 3, 0, 16);
  for (const float y : empty.product<w8a8_scaling::rows, few>()) CHECK(y == 0.0f);
}

TEST_CASE("both tiles give the same bits", "[cuda]") {
  const problem<i8> p(40, 150, 300);
  CHECK((p.product<w8a8_scaling::rows, few>() == p.product<w8a8_scaling::rows, many>()));
  CHECK((p.product<w8a8_scaling::blocks, few>() == p.product<w8a8_scaling::blocks, many>()));
  const problem<e4m3> q(40, 150, 300);
  CHECK((q.product<w8a8_scaling::rows, few>() == q.product<w8a8_scaling::rows, many>()));
}

TEST_CASE("blocks that share tiles give the same bits in any order", "[cuda]") {
  const problem<i8> p(40, 150, 1700);
  const auto integers = p.product<w8a8_scaling::rows, few>();
  for (const std::uint32_t blocks : {1u, 3u, 5u, 11u, 18u, 40u}) {
    CHECK((p.product<w8a8_scaling::rows, few>({}, blocks) == integers));
    CHECK((p.product<w8a8_scaling::rows, few>({}, blocks, true, 7) == integers));
  }
  const problem<e4m3> q(33, 70, 2500);
  for (const std::uint32_t blocks : {3u, 13u, 29u}) {
    const auto y = q.product<w8a8_scaling::blocks, few>({}, blocks, true);
    CHECK(q.worst_error<w8a8_scaling::blocks>(y) < enough);
    CHECK((q.product<w8a8_scaling::blocks, few>({}, blocks, true, 9) == y));
  }
}

TEST_CASE("products of FP8 equal sums in double, natively and by way of f16", "[cuda]") {
  for (const std::size_t k : {1u, 100u, 128u, 129u, 520u}) {
    const problem<e4m3> p(19, 70, k);
    CHECK((p.worst_error<w8a8_scaling::rows>(p.product<w8a8_scaling::rows, few>()) < enough));
    CHECK((p.worst_error<w8a8_scaling::rows>(p.product<w8a8_scaling::rows, few, false>()) < enough));
    CHECK((p.worst_error<w8a8_scaling::blocks>(p.product<w8a8_scaling::blocks, few>()) < enough));
    CHECK((p.worst_error<w8a8_scaling::blocks>(p.product<w8a8_scaling::blocks, few, false>()) < enough));
  }
  const problem<e5m2> p(19, 70, 300);
  CHECK((p.worst_error<w8a8_scaling::rows>(p.product<w8a8_scaling::rows, few>()) < enough));
  CHECK((p.worst_error<w8a8_scaling::rows>(p.product<w8a8_scaling::rows, few, false>()) < enough));
}

TEST_CASE("block scales belong to their blocks", "[cuda]") {
  const problem<e4m3> p(130, 300, 400);
  const auto y = p.product<w8a8_scaling::blocks, many>();
  CHECK(p.worst_error<w8a8_scaling::blocks>(y) < enough);
  const problem<i8> integers(40, 300, 400);
  CHECK(integers.worst_error<w8a8_scaling::blocks>(integers.product<w8a8_scaling::blocks, few>()) < enough);
  CHECK(p.tells_blocks_apart(y, enough));
}

TEST_CASE("an epilogue comes before the result is rounded", "[cuda]") {
  const problem<i8> p(5, 70, 100);
  std::vector<float> bias(70);
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<float>(i) * 0.37f;
  const auto plain = p.product<w8a8_scaling::rows, few>();
  const auto biased = p.product<w8a8_scaling::rows, few, true, f16>(lowp::bias_epilogue{bias.data()});
  int wrong = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) wrong += biased[i].code != f16(plain[i] + bias[i % 70]).code ? 1 : 0;
  CHECK(wrong == 0);
}

TEST_CASE("products of 8-bit numbers refuse what does not fit", "[cuda]") {
  const lowp::w8a8_operand<i8> x{nullptr, 128, {}};
  float y[4];
  const auto make = [&](const lowp::w8a8_operand<i8>& w, std::size_t cols) {
    return lowp::w8a8_arguments_of<w8a8_scaling::rows>(x, w, cols, lowp::matrix_view<float>{y, 2, 2});
  };
  CHECK(make(x, 128).cols == 128);
  CHECK_THROWS_AS(make(x, 129), lowp::error);
  CHECK_THROWS_AS(make({nullptr, 127, {}}, 128), lowp::error);
  CHECK(!lowp::w8a8_supports<i8>(1, 1, 200000, 90));  // sums could overflow
  CHECK(lowp::w8a8_supports<e4m3>(1, 1, 200000, 90));
  CHECK(!lowp::w8a8_supports<i8>(1, 1, 100, 75));
}
