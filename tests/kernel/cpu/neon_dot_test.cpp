// Dot products of bytes on 64-bit Arm against plain C++. On other machines there is nothing to test.

#include <lowp_test.hpp>

#include <random_matrix.hpp>

#include <lowp/kernel/cpu/isa.hpp>
#include <lowp/kernel/cpu/neon_dot.hpp>

#if LOWP_NEON

#include <cstdint>
#include <vector>

namespace {

constexpr std::size_t lines = 700;

struct problem {
  std::vector<std::uint8_t> w = std::vector<std::uint8_t>(lines * 64);
  std::vector<std::int8_t> x = std::vector<std::int8_t>(lines * 4);
};

struct answer {
  std::int32_t row[16] = {};
  friend bool operator==(const answer&, const answer&) = default;
};

template <class Weight>
answer plain(const problem& p) {
  answer a;
  for (std::size_t i = 0; i < p.w.size(); ++i) a.row[i / 4 % 16] += static_cast<Weight>(p.w[i]) * p.x[i / 64 * 4 + i % 4];
  return a;
}

template <bool Signed>
answer on_every_processor(const problem& p) {
  using namespace lowp::detail::neon;
  dot_sums sums = no_sums();
  for (std::size_t i = 0; i < lines; ++i) {
    if constexpr (Signed) multiply_add(signed_line_at(&p.w[i * 64]), four(&p.x[i * 4]), sums);
    else multiply_add(unsigned_line_at(&p.w[i * 64]), four(&p.x[i * 4]), sums);
  }
  answer a;
  store(a.row, total(sums));
  return a;
}

template <bool Signed>
answer by_dot_products(const problem& p) {
  using namespace lowp::detail::neon_dotprod;
  dot_sums sums = no_sums();
  for (std::size_t i = 0; i < lines; ++i) {
    if constexpr (Signed) multiply_add(signed_line_at(&p.w[i * 64]), four(&p.x[i * 4]), sums);
    else multiply_add(unsigned_line_at(&p.w[i * 64]), four(&p.x[i * 4]), sums);
  }
  answer a;
  store(a.row, total(sums));
  return a;
}

void check(const problem& p) {
  CHECK((on_every_processor<true>(p) == plain<std::int8_t>(p)));
  CHECK((on_every_processor<false>(p) == plain<std::uint8_t>(p)));
  if (!lowp::this_cpu().dotprod) return;
  CHECK((by_dot_products<true>(p) == plain<std::int8_t>(p)));
  CHECK((by_dot_products<false>(p) == plain<std::uint8_t>(p)));
}

}  // namespace

TEST_CASE("dot products of bytes are exact", "[kernel][dot]") {
  problem p;
  for (std::size_t i = 0; i < p.w.size(); ++i) p.w[i] = static_cast<std::uint8_t>(random_bits(1, i));
  for (std::size_t i = 0; i < p.x.size(); ++i) p.x[i] = static_cast<std::int8_t>(random_bits(2, i));
  check(p);
}

TEST_CASE("dot products of the largest bytes are exact", "[kernel][dot]") {
  for (const int w : {-128, -1, 127}) {
    for (const int x : {-128, 127}) {
      problem p;
      p.w.assign(p.w.size(), static_cast<std::uint8_t>(w));
      p.x.assign(p.x.size(), static_cast<std::int8_t>(x));
      check(p);
    }
  }
}

#endif
