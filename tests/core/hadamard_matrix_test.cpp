#include <lowp/core/hadamard_matrix.hpp>
#include <lowp_test.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

static_assert(lowp::hadamard_shape(4096)->base == 1 && lowp::hadamard_shape(1)->power == 1);
static_assert(!lowp::hadamard_shape(0) && !lowp::hadamard_shape(3) && !lowp::hadamard_shape(6) && !lowp::hadamard_shape(1036));

TEST_CASE("the rows of every Hadamard matrix are orthogonal", "[core]") {
  int bases = 0;
  for (std::size_t n = 1; n <= lowp::hadamard_base_limit; ++n) {
    if (lowp::detail::rule_of_base(n) == lowp::detail::hadamard_rule::none) continue;
    ++bases;
    const std::vector<std::int8_t> h = lowp::hadamard_base(n);
    REQUIRE(h.size() == n * n);
    bool right = true;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        int sum = 0;
        for (std::size_t k = 0; k < n; ++k) {
          right = right && (h[i * n + k] == 1 || h[i * n + k] == -1);
          sum += h[i * n + k] * h[j * n + k];
        }
        right = right && sum == (i == j ? static_cast<int>(n) : 0);
      }
    }
    INFO(n);
    CHECK(right);
  }
  CHECK(bases == 42);
  CHECK_THROWS_AS(lowp::hadamard_base(92), lowp::error);
}

TEST_CASE("the widths of models have Hadamard matrices", "[core]") {
  // Hidden and intermediate sizes of Llama 1 to 3, Mistral, Qwen, Gemma, Phi, tinylm.
  for (const std::size_t n : {256u, 768u, 896u, 1536u, 2048u, 2560u, 3072u, 3584u, 4096u, 4864u, 5120u, 5632u, 6656u, 8192u, 8960u, 9216u,
                              10240u, 11008u, 13824u, 14336u, 16384u, 17920u, 18944u, 22016u, 24576u, 27648u, 28672u, 36864u, 53248u}) {
    INFO(n);
    const auto shape = lowp::hadamard_shape(n);
    REQUIRE(shape.has_value());
    CHECK(shape->base * shape->power == n);
    CHECK((shape->power & (shape->power - 1)) == 0);
  }
}
