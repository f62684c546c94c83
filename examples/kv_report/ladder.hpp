// KVQuant's ladder: what each of its steps is worth, from a layer's own keys and values over calibration text.
//
//   const auto pasts = pasts_of(weights, lm, calibration);
//   for (const step& s : ladder<2>(pasts, weights.config)) ...
#pragma once

#include "tinylm/cache_memory.hpp"
#include "tinylm/model.hpp"

#include <lowp/kv/kivi.hpp>
#include <lowp/kv/kvquant_calibration.hpp>
#include <lowp/kv/qjl_outliers.hpp>

#include <cmath>
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
  const std::size_t width = c.kv_heads * c.head_width, half = c.head_width / 2;
  const tinylm::matrix none(texts.size() * c.context, width);
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
      const auto keys = put(tinylm::key, list[b].after);
      std::vector<float> cosines(half), sines(half);
      for (std::size_t t = 0; t < keys.rows(); ++t) {
        for (std::size_t j = 0; j < half; ++j) {
          const float angle = static_cast<float>(t) / std::pow(c.rope_base, static_cast<float>(j) / static_cast<float>(half));
          cosines[j] = std::cos(angle);
          sines[j] = std::sin(angle);
        }
        tinylm::rotate(keys.row(t), cosines, sines);
      }
    });
  }
  return list;
}

// A policy of one's own: a range for all heads of a token, as in the paper's first step.
template <int Bits>
struct whole_token : lowp::plain_policy<lowp::kivi_values<Bits>> {
  using scheme = lowp::scheme<lowp::integer<Bits, false>, lowp::per_token, lowp::with_bias<lowp::f16>, lowp::f16>;

  lowp::quantized<scheme> encode(lowp::matrix_view<const float> rows, std::size_t heads) const {
    lowp::quantized<scheme> q(rows.rows(), rows.cols());
    std::vector<lowp::value_range> ranges(rows.rows());
    lowp::cpu::measure<scheme>(rows, ranges);
    for (std::size_t first = 0; first < rows.rows(); first += heads) {
      lowp::value_range all = ranges[first];
      for (std::size_t h = 1; h < heads; ++h) all = lowp::cpu::joined(all, ranges[first + h]);
      for (std::size_t h = 0; h < heads; ++h) ranges[first + h] = all;
    }
    lowp::cpu::fit(q, ranges);
    lowp::cpu::encode(rows, q);
    return q;
  }
};

struct step {
  std::string name;
  double bits;  // with the share of scales and of what is kept apart
  std::function<std::unique_ptr<tinylm::attention_memory>(std::size_t block)> make;
};

template <int Bits>
std::vector<step> ladder(const std::vector<past>& pasts, const tinylm::config& c) {
  const double by_head = Bits + 32.0 / static_cast<double>(c.head_width);
  const lowp::kvquant_options even{.even = true};
  std::vector<step> steps;
  // Policies of all blocks, calibrated once for all threads.
  const auto add = [&](std::string name, double bits, auto keys, auto values, std::size_t keep_first = 0, std::size_t keep_last = 0) {
    steps.push_back(
        {std::move(name), bits, [=, keys = std::move(keys), values = std::move(values)](std::size_t b) {
           using cache = lowp::kv_cache<typename decltype(keys)::value_type, typename decltype(values)::value_type>;
           return tinylm::make_memory(
               cache(c.kv_heads, c.head_width, {.key = keys[b], .value = values[b], .keep_first = keep_first, .keep_last = keep_last}));
         }});
  };
  const auto keys_of = [&]<bool BeforeRope>(const lowp::kvquant_options& o) {
    std::vector<lowp::kvquant_keys<Bits, BeforeRope>> keys;
    for (const past& p : pasts) {
      keys.push_back(lowp::calibrate_keys<Bits, BeforeRope>((BeforeRope ? p.before : p.after).view(), c.kv_heads, o));
      keys.back().theta = c.rope_base;
    }
    return keys;
  };
  const auto values_of = [&](const lowp::kvquant_options& o) {
    std::vector<lowp::kvquant_values<Bits>> values;
    for (const past& p : pasts) values.push_back(lowp::calibrate_values<Bits>(p.values.view(), c.kv_heads, o));
    return values;
  };
  const auto plain = values_of(even);
  add("keys by token", by_head, std::vector<whole_token<Bits>>(c.layers), plain);
  add("keys by channel", (Bits + by_head) / 2, keys_of.template operator()<false>(even), plain);
  add("and before their rotation", (Bits + by_head) / 2, keys_of.template operator()<true>(even), plain);
  const auto full = [&](std::string name, const lowp::kvquant_options& o, std::size_t keep_first = 0, std::size_t keep_last = 0) {
    constexpr double apart = 64;  // bits of a number that is kept apart, with its place
    add(std::move(name), (Bits + by_head) / 2 + apart * o.outliers, keys_of.template operator()<true>(o), values_of(o), keep_first,
        keep_last);
  };
  full("and codebooks", {});
  full("and 1 % kept apart", {.outliers = 0.01});
  full("and moments matched", {.outliers = 0.01, .match_moments = true});
  full("and the first token kept", {.outliers = 0.01, .match_moments = true}, 1);
  full("and the latest 32 kept", {.outliers = 0.01, .match_moments = true}, 1, 32);
  full("and the latest 128 kept", {.outliers = 0.01, .match_moments = true}, 1, 128);
  return steps;
}

// QJL with a quarter of each head's channels apart, found from a layer's own keys.
inline std::vector<step> qjl_with_channels_apart(const std::vector<past>& pasts, const tinylm::config& c) {
  using cache = lowp::kv_cache<lowp::qjl_outliers<>, lowp::kivi_values<4>>;
  const std::size_t signs_apart = 64, signs = 256 - signs_apart;
  std::vector<lowp::qjl_outliers<>> keys;
  for (const past& p : pasts) {
    const auto apart = lowp::largest_channels(p.after.view(), c.kv_heads, c.head_width / 4);
    keys.emplace_back(c.head_width, signs, signs_apart, apart);
  }
  const auto make = [=](std::size_t b) { return cache(c.kv_heads, c.head_width, {.key = keys[b]}); };
  const cache empty = make(0);
  const double bits = (empty.keys().bits_of_row() + empty.values().bits_of_row()) / static_cast<double>(2 * c.head_width);
  return {{"QJL, 192 signs a key, 64 for 8 channels", bits, [make](std::size_t b) { return tinylm::make_memory(make(b)); }}};
}

}  // namespace kv_report
