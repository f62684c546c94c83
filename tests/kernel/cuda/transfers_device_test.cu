// What the wrappers of loads and copies move on the device is what they move on the host.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/bulk_copy.hpp>
#include <lowp/kernel/cuda/dependent_launch.hpp>
#include <lowp/kernel/cuda/device_block.cuh>
#include <lowp/kernel/cuda/ldmatrix.hpp>

#include "device_memory.hpp"

#include <cstdint>
#include <vector>

namespace {

namespace ptx = lowp::ptx;
using lowp::vector_of_words;

constexpr int threads = 64;
constexpr int vectors = 4 * threads;

// Each thread copies a vector of each quarter, whole and in part, and reads matrices from them.
template <class Block>
LOWP_HD void move(const Block& block, const vector_of_words* in, vector_of_words* shared, std::uint32_t* out) {
  typename Block::template per_thread<const void*> rows;
  block.each_thread([&](int t) {
    ptx::wait_for_previous_kernel();
    ptx::copy_async<16>(shared + t, in + t);
    ptx::copy_async(shared + threads + t, in + threads + t, ptx::first_to_leave());
    ptx::commit_copies();
    ptx::copy_async<16>(shared + 2 * threads + t, in + 2 * threads + t, static_cast<std::uint32_t>(t % 17));
    for (int w = 0; w < 4; ++w) ptx::copy_async<4>(shared[3 * threads + t].word + w, in[3 * threads + t].word + w);
    ptx::commit_copies();
    ptx::wait_for_copies<0>();
  });
  block.barrier();
  block.each_thread([&](int t) { rows[t] = shared + (t * 7 % vectors); });
  const auto four = lowp::load_matrices<4>(block, rows);
  const auto turned = lowp::load_matrices<4, true>(block, rows);
  const auto two = lowp::load_matrices<2>(block, rows);
  const auto one = lowp::load_matrices<1, true>(block, rows);
  block.each_thread([&](int t) {
    std::uint32_t sum = two[t].reg[0] * 3 + two[t].reg[1] * 5 + one[t].reg[0] * 7;
    for (int i = 0; i < 4; ++i) sum = sum * 31 + four[t].reg[i] * 11 + turned[t].reg[i];
    const vector_of_words a = ptx::load_with(in + t, ptx::first_to_leave());
    const vector_of_words b = ptx::load_through<lowp::cache_use::again>(in + t);
    for (int w = 0; w < 4; ++w) sum = sum * 31 + a.word[w] * 13 + b.word[w] + shared[2 * threads + t].word[w];
    out[t] = sum;
    ptx::let_next_kernel_begin();
  });
}

__global__ void move_on_device(const vector_of_words* in, std::uint32_t* out) {
  __shared__ vector_of_words shared[vectors];
  move(lowp::device_block<threads>{}, in, shared, out);
}

__global__ void move_in_bulk(const vector_of_words* in, vector_of_words* out) {
  __shared__ vector_of_words shared[vectors];
  __shared__ ptx::transfer_barrier barrier;
  if (threadIdx.x == 0) barrier.init(1);
  __syncthreads();
  for (std::uint32_t phase = 0; phase < 4; ++phase) {
    if (threadIdx.x == 0) {
      barrier.arrive_and_expect(threads * 16);
      ptx::bulk_copy(shared + phase * threads, in + phase * threads, threads * 16, barrier);
    }
    barrier.wait(phase % 2);
  }
  for (int i = static_cast<int>(threadIdx.x); i < vectors; i += threads) out[i] = shared[i];
}

std::vector<vector_of_words> counting() {
  std::vector<vector_of_words> v(vectors);
  for (std::uint32_t i = 0; i < vectors; ++i) v[i] = {{i, i * 0x9e3779b9u, ~i, i << 16}};
  return v;
}

}  // namespace

TEST_CASE("asynchronous copies and ldmatrix move the same words on the device", "[cuda]") {
  const auto source = counting();
  const lowp_test::on_device<vector_of_words> in(source);
  const lowp_test::on_device<std::uint32_t> out{std::vector<std::uint32_t>(threads)};
  move_on_device<<<1, threads>>>(in.data(), out.data());
  lowp::check_cuda(cudaGetLastError(), "launching");
  std::vector<vector_of_words> shared(vectors);
  std::vector<std::uint32_t> expected(threads);
  move(lowp::host_block<threads>{}, source.data(), shared.data(), expected.data());
  CHECK(out.read() == expected);
}

TEST_CASE("bulk copies arrive with their barrier", "[cuda]") {
  int major = 0;
  lowp::check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "asking for the architecture");
  if (major < 9) return;
  const auto source = counting();
  const lowp_test::on_device<vector_of_words> in(source);
  const lowp_test::on_device<vector_of_words> out{std::vector<vector_of_words>(vectors)};
  move_in_bulk<<<1, threads>>>(in.data(), out.data());
  lowp::check_cuda(cudaGetLastError(), "launching");
  const auto found = out.read();
  int different = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (int w = 0; w < 4; ++w) different += found[i].word[w] != source[i].word[w];
  }
  CHECK(different == 0);
}
