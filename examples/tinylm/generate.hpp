// Text from a prompt, byte by byte.
//
//   generate(lm, "import ", 200, [](char c) { std::putchar(c); });
#pragma once

#include "model.hpp"
#include "text.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>

namespace tinylm {

// The likeliest byte at temperature 0, else one drawn from softmax(logits / temperature).
template <class Random>
std::uint8_t choose(std::span<const float> logits, float temperature, Random& random) {
  const auto largest = std::max_element(logits.begin(), logits.end());
  if (temperature <= 0) return static_cast<std::uint8_t>(largest - logits.begin());
  std::vector<double> weights;
  for (const float x : logits) weights.push_back(std::exp(static_cast<double>((x - *largest) / temperature)));
  return static_cast<std::uint8_t>(std::discrete_distribution<int>(weights.begin(), weights.end())(random));
}

// Calls emit(byte) for `count` bytes after the prompt, from a session at the start of a text. Once the context is full, the later half of
// the text is read again and goes on from there.
template <class Emit>
void generate(const model& lm, session& s, std::string_view prompt, std::size_t count, const Emit& emit, float temperature = 0,
              std::uint32_t seed = 0) {
  if (prompt.empty()) LOWP_THROW("a prompt has at least one byte");
  std::mt19937 random(seed);
  bytes text(prompt.begin(), prompt.end());
  const std::size_t context = lm.config().context;
  std::size_t read = text.size() > context ? text.size() - context / 2 : 0;  // where the session goes on reading
  for (std::size_t i = 0; i < count; ++i) {
    if (s.length() == context) {
      s.reset();
      read = text.size() - context / 2;
    }
    lm.forward(std::span(text).subspan(read), s);
    read = text.size();
    text.push_back(choose(s.logits().row(s.logits().rows() - 1), temperature, random));
    emit(static_cast<char>(text.back()));
  }
}

template <class Emit>
void generate(const model& lm, std::string_view prompt, std::size_t count, const Emit& emit, float temperature = 0,
              std::uint32_t seed = 0) {
  session s(lm.config());
  generate(lm, s, prompt, count, emit, temperature, seed);
}

}  // namespace tinylm
