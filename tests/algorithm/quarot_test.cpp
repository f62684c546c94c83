#include <lowp/algorithm/quarot.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace {

using namespace lowp;

constexpr std::size_t width = 24, heads = 4, kv_heads = 2, head_size = 8, inner = 12, tokens = 5;

struct matrix {
  std::size_t rows, cols;
  std::vector<float> numbers;

  matrix(std::size_t r, std::size_t c, unsigned seed) : rows(r), cols(c), numbers(normal_numbers(r * c, seed)) {}
  matrix_view<float> view() { return {numbers.data(), rows, cols}; }
  // x [n, cols] times the transpose.
  std::vector<double> of(const std::vector<double>& x) const {
    std::vector<double> y(x.size() / cols * rows);
    for (std::size_t t = 0; t < x.size() / cols; ++t) {
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) y[t * rows + r] += x[t * cols + c] * static_cast<double>(numbers[r * cols + c]);
      }
    }
    return y;
  }
};

struct small_model {
  matrix embedding{tokens, width, 1}, query{heads * head_size, width, 2}, key{kv_heads * head_size, width, 3};
  matrix value{kv_heads * head_size, width, 4}, output{width, heads * head_size, 5}, gate{inner, width, 6}, up{inner, width, 7};
  matrix down{width, inner, 8}, head{tokens, width, 9};
  std::vector<float> attention_norm = normal_numbers(width, 10), mlp_norm = normal_numbers(width, 11), final_norm = normal_numbers(width, 12);

  llama_block block() {
    return {attention_norm, mlp_norm, query.view(), key.view(), value.view(), output.view(), gate.view(), up.view(), down.view()};
  }

  static std::vector<double> normed(const std::vector<double>& x, const std::vector<float>& weight) {
    std::vector<double> y(x.size());
    for (std::size_t t = 0; t < x.size() / width; ++t) {
      double sum = 0;
      for (std::size_t c = 0; c < width; ++c) sum += x[t * width + c] * x[t * width + c];
      for (std::size_t c = 0; c < width; ++c) {
        y[t * width + c] = x[t * width + c] / std::sqrt(sum / width + 1e-5) * static_cast<double>(weight[c]);
      }
    }
    return y;
  }

  std::vector<double> logits(const hadamard_transform* turned) const {
    std::vector<double> x(embedding.numbers.begin(), embedding.numbers.end());
    const auto a = normed(x, attention_norm);
    const auto q = query.of(a), k = key.of(a), v = value.of(a);
    std::vector<double> mixed(tokens * heads * head_size);
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t h = 0; h < heads; ++h) {
        const std::size_t kv = h / (heads / kv_heads);
        std::vector<double> p(t + 1);
        double sum = 0;
        for (std::size_t s = 0; s <= t; ++s) {
          for (std::size_t c = 0; c < head_size; ++c) p[s] += q[(t * heads + h) * head_size + c] * k[(s * kv_heads + kv) * head_size + c] / 30;
          sum += p[s] = std::exp(p[s]);
        }
        for (std::size_t s = 0; s <= t; ++s) {
          for (std::size_t c = 0; c < head_size; ++c) {
            mixed[(t * heads + h) * head_size + c] += p[s] / sum * v[(s * kv_heads + kv) * head_size + c];
          }
        }
      }
    }
    const auto o = output.of(mixed);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += o[i];
    const auto m = normed(x, mlp_norm);
    const auto g = gate.of(m), u = up.of(m);
    std::vector<double> z(g.size());
    for (std::size_t i = 0; i < z.size(); ++i) z[i] = g[i] / (1 + std::exp(-g[i])) * u[i];
    if (turned != nullptr) {
      std::vector<float> copy(z.begin(), z.end());
      (*turned)(matrix_view<float>(copy.data(), tokens, inner));
      z.assign(copy.begin(), copy.end());
    }
    const auto d = down.of(z);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += d[i];
    return head.of(normed(x, final_norm));
  }
};

}  // namespace

TEST_CASE("a turned model is the same function", "[quarot]") {
  const small_model exact;
  const auto expected = exact.logits(nullptr);
  const hadamard_transform stream(width, 7), head(head_size), last(inner, 3);
  for (const bool all : {false, true}) {
    small_model turned;
    rotate_block(turned.block(), stream, all ? &head : nullptr, all ? &last : nullptr);
    rotate_ends(turned.embedding.view(), turned.final_norm, turned.head.view(), stream);
    CHECK(turned.value.numbers != exact.value.numbers);
    CHECK(turned.mlp_norm == std::vector<float>(width, 1.0f));
    const auto found = turned.logits(all ? &last : nullptr);
    double worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::abs(found[i] - expected[i]) / (1 + std::abs(expected[i])));
    CHECK(worst < 1e-5);
  }
}

TEST_CASE("matrices that do not fit a model are refused, and nothing is changed", "[quarot]") {
  small_model m;
  const auto before = m.query.numbers;
  const hadamard_transform stream(width), narrow(12), head(head_size), wide(24);
  CHECK_THROWS_AS(rotate_block(m.block(), narrow), error);
  CHECK_THROWS_AS(rotate_block(m.block(), stream, &wide), error);
  CHECK_THROWS_AS(rotate_block(m.block(), stream, &head, &wide), error);
  CHECK_THROWS_AS(rotate_ends(m.embedding.view(), m.final_norm, m.head.view(), narrow), error);
  CHECK(m.query.numbers == before);
}
