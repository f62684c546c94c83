// The adapter to CUTLASS against stand-ins for its types, which have their names.
#include <lowp_test.hpp>

#define CUTLASS_HOST_DEVICE
namespace cutlass {

template <int Bits, bool Signed>
struct integer_subbyte {};
using int4b_t = integer_subbyte<4, true>;
using uint4b_t = integer_subbyte<4, false>;
using int2b_t = integer_subbyte<2, true>;
using uint2b_t = integer_subbyte<2, false>;
struct half_t {};
struct bfloat16_t {};
struct float_e4m3_t {};
struct float_e5m2_t {};
struct float_e3m2_t {};
struct float_e2m3_t {};
struct float_e2m1_t {};
struct float_ue8m0_t {};

}  // namespace cutlass

#include <lowp/kernel/cuda/cutlass_adapter.hpp>
#include <lowp/scheme/presets.hpp>

#include "gemm_problem.hpp"

#include <cstddef>
#include <type_traits>

TEST_CASE("formats have the names of CUTLASS", "[cuda]") {
  static_assert(std::is_same_v<lowp::cutlass_type<lowp::i4>, cutlass::int4b_t>);
  static_assert(std::is_same_v<lowp::cutlass_type<lowp::u2>, cutlass::uint2b_t>);
  static_assert(std::is_same_v<lowp::cutlass_type<lowp::e4m3>, cutlass::float_e4m3_t>);
  static_assert(std::is_same_v<lowp::cutlass_type<lowp::e8m0>, cutlass::float_ue8m0_t>);
  static_assert(std::is_same_v<lowp::cutlass_type<lowp::bf16>, cutlass::bfloat16_t>);
  CHECK(true);
}

TEST_CASE("scales are exported group by group", "[cuda]") {
  const auto q = lowp_test::random_weights<lowp::int4_g128>(10, 300);
  const auto scales = lowp::cutlass_group_scales(q);
  const auto blocks = lowp_test::random_weights<lowp::fp8_block128>(200, 300);
  const auto of_blocks = lowp::cutlass_group_scales(blocks);
  const auto rows = lowp_test::random_weights<lowp::fp8_channel>(10, 300);
  const auto of_rows = lowp::cutlass_group_scales(rows);
  CHECK(scales.size() == 30);
  CHECK(of_blocks.size() == 600);
  CHECK(of_rows.size() == 10);
  int wrong = 0;
  for (std::size_t r = 0; r < 10; ++r) {
    for (std::size_t g = 0; g < 3; ++g) wrong += scales[g * 10 + r] != q.scales().codes()(r, g);
    wrong += of_rows[r] != rows.scales().codes()(r, 0);
  }
  for (std::size_t r = 0; r < 200; ++r) {
    for (std::size_t g = 0; g < 3; ++g) wrong += of_blocks[g * 200 + r] != blocks.scales().codes()(r / 128, g);
  }
  CHECK(wrong == 0);
}
