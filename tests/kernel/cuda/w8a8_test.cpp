// Products of 8-bit activations and weights on the host: INT8 exactly, FP8 against sums in double.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/w8a8_body.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace {

using lowp::e4m3;
using lowp::e5m2;
using lowp::f16;
using lowp::i8;
using lowp::w8a8_scaling;

// Codes and scales of both operands, rows `stride` bytes apart after `offset` bytes.
template <class F>
struct problem {
  std::size_t tokens, rows, cols, stride, offset;
  std::vector<std::uint8_t> x, w;
  std::vector<float> x_scales, w_scales;  // by row, then by block: large enough for either

  problem(std::size_t m, std::size_t n, std::size_t k, std::size_t pad = 0, std::size_t first = 0, unsigned seed = 1)
      : tokens(m), rows(n), cols(k), stride(pad == 0 ? (k + 15) / 16 * 16 : k + pad), offset(first) {
    std::mt19937 random(seed);
    const auto fill = [&](std::vector<std::uint8_t>& codes, std::size_t count) {
      codes.assign(count * stride + first + 16, 0x7f);  // what lies between rows is NaN, or 127
      for (std::size_t r = 0; r < count; ++r) {
        for (std::size_t c = 0; c < k; ++c) {
          auto code = static_cast<std::uint8_t>(random());
          while (!lowp::is_finite(F::decode(code))) code = static_cast<std::uint8_t>(random());
          codes[first + r * stride + c] = code;
        }
      }
    };
    fill(x, m);
    fill(w, n);
    const auto scales = [&](std::vector<float>& s, std::size_t count) {
      s.resize(count);
      for (float& v : s) v = 0.001f * static_cast<float>(random() % 1000 + 1);
    };
    scales(x_scales, m * blocks());
    scales(w_scales, n * blocks());
  }

  std::size_t blocks() const { return (cols + 127) / 128 + 1; }
  double x_at(std::size_t t, std::size_t c) const { return F::decode(x[offset + t * stride + c]); }
  double w_at(std::size_t r, std::size_t c) const { return F::decode(w[offset + r * stride + c]); }

  template <w8a8_scaling Scaling, lowp::w8a8_tile Tile, bool Native = true, class Y = float, class E = lowp::identity_epilogue>
  std::vector<Y> product(E epilogue = {}) const {
    constexpr bool by_row = Scaling == w8a8_scaling::rows;
    // The addresses keep what alignment the strides and the offset have.
    std::vector<lowp::vector_of_words> room((x.size() + w.size()) / 16 + 4);
    auto* const x_copy = reinterpret_cast<std::uint8_t*>(room.data());
    auto* const w_copy = x_copy + (x.size() + 15) / 16 * 16;
    std::copy(x.begin(), x.end(), x_copy);
    std::copy(w.begin(), w.end(), w_copy);
    const lowp::w8a8_operand<F> left{x_copy + offset, stride, {x_scales.data(), by_row ? 1 : blocks(), by_row ? 0u : 1u}};
    const lowp::w8a8_operand<F> right{w_copy + offset, stride, {w_scales.data(), by_row ? 1 : blocks(), by_row ? 0u : 1u}};
    std::vector<Y> y(tokens * rows, Y(-77.0f));
    const auto a = lowp::w8a8_arguments_of<Scaling>(left, right, cols, lowp::matrix_view<Y>{y.data(), tokens, rows}, epilogue);
    using body = lowp::w8a8_body<F, Scaling, Y, E, Tile, Native>;
    const lowp::host_block<Tile.threads()> block;
    for (std::uint32_t t = 0; t * Tile.tokens < tokens; ++t) {
      for (std::uint32_t r = 0; r * Tile.rows < rows; ++r) {
        std::vector<lowp::vector_of_words> shared(Tile.shared_bytes() / 16, {{~0u, ~0u, ~0u, ~0u}});
        body::run(block, a, shared.data(), t, r);
      }
    }
    return y;
  }

  // How many results are not float(sum) * scale * scale of sums in 64-bit integers.
  int wrong_integers(const std::vector<float>& y) const {
    int wrong = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t r = 0; r < rows; ++r) {
        std::int64_t sum = 0;
        for (std::size_t c = 0; c < cols; ++c) sum += static_cast<std::int64_t>(x_at(t, c)) * static_cast<std::int64_t>(w_at(r, c));
        const float scaled = lowp::rounded(static_cast<float>(sum) * x_scales[t]) * w_scales[r];
        wrong += y[t * rows + r] != scaled ? 1 : 0;
      }
    }
    return wrong;
  }

  // The largest distance from sums in double, as a share of the sums of magnitudes.
  template <w8a8_scaling Scaling>
  double worst_error(const std::vector<float>& y) const {
    double worst = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t r = 0; r < rows; ++r) {
        double sum = 0;
        double size = 1e-30;
        for (std::size_t c = 0; c < cols; ++c) {
          const double scale = Scaling == w8a8_scaling::rows
                                   ? static_cast<double>(x_scales[t]) * w_scales[r]
                                   : static_cast<double>(x_scales[t * blocks() + c / 128]) * w_scales[r / 128 * blocks() + c / 128];
          sum += scale * x_at(t, c) * w_at(r, c);
          size += std::abs(scale * x_at(t, c) * w_at(r, c));
        }
        const double error = std::abs(static_cast<double>(y[t * rows + r]) - sum) / size;
        if (std::isnan(error)) return error;
        worst = std::fmax(worst, error);
      }
    }
    return worst;
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
  // Scales of the wrong block are found out.
  problem<e4m3> wrong = p;
  std::swap(wrong.w_scales[0], wrong.w_scales[1]);
  CHECK(wrong.worst_error<w8a8_scaling::blocks>(y) > 100 * enough);
  wrong = p;
  std::swap(wrong.x_scales[5 * p.blocks()], wrong.x_scales[6 * p.blocks()]);
  CHECK(wrong.worst_error<w8a8_scaling::blocks>(y) > 100 * enough);
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
