// The phases of the CUDA GEMM on the host, against sums in double that share none of its code.
#include <lowp_test.hpp>

#include <lowp/layout/row_major.hpp>
#include <lowp/scheme/presets.hpp>

#include "gemm_on_host.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using lowp::bf16;
using lowp::f16;
using lowp_test::gemm_problem;

constexpr double enough = 1e-6;  // a few dozen roundings of f32

template <class S, class X = f16>
double error_of(std::size_t rows, std::size_t cols, std::size_t tokens, std::uint32_t blocks = 3) {
  const gemm_problem<S, X> problem(rows, cols, tokens);
  return problem.worst_error(problem.result(blocks));
}

template <class F, class G, class Y = lowp::symmetric, class P = f16>
using s = lowp::scheme<F, G, Y, P>;

}  // namespace

TEST_CASE("the GEMM takes any number of rows, columns and tokens", "[cuda]") {
  for (const auto& [rows, cols] :
       {std::pair<std::size_t, std::size_t>{1, 1}, {1, 130}, {63, 15}, {64, 64}, {65, 63}, {255, 129}, {257, 500}, {520, 96}}) {
    CAPTURE(rows);
    CAPTURE(cols);
    CHECK(error_of<lowp::int4_g128>(rows, cols, 1) < enough);
    CHECK(error_of<lowp::nvfp4>(rows, cols, 2) < enough);
    CHECK(error_of<lowp::int8_channel>(rows, cols, 9) < enough);
  }
  for (const std::size_t tokens : {1u, 2u, 7u, 8u, 9u, 16u, 17u, 32u, 33u, 63u, 64u}) {
    CAPTURE(tokens);
    CHECK(error_of<lowp::uint4_g128>(130, 330, tokens) < enough);
    CHECK(error_of<lowp::mxfp4>(130, 330, tokens) < enough);
    CHECK(error_of<lowp::int3_g128>(130, 330, tokens) < enough);
  }
  CHECK(error_of<lowp::int4_g128>(70, 0, 2) == 0);
}

TEST_CASE("the GEMM of bf16 activations; its f16 and bf16 results are the f32 result rounded", "[cuda]") {
  CHECK(error_of<lowp::int4_g128, bf16>(70, 300, 3) < enough);
  CHECK(error_of<lowp::int2_g32, bf16>(70, 300, 3) < enough);
  CHECK(error_of<lowp::int8_channel, bf16>(70, 300, 3) < enough);
  CHECK(error_of<lowp::fp8_block128, bf16>(70, 300, 3) < enough);
  CHECK(error_of<lowp::mxfp6_e3m2, bf16>(70, 300, 3) < enough);
  CHECK(error_of<lowp::nf4_g64, bf16>(70, 300, 3) < enough);
  const gemm_problem<lowp::nvfp4, bf16> problem(70, 288, 2);
  const std::vector<float> exact = problem.result(1);
  std::vector<f16> halves;
  lowp_test::gemm_on_host_as_launched(problem.arguments(halves), 1);
  std::vector<bf16> brains;
  lowp_test::gemm_on_host_as_launched(problem.arguments(brains), 1);
  int wrong = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) wrong += halves[i].code != f16(exact[i]).code || brains[i].code != bf16(exact[i]).code;
  CHECK(wrong == 0);
}

TEST_CASE("small integers come out of the GEMM exactly", "[cuda]") {
  using plain = s<lowp::i4, lowp::per_tensor, lowp::symmetric, lowp::unit>;
  using grouped = s<lowp::u4, lowp::per_group<64>, lowp::asymmetric, lowp::e8m0>;
  const auto check = []<class S>(S) {
    gemm_problem<S> problem(150, 700, 5);
    for (std::size_t i = 0; i < problem.x.size(); ++i) problem.x[i] = f16(static_cast<float>(static_cast<int>(i % 17) - 8));
    CHECK(problem.worst_error(problem.result(4)) == 0);
  };
  check(plain{});
  check(grouped{});
}

TEST_CASE("no bit of the result depends on the order of blocks or on alignment", "[cuda]") {
  const gemm_problem<lowp::nf4_g64> problem(600, 1504, 3);
  const std::vector<float> y = problem.result(7);
  CHECK(problem.worst_error(y) < enough);
  for (const unsigned seed : {2u, 3u, 4u}) CHECK(problem.result(7, seed) == y);
  std::vector<float> copied;
  auto arguments = problem.arguments(copied);
  CHECK(!arguments.gathers());
  std::vector<f16> elsewhere(3 * 1507 + 1);
  for (std::size_t t = 0; t < 3; ++t) std::copy_n(&problem.x[t * 1504], 1504, &elsewhere[t * 1507 + 1]);
  arguments.x = &elsewhere[1];
  arguments.x_stride = 1507;
  CHECK(arguments.gathers());
  lowp_test::gemm_on_host_as_launched(arguments, 7);
  CHECK(copied == y);
  // A panel that one block has whole is the same, whoever else is there.
  CHECK(gemm_problem<lowp::nf4_g64>(256, 300, 3).result(1) == gemm_problem<lowp::nf4_g64>(256, 300, 3).result(1));
}

TEST_CASE("weights in act order take the activations in that order", "[cuda]") {
  // Columns of a checkpoint whose groups are scattered; the weights are packed with the columns of a group side by side.
  const gemm_problem<lowp::int4_g128> by_group(70, 300, 3);
  std::vector<std::uint32_t> order(300);
  for (std::uint32_t k = 0; k < 300; ++k) order[k] = k * 7 % 300;
  gemm_problem<lowp::int4_g128> scattered = by_group;
  for (std::size_t t = 0; t < 3; ++t) {
    for (std::size_t k = 0; k < 300; ++k) scattered.x[t * 300 + order[k]] = by_group.x[t * 300 + k];
  }
  std::vector<float> y;
  auto arguments = scattered.arguments(y);
  arguments.weights.columns = order.data();
  lowp_test::gemm_on_host_as_launched(arguments, 2);
  CHECK(y == by_group.result(2));
  lowp_test::gemm_on_host_as_launched(scattered.arguments(y), 2);
  CHECK(by_group.worst_error(y) > 1000 * enough);
}

TEST_CASE("tiles of every architecture give the right answer", "[cuda]") {
  const gemm_problem<lowp::uint4_g128> problem(300, 700, 40);
  std::vector<float> y;
  lowp_test::gemm_on_host_as_launched<80>(problem.arguments(y), 5);
  CHECK(problem.worst_error(y) < enough);
  const gemm_problem<lowp::int8_channel> eights(300, 700, 8);
  for (const int blocks : {1, 2, 5, 100}) {
    lowp_test::gemm_on_host_as_launched<75>(eights.arguments(y), static_cast<std::uint32_t>(blocks));
    CHECK(eights.worst_error(y) < enough);
    lowp_test::gemm_on_host_as_launched<120>(eights.arguments(y), static_cast<std::uint32_t>(blocks));
    CHECK(eights.worst_error(y) < enough);
  }
}

TEST_CASE("an epilogue sees each result once, with its row and token, before it is rounded", "[cuda]") {
  const gemm_problem<lowp::int4_g32> problem(300, 200, 3);
  std::vector<float> bias(300);
  for (std::size_t i = 0; i < 300; ++i) bias[i] = static_cast<float>(i);
  const std::vector<float> plain = problem.result(4);
  std::vector<f16> y;
  lowp_test::gemm_on_host_as_launched(problem.arguments(y, lowp::bias_epilogue{bias.data()}), 4);
  std::vector<float> marked;
  const auto mark = [](float value, std::uint32_t row, std::uint32_t token) { return value + static_cast<float>(1000 * token + row); };
  lowp_test::gemm_on_host_as_launched(problem.arguments(marked, mark), 4);
  int wrong = 0;
  for (std::size_t t = 0; t < 3; ++t) {
    for (std::size_t r = 0; r < 300; ++r) {
      wrong += y[t * 300 + r].code != f16(plain[t * 300 + r] + bias[r]).code;
      wrong += marked[t * 300 + r] != plain[t * 300 + r] + static_cast<float>(1000 * t + r);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("NaN and infinity in activations and scales stay where they are", "[cuda]") {
  gemm_problem<lowp::mxfp4> problem(70, 200, 3);
  problem.x[200 + 7] = f16(lowp::infinity());
  problem.weights.scales().codes()(5, 2) = 0xff;
  problem.packed = lowp::pack<lowp::layout::mma_a16>(problem.weights);
  const std::vector<float> y = problem.result(2);
  int wrong = 0;
  for (std::size_t t = 0; t < 3; ++t) {
    for (std::size_t r = 0; r < 70; ++r) {
      if (r == 5) wrong += !lowp::is_nan(y[t * 70 + r]);
      else if (t == 1) wrong += lowp::is_finite(y[t * 70 + r]);
      else wrong += !lowp::is_finite(y[t * 70 + r]);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("a wrong order of scales, zero points, rows, columns or tokens would show", "[cuda]") {
  const gemm_problem<lowp::uint4_g128> problem(150, 512, 3);
  const std::vector<float> right = problem.result(2);
  CHECK(problem.worst_error(right) < enough);

  // Parameters in plain order instead of that of the lanes.
  const auto packed_by_rows = [](const auto& panels, const auto& plain) {
    std::vector<std::remove_cvref_t<decltype(*panels.codes())>> codes(3 * 4 * 64);
    for (std::size_t r = 0; r < 150; ++r) {
      for (std::size_t g = 0; g < 4; ++g) codes[(r / 64 * 4 + g) * 64 + r % 64] = plain.codes()(r, g);
    }
    return codes;
  };
  const auto scales = packed_by_rows(problem.packed.panel_scales(), problem.weights.scales());
  const auto zeros = packed_by_rows(problem.packed.panel_zeros(), problem.weights.zeros());
  std::vector<float> y;
  auto arguments = problem.arguments(y);
  arguments.weights.scales = scales.data();
  lowp_test::gemm_on_host_as_launched(arguments, 2);
  CHECK(problem.worst_error(y) > 1000 * enough);
  arguments = problem.arguments(y);
  arguments.weights.zeros = zeros.data();
  lowp_test::gemm_on_host_as_launched(arguments, 2);
  CHECK(problem.worst_error(y) > 1000 * enough);

  // Weights in the order of the CPU's layout.
  const auto other = lowp::pack<lowp::layout::row_major>(problem.weights);
  std::vector<std::uint8_t> bytes(problem.packed.bytes().size());
  std::copy(other.bytes().begin(), other.bytes().end(), bytes.begin());
  arguments = problem.arguments(y);
  arguments.weights.codes = bytes.data();
  lowp_test::gemm_on_host_as_launched(arguments, 2);
  CHECK(problem.worst_error(y) > 1000 * enough);

  // The check itself.
  auto moved = problem;
  std::swap(moved.x[100], moved.x[104]);
  CHECK(moved.worst_error(right) > 1000 * enough);
  std::vector<float> shifted = right;
  std::swap(shifted[4], shifted[5]);
  CHECK(problem.worst_error(shifted) > 1000 * enough);
}

TEST_CASE("what the kernels do not take is known at compile time", "[cuda]") {
  using lowp::gemm_supports;
  static_assert(gemm_supports<lowp::int4_g128, f16>(1, 1, 1));
  static_assert(gemm_supports<lowp::int4_g128, bf16>(64, 2880, 10944));
  static_assert(!gemm_supports<lowp::int4_g128, f16>(65, 2880, 10944));
  static_assert(!gemm_supports<lowp::int4_g128, f16>(0, 2880, 10944));
  static_assert(!gemm_supports<lowp::int4_g128, float>(1, 64, 64));
  static_assert(!gemm_supports<lowp::int4_g128, f16>(1, std::size_t{1} << 31, 64));
  static_assert(!gemm_supports<s<lowp::i4, lowp::per_group<24>>, f16>(1, 64, 64));
  static_assert(!gemm_supports<s<lowp::i4, lowp::per_group<48>>, f16>(1, 64, 64));
  static_assert(gemm_supports<s<lowp::nf4, lowp::per_flat_group<64>>, f16>(1, 64, 128));
  static_assert(!gemm_supports<s<lowp::nf4, lowp::per_flat_group<64>>, f16>(1, 64, 100));
  static_assert(!gemm_supports<s<f16, lowp::per_tensor>, f16>(1, 64, 64));
  CHECK(true);
}

TEST_CASE("shapes that do not fit the GEMM are errors that name them", "[cuda]") {
  using lowp::matrix_view;
  const gemm_problem<lowp::int4_g128> problem(10, 64, 1);
  std::vector<f16> x(65 * 64);
  std::vector<float> y(65 * 10);
  const auto message = [&](matrix_view<const f16> xs, matrix_view<float> ys, std::size_t off = 0) -> std::string {
    try {
      auto w = problem.pointers();
      w.codes += off;
      lowp::gemm_arguments_of(w, xs, ys, lowp::identity_epilogue{});
    } catch (const lowp::error& e) {
      return e.what();
    }
    return "";
  };
  CHECK(message({x.data(), 64, 64}, {y.data(), 64, 10}) == "");
  CHECK(message({x.data(), 65, 64}, {y.data(), 65, 10}) == "the CUDA GEMM does not take 65 tokens by weights of 10 x 64 in groups of 128");
  CHECK(message({x.data(), 1, 63}, {y.data(), 1, 10}) == "activations of 1 x 63 do not fit weights of 10 x 64");
  CHECK(message({x.data(), 2, 64}, {y.data(), 1, 10}) == "the result of 2 tokens and 10 rows does not fit a matrix of 1 x 10");
  CHECK(message({x.data(), 1, 64}, {y.data(), 1, 9}) == "the result of 1 tokens and 10 rows does not fit a matrix of 1 x 9");
  CHECK(message({x.data(), 2, 64, 1, 2}, {y.data(), 2, 10}) == "the rows of activations and results must be contiguous in memory");
  CHECK(message({x.data(), 1, 64}, {y.data(), 1, 10}, 4) == "codes and parameters must start at multiples of 16 bytes");
}
