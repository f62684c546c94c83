// ggml's quantizers against ggml's own blocks, of which data/ggml_golden.txt has some and digests of more (data/ggml_golden.py made it).
#include <lowp/layout/blocks.hpp>
#include <lowp/layout/ggml_blocks.hpp>
#include <lowp/quantize/ggml_reference.hpp>

#include "golden.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

namespace {

std::vector<float> ramp(std::size_t columns) {
  const int n = static_cast<int>(columns);
  const int factor = n == 32 ? 7 : n == 64 ? 11 : 37;
  const int offset = n == 32 ? 13 : n == 64 ? 29 : 120;
  std::vector<float> x(columns);
  for (int i = 0; i < n; ++i) x[static_cast<std::size_t>(i)] = static_cast<float>(factor * i % n - offset) / (n == 256 ? 64.0f : 8.0f);
  return x;
}

template <class L>
std::vector<std::uint8_t> blocks(const std::vector<float>& w, std::size_t rows) {
  return lowp::to_blocks<L>(lowp::ggml::quantize_reference<typename L::scheme>(view_of(w, rows, w.size() / rows)));
}

}  // namespace

TEST_CASE("the reference quantizers write ggml's blocks, bit for bit", "[quantize]") {
  std::ifstream file(LOWP_TEST_DATA "/ggml_golden.txt");
  REQUIRE(file.is_open());
  const auto w = golden::inputs(256 * 1024);
  int compared = 0;
  std::string name;
  std::string block;
  std::string many;
  while (file >> name >> block >> many) {
    CAPTURE(name);
    lowp::layout::ggml::for_each([&]<class L>() {
      if (name != L::name) return;
      CHECK(golden::hexadecimal(blocks<L>(ramp(L::columns), 1)) == block);
      CHECK(golden::digest(blocks<L>(w, 256)) == many);
      ++compared;
    });
  }
  CHECK(compared == 16);
}

TEST_CASE("reference quantizers: what does not fit, and weights of every size", "[quantize]") {
  lowp::layout::ggml::for_each([]<class L>() {
    using S = typename L::scheme;
    INFO(std::string(L::name));
    std::vector<float> w = normal_numbers(2 * L::columns, 3);
    CHECK_THROWS_AS(lowp::ggml::quantize_reference<S>(view_of(w, 1, lowp::ggml::detail::block_columns<S>() - 1)), lowp::error);
    CHECK(lowp::ggml::quantize_reference<S>(view_of(w, 0, L::columns)).rows() == 0);
    CHECK(lowp::ggml::quantize_reference<S>(view_of(w, 2, 0)).cols() == 0);
    for (const float bad : {lowp::quiet_nan(), lowp::infinity(), -lowp::infinity()}) {
      w[5] = bad;
      CHECK_THROWS_AS(lowp::ggml::quantize_reference<S>(view_of(w, 2, L::columns)), lowp::error);
    }
    // Total for every finite weight: the sanitizers look on.
    for (const float size : {0x1p-149f, 1e-40f, 1e-30f, 1e-15f, 1e10f, std::numeric_limits<float>::max() / 8}) {
      auto x = normal_numbers(L::columns, 4, static_cast<double>(size));
      for (float& v : x) v = lowp::is_finite(v) ? v : size;
      CHECK(blocks<L>(x, 1).size() == L::bytes);
    }
    CHECK(blocks<L>(std::vector<float>(L::columns, 0.0f), 1).size() == L::bytes);
  });
}
