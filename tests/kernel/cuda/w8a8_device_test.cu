// Products of 8-bit activations and weights on the device: INT8 exactly, FP8 within the rounding of its sums.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/w8a8.cuh>

#include "device_memory.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace {

using lowp::w8a8_scaling;

template <class F, w8a8_scaling Scaling>
void check(std::size_t tokens, std::size_t rows, std::size_t cols, lowp::w8a8_workspace workspace) {
  std::mt19937 random(3);
  const auto codes = [&](std::size_t count) {
    std::vector<std::uint8_t> all(count * cols);
    for (auto& c : all) {
      do c = static_cast<std::uint8_t>(random());
      while (!lowp::is_finite(F::decode(c)));
    }
    return all;
  };
  const std::size_t blocks = (cols + 127) / 128;
  const auto scales = [&](std::size_t count) {
    std::vector<float> all(count * blocks);
    for (float& s : all) s = 0.001f * static_cast<float>(random() % 1000 + 1);
    return all;
  };
  const auto x = codes(tokens);
  const auto w = codes(rows);
  const auto x_scales = scales(tokens);
  const auto w_scales = scales(rows);
  const lowp_test::on_device<std::uint8_t> dx(x);
  const lowp_test::on_device<std::uint8_t> dw(w);
  const lowp_test::on_device<float> dxs(x_scales);
  const lowp_test::on_device<float> dws(w_scales);
  const lowp_test::on_device<float> dy(std::vector<float>(tokens * rows, -77.0f));
  constexpr std::size_t by_block = Scaling == w8a8_scaling::blocks ? 1 : 0;
  const lowp::w8a8_operand<F> left{dx.data(), cols, {dxs.data(), blocks, by_block}};
  const lowp::w8a8_operand<F> right{dw.data(), cols, {dws.data(), blocks, by_block}};
  lowp::w8a8_gemm(nullptr, lowp::w8a8_arguments_of<Scaling>(left, right, cols, lowp::matrix_view<float>{dy.data(), tokens, rows},
                                                            lowp::identity_epilogue{}, workspace));
  lowp::check_cuda(cudaDeviceSynchronize(), "multiplying");
  const auto y = dy.read();
  double worst = 0;
  int wrong = 0;
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t r = 0; r < rows; ++r) {
      double sum = 0;
      double size = 1e-30;
      std::int64_t integers = 0;
      for (std::size_t c = 0; c < cols; ++c) {
        const std::size_t b = by_block * (c / 128);
        const double scale = static_cast<double>(x_scales[t * blocks + b]) * w_scales[(by_block != 0 ? r / 128 : r) * blocks + b];
        const double product = static_cast<double>(F::decode(x[t * cols + c])) * F::decode(w[r * cols + c]);
        integers += static_cast<std::int64_t>(product);
        sum += scale * product;
        size += std::abs(scale * product);
      }
      const float found = y[t * rows + r];
      worst = std::fmax(worst, std::abs(static_cast<double>(found) - sum) / size);
      wrong += found != lowp::rounded(static_cast<float>(integers) * x_scales[t * blocks]) * w_scales[r * blocks] ? 1 : 0;
    }
  }
  if (std::is_same_v<F, lowp::i8> && Scaling == w8a8_scaling::rows) CHECK(wrong == 0);
  // Before Blackwell the tensor cores keep some 14 bits of a sum of 32 products of FP8.
  CHECK(worst < (std::is_same_v<F, lowp::i8> ? 1e-6 : 1e-3));
}

}  // namespace

TEST_CASE("products of 8-bit numbers on the device", "[cuda]") {
  int device = 0;
  int major = 0;
  lowp::check_cuda(cudaGetDevice(&device), "asking for the device");
  lowp::check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking for the architecture");
  if (major < 8) return;
  const lowp::w8a8_workspace_size size = lowp::w8a8_workspace_on_device();
  const lowp_test::on_device<std::uint32_t> sums(std::vector<std::uint32_t>(size.sums / sizeof(std::uint32_t)));
  const lowp_test::on_device<std::uint32_t> arrivals(std::vector<std::uint32_t>(size.arrivals / sizeof(std::uint32_t)));
  const lowp::w8a8_workspace workspace{sums.data(), arrivals.data()};
  // Rows of 100 and 513 bytes do not start at multiples of 16, those of 1040 and 4096 do.
  for (const std::size_t tokens : {1u, 70u, 300u}) {
    for (const std::size_t cols : {100u, 513u, 1040u, 4096u}) {
      check<lowp::i8, w8a8_scaling::rows>(tokens, 200, cols, workspace);
      check<lowp::i8, w8a8_scaling::blocks>(tokens, 200, cols, workspace);
      check<lowp::e4m3, w8a8_scaling::rows>(tokens, 200, cols, workspace);
      check<lowp::e4m3, w8a8_scaling::blocks>(tokens, 200, cols, workspace);
      check<lowp::e5m2, w8a8_scaling::rows>(tokens, 200, cols, workspace);
      check<lowp::e4m3, w8a8_scaling::blocks>(tokens, 200, cols, {});
    }
  }
}
