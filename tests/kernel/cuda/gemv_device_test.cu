// The GEMV on the device: the same bits as its phases on the host, in every run.
#include <lowp_test.hpp>

#include <lowp/cuda.cuh>

#include "device_memory.hpp"
#include "gemv_on_host.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using lowp::f16;
using lowp_test::gemv_problem;
using lowp_test::on_device;

// A grid of scales on the device, and the pointers to it.
template <class P>
struct scales_on_device;
template <lowp::number_format F>
struct scales_on_device<F> {
  on_device<lowp::code_t<F>> codes;

  explicit scales_on_device(const lowp::number_grid<F>& grid) : codes(grid.codes().data(), grid.codes().rows() * grid.codes().cols()) {}
  lowp::device_parameters<F> parameters() const { return {codes.data()}; }
};
template <lowp::scheme_type S>
struct scales_on_device<S> {
  on_device<lowp::code_t<typename S::format>> codes;
  scales_on_device<typename S::scale> inner;

  explicit scales_on_device(const lowp::quantized<S>& grid)
      : codes(grid.codes().data(), grid.codes().rows() * grid.codes().cols()), inner(grid.scales()) {}
  lowp::device_parameters<S> parameters() const { return {codes.data(), inner.parameters()}; }
};

template <class S>
std::vector<float> on_the_device(const gemv_problem<S, f16>& p) {
  const std::size_t rows = p.weights.rows();
  const std::size_t cols = p.weights.cols();
  const on_device<std::uint8_t> codes(p.packed.bytes().data(), p.packed.bytes().size());
  const scales_on_device<typename S::scale> scales(p.packed.scales());
  const on_device<f16> x(p.x);
  const on_device<float> y(std::vector<float>(p.tokens * rows, -77.0f));
  const lowp::device_weights<S> w{.codes = codes.data(), .rows = rows, .cols = cols, .scales = scales.parameters()};
  lowp::gemv(cudaStream_t{}, w, lowp::matrix_view<const f16>{x.data(), p.tokens, cols}, lowp::matrix_view<float>{y.data(), p.tokens, rows});
  lowp::check_cuda(cudaDeviceSynchronize(), "computing");
  return y.read();
}

template <class S>
void check(std::size_t rows, std::size_t cols, std::size_t tokens) {
  CAPTURE(rows);
  CAPTURE(cols);
  CAPTURE(tokens);
  const gemv_problem<S, f16> problem(rows, cols, tokens);
  std::vector<float> expected;
  lowp_test::gemv_on_host(lowp_test::arguments_of(problem, expected), 1);
  const std::vector<float> found = on_the_device(problem);
  CHECK(problem.worst_error(found) < 1e-6);
  CHECK(found == expected);
  CHECK(on_the_device(problem) == found);
}

}  // namespace

TEST_CASE("the GEMV gives the same bits on the device", "[cuda]") {
  for (const std::size_t tokens : {1u, 2u, 3u, 8u}) {
    check<lowp::int4_g128>(130, 4096, tokens);
    check<lowp::nf4_double>(130, 4096, tokens);
    check<lowp::mxfp4>(130, 4096, tokens);
    check<lowp::nvfp4>(130, 4096, tokens);
  }
  for (const std::size_t cols : {1u, 31u, 32u, 100u, 1025u, 2880u, 28672u}) {
    check<lowp::int4_g128>(33, cols, 1);
    check<lowp::nvfp4>(33, cols, 5);
  }
}

TEST_CASE("more rows than blocks", "[cuda]") { check<lowp::mxfp4>(20001, 96, 1); }
