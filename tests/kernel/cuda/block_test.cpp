// The block of threads on the host: copies that arrive when they are waited for, and counters that begin anew.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/block.hpp>

#include <cstdint>

namespace {

lowp::vector_of_words words(std::uint32_t w) { return {{w, w + 1, w + 2, w + 3}}; }

}  // namespace

TEST_CASE("a copy is not there before its group is waited for", "[cuda]") {
  const lowp::host_block<32> block;
  const lowp::vector_of_words from[3] = {words(10), words(20), words(30)};
  lowp::vector_of_words to[3] = {words(1), words(1), words(1)};
  for (int i = 0; i < 3; ++i) {
    block.copy_async(to + i, from + i, 16);
    block.commit_copies();
  }
  CHECK(to[0].word[0] == 1);
  block.wait_for_copies<2>();
  CHECK(to[0].word[3] == 13);
  CHECK(to[1].word[0] == 1);
  block.wait_for_copies<2>();
  CHECK(to[1].word[0] == 1);
  block.wait_for_copies<0>();
  CHECK(to[1].word[0] == 20);
  CHECK(to[2].word[2] == 32);
}

TEST_CASE("a copy of fewer bytes ends in zeros, and one of none reads nothing", "[cuda]") {
  const lowp::host_block<32> block;
  const std::uint8_t from[6] = {1, 2, 3, 4, 5, 6};
  lowp::vector_of_words to[2] = {words(7), words(7)};
  block.copy_async(to, from, 6);
  block.copy_async(to + 1, nullptr, 0);
  block.commit_copies();
  block.wait_for_copies<0>();
  CHECK(to[0].word[0] == 0x04030201u);
  CHECK(to[0].word[1] == 0x0605u);
  CHECK(to[0].word[2] == 0);
  CHECK((to[1].word[0] | to[1].word[1] | to[1].word[2] | to[1].word[3]) == 0);
}

TEST_CASE("the last block to arrive is told so, and the counter begins anew", "[cuda]") {
  const lowp::host_block<32> block;
  std::uint32_t counter = 0;
  for (int round = 0; round < 2; ++round) {
    CHECK(!block.last_to_arrive(&counter, 3));
    CHECK(!block.last_to_arrive(&counter, 3));
    CHECK(block.last_to_arrive(&counter, 3));
    CHECK(counter == 0);
  }
  CHECK(block.last_to_arrive(&counter, 1));
}
