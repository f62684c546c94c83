// Repacking on the device: the packer's bytes.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/repack.cuh>
#include <lowp/layout/layouts.hpp>
#include <lowp/layout/packed.hpp>

#include "device_memory.hpp"
#include "gemm_problem.hpp"

#include <cstdint>
#include <vector>

namespace {

template <class From, int Bits>
void check(std::size_t rows, std::size_t cols) {
  CAPTURE(Bits);
  using S = lowp::scheme<lowp::integer<Bits, false>, lowp::per_channel, lowp::symmetric, lowp::f32>;
  const auto q = lowp_test::random_weights<S>(rows, cols);
  const auto from = lowp::pack<From>(q);
  const auto expected = lowp::pack<lowp::layout::mma_a16>(q);
  const lowp_test::on_device<std::uint8_t> source(from.bytes().data(), from.bytes().size());
  const lowp_test::on_device<std::uint8_t> to(std::vector<std::uint8_t>(expected.bytes().size(), 0xff));
  lowp::repack_on_device<From, Bits>(cudaStream_t{}, source.data(), to.data(), rows, cols);
  lowp::check_cuda(cudaDeviceSynchronize(), "repacking");
  CHECK(to.read() == std::vector<std::uint8_t>(expected.bytes().begin(), expected.bytes().end()));
}

}  // namespace

TEST_CASE("the device repacks what checkpoints hold", "[cuda]") {
  namespace layout = lowp::layout;
  check<layout::row_major, 3>(70, 200);
  check<layout::row_major, 6>(70, 200);
  check<layout::gptq, 3>(70, 192);
  check<layout::gptq, 4>(70, 192);
  check<layout::gptq, 8>(70, 192);
  check<layout::awq, 4>(72, 200);
  check<layout::marlin, 4>(128, 192);
  check<layout::tinygemm<>, 4>(72, 1024);
  check<layout::compressed_tensors, 4>(70, 200);
}
