// The phases of the CUDA GEMM on the host, against sums in double that share none of its code.
#include <lowp_test.hpp>

#include <lowp/scheme/presets.hpp>

#include "gemm_on_host.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
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

}  // namespace

TEST_CASE("the GEMM of int4", "[cuda]") {
  CHECK(error_of<lowp::int4_g128>(300, 400, 1) < enough);
}
