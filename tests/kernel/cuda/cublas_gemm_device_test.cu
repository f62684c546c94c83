// Products with more tokens than the GEMM takes, and of schemes that it does not take: dequantized on the device, multiplied by cuBLAS.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/cublas_gemm.cuh>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/row_major.hpp>
#include <lowp/scheme/presets.hpp>

#include "device_memory.hpp"
#include "gemm_on_host.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using lowp::f16;
using lowp_test::on_device;

struct handle {
  cublasHandle_t value = nullptr;
  handle() { lowp::detail::check_cublas(cublasCreate(&value), "starting"); }
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;
  ~handle() { cublasDestroy(value); }
};

}  // namespace

TEST_CASE("many tokens go through cuBLAS", "[cuda]") {
  const lowp_test::gemm_problem<lowp::uint4_g128> problem(300, 512, 100);
  const auto codes = [](const auto* data, std::size_t count) {
    return on_device<std::uint8_t>(reinterpret_cast<const std::uint8_t*>(data), count * sizeof(*data));
  };
  const std::size_t parameters = lowp::mma_parameter_count<lowp::uint4_g128>(300, 512);
  const auto weights = codes(problem.packed.bytes().data(), problem.packed.bytes().size());
  const auto scales = codes(problem.packed.panel_scales().codes(), parameters);
  const auto zeros = codes(problem.packed.panel_zeros().codes(), parameters);
  const on_device<f16> x(problem.x);
  const on_device<f16> scratch(std::vector<f16>(300 * 512));
  const on_device<float> y(std::vector<float>(100 * 300, -77.0f));
  const handle cublas;
  lowp::gemm_any(cublas.value, cudaStream_t{}, lowp::mma_weights_of(problem.packed, weights.data(), scales.data(), zeros.data()),
                 lowp::matrix_view<const f16>{x.data(), 100, 512}, lowp::matrix_view<float>{y.data(), 100, 300}, {}, scratch.data());
  lowp::check_cuda(cudaDeviceSynchronize(), "computing");
  const std::vector<float> plain = y.read();
  CHECK(problem.worst_error(plain) < 1e-3);  // weights are rounded to f16

  // An epilogue comes before the results are rounded; weights in act order and activations in the other order give the same.
  std::vector<float> bias(300);
  for (std::size_t r = 0; r < bias.size(); ++r) bias[r] = static_cast<float>(r) * 0.37f;
  const on_device<float> device_bias(bias);
  const on_device<f16> halves(std::vector<f16>(100 * 300));
  const on_device<float> sums(std::vector<float>(100 * 300));
  std::vector<std::uint32_t> columns(512);
  std::vector<f16> moved(problem.x.size());
  for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = static_cast<std::uint32_t>(c * 35 % 512);
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i / 512 * 512 + columns[i % 512]] = problem.x[i];
  const on_device<std::uint32_t> device_columns(columns);
  const on_device<f16> device_moved(moved);
  auto w = lowp::mma_weights_of(problem.packed, weights.data(), scales.data(), zeros.data());
  w.columns = device_columns.data();
  lowp::gemm_any(cublas.value, cudaStream_t{}, w, lowp::matrix_view<const f16>{device_moved.data(), 100, 512},
                 lowp::matrix_view<f16>{halves.data(), 100, 300}, {}, scratch.data(), lowp::bias_epilogue{device_bias.data()}, sums.data());
  lowp::check_cuda(cudaDeviceSynchronize(), "computing");
  const std::vector<f16> found = halves.read();
  float worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    worst = std::fmax(worst, lowp::magnitude(float(found[i]) - (plain[i] + bias[i % 300])) / (1 + lowp::magnitude(plain[i])));
  }
  CHECK(worst < 0.1f);
}

TEST_CASE("a scheme of odd groups goes through cuBLAS", "[cuda]") {
  using S = lowp::scheme<lowp::i4, lowp::per_group<24>, lowp::symmetric, f16>;
  static_assert(!lowp::gemm_supports<S, f16>(1, 70, 240));
  const auto q = lowp_test::random_weights<S>(70, 240);
  const auto packed = lowp::pack<lowp::layout::row_major>(q);
  const on_device<std::uint8_t> codes(packed.bytes().data(), packed.bytes().size());
  const on_device<std::uint16_t> scales(packed.scales().codes().data(), 70 * 10);
  const lowp::device_weights<S> w{.codes = codes.data(), .rows = 70, .cols = 240, .scales = {scales.data()}};
  const on_device<f16> x(std::vector<f16>(240, f16(1.0f)));
  const on_device<f16> scratch(std::vector<f16>(70 * 240));
  const on_device<float> y(std::vector<float>(70, -77.0f));
  const handle cublas;
  lowp::gemm_by_cublas(cublas.value, cudaStream_t{}, w, lowp::matrix_view<const f16>{x.data(), 1, 240},
                       lowp::matrix_view<float>{y.data(), 1, 70}, scratch.data());
  lowp::check_cuda(cudaDeviceSynchronize(), "computing");
  const std::vector<float> found = y.read();
  int wrong = 0;
  for (std::size_t r = 0; r < 70; ++r) {
    float sum = 0;
    for (std::size_t c = 0; c < 240; ++c) sum += lowp::round_to<f16>(q.value(r, c));
    wrong += lowp::magnitude(found[r] - sum) > 0.01f;
  }
  CHECK(wrong == 0);
}
