// Reads a file of ggml's blocks and writes the floats they stand for: ggml_blocks_oracle TYPE rows cols blocks floats
#include <lowp/layout/blocks.hpp>
#include <lowp/layout/ggml_blocks.hpp>
#include <lowp/quantize/quantize.hpp>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

int main(int, char** argv) {
  const std::string type = argv[1];
  const std::size_t rows = std::stoul(argv[2]);
  const std::size_t cols = std::stoul(argv[3]);
  std::ifstream in(argv[4], std::ios::binary);
  const std::vector<char> chars{std::istreambuf_iterator<char>(in), {}};
  const std::vector<std::uint8_t> bytes(chars.begin(), chars.end());
  std::vector<float> floats(rows * cols);
  lowp::layout::ggml::for_each([&]<class L>() {
    if (type != L::name) return;
    lowp::dequantize(lowp::from_blocks<L>(bytes, rows, cols), lowp::matrix_view<float>{floats.data(), rows, cols});
  });
  std::ofstream(argv[5], std::ios::binary).write(reinterpret_cast<const char*>(floats.data()), static_cast<std::streamsize>(4 * floats.size()));
}
