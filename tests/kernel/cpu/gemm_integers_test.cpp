// Integers of every width, with zero points and without.

#include "gemm_reference.hpp"

#include <lowp/format/codebook.hpp>
#include <lowp/format/integer.hpp>

namespace {

template <int Bits>
void check_integers() {
  using namespace lowp;
  INFO(Bits << " bits");
  using u = integer<Bits, false>;
  reference::check_product<scheme<u, per_group<20>, asymmetric, bf16>>("unsigned with zero points", 33, 100);
  if constexpr (Bits >= 2) {
    reference::check_product<scheme<integer<Bits, true>, per_channel, symmetric, f32>>("signed", 33, 300);
  }
}

}  // namespace

TEST_CASE("integers of every width", "[kernel][gemm]") {
  check_integers<1>();
  check_integers<2>();
  check_integers<3>();
  check_integers<4>();
  check_integers<5>();
  check_integers<6>();
  check_integers<7>();
  check_integers<8>();
}

TEST_CASE("unsigned integers without zero points, and zero points that are floats", "[kernel][gemm]") {
  using namespace lowp;
  reference::check_product<scheme<u8, per_group<32>, symmetric, f16>>("u8", 33, 100);
  reference::check_product<scheme<integer<6, false>, per_group<32>, symmetric, f16>>("u6", 33, 100);
  reference::check_product<scheme<u4, per_group<32>, symmetric, f16>>("u4", 33, 100);
  reference::check_product<scheme<i8, per_group<48>, asymmetric_as<f16>, f32>>("i8, float zero points", 33, 100);
  reference::check_product<scheme<nf4, per_group<48>, asymmetric_as<bf16>, f16>>("nf4, float zero points", 33, 100);
}
