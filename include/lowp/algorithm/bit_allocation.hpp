// Mixed precision: which of several schemes each layer gets, so that the sum of their losses is least under a budget of bytes.
//
//   std::vector<lowp::layer_choices> layers;                     // one a layer, the same schemes or others
//   layers.push_back({{.bytes = 8192, .loss = 0.9}, {.bytes = 16384, .loss = 0.1}});
//   std::vector<std::size_t> chosen = lowp::allocate_bits(layers, 1 << 20);      // an index into each layer's choices
//
// A layer's loss is output_loss of its weights in a scheme, or what a measurement on the whole model says. Embeddings, the head,
// norms and softmax are usually left as they are: give such a layer one choice.
#pragma once

#include <lowp/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace lowp::inline LOWP_ABI {

struct layer_choice {
  std::uint64_t bytes;
  double loss;
};
using layer_choices = std::vector<layer_choice>;

// From the smallest choices on, the exchange that gains most for each byte that it adds, as long as it fits: within one exchange of the
// best sum. Throws lowp::error if a layer has no choice, a loss is NaN or negative, or the smallest choices exceed the budget.
inline std::vector<std::size_t> allocate_bits(const std::vector<layer_choices>& layers, std::uint64_t budget) {
  std::vector<std::size_t> chosen;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].empty()) LOWP_THROW("layer ", i, " has no choice");
    std::size_t smallest = 0;
    for (std::size_t j = 0; j < layers[i].size(); ++j) {
      const layer_choice& c = layers[i][j];
      if (!(c.loss >= 0)) LOWP_THROW("choice ", j, " of layer ", i, " has a loss of ", c.loss);
      const layer_choice& s = layers[i][smallest];
      if (c.bytes < s.bytes || (c.bytes == s.bytes && c.loss < s.loss)) smallest = j;
    }
    chosen.push_back(smallest);
    if (layers[i][smallest].bytes > (std::numeric_limits<std::uint64_t>::max)() - bytes) LOWP_THROW("the layers' bytes exceed 64 bits");
    bytes += layers[i][smallest].bytes;
  }
  if (bytes > budget) LOWP_THROW("the smallest choices take ", bytes, " bytes, more than the budget of ", budget);
  for (;;) {
    std::size_t layer = layers.size();
    std::size_t next = 0;
    double best = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const layer_choice& now = layers[i][chosen[i]];
      for (std::size_t j = 0; j < layers[i].size(); ++j) {
        const layer_choice& c = layers[i][j];
        if (c.loss >= now.loss || (c.bytes > now.bytes && c.bytes - now.bytes > budget - bytes)) continue;
        const double more = c.bytes > now.bytes ? static_cast<double>(c.bytes - now.bytes) : 0;
        const double gain = more == 0 ? std::numeric_limits<double>::infinity() : (now.loss - c.loss) / more;
        if (gain > best) {
          best = gain;
          layer = i;
          next = j;
        }
      }
    }
    if (layer == layers.size()) return chosen;
    bytes = bytes - layers[layer][chosen[layer]].bytes + layers[layer][next].bytes;
    chosen[layer] = next;
  }
}

}  // namespace lowp::inline LOWP_ABI
