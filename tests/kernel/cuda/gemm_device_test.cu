// The GEMM on the device against sums in double, and against itself: the same bits in every run.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/gemm.cuh>
#include <lowp/scheme/presets.hpp>

#include "device_memory.hpp"
#include "gemm_on_host.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using lowp::bf16;
using lowp::f16;
using lowp_test::gemm_problem;
using lowp_test::on_device;

// Sums of f32 that tensor cores round in their own way: somewhat more than on the host.
constexpr double enough = 1e-5;

bool device_has_bf16() {
  int device = 0;
  int major = 0;
  lowp::check_cuda(cudaGetDevice(&device), "asking for the device");
  lowp::check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking for the architecture");
  return major >= 8;
}

template <class S, class X>
struct on_the_device {
  const gemm_problem<S, X>& problem;
  on_device<std::uint8_t> codes;
  on_device<std::uint8_t> scales;
  on_device<std::uint8_t> zeros;
  on_device<X> x;
  lowp::gemm_workspace_size size;
  on_device<std::uint8_t> sums;
  on_device<std::uint8_t> arrivals;
  on_device<std::uint8_t> activations;

  template <class T>
  static on_device<std::uint8_t> bytes_of(const T* data, std::size_t count) {
    return on_device<std::uint8_t>(reinterpret_cast<const std::uint8_t*>(data), count * sizeof(T));
  }
  static on_device<std::uint8_t> zeros_of(const gemm_problem<S, X>& p, std::size_t count) {
    if constexpr (S::has_zero) return bytes_of(p.packed.panel_zeros().codes(), count);
    else return bytes_of(p.packed.bytes().data(), 0);
  }
  static std::size_t parameters(const gemm_problem<S, X>& p) { return lowp::mma_parameter_count<S>(p.weights.rows(), p.weights.cols()); }
  static std::size_t scale_codes(const gemm_problem<S, X>& p) { return lowp::mma_weights<S>::scale_format::bits == 0 ? 0 : parameters(p); }

  explicit on_the_device(const gemm_problem<S, X>& p)
      : problem(p),
        codes(p.packed.bytes().data(), p.packed.bytes().size()),
        scales(bytes_of(p.packed.panel_scales().codes(), scale_codes(p))),
        zeros(zeros_of(p, parameters(p))),
        x(p.x),
        size(lowp::gemm_workspace_on_device(p.weights.rows(), p.weights.cols())),
        sums(std::vector<std::uint8_t>(size.sums, 0xff)),
        arrivals(std::vector<std::uint8_t>(size.arrivals, 0)),
        activations(std::vector<std::uint8_t>(size.activations, 0xff)) {}

  std::vector<float> result() const {
    const on_device<float> y(std::vector<float>(problem.tokens * problem.weights.rows(), -77.0f));
    const auto w = lowp::mma_weights_of(problem.packed, codes.data(), scales.data(), zeros.data());
    const lowp::gemm_workspace workspace{reinterpret_cast<float*>(sums.data()), reinterpret_cast<std::uint32_t*>(arrivals.data()),
                                         activations.data()};
    lowp::gemm(cudaStream_t{}, w, lowp::matrix_view<const X>{x.data(), problem.tokens, problem.weights.cols()},
               lowp::matrix_view<float>{y.data(), problem.tokens, problem.weights.rows()}, workspace);
    lowp::check_cuda(cudaDeviceSynchronize(), "computing");
    return y.read();
  }
};

template <class S, class X = f16>
void check(std::size_t rows, std::size_t cols, std::size_t tokens) {
  CAPTURE(rows);
  CAPTURE(cols);
  CAPTURE(tokens);
  const gemm_problem<S, X> problem(rows, cols, tokens);
  const on_the_device<S, X> device(problem);
  const std::vector<float> found = device.result();
  CHECK(problem.worst_error(found) < enough);
  CHECK(device.result() == found);
}

}  // namespace

TEST_CASE("the GEMM of every kind of scheme on the device", "[cuda]") {
  check<lowp::int4_g128>(700, 4096, 1);
  check<lowp::int4_g128>(700, 4096, 64);
  check<lowp::uint4_g128>(700, 4096, 3);
  check<lowp::int8_channel>(700, 4096, 16);
  check<lowp::nvfp4>(700, 4096, 17);
  check<lowp::fp8_channel>(700, 4096, 8);
  check<lowp::fp8_channel>(700, 4096, 33);
  check<lowp::int3_g128>(700, 4096, 2);
  if (device_has_bf16()) {
    check<lowp::int4_g128, bf16>(700, 4096, 1);
  }
}

TEST_CASE("odd shapes on the device", "[cuda]") {
  for (const std::size_t cols : {1u, 15u, 130u, 2880u, 10944u}) {
    check<lowp::int4_g128>(33, cols, 1);
    check<lowp::int4_g128>(33, cols, 5);
  }
  check<lowp::int4_g128>(20001, 96, 2);
  check<lowp::int4_g128>(1, 28672, 3);
}
