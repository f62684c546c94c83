// The conversions that nf4_quantize.py compares with bitsandbytes: for each case, "<name> <rows> <Gweight/s>" by the median of
// the processor's time, NF4 in blocks of 64 with f32 scales.
//
//   nf4_quantize <cols>
#include <lowp/kernel/cpu/dequantize.hpp>
#include <lowp/kernel/cpu/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <vector>

namespace {

double seconds_of_work() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

template <class Work>
void report(const char* name, std::size_t rows, std::size_t count, Work&& work) {
  std::vector<double> seconds;
  work();
  for (int i = 0; i < 15; ++i) {
    const int repeats = count < (1u << 22) ? static_cast<int>((1u << 22) / count) : 1;
    const double start = seconds_of_work();
    for (int r = 0; r < repeats; ++r) work();
    seconds.push_back((seconds_of_work() - start) / repeats);
  }
  std::nth_element(seconds.begin(), seconds.begin() + 7, seconds.end());
  std::printf("%s %zu %.6f\n", name, rows, static_cast<double>(count) / seconds[7] / 1e9);
}

template <class T>
void run(const char* quantize, const char* dequantize, std::size_t rows, std::size_t cols) {
  std::vector<T> w;
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < rows * cols; ++i) {
    state = state * 1664525u + 1013904223u;
    w.push_back(T(static_cast<float>(state >> 8) / 8388608.0f - 1.0f));
  }
  const lowp::matrix_view<const T> view{w.data(), rows, cols};
  lowp::quantized<lowp::nf4_g64> q(rows, cols);
  report(quantize, rows, rows * cols, [&] { lowp::cpu::quantize(view, q); });
  std::vector<T> out(rows * cols);
  report(dequantize, rows, rows * cols, [&] { lowp::cpu::dequantize(q, lowp::matrix_view<T>{out.data(), rows, cols}); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("nf4_quantize <cols>\n", stderr);
    return 2;
  }
  try {
    const auto cols = static_cast<std::size_t>(std::atoll(argv[1]));
    for (const std::size_t rows : {128, 1024}) {
      run<float>("quantize,float32", "dequantize,float32", rows, cols);
      run<lowp::bf16>("quantize,bfloat16", "dequantize,bfloat16", rows, cols);
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
