#include <lowp/kernel/cpu/rotate_quantize.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>
#include <lowp/scheme/presets.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <cstring>
#include <vector>

namespace {

template <class S>
void check(std::size_t rows, std::size_t cols, std::size_t size) {
  std::vector<float> x = normal_numbers(rows * cols, 3);
  const lowp::hadamard_transform rotation(size, 9);
  std::vector<float> rotated = x;
  rotation(lowp::matrix_view<float>(rotated.data(), rows, cols));
  const auto expected = lowp::quantize<S>(lowp::matrix_view<const float>(rotated.data(), rows, cols));
  lowp::quantized<S> q(rows, cols);
  lowp::cpu::rotate_and_quantize(rotation, lowp::matrix_view<float>(x.data(), rows, cols), q, lowp::thread_executor{2});
  CHECK(std::memcmp(x.data(), rotated.data(), x.size() * sizeof(float)) == 0);
  bool same = true;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) same = same && q.codes()(r, c) == expected.codes()(r, c) && q.value(r, c) == expected.value(r, c);
  }
  CHECK(same);
}

}  // namespace

TEST_CASE("rotated and quantized at once is rotated, then quantized", "[kernel]") {
  check<lowp::int8_channel>(13, 512, 512);
  check<lowp::int4_g128>(6, 1536, 768);
  check<lowp::mxfp4>(9, 256, 32);
  check<lowp::nvfp4>(5, 256, 256);
  check<lowp::fp8_block128>(130, 256, 256);
  check<lowp::fp8_tensor>(7, 128, 128);
  check<lowp::int8_channel>(0, 128, 128);
}

TEST_CASE("shapes that do not fit change nothing", "[kernel]") {
  std::vector<float> x(96, 1.0f);
  lowp::quantized<lowp::int8_channel> q(2, 48), other(2, 32);
  const lowp::hadamard_transform rotation(32);
  CHECK_THROWS_AS(lowp::cpu::rotate_and_quantize(rotation, lowp::matrix_view<float>(x.data(), 2, 48), q), lowp::error);
  CHECK_THROWS_AS(lowp::cpu::rotate_and_quantize(rotation, lowp::matrix_view<float>(x.data(), 2, 48), other), lowp::error);
  for (const float v : x) CHECK(v == 1.0f);
}
