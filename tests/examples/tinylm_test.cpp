// The example model against its reference results, which PyTorch computed, and quantized.
#include <lowp_test.hpp>

#include "tinylm/generate.hpp"
#include "tinylm/perplexity.hpp"
#include "tinylm/quantize.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace tinylm;

const std::string data = LOWP_EXAMPLE_DATA;
constexpr std::size_t threads = 2;

const checkpoint& weights() {
  static const checkpoint loaded = load_checkpoint(data);
  return loaded;
}

const model& unquantized() {
  static const model lm(weights(), quantize_blocks(weights(), "f32", threads));
  return lm;
}

const lowp::safetensors_file& reference() {
  static const lowp::safetensors_file file(data + "/reference.safetensors");
  return file;
}

nlohmann::json reference_results() {
  std::ifstream file(data + "/reference.json");
  return nlohmann::json::parse(file);
}

constexpr std::size_t sequences = 2, length = 64, vocabulary = 256;

std::span<const std::uint8_t> reference_tokens(std::size_t sequence) {
  const std::span<const std::byte> tokens = reference().bytes("tokens");
  static const std::vector<std::uint8_t> all = [&] {
    std::vector<std::uint8_t> list;
    for (const std::byte b : tokens) list.push_back(std::to_integer<std::uint8_t>(b));
    return list;
  }();
  return std::span(all).subspan(sequence * length, length);
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= most)) most = difference;
  }
  return most;
}

double perplexity_of(const model& lm, std::size_t count) {
  const bytes text = load_text(data + "/eval.txt");
  return perplexity(lm, windows(text, weights().config.context, count), threads);
}

}  // namespace

TEST_CASE("tinylm gives the reference logits", "[tinylm]") {
  const std::vector<float> expected = reference().read_f32("logits");
  REQUIRE(expected.size() == sequences * length * vocabulary);
  for (std::size_t i = 0; i < sequences; ++i) {
    session s(weights().config);
    unquantized().forward(reference_tokens(i), s);
    for (std::size_t t = 0; t < length; ++t) {
      CAPTURE(i);
      CAPTURE(t);
      CHECK(largest_difference(s.logits().row(t), std::span(expected).subspan((i * length + t) * vocabulary, vocabulary)) < 1e-3);
    }
  }
}

TEST_CASE("tinylm gives the reference hidden states", "[tinylm]") {
  const std::vector<float> expected = reference().read_f32("hidden");
  const std::size_t width = weights().config.width;
  REQUIRE(expected.size() == (weights().config.layers + 1) * length * width);
  std::size_t seen = 0;
  session s(weights().config);
  unquantized().forward(reference_tokens(0), s, [&](std::size_t block, site where, lowp::matrix_view<const float> values) {
    if (where != site::residual) return;
    ++seen;
    CAPTURE(block);
    CHECK(largest_difference({values.data(), values.rows() * values.cols()},
                             std::span(expected).subspan(block * length * width, length * width)) < 1e-3);
  });
  CHECK(seen == weights().config.layers + 1);
}

TEST_CASE("a text read byte by byte gives the logits of the text read at once", "[tinylm]") {
  const auto tokens = reference_tokens(1);
  session at_once(weights().config);
  session by_byte(weights().config);
  unquantized().forward(tokens, at_once);
  for (std::size_t t = 0; t < length; ++t) {
    unquantized().forward(tokens.subspan(t, 1), by_byte);
    CAPTURE(t);
    CHECK(largest_difference(by_byte.logits().row(0), at_once.logits().row(t)) < 1e-4);
  }
  CHECK(by_byte.length() == length);
}

TEST_CASE("tinylm writes the reference text", "[tinylm]") {
  const nlohmann::json expected = reference_results();
  const std::string prompt = expected["greedy_prompt"];
  const std::string text = expected["greedy_text"];
  std::string written = prompt;
  generate(unquantized(), prompt, text.size() - prompt.size(), [&](char c) { written += c; });
  CHECK(written == text);
}

TEST_CASE("tinylm goes on writing when its context is full", "[tinylm]") {
  const std::size_t context = weights().config.context;
  std::size_t written = 0;
  generate(unquantized(), std::string(context - 3, 'a'), 10, [&](char) { ++written; });
  generate(unquantized(), std::string(2 * context, 'a'), 1, [&](char) { ++written; });
  CHECK(written == 11);
  session s(weights().config);
  CHECK_THROWS_AS(unquantized().forward(bytes(context + 1), s), lowp::error);
}

// The figures are PyTorch's over every 48th window, the weights rounded there by a few lines that share nothing with this library.
TEST_CASE("tinylm has the reference perplexity, quantized or not", "[tinylm]") {
  struct figure {
    const char* preset;
    double perplexity;
  };
  for (const figure& f : {figure{"f32", 3.121946356}, {"bf16", 3.121946356}, {"int8_channel", 3.121979171}, {"nf4_g64", 3.123310325}}) {
    CAPTURE(std::string(f.preset));
    const double p = perplexity_of({weights(), quantize_blocks(weights(), f.preset, threads)}, 8);
    CAPTURE(p);
    CHECK(std::fabs(p / f.perplexity - 1) < 1e-4);
  }
}

TEST_CASE("tinylm has the reference perplexity over the whole text", "[tinylm][.release]") {
  const double expected = reference_results()["perplexity"];
  CHECK(std::fabs(perplexity_of(unquantized(), 0) / expected - 1) < 1e-4);
}

TEST_CASE("GPTQ on tinylm is better than rounding to nearest", "[tinylm]") {
  const bytes calibration = load_text(data + "/calibration.txt");
  hessians inputs = collect_hessians(weights(), windows(calibration, weights().config.context, 8), threads);
  const double baseline = perplexity_of(unquantized(), 8);
  const double rounded = perplexity_of({weights(), quantize_blocks(weights(), "int3_g128", threads)}, 8) / baseline - 1;
  const double gptq = perplexity_of({weights(), quantize_blocks(weights(), "int3_g128", threads, &inputs)}, 8) / baseline - 1;
  CHECK(gptq < 0.5 * rounded);
}

TEST_CASE("an unknown preset is an error that lists those there are", "[tinylm]") {
  CHECK_THROWS_AS(find_preset("int5"), lowp::error);
  CHECK_THROWS_AS(quantize_blocks(weights(), "int5", 1), lowp::error);
  CHECK(find_preset("nvfp4").bits_per_weight == 4.5);
}
