// mma.sync and shuffles on the device against the same operations of the host's block.
#include <lowp_test.hpp>

#include <lowp/format/encode.hpp>
#include <lowp/kernel/cuda/device_block.cuh>

#include "device_memory.hpp"

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace {

template <class Shape>
__global__ void mma_kernel(const std::uint32_t* a, const std::uint32_t* b, typename Shape::accumulator* c) {
  const lowp::device_block<32> block;
  lowp::device_block<32>::per_thread<typename Shape::a_type> left;
  lowp::device_block<32>::per_thread<typename Shape::b_type> right;
  lowp::device_block<32>::per_thread<typename Shape::c_type> sums;
  block.each_thread([&](int t) {
    for (int r = 0; r < Shape::a_registers; ++r) left[t].reg[r] = a[t * Shape::a_registers + r];
    for (int r = 0; r < Shape::b_registers; ++r) right[t].reg[r] = b[t * Shape::b_registers + r];
    for (int r = 0; r < 4; ++r) sums[t].reg[r] = c[t * 4 + r];
  });
  block.template mma<Shape>(sums, left, right);
  block.each_thread([&](int t) {
    for (int r = 0; r < 4; ++r) c[t * 4 + r] = sums[t].reg[r];
  });
}

// Small integers, whose sums are exact in any order and any rounding.
template <class Shape>
void check() {
  using operand = typename Shape::operand;
  using accumulator = typename Shape::accumulator;
  int device = 0;
  int major = 0;
  int minor = 0;
  lowp::check_cuda(cudaGetDevice(&device), "asking for the device");
  lowp::check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking for its architecture");
  lowp::check_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking for its architecture");
  if (major * 10 + minor < Shape::compute_capability) return;
  std::mt19937 random(3);
  const auto word = [&] {
    std::uint32_t w = 0;
    for (int e = 0; e < Shape::per_register; ++e) {
      w |= std::uint32_t{lowp::encode<operand>(static_cast<float>(static_cast<int>(random() % 17) - 8))} << (e * operand::bits);
    }
    return w;
  };
  std::vector<std::uint32_t> a(32 * Shape::a_registers);
  std::vector<std::uint32_t> b(32 * Shape::b_registers);
  std::vector<accumulator> c(32 * 4, accumulator{3});
  for (auto& w : a) w = word();
  for (auto& w : b) w = word();
  const lowp_test::on_device<std::uint32_t> da(a);
  const lowp_test::on_device<std::uint32_t> db(b);
  const lowp_test::on_device<accumulator> dc(c);
  mma_kernel<Shape><<<1, 32>>>(da.data(), db.data(), dc.data());
  lowp::check_cuda(cudaGetLastError(), "launching");
  lowp::check_cuda(cudaDeviceSynchronize(), "computing");
  using block_type = lowp::host_block<32>;
  typename block_type::template per_thread<typename Shape::a_type> left;
  typename block_type::template per_thread<typename Shape::b_type> right;
  typename block_type::template per_thread<typename Shape::c_type> sums;
  for (int t = 0; t < 32; ++t) {
    std::memcpy(&left[t], &a[static_cast<std::size_t>(t * Shape::a_registers)], sizeof(left[t]));
    std::memcpy(&right[t], &b[static_cast<std::size_t>(t * Shape::b_registers)], sizeof(right[t]));
    std::memcpy(&sums[t], &c[static_cast<std::size_t>(t * 4)], sizeof(sums[t]));
  }
  block_type{}.template mma<Shape>(sums, left, right);
  const std::vector<accumulator> found = dc.read();
  int wrong = 0;
  for (std::size_t i = 0; i < found.size(); ++i) wrong += found[i] != sums[static_cast<int>(i / 4)].reg[i % 4];
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("mma on the device is mma on the host", "[cuda]") {
  check<lowp::mma_m16n8k8<lowp::f16>>();
  check<lowp::mma_m16n8k16<lowp::f16>>();
  check<lowp::mma_m16n8k16<lowp::bf16>>();
  check<lowp::mma_m16n8k32_s8>();
  check<lowp::mma_m16n8k32<lowp::e4m3>>();
  check<lowp::mma_m16n8k32<lowp::e5m2>>();
}
