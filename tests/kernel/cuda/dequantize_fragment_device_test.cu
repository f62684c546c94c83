// What the device computes with its own instructions is what the host computes in their place, bit for bit.
#include <lowp_test.hpp>

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/cuda/pair_table.hpp>

#include "device_memory.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using lowp::any_order;
using lowp::bf16;
using lowp::f16;
using lowp::interleaved_order;
using lowp::natural_order;

template <class F>
std::vector<lowp::packed_run<F>> all_runs() {
  std::vector<lowp::packed_run<F>> runs;
  std::mt19937_64 random(3);
  for (std::uint64_t half = 0; half < 0x10000; ++half) {
    for (const std::uint64_t rest : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{random()}}) {
      runs.push_back(static_cast<lowp::packed_run<F>>(half | rest << 16));
      runs.push_back(
          static_cast<lowp::packed_run<F>>(half << (F::bits <= 4 ? 16 : 48) | (rest & 0xffffffffffffu) >> (F::bits <= 4 ? 32 : 0)));
    }
  }
  return runs;
}

template <class F, class Out, class Order>
__global__ void dequantize_all(const lowp::packed_run<F>* runs, lowp::fragment<Out>* fragments, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) fragments[i] = lowp::dequantize_fragment<F, Out, Order>(runs[i]);
}

template <class F, class Out, class Order>
int differences() {
  const auto runs = all_runs<F>();
  const lowp_test::on_device<lowp::packed_run<F>> device_runs(runs);
  const lowp_test::on_device<lowp::fragment<Out>> fragments(std::vector<lowp::fragment<Out>>(runs.size()));
  const auto count = static_cast<unsigned>(runs.size());
  dequantize_all<F, Out, Order><<<(count + 255) / 256, 256>>>(device_runs.data(), fragments.data(), count);
  lowp::check_cuda(cudaGetLastError(), "launching");
  const auto found = fragments.read();
  int different = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto expected = lowp::dequantize_fragment<F, Out, Order>(runs[i]);
    for (int e = 0; e < 8; ++e) {
      // Which NaN a conversion gives is the device's choice.
      different += lowp::is_nan(expected[e]) ? !lowp::is_nan(found[i][e]) : found[i].code(e) != expected.code(e);
    }
  }
  return different;
}

template <class F, class Out>
__global__ void look_up_all(const std::uint32_t* runs, lowp::fragment<Out>* fragments, unsigned count) {
  __shared__ lowp::pair_table<F, Out> table;
  table.fill(threadIdx.x, blockDim.x);
  __syncthreads();
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) fragments[i] = table.value(runs[i], threadIdx.x % 32);
}

template <class F, class Out>
int pair_table_differences() {
  const auto runs = all_runs<F>();
  const lowp_test::on_device<std::uint32_t> device_runs(runs);
  const lowp_test::on_device<lowp::fragment<Out>> fragments(std::vector<lowp::fragment<Out>>(runs.size()));
  const auto count = static_cast<unsigned>(runs.size());
  look_up_all<F, Out><<<(count + 255) / 256, 256>>>(device_runs.data(), fragments.data(), count);
  lowp::check_cuda(cudaGetLastError(), "launching");
  const auto found = fragments.read();
  int different = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) different += !(found[i] == lowp::dequantize_fragment<F, Out>(runs[i]));
  return different;
}

template <class Out>
__global__ void multiply_add_all(const std::uint32_t* x, const std::uint32_t* y, const std::uint32_t* z, std::uint32_t* d, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) d[i] = lowp::ptx::fma2<Out>(x[i], y[i], z[i]);
}

template <class Out>
int arithmetic_differences() {
  std::mt19937 random(5);
  std::vector<std::uint32_t> x(1 << 20), y(x.size()), z(x.size());
  for (auto* v : {&x, &y, &z}) {
    for (std::uint32_t& pair : *v) pair = static_cast<std::uint32_t>(random());
  }
  const lowp_test::on_device<std::uint32_t> dx(x), dy(y), dz(z), dd(x);
  multiply_add_all<Out><<<4096, 256>>>(dx.data(), dy.data(), dz.data(), dd.data(), 1u << 20);
  lowp::check_cuda(cudaGetLastError(), "launching");
  const auto found = dd.read();
  int different = 0;
  for (std::size_t i = 0; i < x.size(); ++i) different += found[i] != lowp::ptx::fma2<Out>(x[i], y[i], z[i]);
  return different;
}

template <class F>
__global__ void widen_all(float* x) {
  const unsigned c = blockIdx.x * blockDim.x + threadIdx.x;
  x[c] = lowp::ptx::widen<F>(c);
}

template <class F>
int widening_differences() {
  const lowp_test::on_device<float> x(std::vector<float>(0x10000));
  widen_all<F><<<256, 256>>>(x.data());
  lowp::check_cuda(cudaGetLastError(), "launching");
  const auto found = x.read();
  int different = 0;
  for (std::uint32_t c = 0; c < 0x10000; ++c) {
    const float expected = lowp::decode<F>(c & lowp::low_mask(F::bits));
    different += lowp::is_nan(expected) ? !lowp::is_nan(found[c])
                                        : lowp::bit_cast<std::uint32_t>(found[c]) != lowp::bit_cast<std::uint32_t>(expected);
  }
  return different;
}

}  // namespace

TEST_CASE("dequantizers give the same bits on the device", "[cuda]") {
  CHECK(differences<lowp::i4, f16, natural_order>() == 0);
  CHECK(differences<lowp::i4, f16, interleaved_order>() == 0);
  CHECK(differences<lowp::i4, bf16, natural_order>() == 0);
  CHECK(differences<lowp::u4, f16, any_order>() == 0);
  CHECK(differences<lowp::nf4, f16, natural_order>() == 0);
  CHECK(differences<lowp::nf4, f16, interleaved_order>() == 0);
  CHECK(differences<lowp::nf4, bf16, natural_order>() == 0);
  CHECK(differences<lowp::e2m1, f16, natural_order>() == 0);
  CHECK(differences<lowp::e2m1, f16, interleaved_order>() == 0);
  CHECK(differences<lowp::e2m1, bf16, any_order>() == 0);
  CHECK(differences<lowp::bnb_fp4, f16, any_order>() == 0);
  CHECK(differences<lowp::i2, f16, any_order>() == 0);
  CHECK(differences<lowp::i2, bf16, natural_order>() == 0);
  CHECK(differences<lowp::i3, f16, interleaved_order>() == 0);
  CHECK(differences<lowp::i3, bf16, natural_order>() == 0);
  CHECK(differences<lowp::i8, bf16, natural_order>() == 0);
  CHECK(differences<lowp::u8, f16, interleaved_order>() == 0);
  CHECK(differences<lowp::u8, lowp::f32, natural_order>() == 0);
  CHECK(differences<lowp::nf4, lowp::f32, interleaved_order>() == 0);
  CHECK(differences<lowp::e4m3, bf16, natural_order>() == 0);
  CHECK(differences<lowp::e4m3, lowp::f32, natural_order>() == 0);
  CHECK(differences<lowp::e5m2, f16, interleaved_order>() == 0);
  CHECK(differences<lowp::e4m3fnuz, f16, natural_order>() == 0);
  CHECK(differences<lowp::e5m2fnuz, f16, natural_order>() == 0);
  CHECK(differences<lowp::e2m3, f16, natural_order>() == 0);
  CHECK(differences<lowp::nf3, f16, any_order>() == 0);
  CHECK(differences<lowp::e3m2, f16, any_order>() == 0);
  CHECK(differences<lowp::i8, f16, any_order>() == 0);
  CHECK(differences<lowp::e4m3, f16, any_order>() == 0);
  CHECK(differences<lowp::e5m2, bf16, any_order>() == 0);
}

TEST_CASE("tables of pairs give the same numbers on the device", "[cuda]") {
  CHECK(pair_table_differences<lowp::nf4, f16>() == 0);
  CHECK(pair_table_differences<lowp::nf3, bf16>() == 0);
}

TEST_CASE("packed multiply-adds give the same bits on the device", "[cuda]") {
  CHECK(arithmetic_differences<f16>() == 0);
  CHECK(arithmetic_differences<bf16>() == 0);
}

TEST_CASE("widening gives the same values on the device", "[cuda]") {
  CHECK(widening_differences<f16>() == 0);
  CHECK(widening_differences<bf16>() == 0);
  CHECK(widening_differences<lowp::e4m3>() == 0);
  CHECK(widening_differences<lowp::e5m2>() == 0);
  CHECK(widening_differences<lowp::e8m0>() == 0);
}
