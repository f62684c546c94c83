// Quantizes a file of floats into ggml's blocks: ggml_oracle reference|search TYPE rows cols floats blocks
#include <lowp/layout/blocks.hpp>
#include <lowp/layout/ggml_blocks.hpp>
#include <lowp/quantize/ggml_quantize.hpp>
#include <lowp/quantize/ggml_reference.hpp>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

int main(int, char** argv) {
  const bool search = std::string(argv[1]) == "search";
  const std::string type = argv[2];
  const std::size_t rows = std::stoul(argv[3]);
  const std::size_t cols = std::stoul(argv[4]);
  std::vector<float> w(rows * cols);
  std::ifstream(argv[5], std::ios::binary).read(reinterpret_cast<char*>(w.data()), static_cast<std::streamsize>(4 * w.size()));
  const lowp::matrix_view<const float> view{w.data(), rows, cols};
  lowp::layout::ggml::for_each([&]<class L>() {
    if (type != L::name) return;
    using S = typename L::scheme;
    const auto q = search ? lowp::ggml::quantize<S>(view) : lowp::ggml::quantize_reference<S>(view);
    const std::vector<std::uint8_t> bytes = lowp::to_blocks<L>(q);
    std::ofstream(argv[6], std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  });
}
