// GPTQ, HQQ and what calibrators find against the packages that introduced or carry them, whose results data/algorithms_golden.txt holds
// (data/algorithms_golden.py made it): compared where the packages are not installed, too.

#include <lowp/algorithm/gptq.hpp>
#include <lowp/algorithm/hqq.hpp>

#include "../quantize/golden.hpp"

#include <lowp_test.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace lowp;

constexpr std::size_t rows = 12, cols = 256, tokens = 512;

std::vector<float> hessian() {
  std::vector<float> x(tokens * cols), h(cols * cols);
  const auto r = [](std::size_t i) { return static_cast<int>(random_bits(1, i) >> 60) - 8; };
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>((r(i) + (i % cols == 0 ? 0 : r(i - 1))) * (1 + static_cast<int>(i % cols % 5)));
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t i = 0; i < h.size(); ++i) h[i] += x[t * cols + i / cols] * x[t * cols + i % cols];
  }
  for (float& v : h) v /= 256;
  return h;
}

// Codes as digits, counted from the lowest.
template <class S>
std::string digits(const quantized<S>& q) {
  constexpr std::uint32_t sign = limits<typename S::format>.lowest < 0 ? 1u << (S::format::bits - 1) : 0;
  std::string text;
  for (std::size_t i = 0; i < rows * cols; ++i) text += "0123456789abcdef"[q.codes()(i / cols, i % cols) ^ sign];
  return text;
}

struct outcome {
  std::string codes;
  double loss;
};

template <scheme_type S, class Recipe>
outcome run_gptq(const std::vector<float>& w, const std::vector<float>& h, bool act_order, const Recipe& r) {
  const auto q = gptq<S>(view_of(w, rows, cols), view_of(h, cols, cols), {.act_order = act_order}, r);
  double loss = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<double> d(cols);
    for (std::size_t c = 0; c < cols; ++c) d[c] = static_cast<double>(w[row * cols + c]) - static_cast<double>(q.value(row, c));
    for (std::size_t i = 0; i < h.size(); ++i) loss += d[i / cols] * static_cast<double>(h[i]) * d[i % cols];
  }
  return {digits(q), loss};
}

outcome run_gptq(const std::string& name, const std::vector<float>& w, const std::vector<float>& h) {
  using u4_g128 = scheme<u4, per_group<128>, asymmetric, f32>;
  if (name == "u4") return run_gptq<u4_g128>(w, h, false, recipe{});
  if (name == "u3") return run_gptq<scheme<u3, per_group<128>, asymmetric, f32>>(w, h, false, recipe{});
  if (name == "u4_act_order") return run_gptq<u4_g128>(w, h, true, recipe{});
  if (name == "u4_mse") return run_gptq<u4_g128>(w, h, false, recipe{mse_search{}});
  REQUIRE(name == "i4_half_width");
  return run_gptq<scheme<i4, per_group<128>, symmetric, f32>>(w, h, false, recipe{absmax{}, nearest_even{}, half_width_scale{}});
}

template <class Format, std::size_t Group>
outcome run_hqq(const std::vector<float>& w) {
  const auto q = hqq<scheme<Format, per_group<Group>, asymmetric_as<f32>, f32>>(view_of(w, rows, cols));
  double loss = 0;
  for (std::size_t i = 0; i < w.size(); ++i)
    loss += std::pow(std::fabs(static_cast<double>(w[i]) - static_cast<double>(q.value(i / cols, i % cols))), 0.7);
  return {digits(q), loss};
}

outcome run_hqq(const std::string& name, const std::vector<float>& w) {
  if (name == "u4_g64") return run_hqq<u4, 64>(w);
  if (name == "u3_g64") return run_hqq<u3, 64>(w);
  REQUIRE(name == "u2_g32");
  return run_hqq<u2, 32>(w);
}

template <scheme_type S, class Recipe>
std::string observed(const std::vector<float>& w, const Recipe& r) {
  const auto q = quantize<S>(view_of(w, rows, cols), r);
  std::vector<std::uint8_t> scales, zeros;
  for (std::size_t g = 0; g < q.grid().rows * q.grid().cols; ++g) {
    const std::size_t row = g / q.grid().cols, col = g % q.grid().cols;
    const auto bits = bit_cast<std::uint32_t>(q.scales().value(row, col));
    for (int shift = 0; shift < 32; shift += 8) scales.push_back(static_cast<std::uint8_t>(bits >> shift));
    if constexpr (S::has_zero) zeros.push_back(static_cast<std::uint8_t>(q.zeros().value(row, col)));
    else zeros.push_back(0);
  }
  return golden::digest(scales) + " " + golden::digest(zeros);
}

std::string observed(const std::string& name, const std::vector<float>& w) {
  const recipe half{absmax{}, nearest_even{}, half_width_scale{}};
  if (name == "i4_g128") return observed<scheme<i4, per_group<128>, symmetric, f32>>(w, half);
  if (name == "u4_g128") return observed<scheme<u4, per_group<128>, asymmetric, f32>>(w, recipe{});
  if (name == "i8_channel") return observed<scheme<i8, per_channel, symmetric, f32>>(w, half);
  if (name == "u8_channel") return observed<scheme<u8, per_channel, asymmetric, f32>>(w, recipe{});
  REQUIRE(name == "e4m3_channel");
  return observed<scheme<e4m3, per_channel, symmetric, f32>>(w, recipe{});
}

}  // namespace

TEST_CASE("GPTQ, HQQ and calibrators do as the packages do", "[algorithm]") {
  const auto w = golden::inputs(rows * cols);
  const auto h = hessian();
  std::ifstream file(LOWP_TEST_DATA "/algorithms_golden.txt");
  REQUIRE(file.is_open());
  int compared = 0;
  for (std::string line; std::getline(file, line);) {
    if (line[0] == '#') continue;
    std::istringstream words(line);
    std::string method, name, first, second;
    REQUIRE(static_cast<bool>(words >> method >> name >> first >> second));
    CAPTURE(line.substr(0, 40));
    ++compared;
    if (method == "observer") {
      CHECK(observed(name, w) == first + " " + second);
      continue;
    }
    const outcome own = method == "gptq" ? run_gptq(name, w, h) : run_hqq(name, w);
    // They work in floats: where that decides a tie, the rest of a row of GPTQ's goes another way.
    int same = 0;
    for (std::size_t i = 0; i < second.size(); ++i) same += own.codes[i] == second[i];
    CAPTURE(same);
    CAPTURE(own.loss);
    REQUIRE(second.size() == rows * cols);
    CHECK(same > 0.99 * rows * cols);
    CHECK(std::fabs(own.loss / std::stod(first) - 1) < 1e-4);
  }
  CHECK(compared == 13);
}
