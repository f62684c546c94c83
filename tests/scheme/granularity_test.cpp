#include <lowp/scheme/laws.hpp>

#include <lowp_test.hpp>

#include <map>
#include <set>
#include <utility>
#include <vector>

using lowp::grid_position;
using lowp::grid_shape;

namespace {

// A granularity of one's own: even and odd columns of a row do not share a scale.
struct per_parity {
  static constexpr std::size_t weights_per_group = 0;
  static constexpr grid_shape grid(std::size_t rows, std::size_t cols) { return {rows, cols < 2 ? cols : 2}; }
  static constexpr grid_position group_of(std::size_t row, std::size_t col, std::size_t, std::size_t) { return {row, col % 2}; }
  template <class F>
  static constexpr void visit(grid_position g, std::size_t, std::size_t cols, F&& f) {
    for (std::size_t c = g.col; c < cols; c += 2) f(g.row, c, std::size_t{1});
  }
};
static_assert(lowp::granularity_policy<per_parity>);
static_assert(!lowp::rectangular_granularity<per_parity>);

// Wrong in one way each.
struct forgets_the_last_row : per_parity {
  static constexpr grid_shape grid(std::size_t rows, std::size_t cols) { return {rows == 0 ? 0 : rows - 1, cols < 2 ? cols : 2}; }
};
struct has_an_empty_group : per_parity {
  static constexpr grid_shape grid(std::size_t rows, std::size_t) { return {rows, 3}; }
};
struct visits_another_group : per_parity {
  static constexpr grid_position group_of(std::size_t row, std::size_t col, std::size_t, std::size_t) { return {row, (col + 1) % 2}; }
};

static_assert(lowp::laws::granularity<lowp::per_group<24>>(5, 100));
static_assert(lowp::laws::granularity<lowp::per_flat_group<7>>(5, 10));
static_assert(lowp::laws::granularity<per_parity>(5, 7));

template <class G>
bool holds_everywhere() {
  for (std::size_t rows = 0; rows <= 20; ++rows) {
    for (std::size_t cols = 0; cols <= 40; ++cols) {
      if (!lowp::laws::granularity<G>(rows, cols)) return false;
    }
  }
  return lowp::laws::granularity<G>(3, 1000) && lowp::laws::granularity<G>(1000, 3) && lowp::laws::granularity<G>(129, 257);
}

}  // namespace

TEST_CASE("every granularity assigns each weight to one group of its grid", "[scheme]") {
  CHECK(holds_everywhere<lowp::per_tensor>());
  CHECK(holds_everywhere<lowp::per_channel>());
  CHECK(holds_everywhere<lowp::per_token>());
  CHECK(holds_everywhere<lowp::per_group<1>>());
  CHECK(holds_everywhere<lowp::per_group<2>>());
  CHECK(holds_everywhere<lowp::per_group<16>>());
  CHECK(holds_everywhere<lowp::per_group<24>>());
  CHECK(holds_everywhere<lowp::per_group<1000>>());
  CHECK(holds_everywhere<lowp::per_block<1, 1>>());
  CHECK(holds_everywhere<lowp::per_block<3, 5>>());
  CHECK(holds_everywhere<lowp::per_block<16, 16>>());
  CHECK(holds_everywhere<lowp::per_block<128, 128>>());
  CHECK(holds_everywhere<lowp::per_flat_group<1>>());
  CHECK(holds_everywhere<lowp::per_flat_group<7>>());
  CHECK(holds_everywhere<lowp::per_flat_group<64>>());
  CHECK(holds_everywhere<lowp::per_flat_group<100000>>());
  CHECK(holds_everywhere<per_parity>());
}

TEST_CASE("the law of a granularity sees what is wrong", "[scheme]") {
  CHECK_FALSE(lowp::laws::granularity<forgets_the_last_row>(3, 4));
  CHECK_FALSE(lowp::laws::granularity<has_an_empty_group>(3, 4));
  CHECK_FALSE(lowp::laws::granularity<visits_another_group>(3, 4));
}

TEST_CASE("grids have the sizes that the definitions say", "[scheme]") {
  CHECK(lowp::per_tensor::grid(7, 100) == grid_shape{1, 1});
  CHECK(lowp::per_channel::grid(7, 100) == grid_shape{7, 1});
  CHECK(lowp::per_token::grid(7, 100) == grid_shape{7, 1});
  CHECK(lowp::per_group<32>::grid(7, 100) == grid_shape{7, 4});
  CHECK(lowp::per_group<32>::grid(7, 96) == grid_shape{7, 3});
  CHECK(lowp::per_block<4, 30>::grid(7, 100) == grid_shape{2, 4});
  CHECK(lowp::per_flat_group<64>::grid(7, 100) == grid_shape{1, 11});
  CHECK(lowp::per_tensor::grid(0, 100) == grid_shape{0, 1});
  CHECK(lowp::per_channel::grid(7, 0) == grid_shape{7, 0});
  CHECK(lowp::per_flat_group<64>::grid(0, 100) == grid_shape{0, 0});
  CHECK(lowp::per_group<32>::group_of(3, 95, 7, 100) == grid_position{3, 2});
  CHECK(lowp::per_block<4, 30>::group_of(6, 90, 7, 100) == grid_position{1, 3});
  CHECK(lowp::per_flat_group<64>::group_of(1, 27, 7, 100) == grid_position{0, 1});
  CHECK(lowp::per_flat_group<64>::group_of(1, 28, 7, 100) == grid_position{0, 2});
}

TEST_CASE("visits run over adjacent weights, in order", "[scheme]") {
  std::vector<std::size_t> seen;
  const auto note = [&](std::size_t row, std::size_t col, std::size_t count) { seen.insert(seen.end(), {row, col, count}); };
  lowp::per_flat_group<64>::visit({0, 1}, 7, 30, note);
  CHECK(seen == std::vector<std::size_t>{2, 4, 26, 3, 0, 30, 4, 0, 8});
  seen.clear();
  lowp::per_flat_group<64>::visit({0, 3}, 7, 30, note);
  CHECK(seen == std::vector<std::size_t>{6, 12, 18});
  seen.clear();
  lowp::per_block<2, 8>::visit({1, 2}, 3, 20, note);
  CHECK(seen == std::vector<std::size_t>{2, 16, 4});
}
