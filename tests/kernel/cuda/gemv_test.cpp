// The phases of the CUDA GEMV on the host, against sums in double that share none of its code.
#include <lowp_test.hpp>

#include <lowp/scheme/presets.hpp>

#include "gemv_on_host.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using lowp::bf16;
using lowp::f16;
using lowp_test::arguments_of;
using lowp_test::gemv_on_host;
using lowp_test::gemv_problem;

constexpr double enough = 1e-6;  // a few dozen roundings of f32

template <class S, class X = f16>
double error_of(std::size_t rows, std::size_t cols, std::size_t tokens, std::uint32_t blocks = 2) {
  const gemv_problem<S, X> problem(rows, cols, tokens);
  std::vector<float> y;
  gemv_on_host(arguments_of(problem, y), blocks);
  return problem.worst_error(y);
}

template <class S, class X = f16>
std::vector<float> result_of(const gemv_problem<S, X>& problem, std::uint32_t blocks) {
  std::vector<float> y;
  gemv_on_host(arguments_of(problem, y), blocks);
  return y;
}

// A user's table of 4 bits, whose code 0 is no number, in groups of 24 under scales that a scheme of their own quantizes.
struct odd4 {
  static constexpr int bits = 4;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[16] = {lowp::quiet_nan(), 0, .1f, .2f, .4f, .8f, 1.6f, 3.2f, -7, -.1f, -.3f, -.5f, -.9f, -1.7f, -3.3f, -6.5f};
    return v[code & 15];
  }
};
using odd_scheme = lowp::scheme<odd4, lowp::per_group<24>, lowp::symmetric,
                                lowp::scheme<lowp::e5m2, lowp::per_group<8>, lowp::symmetric, f16>>;

using i4_channel = lowp::scheme<lowp::i4, lowp::per_channel, lowp::symmetric, lowp::f32>;
using i4_tensor = lowp::scheme<lowp::i4, lowp::per_tensor, lowp::symmetric, lowp::bf16>;
using i4_block = lowp::scheme<lowp::i4, lowp::per_block<3, 40>, lowp::symmetric, f16>;
using i4_plain = lowp::scheme<lowp::i4, lowp::per_tensor, lowp::symmetric, lowp::unit>;

}  // namespace

TEST_CASE("the GEMV of every 4-bit scheme equals a sum in double", "[cuda]") {
  CHECK(error_of<lowp::int4_g128>(37, 1056, 1) < enough);
  CHECK(error_of<lowp::int4_g32>(37, 1056, 1) < enough);
  CHECK(error_of<lowp::nf4_g64>(37, 1056, 1) < enough);
  CHECK(error_of<lowp::nf4_double>(37, 1056, 1) < enough);
  CHECK(error_of<lowp::mxfp4>(37, 1056, 1) < enough);
  CHECK(error_of<lowp::nvfp4>(37, 1056, 1) < enough);
  CHECK(error_of<i4_channel>(37, 1056, 1) < enough);
  CHECK(error_of<i4_tensor>(37, 1056, 1) < enough);
  CHECK(error_of<i4_block>(37, 1056, 1) < enough);
  CHECK(error_of<i4_plain>(37, 1056, 1) < enough);
}

TEST_CASE("the GEMV takes any number of columns", "[cuda]") {
  for (const std::size_t cols : {1u, 2u, 7u, 8u, 9u, 31u, 32u, 33u, 63u, 96u, 100u, 1023u, 1024u, 1025u, 2048u, 2049u, 3104u}) {
    CAPTURE(cols);
    CHECK(error_of<lowp::int4_g128>(5, cols, 1) < enough);
    CHECK(error_of<lowp::nvfp4>(5, cols, 2) < enough);
  }
}

TEST_CASE("the GEMV takes any number of rows, blocks and tokens", "[cuda]") {
  for (const std::size_t rows : {1u, 2u, 15u, 16u, 17u, 33u}) {
    for (const std::size_t tokens : {1u, 2u, 3u, 4u, 5u, 8u}) {
      CAPTURE(rows);
      CAPTURE(tokens);
      CHECK(error_of<lowp::mxfp4>(rows, 160, tokens, 1) < enough);
      CHECK(error_of<lowp::mxfp4>(rows, 160, tokens, 3) < enough);
    }
  }
}

TEST_CASE("activations that do not fit shared memory go through it in panels", "[cuda]") {
  CHECK(lowp::plan_gemv(9, 5000, 8, lowp::gemv_tuning{}(90, 8)).panel < 5000);
  CHECK(error_of<lowp::int4_g128>(9, 5000, 8) < enough);
  CHECK(error_of<lowp::nf4_g64>(9, 5000, 7, 1) < enough);
  CHECK(lowp::plan_gemv(3, 26000, 1, lowp::gemv_tuning{}(90, 1)).panel < 26000);
  CHECK(error_of<i4_channel>(3, 26000, 1) < enough);
}

TEST_CASE("a user's format and scheme, whose code 0 is NaN, on ragged rows", "[cuda]") {
  gemv_problem<odd_scheme, f16> problem(11, 333, 2);
  for (std::size_t r = 0; r < 11; ++r) {
    for (std::size_t c = 0; c < 333; ++c) {
      auto& code = problem.weights.codes()(r, c);
      if (code == 0) code = 1;
    }
  }
  problem.packed = lowp::pack<lowp::layout::row_major>(problem.weights);
  CHECK(problem.worst_error(result_of(problem, 1)) < enough);
}

TEST_CASE("bf16 activations; f16 and bf16 results are the f32 result rounded", "[cuda]") {
  CHECK(error_of<lowp::int4_g128, bf16>(21, 1100, 3) < enough);
  const gemv_problem<lowp::nvfp4, bf16> problem(21, 288, 2);
  const std::vector<float> exact = result_of(problem, 1);
  std::vector<f16> halves;
  gemv_on_host(arguments_of(problem, halves), 1);
  std::vector<bf16> brains;
  gemv_on_host(arguments_of(problem, brains), 1);
  int wrong = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) wrong += halves[i].code != f16(exact[i]).code || brains[i].code != bf16(exact[i]).code;
  CHECK(wrong == 0);
}

TEST_CASE("small integers come out exactly", "[cuda]") {
  gemv_problem<i4_plain, f16> problem(19, 2100, 1);
  for (std::size_t i = 0; i < problem.x.size(); ++i) problem.x[i] = f16(static_cast<float>(static_cast<int>(i % 17) - 8));
  CHECK(problem.worst_error(result_of(problem, 2)) == 0);
}

TEST_CASE("no bit of the result depends on blocks, on tokens or on alignment", "[cuda]") {
  const gemv_problem<lowp::nf4_g64, f16> eight(50, 4512, 8);
  const std::vector<float> y = result_of(eight, 1);
  CHECK(result_of(eight, 2) == y);
  CHECK(result_of(eight, 5) == y);
  for (const std::size_t tokens : {1u, 2u, 3u}) {
    gemv_problem<lowp::nf4_g64, f16> fewer = eight;
    fewer.packed = lowp::pack<lowp::layout::row_major>(fewer.weights);
    fewer.tokens = tokens;
    CHECK(result_of(fewer, 2) == std::vector<float>(y.begin(), y.begin() + static_cast<std::ptrdiff_t>(tokens * 50)));
  }
  std::vector<float> slow;
  auto arguments = arguments_of(eight, slow);
  CHECK(arguments.aligned_codes);
  CHECK(arguments.aligned_x);
  arguments.aligned_codes = false;
  arguments.aligned_x = false;
  gemv_on_host(arguments, 2);
  CHECK(slow == y);
}

TEST_CASE("other tiles give the same answer", "[cuda]") {
  const gemv_problem<lowp::nvfp4, f16> problem(45, 5000, 1);
  std::vector<float> y;
  const auto arguments = arguments_of(problem, y);
  gemv_on_host<1, lowp::gemv_tile{.rows_per_warp = 1, .warps_along_rows = 1, .warps_along_cols = 1}>(arguments, 4);
  CHECK(problem.worst_error(y) < enough);
  gemv_on_host<1, lowp::gemv_tile{.rows_per_warp = 3, .warps_along_rows = 2, .warps_along_cols = 4}>(arguments, 4);
  CHECK(problem.worst_error(y) < enough);
  gemv_on_host<2, lowp::gemv_tile{.rows_per_warp = 2, .warps_along_rows = 8, .warps_along_cols = 1}>(arguments, 1);
  CHECK(problem.worst_error(y) < enough);
}

TEST_CASE("a wrong order of scales, rows or activations would show", "[cuda]") {
  gemv_problem<lowp::int4_g32, f16> problem(16, 512, 1);
  const std::vector<float> y = result_of(problem, 1);
  CHECK(problem.worst_error(y) < enough);

  auto swapped = problem;
  auto scales = swapped.weights.scales().codes();
  for (std::size_t r = 0; r < 16; ++r) std::swap(scales(r, 3), scales(r, 4));
  CHECK(swapped.worst_error(y) > 100 * enough);

  auto moved = problem;
  std::swap(moved.x[100], moved.x[104]);
  CHECK(moved.worst_error(y) > 100 * enough);

  std::vector<float> shifted = y;
  std::swap(shifted[4], shifted[5]);
  CHECK(problem.worst_error(shifted) > 100 * enough);
}

TEST_CASE("a plan fits the shared memory that every device has", "[cuda]") {
  for (const int tokens : {1, 2, 4, 8}) {
    const lowp::gemv_tile tile = lowp::gemv_tuning{}(90, tokens);
    for (std::size_t cols = 0; cols < 70000; cols += 313) {
      const lowp::gemv_plan plan = lowp::plan_gemv(1000, cols, tokens, tile);
      REQUIRE(plan.shared_bytes <= 48 * 1024);
      REQUIRE(plan.panel % 1024 == 0);
      REQUIRE((plan.panel > 0 || cols == 0));
      REQUIRE(plan.tiles * static_cast<std::size_t>(tile.rows()) >= 1000);
    }
  }
}

TEST_CASE("activations lie in shared memory once each, and are read without bank conflicts", "[cuda]") {
  for (std::uint32_t chunk = 0; chunk < 256; chunk += 128) {
    std::vector<int> taken(128, 0);
    for (std::uint32_t v = chunk; v < chunk + 128; ++v) ++taken.at(lowp::gemv_slot(v) - chunk);
    CHECK(taken == std::vector<int>(128, 1));
    for (std::uint32_t lane = 0; lane < 32; lane += 8) {
      for (std::uint32_t w = 0; w < 4; ++w) {
        std::uint32_t banks = 0;
        for (std::uint32_t l = lane; l < lane + 8; ++l) banks |= 1u << lowp::gemv_slot(chunk + 4 * l + w) % 8;
        CHECK(banks == 0xffu);
      }
    }
  }
}

TEST_CASE("weights without columns give zeros", "[cuda]") {
  const gemv_problem<i4_channel, f16> problem(4, 0, 1);
  CHECK(result_of(problem, 1) == std::vector<float>(4, 0.0f));
}

TEST_CASE("shapes that do not fit are errors that name them", "[cuda]") {
  using lowp::matrix_view;
  std::vector<f16> x(9 * 64);
  std::vector<float> y(9 * 10);
  lowp::device_weights<lowp::mxfp4> w{.codes = nullptr, .rows = 10, .cols = 64};
  const auto message = [&](matrix_view<const f16> xs, matrix_view<float> ys) -> std::string {
    try {
      lowp::gemv_arguments_of(w, xs, ys);
    } catch (const lowp::error& e) {
      return e.what();
    }
    return "";
  };
  CHECK(message({x.data(), 8, 64}, {y.data(), 8, 10}) == "");
  CHECK(message({x.data(), 9, 64}, {y.data(), 9, 10}) == "a GEMV takes 1 to 8 tokens, not 9");
  CHECK(message({x.data(), 0, 64}, {y.data(), 0, 10}) == "a GEMV takes 1 to 8 tokens, not 0");
  CHECK(message({x.data(), 1, 63}, {y.data(), 1, 10}) == "activations of 1 x 63 do not fit weights of 10 x 64");
  CHECK(message({x.data(), 2, 64}, {y.data(), 1, 10}) == "the result of 2 tokens and 10 rows does not fit a matrix of 1 x 10");
  CHECK(message({x.data(), 1, 64}, {y.data(), 1, 9}) == "the result of 1 tokens and 10 rows does not fit a matrix of 1 x 9");
  CHECK(message({x.data(), 2, 64, 1, 2}, {y.data(), 2, 10}) == "the rows of activations and results must be contiguous in memory");
  w.row_stride = 31;
  CHECK(message({x.data(), 1, 64}, {y.data(), 1, 10}) == "a row of 64 codes takes 32 bytes, but the row stride is 31");
  w.row_stride = 0;
  w.rows = std::size_t{1} << 31;
  CHECK(message({x.data(), 1, 64}, {y.data(), 1, 10}) == "weights of 2147483648 x 64 are more than a GEMV kernel can count");
}
