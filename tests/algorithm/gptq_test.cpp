#include <lowp/algorithm/gptq.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>

#include "../quantize/odd_schemes.hpp"
#include "layer.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using lowp::matrix_view;

namespace {

std::vector<float> diagonal(std::size_t n, float (*f)(std::size_t)) {
  std::vector<float> h(n * n, 0.0f);
  for (std::size_t i = 0; i < n; ++i) h[i * n + i] = f(i);
  return h;
}

template <lowp::scheme_type S>
std::string refusal(const std::vector<float>& w, std::size_t rows, std::size_t cols, const std::vector<float>& h, std::size_t h_rows,
                    std::size_t h_cols, const lowp::gptq_options& options = {}) {
  try {
    lowp::gptq<S>(view_of(w, rows, cols), view_of(h, h_rows, h_cols), options);
  } catch (const lowp::error& e) {
    return e.what();
  }
  return {};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("with inputs that do not correlate, GPTQ is rounding to nearest", "[algorithm]") {
  constexpr std::size_t rows = 9;
  constexpr std::size_t cols = 300;
  const auto w = normal_numbers(rows * cols, 91);
  const auto same = diagonal(cols, [](std::size_t) { return 2.0f; });
  const auto other = diagonal(cols, [](std::size_t i) { return static_cast<float>(i * 7 % 31 + 1); });
  odd::for_each_scheme([&]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    const auto nearest = lowp::quantize<S>(view_of(w, rows, cols));
    CHECK(lowp::gptq<S>(view_of(w, rows, cols), view_of(same, cols, cols)) == nearest);
    CHECK(lowp::gptq<S>(view_of(w, rows, cols), view_of(other, cols, cols), {.static_groups = true, .block = 7}) == nearest);
    CHECK(lowp::gptq<S>(view_of(w, rows, cols), view_of(other, cols, cols), {.act_order = true}) == nearest);
  });
}

TEST_CASE("GPTQ is never worse than rounding to nearest on correlated inputs, in every scheme", "[algorithm]") {
  const layer l = correlated_layer(24, 256, 1024, 92);
  odd::for_each_scheme([&]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    const double nearest = output_error(l, lowp::quantize<S>(l.weights()));
    const double updated = output_error(l, lowp::gptq<S>(l.weights(), l.hessian()));
    const double ordered = output_error(l, lowp::gptq<S>(l.weights(), l.hessian(), {.act_order = true}));
    const double fixed = output_error(l, lowp::gptq<S>(l.weights(), l.hessian(), {.static_groups = true}));
    CAPTURE(nearest, updated, ordered, fixed);
    // Signs under an absmax have errors larger than the weights; scales fitted to weights so updated run away.
    if (name != "binary") CHECK(updated < nearest);
    CHECK(ordered < nearest);
    CHECK(fixed < nearest);
  });
  // Where 4 and 3 bits leave much to gain, it gains much.
  CHECK(output_error(l, lowp::gptq<lowp::int4_g128>(l.weights(), l.hessian())) <
        0.5 * output_error(l, lowp::quantize<lowp::int4_g128>(l.weights())));
  CHECK(output_error(l, lowp::gptq<lowp::int3_g128>(l.weights(), l.hessian())) <
        0.5 * output_error(l, lowp::quantize<lowp::int3_g128>(l.weights())));
  CHECK(output_error(l, lowp::gptq<lowp::nf4_g64>(l.weights(), l.hessian())) <
        0.5 * output_error(l, lowp::quantize<lowp::nf4_g64>(l.weights())));
  CHECK(output_error(l, lowp::gptq<lowp::nvfp4>(l.weights(), l.hessian())) <
        0.5 * output_error(l, lowp::quantize<lowp::nvfp4>(l.weights())));
}

TEST_CASE("the size of blocks changes nothing but rounding", "[algorithm]") {
  const layer l = correlated_layer(16, 200, 800, 93);
  const auto check = [&]<class S>(S, bool act_order) {
    const double whole = output_error(l, lowp::gptq<S>(l.weights(), l.hessian(), {.act_order = act_order, .block = 1000}));
    for (const std::size_t block : {1u, 7u, 32u, 128u, 199u, 200u}) {
      CAPTURE(block);
      const double error = output_error(l, lowp::gptq<S>(l.weights(), l.hessian(), {.act_order = act_order, .block = block}));
      CHECK(error < 1.01 * whole);
      CHECK(error > 0.99 * whole);
    }
  };
  check(lowp::int4_g32{}, false);
  check(lowp::int4_g32{}, true);
  check(lowp::int8_channel{}, false);
  check(lowp::uint4_g128{}, false);
  check(lowp::nvfp4{}, false);
  check(odd::nobody_planned_for{}, false);
}

TEST_CASE("columns without inputs are independent and become zero", "[algorithm]") {
  layer l = correlated_layer(8, 96, 500, 94);
  for (const std::size_t dead : {0u, 5u, 31u, 32u, 95u}) {
    for (std::size_t i = 0; i < 96; ++i) l.h[dead * 96 + i] = l.h[i * 96 + dead] = 0;
  }
  for (const bool act_order : {false, true}) {
    const auto q = lowp::gptq<lowp::int4_g32>(l.weights(), l.hessian(), {.act_order = act_order});
    for (std::size_t r = 0; r < 8; ++r) {
      for (const std::size_t dead : {0u, 5u, 31u, 32u, 95u}) CHECK(q.value(r, dead) == 0);
    }
    CHECK(output_error(l, q) < output_error(l, lowp::quantize<lowp::int4_g32>(l.weights())));
  }
  // No column has inputs.
  const std::vector<float> none(96 * 96, 0.0f);
  CHECK(lowp::gptq<lowp::int4_g32>(l.weights(), view_of(none, 96, 96)).value(3, 3) == 0);
}

TEST_CASE("fewer samples than features need damping, and have it", "[algorithm]") {
  const layer l = correlated_layer(8, 128, 20, 95);
  CHECK(output_error(l, lowp::gptq<lowp::int4_g128>(l.weights(), l.hessian())) <
        output_error(l, lowp::quantize<lowp::int4_g128>(l.weights())));
}

TEST_CASE("each mistake has an error of its own", "[algorithm]") {
  const layer l = correlated_layer(4, 32, 200, 96);
  const auto refused = [&](const std::vector<float>& w, const std::vector<float>& h, const lowp::gptq_options& options = {}) {
    return refusal<lowp::int4_g32>(w, 4, 32, h, 32, 32, options);
  };
  CHECK(refused(l.w, l.h).empty());
  CHECK(refusal<lowp::int4_g32>(l.w, 8, 16, l.h, 32, 32) == "weights with 16 inputs need a Hessian of that size, not 32 x 32");
  CHECK(refusal<lowp::int4_g32>(l.w, 4, 32, l.h, 16, 32) == "weights with 32 inputs need a Hessian of that size, not 16 x 32");
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto w = l.w;
    w[2 * 32 + 9] = bad;
    CHECK(refused(w, l.h) == "the weight (2, 9) is NaN or infinite");
    auto h = l.h;
    h[3 * 32 + 7] = bad;
    CHECK(refused(l.w, h) == "the Hessian is NaN or infinite at (3, 7)");
  }
  auto negative = l.h;
  negative[5 * 33] = -1;
  CHECK(refused(l.w, negative) == "the Hessian's diagonal is negative at 5");
  auto indefinite = l.h;
  indefinite[1] = indefinite[32] = 1e4f;
  CHECK(contains(refused(l.w, indefinite), "the Hessian of 32 features is not positive definite"));
  auto lopsided = l.h;
  lopsided[1] += 1;
  CHECK(contains(refused(l.w, lopsided), "the Hessian is not symmetric"));
  CHECK(refused(l.w, l.h, {.block = 0}) == "GPTQ needs blocks of at least one column");
  CHECK(contains(refused(l.w, l.h, {.damping = -0.01}), "damping"));
  CHECK(contains(refused(l.w, l.h, {.damping = std::numeric_limits<double>::quiet_NaN()}), "damping"));
  // Rank one, and no damping at all.
  const std::vector<float> ones(32 * 32, 1.0f);
  CHECK(contains(refused(l.w, ones, {.damping = 0, .retries = 0}), "not positive definite"));
  CHECK(refused(l.w, ones).empty());
}

TEST_CASE("GPTQ of empty and single-column matrices", "[algorithm]") {
  const std::vector<float> none;
  CHECK(lowp::gptq<lowp::int4_g128>(view_of(none, 0, 0), view_of(none, 0, 0)) == lowp::quantized<lowp::int4_g128>(0, 0));
  CHECK(lowp::gptq<lowp::nvfp4>(view_of(none, 5, 0), view_of(none, 0, 0)).rows() == 5);
  const std::vector<float> h(16, 1.0f);
  CHECK(lowp::gptq<lowp::int4_g128>(view_of(none, 0, 4), view_of(h, 4, 4)).cols() == 4);
  const std::vector<float> w{1, -2, 3};
  CHECK(lowp::gptq<lowp::int4_g128>(view_of(w, 3, 1), view_of(h, 1, 1)) == lowp::quantize<lowp::int4_g128>(view_of(w, 3, 1)));
}

TEST_CASE("weights of other types and strides, and recipes", "[algorithm]") {
  const layer l = correlated_layer(8, 64, 300, 97);
  std::vector<lowp::bf16> brain(l.w.size());
  std::vector<float> rounded(l.w.size());
  std::vector<float> columns(l.w.size());
  for (std::size_t i = 0; i < l.w.size(); ++i) {
    brain[i] = lowp::bf16(l.w[i]);
    rounded[i] = brain[i];
    columns[i % 64 * 8 + i / 64] = rounded[i];
  }
  const auto q = lowp::gptq<lowp::int4_g32>(view_of(rounded, 8, 64), l.hessian());
  CHECK(lowp::gptq<lowp::int4_g32>(matrix_view<lowp::bf16>{brain.data(), 8, 64}, l.hessian()) == q);
  CHECK(lowp::gptq<lowp::int4_g32>(matrix_view<const float>{columns.data(), 8, 64, 1, 8}, l.hessian()) == q);

  const auto searched = lowp::gptq<lowp::int3_g128>(l.weights(), l.hessian(), {}, lowp::recipe{lowp::mse_search{}});
  CHECK(output_error(l, searched) < output_error(l, lowp::quantize<lowp::int3_g128>(l.weights())));
  std::vector<float> importance(64);
  for (std::size_t i = 0; i < 64; ++i) importance[i] = l.h[i * 65];
  const auto weighted =
      lowp::gptq<lowp::int3_g128>(l.weights(), l.hessian(), {.act_order = true}, lowp::recipe{lowp::mse_search{.importance = importance}});
  CHECK(output_error(l, weighted) < output_error(l, lowp::quantize<lowp::int3_g128>(l.weights())));
  const lowp::recipe random{lowp::absmax{}, lowp::stochastic{.seed = 5}};
  CHECK(lowp::gptq<lowp::int8_channel>(l.weights(), l.hessian(), {}, random) ==
        lowp::gptq<lowp::int8_channel>(l.weights(), l.hessian(), {}, random));
}

TEST_CASE("GPTQ gives the same bits for every number of threads", "[algorithm]") {
  const layer l = correlated_layer(300, 160, 640, 97);
  odd::for_each_scheme([&]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    for (const lowp::gptq_options& options : {lowp::gptq_options{}, lowp::gptq_options{.act_order = true}}) {
      const auto one = lowp::gptq<S>(l.weights(), l.hessian(), options);
      CHECK(lowp::gptq<S>(l.weights(), l.hessian(), options, lowp::recipe{}, lowp::thread_executor{3}) == one);
    }
  });
}

TEST_CASE("a Hessian that needs more damping gets it", "[algorithm]") {
  const layer l = correlated_layer(4, 32, 200, 98);
  // Rank one, without damping: the first retry has 1 %.
  const std::vector<float> ones(32 * 32, 1.0f);
  CHECK(lowp::gptq<lowp::int4_g32>(l.weights(), view_of(ones, 32, 32), {.damping = 0, .retries = 1}) ==
        lowp::gptq<lowp::int4_g32>(l.weights(), view_of(ones, 32, 32), {.damping = 0.01}));
}

TEST_CASE("the order by groups keeps groups together", "[algorithm]") {
  const layer l = correlated_layer(24, 200, 800, 99);
  const auto order = lowp::detail::column_order(l.hessian(), 32, {.group_aware_order = true});
  std::vector<bool> seen(200, false);
  std::size_t changes = 0;
  for (std::size_t p = 0; p < 200; ++p) {
    CHECK_FALSE(seen[order[p]]);
    seen[order[p]] = true;
    if (p != 0 && order[p] / 32 != order[p - 1] / 32) ++changes;
    if (p != 0 && order[p] / 32 == order[p - 1] / 32) CHECK(l.hessian()(order[p - 1], order[p - 1]) >= l.hessian()(order[p], order[p]));
  }
  CHECK(changes == 6);
  CHECK(output_error(l, lowp::gptq<lowp::int4_g32>(l.weights(), l.hessian(), {.group_aware_order = true})) <
        output_error(l, lowp::quantize<lowp::int4_g32>(l.weights())));
}

TEST_CASE("GPTAQ without a mismatch is GPTQ, and takes no other shapes", "[algorithm]") {
  const layer l = correlated_layer(16, 96, 500, 100);
  const std::vector<float> none(96 * 96, 0.0f);
  CHECK(lowp::gptaq<lowp::int4_g32>(l.weights(), l.hessian(), view_of(none, 96, 96)) ==
        lowp::gptq<lowp::int4_g32>(l.weights(), l.hessian()));
  CHECK_THROWS_AS(lowp::gptaq<lowp::int4_g32>(l.weights(), l.hessian(), view_of(none, 48, 192)), lowp::error);
  auto bad = none;
  bad[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(lowp::gptaq<lowp::int4_g32>(l.weights(), l.hessian(), view_of(bad, 96, 96)), lowp::error);
}
