// The encoders and conversions that ggml_blocks.py compares with ggml: for each block type, "<name> <relative error of the reference>
// <of the search> <MB/s of floats that the reference quantizes> <the search> <GB/s of blocks read> <written>".
//
//   ggml_blocks <file of floats> <rows> <cols>
#include <lowp/layout/blocks.hpp>
#include <lowp/layout/ggml_blocks.hpp>
#include <lowp/quantize/ggml_quantize.hpp>
#include <lowp/quantize/ggml_reference.hpp>
#include <lowp/quantize/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

namespace {

// The least of three, in seconds of the processor.
template <class Work>
double seconds(Work&& work) {
  double least = 1e9;
  for (int i = 0; i < 3; ++i) {
    const std::clock_t start = std::clock();
    work();
    least = (std::min)(least, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return least;
}

template <class S>
double relative_error(const lowp::quantized<S>& q, const std::vector<float>& w) {
  std::vector<float> back(w.size());
  lowp::dequantize(q, lowp::matrix_view<float>{back.data(), q.rows(), q.cols()});
  double error = 0;
  double squares = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double difference = static_cast<double>(w[i]) - static_cast<double>(back[i]);
    error += difference * difference;
    squares += static_cast<double>(w[i]) * static_cast<double>(w[i]);
  }
  return std::sqrt(error / squares);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return 1;
  const std::size_t rows = std::strtoull(arguments[2], nullptr, 10);
  const std::size_t cols = std::strtoull(arguments[3], nullptr, 10);
  std::vector<float> w(rows * cols);
  std::ifstream(arguments[1], std::ios::binary).read(reinterpret_cast<char*>(w.data()), static_cast<std::streamsize>(4 * w.size()));
  const lowp::matrix_view<const float> view{w.data(), rows, cols};
  lowp::layout::ggml::for_each([&]<class L>() {
    using S = typename L::scheme;
    lowp::quantized<S> reference;
    lowp::quantized<S> searched;
    std::vector<std::uint8_t> blocks;
    const double for_reference = seconds([&] { reference = lowp::ggml::quantize_reference<S>(view); });
    const double for_search = seconds([&] { searched = lowp::ggml::quantize<S>(view); });
    const double to_write = seconds([&] { blocks = lowp::to_blocks<L>(searched); });
    const double to_read = seconds([&] { searched = lowp::from_blocks<L>(blocks, rows, cols); });
    const double megabytes = static_cast<double>(4 * w.size()) / 1e6;
    const double gigabytes = static_cast<double>(blocks.size()) / 1e9;
    std::printf("%s %.5f %.5f %.1f %.1f %.2f %.2f\n", std::string(L::name).c_str(), relative_error(reference, w), relative_error(searched, w),
                megabytes / for_reference, megabytes / for_search, gigabytes / to_read, gigabytes / to_write);
  });
}
