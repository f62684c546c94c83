// Schedules of the CUDA GEMM: all work is done once, parts are added by those who have them, and shared memory suffices.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/gemm_tile.hpp>
#include <lowp/kernel/cuda/gemm_schedule.hpp>
#include <lowp/scheme/presets.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using lowp::gemm_schedule;

// Whether every step of every panel belongs to one block, the blocks of a panel are those that the schedule names, and no two parts
// that are left in memory share a slot.
bool covers(std::uint32_t panels, std::uint32_t steps, std::uint32_t blocks) {
  const gemm_schedule s = gemm_schedule::make(panels, steps, blocks);
  if (s.blocks > blocks || s.blocks == 0) return false;
  std::vector<std::uint32_t> done(panels, 0);
  std::vector<std::uint32_t> expected_block(panels, 0);
  for (std::uint32_t p = 0; p < panels; ++p) expected_block[p] = s.first_block(p);
  std::set<std::uint32_t> slots;
  std::uint64_t least = ~std::uint64_t{0};
  std::uint64_t most = 0;
  for (std::uint32_t b = 0; b < s.blocks; ++b) {
    const std::uint64_t end = s.begin(b + 1);
    const std::uint64_t count = end - s.begin(b);
    least = count < least ? count : least;
    most = count > most ? count : most;
    for (std::uint64_t at = s.begin(b); at < end;) {
      const gemm_schedule::part part = s.part_at(at, end);
      if (part.panel >= panels || part.last > steps || part.first >= part.last) return false;
      if (done[part.panel] != part.first) return false;  // the blocks go along each panel in order
      done[part.panel] = part.last;
      if (expected_block[part.panel]++ != b) return false;
      if (!s.whole(part)) {
        const std::uint32_t slot = s.slot(b, part.panel);
        if (slot >= s.slots() || slot != s.slots_of(part.panel).of(b) || !slots.insert(slot).second) return false;
      } else if (s.first_block(part.panel) != b || s.last_block(part.panel) != b) {
        return false;
      }
      at += part.last - part.first;
    }
  }
  for (std::uint32_t p = 0; p < panels; ++p) {
    if (done[p] != steps || expected_block[p] != s.last_block(p) + 1) return false;
  }
  return least >= 1 && most - least <= 1;
}

}  // namespace

TEST_CASE("a schedule does all work once, in equal shares, for any shape and number of processors", "[cuda]") {
  int wrong = 0;
  int count = 0;
  for (std::uint32_t processors = 1; processors <= 200; ++processors) {
    for (const std::uint32_t panels : {1u, 2u, 3u, 7u, 16u, 43u, 64u, 113u}) {
      for (const std::uint32_t steps : {1u, 2u, 5u, 22u, 63u, 64u}) {
        for (const std::uint32_t each : {1u, 2u}) {
          wrong += !covers(panels, steps, processors * each);
          ++count;
        }
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(count == 200 * 8 * 6 * 2);
  CHECK(covers(782, 160, 264));
  CHECK(covers(100000, 3, 296));
}

TEST_CASE("the largest problems are counted without wrapping around", "[cuda]") {
  const gemm_schedule s = gemm_schedule::make(8388608, 33554432, 4096);
  CHECK(s.begin(0) == 0);
  CHECK(s.begin(s.blocks) == std::uint64_t{8388608} * 33554432);
  CHECK(s.block_of(s.work() - 1) == 4095);
  CHECK(s.block_of(s.begin(4000)) == 4000);
  CHECK(s.block_of(s.begin(4000) - 1) == 3999);
}

namespace {

// Shared memory of one block, and of all blocks of a processor.
template <class S, int Tokens, int ComputeCapability>
constexpr int shared_bytes(bool of_processor) {
  constexpr lowp::gemm_tile tile = lowp::gemm_tuning<S>::template tile<Tokens>(ComputeCapability);
  return lowp::gemm_shared<S, tile>::bytes * (of_processor ? tile.blocks_per_processor : 1);
}

template <class S, int Tokens>
void check_tiles() {
  CAPTURE(Tokens);
  CHECK((Tokens == 64 || shared_bytes<S, Tokens, 75>(true) <= 64 * 1024));
  CHECK(shared_bytes<S, Tokens, 80>(true) <= 163 * 1024);
  CHECK(shared_bytes<S, Tokens, 86>(true) <= 99 * 1024);
  CHECK(shared_bytes<S, Tokens, 90>(true) <= 226 * 1024);
  CHECK(shared_bytes<S, Tokens, 120>(true) <= 99 * 1024);
  constexpr lowp::gemm_tile tile = lowp::gemm_tuning<S>::template tile<Tokens>(90);
  CHECK(tile.threads() == (tile.row_tiles == 2 && Tokens == 16 ? 512 : 256));
}

}  // namespace

TEST_CASE("every tile fits the shared memory of its architecture", "[cuda]") {
  lowp::for_each_preset([]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    if constexpr (lowp::gemm_scheme<S>::supported()) {
      check_tiles<S, 8>();
      check_tiles<S, 16>();
      check_tiles<S, 32>();
      check_tiles<S, 64>();
    }
  });
}
