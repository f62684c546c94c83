// The shares of blocks in products of 8-bit numbers: every step of every tile once, and no share too small.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/w8a8_schedule.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using lowp::w8a8_schedule;

// Whether the blocks do everything once, and those that share a tile know each other.
bool covers(const w8a8_schedule& s) {
  std::vector<int> done(std::size_t{s.token_tiles} * s.row_tiles * s.steps);
  for (std::uint32_t b = 0; b < s.blocks; ++b) {
    std::uint32_t shared = 0;
    for (std::uint32_t i = 0; i < s.parts(b); ++i) {
      const w8a8_schedule::part p = s.part_of(b, i);
      if (p.token_tile >= s.token_tiles || p.row_tile >= s.row_tiles || p.last > s.steps || p.first >= p.last) return false;
      if (p.shared == (p.first == 0 && p.last == s.steps)) return false;
      if (p.shared && (p.rest >= s.rest.panels || b < s.rest.first_block(p.rest) || b > s.rest.last_block(p.rest))) return false;
      if (p.shared && s.rest.last_block(p.rest) - s.rest.first_block(p.rest) > 8) return false;
      if (p.shared && s.rest.slot(b, p.rest) >= 2 * s.blocks) return false;
      shared += p.shared ? 1 : 0;
      for (std::uint32_t step = p.first; step < p.last; ++step) {
        ++done[(std::size_t{p.row_tile} * s.token_tiles + p.token_tile) * s.steps + step];
      }
    }
    if (shared > 2 || s.parts(b) == 0) return false;
  }
  for (const int d : done) {
    if (d != 1) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("every step of every tile is done once", "[cuda]") {
  int wrong = 0;
  for (const std::uint32_t tokens : {1u, 2u, 3u, 15u, 16u, 17u, 40u}) {
    for (const std::uint32_t rows : {1u, 2u, 7u, 16u, 33u}) {
      for (const std::uint32_t steps : {1u, 3u, 8u, 9u, 64u}) {
        for (const std::uint32_t blocks : {1u, 2u, 7u, 16u, 132u, 1000u}) {
          wrong += !covers(w8a8_schedule::make(tokens, rows, steps, blocks, false));
          wrong += !covers(w8a8_schedule::make(tokens, rows, steps, blocks, true));
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("few tokens keep all processors busy, and many tiles start whole", "[cuda]") {
  constexpr auto few = w8a8_schedule::make(1, 64, 64, 132, true);
  CHECK(few.blocks == 132);
  CHECK(few.whole_tiles == 0);
  CHECK(w8a8_schedule::make(1, 64, 64, 132, false).blocks == 64);
  constexpr auto many = w8a8_schedule::make(16, 64, 64, 132, true);
  CHECK(many.whole_tiles == 7 * 132);
  CHECK(many.rest.panels == 100);
  // Without columns there is nothing to share, and still every tile is stored.
  constexpr auto empty = w8a8_schedule::make(3, 2, 0, 4, true);
  CHECK(empty.blocks == 4);
  CHECK(empty.parts(0) + empty.parts(1) + empty.parts(2) + empty.parts(3) == 6);
  // Tiles that run at the same time share their weights and their tokens.
  CHECK(many.part_of(17, 0).row_tile == 1);
  CHECK(many.part_of(17, 0).token_tile == 1);
}
