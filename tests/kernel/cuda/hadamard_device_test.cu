// The transform of a warp on the device against the host's block, bit for bit.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/hadamard.hpp>

#include "device_memory.hpp"

#include <cstddef>
#include <vector>

namespace {

constexpr int threads = 64;

template <int Registers, class Block>
LOWP_HD void transform(const Block& block, float* rows) {
  typename Block::template per_thread<lowp::warp_row<Registers>> x;
  const auto place = [](int thread, int r) { return thread / 32 * 32 * Registers + 32 * r + thread % 32; };
  block.each_thread([&](int thread) {
    for (int r = 0; r < Registers; ++r) x[thread].number[r] = rows[place(thread, r)];
  });
  lowp::hadamard_of_warp(block, x);
  block.each_thread([&](int thread) {
    for (int r = 0; r < Registers; ++r) rows[place(thread, r)] = x[thread].number[r];
  });
}

template <int Registers>
__global__ void transform_kernel(float* rows) {
  transform<Registers>(lowp::device_block<threads>(), rows);
}

template <int Registers>
void check() {
  std::vector<float> rows(2 * 32 * Registers);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i * 37 % 101) / 7.0f - 5.0f;
  const lowp_test::on_device<float> device(rows);
  transform_kernel<Registers><<<1, threads>>>(device.data());
  lowp::check_cuda(cudaGetLastError(), "launching a transform");
  transform<Registers>(lowp::host_block<threads>(), rows.data());
  CHECK(device.read() == rows);
}

}  // namespace

TEST_CASE("a warp's Hadamard transform has the same bits on the device", "[cuda]") {
  check<1>();
  check<4>();
  check<16>();
}
