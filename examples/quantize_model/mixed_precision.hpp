// Which of a method's schemes each layer gets, so that the sum of their losses is least under a budget of bits a weight. Embeddings, the
// head and norms are not quantized, nor is softmax: they lose most for what they take.
//
//   layer_schemes chosen = choose_schemes(weights, method, windows, threads);      // chosen[block][projection]
//
// A layer's loss in a scheme, rounded to nearest, is by how much its outputs change relative to their size (from Hessians), or, if the
// method is told `measured`, by how much the whole model is then more surprised by each byte of some of the windows.
#pragma once

#include "layer_quantizer.hpp"
#include "tokens.hpp"

#include <tinylm/perplexity.hpp>
#include <tinylm/quantize.hpp>

#include <lowp/algorithm.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

using layer_schemes = std::vector<std::array<std::string, tinylm::projections>>;

inline layer_schemes choose_schemes(const tinylm::checkpoint& weights, const method& m, const std::vector<std::span<const token>>& windows,
                                    std::size_t threads) {
  tinylm::model lm(weights, tinylm::quantize_blocks(weights, "f32", threads));
  std::vector<std::span<const token>> texts;
  const std::size_t some = std::min<std::size_t>(windows.size(), 8);
  for (std::size_t i = 0; i < some; ++i) texts.push_back(windows[i * windows.size() / some]);
  const double exact = m.measured ? std::log(tinylm::perplexity(lm, texts, threads)) : 0;
  tinylm::hessians inputs = m.measured ? tinylm::hessians(weights.config) : tinylm::collect_hessians(weights, windows, threads);
  std::vector<lowp::layer_choices> layers;
  std::size_t elements = 0;
  for (std::size_t block = 0; block < weights.blocks.size(); ++block) {
    for (std::size_t p = 0; p < tinylm::projections; ++p) {
      const auto w = weights.blocks[block].linear[p].view();
      elements += w.rows() * w.cols();
      layers.emplace_back();
      for (const std::string& scheme : m.schemes) {
        method nearest;
        nearest.scheme = scheme;
        const layer_result r = quantize_layer(nearest, w, {}, threads);
        const lowp::matrix_view<const float> values(r.values.data(), w.rows(), w.cols());
        double loss = 0;
        if (m.measured) {
          lm.replace(block, p, tinylm::make_linear("f32", values));
          loss = std::max(0.0, std::log(tinylm::perplexity(lm, texts, threads)) - exact);
        } else {
          const lowp::output_loss off(inputs.at(block, tinylm::input_of(p)).view());
          const std::vector<float> zeros(w.rows() * w.cols());
          const double size = off(w, {zeros.data(), w.rows(), w.cols()});
          loss = size > 0 ? off(w, values) / size : 0;
        }
        layers.back().push_back({(r.storage_bits + 7) / 8, loss});
      }
      if (m.measured) lm.replace(block, p, tinylm::make_linear("f32", w));
    }
  }
  const auto chosen = lowp::allocate_bits(layers, static_cast<std::uint64_t>(m.budget * static_cast<double>(elements) / 8));
  layer_schemes schemes(weights.blocks.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) schemes[i / tinylm::projections][i % tinylm::projections] = m.schemes[chosen[i]];
  return schemes;
}
