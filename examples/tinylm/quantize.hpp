// A checkpoint's linear layers in a preset: rounded to nearest, or by GPTQ over the inputs that calibration text gives.
//
//   auto rtn = quantize_blocks(weights, "int4_g128", 2);
//   hessians h = collect_hessians(weights, windows(calibration, 512, 64), 2);
//   auto gptq = quantize_blocks(weights, "int4_g128", 2, &h);
#pragma once

#include "model.hpp"
#include "parallel.hpp"

#include <lowp/algorithm/hessian.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace tinylm {

// One Hessian a block and site; layers that read the same inputs share it.
class hessians {
 public:
  explicit hessians(const config& c) {
    for (std::size_t i = 0; i < c.layers; ++i) {
      for (const std::size_t features : {c.width, c.heads * c.head_width, c.width, c.mlp_width}) sums_.emplace_back(features);
    }
  }

  lowp::hessian& at(std::size_t block, site s) { return sums_[4 * block + static_cast<std::size_t>(s) - 1]; }

 private:
  std::vector<lowp::hessian> sums_;
};

inline std::vector<block_layers> quantize_blocks(const checkpoint& weights, std::string_view preset_name, std::size_t threads,
                                                 hessians* inputs = nullptr) {
  if (inputs != nullptr) {
    // A view may finish its sum, which two layers must not do at once.
    for (std::size_t i = 0; i < weights.blocks.size(); ++i) {
      for (std::size_t p = 0; p < projections; ++p) inputs->at(i, input_of(p)).view();
    }
  }
  std::vector<block_layers> blocks(weights.blocks.size());
  parallel_for(blocks.size() * projections, threads, [&](std::size_t task, std::size_t) {
    const std::size_t i = task / projections;
    const std::size_t p = projections - 1 - task % projections;  // the largest first
    const auto w = weights.blocks[i].linear[p].view();
    blocks[i][p] = inputs == nullptr ? make_linear(preset_name, w) : make_linear(preset_name, w, inputs->at(i, input_of(p)).view());
  });
  return blocks;
}

// What the layers of the unquantized model read while it reads `texts`.
template <class Token, class Progress>
hessians collect_hessians(const checkpoint& weights, const std::vector<std::span<const Token>>& texts, std::size_t threads,
                          const Progress& progress) {
  const model lm(weights, quantize_blocks(weights, "f32", threads));
  hessians sums(weights.config);
  std::vector<std::mutex> locks(4 * weights.config.layers);
  std::vector<session> sessions = make_sessions(weights.config, threads);
  std::atomic<std::size_t> done{0};
  parallel_for(texts.size(), threads, [&](std::size_t i, std::size_t thread) {
    session& s = sessions[thread];
    s.reset();
    lm.forward(texts[i], s, [&](std::size_t block, site where, lowp::matrix_view<const float> values) {
      if (where == site::residual) return;
      const std::lock_guard lock(locks[4 * block + static_cast<std::size_t>(where) - 1]);
      sums.at(block, where).add(values);
    });
    progress(++done);
  });
  return sums;
}

template <class Token>
hessians collect_hessians(const checkpoint& weights, const std::vector<std::span<const Token>>& texts, std::size_t threads) {
  return collect_hessians(weights, texts, threads, [](std::size_t) {});
}

}  // namespace tinylm
