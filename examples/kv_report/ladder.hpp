// KVQuant's ladder: what each of its steps is worth, from a layer's own keys and values over calibration text.
//
//   const auto pasts = pasts_of(weights, lm, calibration);
//   for (const step& s : ladder<2>(pasts, weights.config)) ...
#pragma once

#include "tinylm/decoded_memory.hpp"
#include "tinylm/model.hpp"

#include <lowp/kv/kvquant_calibration.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kv_report {

// Keys before and after their rotary positions and values of a block, [bytes, kv_heads * head_width].
struct past {
  tinylm::matrix before, after, values;
};

inline std::vector<past> pasts_of(const tinylm::checkpoint& weights, const tinylm::model& lm,
                                  const std::vector<std::span<const std::uint8_t>>& texts) {
  const tinylm::config& c = weights.config;
  const std::size_t width = c.kv_heads * c.head_width, rows = texts.size() * c.context;
  const tinylm::matrix none(rows, width);
  std::vector<past> list(c.layers, past{none, none, none});
  tinylm::session s(c);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    s.reset();
    lm.forward(texts[i], s, [&](std::size_t b, tinylm::site where, lowp::matrix_view<const float> x) {
      if (where != tinylm::site::attention_input) return;
      const auto put = [&](tinylm::projection p, tinylm::matrix& to) {
        const auto part = to.view().block(i * c.context, 0, x.rows(), width);
        tinylm::make_linear("f32", weights.blocks[b].linear[p].view())->apply(x, part);
        return part;
      };
      put(tinylm::key, list[b].before);
      put(tinylm::value, list[b].values);
      tinylm::rotate_rows(put(tinylm::key, list[b].after), 0, c);
    });
  }
  return list;
}

struct step {
  std::string name;
  double bits;  // with the share of scales and of what is kept apart, at 32 bits for such a number and its place
  std::function<std::unique_ptr<tinylm::attention_memory>(std::size_t block)> make;
};

template <int Bits>
std::vector<step> ladder(const std::vector<past>& pasts, const tinylm::config& c) {
  const double by_head = Bits + 32.0 / static_cast<double>(c.head_width);
  const double by_token = Bits + 32.0 / static_cast<double>(c.kv_heads * c.head_width);
  // Evenly spaced numbers over the range of a token.
  const lowp::kvquant_values<Bits> token;
  const std::vector<lowp::kvquant_values<Bits>> tokens(c.layers, token);
  const lowp::kvquant_options even{.even = true};
  std::vector<step> steps;
  // Policies of all blocks, calibrated once for all threads.
  const auto add = [&](std::string name, double bits, auto keys, std::size_t key_heads, auto values, std::size_t keep_first) {
    steps.push_back({std::move(name), bits, [=, keys = std::move(keys), values = std::move(values)](std::size_t b) {
                       using type = tinylm::decoded_memory<typename decltype(keys)::value_type, typename decltype(values)::value_type>;
                       return std::make_unique<type>(c, keys[b], key_heads, values[b], c.kv_heads, keep_first);
                     }});
  };
  const auto keys_of = [&]<bool BeforeRope>(const lowp::kvquant_options& o) {
    std::vector<lowp::kvquant_keys<Bits, BeforeRope>> keys;
    for (const past& p : pasts)
      keys.push_back(lowp::calibrate_keys<Bits, BeforeRope>((BeforeRope ? p.before : p.after).view(), c.kv_heads, o));
    return keys;
  };
  // Keys of all heads of a token share a range here, as in the paper.
  add("keys by token", (by_token + by_head) / 2, tokens, 1, tokens, 0);
  add("keys by channel", (Bits + by_head) / 2, keys_of.template operator()<false>(even), c.kv_heads, tokens, 0);
  add("and before their rotation", (Bits + by_head) / 2, keys_of.template operator()<true>(even), c.kv_heads, tokens, 0);
  const auto full = [&](std::string name, const lowp::kvquant_options& o, std::size_t keep_first) {
    std::vector<lowp::kvquant_values<Bits>> values;
    for (const past& p : pasts) values.push_back(lowp::calibrate_values<Bits>(p.values.view(), c.kv_heads, o));
    const double bits = (Bits + by_head) / 2 + 32 * o.outliers;
    add(std::move(name), bits, keys_of.template operator()<true>(o), c.kv_heads, std::move(values), keep_first);
  };
  full("and codebooks", {}, 0);
  full("and 1 % kept apart", {.outliers = 0.01}, 0);
  full("and moments matched", {.outliers = 0.01, .match_moments = true}, 0);
  full("and the first token kept", {.outliers = 0.01, .match_moments = true}, 1);
  return steps;
}

}  // namespace kv_report
