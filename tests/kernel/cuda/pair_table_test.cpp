// Tables of pairs: every half-word in each half of a word, every lane.
#include <lowp_test.hpp>

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/cuda/pair_table.hpp>

#include <cstdint>
#include <memory>

namespace {

template <class F, class Out, int Copies>
int wrong_numbers() {
  const auto table = std::make_unique<lowp::pair_table<F, Out, Copies>>();
  for (unsigned thread = 0; thread < 96; ++thread) table->fill(thread, 96);
  constexpr int bits = 8 * F::bits;
  int wrong = 0;
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    for (const int at : {0, bits > 16 ? bits - 16 : 0}) {
      const std::uint32_t run = half << at | (at == 0 ? half * 40503u << 16 : half * 40503u & lowp::low_mask(at));
      const auto f = table->value(run, half % 32);
      for (int e = 0; e < 8; ++e) wrong += f.code(e) != Out(F::decode(run >> (F::bits * e) & lowp::low_mask(F::bits))).code;
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("a table of pairs gives the numbers of every run", "[cuda]") {
  CHECK(wrong_numbers<lowp::nf4, lowp::f16, 32>() == 0);
  CHECK(wrong_numbers<lowp::nf4, lowp::bf16, 8>() == 0);
  CHECK(wrong_numbers<lowp::bnb_fp4, lowp::f16, 1>() == 0);
  CHECK(wrong_numbers<lowp::nf3, lowp::bf16, 32>() == 0);
  CHECK(wrong_numbers<lowp::nf2, lowp::f16, 4>() == 0);
  CHECK(sizeof(lowp::pair_table<lowp::nf4, lowp::f16>) == 32768);
}
