// The products that matmul_nbits.py compares with onnxruntime: for each case, "<name> <tokens> <median milliseconds>".
//
//   matmul_nbits <n> <k>        weights [n, k], one thread
#include <lowp/lowp.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

// The scale format of MatMulNBits is f32; that of the presets is theirs.
template <std::size_t Group>
using int4_f32 = lowp::scheme<lowp::i4, lowp::per_group<Group>, lowp::symmetric, lowp::f32>;

std::vector<float> uniform(std::size_t count) {
  std::vector<float> values(count);
  std::uint32_t state = 1;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return values;
}

template <lowp::scheme_type S>
void measure(const char* name, lowp::matrix_view<const float> weights, std::size_t tokens) {
  const auto packed = lowp::pack<lowp::layout::tile16>(lowp::quantize<S>(weights));
  const std::vector<float> x = uniform(tokens * weights.cols());
  std::vector<float> y(tokens * weights.rows());
  std::vector<double> milliseconds;
  const auto until = clock_type::now() + std::chrono::milliseconds(600);
  while (milliseconds.size() < 6 || clock_type::now() < until) {
    const auto start = clock_type::now();
    lowp::gemm({x.data(), tokens, weights.cols()}, packed, {y.data(), tokens, weights.rows()});
    milliseconds.push_back(std::chrono::duration<double, std::milli>(clock_type::now() - start).count());
  }
  milliseconds.erase(milliseconds.begin());
  std::nth_element(milliseconds.begin(), milliseconds.begin() + static_cast<std::ptrdiff_t>(milliseconds.size() / 2), milliseconds.end());
  std::printf("%s %zu %.6f\n", name, tokens, milliseconds[milliseconds.size() / 2]);
}

void run(std::size_t n, std::size_t k) {
  const std::vector<float> values = uniform(n * k);
  const lowp::matrix_view<const float> weights{values.data(), n, k};
  for (const std::size_t tokens : {1, 16, 128}) {
    measure<int4_f32<32>>("int4,32", weights, tokens);
    measure<int4_f32<128>>("int4,128", weights, tokens);
    measure<lowp::int4_g32>("int4_g32,32", weights, tokens);
    measure<lowp::int4_g128>("int4_g128,128", weights, tokens);
    measure<lowp::nf4_g64>("nf4_g64,32", weights, tokens);
    measure<lowp::mxfp4>("mxfp4,32", weights, tokens);
    measure<lowp::nvfp4>("nvfp4,32", weights, tokens);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: matmul_nbits <n> <k>\n");
    return 2;
  }
  try {
    run(std::strtoull(argv[1], nullptr, 10), std::strtoull(argv[2], nullptr, 10));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "matmul_nbits: %s\n", error.what());
    return 2;
  }
}
