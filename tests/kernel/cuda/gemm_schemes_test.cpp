// The CUDA GEMM of every kind of scheme, run on the host, against sums in double that share none of its code.
#include <lowp_test.hpp>

#include <lowp/scheme/presets.hpp>

#include "gemm_on_host.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using lowp::bf16;
using lowp::f16;

constexpr double enough = 1e-6;  // a few dozen roundings of f32

template <class S>
double error_of(std::size_t rows, std::size_t cols, std::size_t tokens) {
  const lowp_test::gemm_problem<S> problem(rows, cols, tokens);
  return problem.worst_error(problem.result(3));
}

template <class F, class G, class Y = lowp::symmetric, class P = f16>
using s = lowp::scheme<F, G, Y, P>;

// A user's table of 3 bits.
struct log3 {
  static constexpr int bits = 3;
  LOWP_HD static constexpr float decode(std::uint32_t code) {
    constexpr float v[8] = {0, .125f, .5f, 1, -1, -.5f, -.125f, 0};
    return v[code & 7];
  }
};

}  // namespace

TEST_CASE("the GEMM of every preset equals a sum in double", "[cuda]") {
  int taken = 0;
  lowp::for_each_preset([&]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    if constexpr (lowp::gemm_supports<S, f16>(1, 1, 1024)) {
      ++taken;
      CHECK(error_of<S>(300, 512, 3) < enough);
    }
  });
  CHECK(taken == 19);
}

TEST_CASE("the GEMM takes zero points, biases and minima", "[cuda]") {
  using lowp::per_channel;
  using lowp::per_group;
  CHECK(error_of<s<lowp::u4, per_group<64>, lowp::asymmetric>>(70, 400, 5) < enough);
  CHECK(error_of<s<lowp::u4, per_group<64>, lowp::asymmetric_as<f16>>>(70, 400, 5) < enough);
  CHECK(error_of<s<lowp::u4, per_group<32>, lowp::with_bias<f16>>>(70, 400, 5) < enough);
  CHECK(error_of<s<lowp::u2, per_group<16>, lowp::with_minimum<lowp::f32>, lowp::f32>>(70, 400, 5) < enough);
  CHECK(error_of<s<lowp::u8, per_channel, lowp::asymmetric, lowp::f32>>(70, 400, 5) < enough);
  CHECK(error_of<s<lowp::nf4, per_group<64>, lowp::asymmetric_as<bf16>, bf16>>(70, 400, 5) < enough);
}

TEST_CASE("the GEMM takes codes of any width and groups of many sizes", "[cuda]") {
  using lowp::integer;
  using lowp::per_group;
  CHECK(error_of<s<integer<1, false>, per_group<128>>>(70, 600, 2) < enough);
  CHECK(error_of<s<lowp::i2, per_group<128>>>(70, 600, 2) < enough);
  CHECK(error_of<s<lowp::i3, per_group<32>>>(70, 600, 2) < enough);
  CHECK(error_of<s<log3, per_group<64>>>(70, 600, 2) < enough);
  CHECK(error_of<s<integer<5, true>, per_group<16>>>(70, 600, 2) < enough);
  CHECK(error_of<s<integer<6, false>, per_group<64>>>(70, 600, 2) < enough);
  CHECK(error_of<s<integer<7, true>, lowp::per_channel>>(70, 600, 2) < enough);
  CHECK(error_of<s<lowp::i4, per_group<16>>>(70, 600, 2) < enough);
  CHECK(error_of<s<lowp::i4, per_group<256>>>(70, 600, 2) < enough);
  CHECK(error_of<s<lowp::i4, per_group<192>>>(70, 600, 2) < enough);
  CHECK(error_of<s<lowp::i8, per_group<16>>>(70, 600, 2) < enough);
  CHECK(error_of<s<lowp::i8, per_group<128>, lowp::symmetric, bf16>>(70, 600, 2) < enough);
  CHECK(error_of<s<lowp::i4, lowp::per_block<32, 64>>>(70, 600, 2) < enough);
  CHECK(error_of<s<lowp::e5m2, lowp::per_tensor, lowp::symmetric, lowp::unit>>(70, 600, 2) < enough);
  CHECK(error_of<s<lowp::bnb_fp4, lowp::per_flat_group<64>, lowp::symmetric, lowp::f32>>(70, 640, 2) < enough);
}
