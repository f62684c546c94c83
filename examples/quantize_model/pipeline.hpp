// Takes a model through a method, block by block: what each layer reads comes from the layers quantized before it (true sequential:
// query, key and value; output; gate and up; down), unless the method is parallel.
//
//   pipeline p(weights, parse_method("uint3_g128 gptq act_order"), texts, threads);
//   for (std::size_t b = 0; b < p.blocks(); ++b) p.quantize_block(b, [](const std::string& layer, const layer_result& r) { ... });
//   perplexity(p.result(), ...);
#pragma once

#include "calibration.hpp"
#include "layer_quantizer.hpp"
#include "layers.hpp"
#include "mixed_precision.hpp"

#include <tinylm/model.hpp>
#include <tinylm/parallel.hpp>
#include <tinylm/quantize.hpp>

#include <lowp/algorithm.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

class pipeline {
 public:
  using texts = std::vector<std::span<const token>>;

  // A method that is parallel needs no windows where what they gave is known.
  pipeline(const tinylm::checkpoint& weights, method m, const texts& windows, std::size_t threads,
           std::optional<model_calibration> known = std::nullopt)
      : method_(std::move(m)), threads_(threads), work_(weights) {
    if (method_.rotate) rotate_model(work_);
    if (method_.budget > 0) schemes_ = choose_schemes(work_, method_, windows, threads_);
    model_ = std::make_unique<tinylm::model>(work_, tinylm::quantize_blocks(work_, "f32", threads));
    if (method_.how == approach::gptaq) {
      exact_ = std::make_unique<tinylm::model>(work_, tinylm::quantize_blocks(work_, "f32", threads));
    }
    if (!method_.needs_inputs()) return;
    for (const auto& text : windows) {
      streams_.push_back(model_->embed(text));
      if (exact_) exact_streams_.push_back(streams_.back());
    }
    if (method_.sequential) return;
    if (known) calibration_ = std::move(*known);
    else calibrate();
    streams_.clear();
  }

  std::size_t blocks() const noexcept { return work_.blocks.size(); }
  tinylm::model& result() noexcept { return *model_; }
  // With what was folded into norms; quantized layers as they were before.
  const tinylm::checkpoint& weights() const noexcept { return work_; }
  std::size_t storage_bits() const noexcept { return storage_bits_; }
  // What a parallel method works on.
  const model_calibration& calibration() const noexcept { return calibration_; }

  template <class Finished>
  void quantize_block(std::size_t block, const Finished& finished) {
    using tinylm::site;
    if (method_.awq || method_.smooth) {
      for (const site s : {site::attention_input, site::mlp_input, site::down_input}) scale_inputs(block, s);
    }
    for (const site s : reading_sites) {
      std::optional<lowp::input_mismatch> d;
      if (method_.how == approach::gptaq) d.emplace(features_of(work_.config, s));
      site_calibration inputs_of = reads(block, s, d ? &*d : nullptr);
      std::vector<std::size_t> kept;
      if (method_.inputs == activations::llm_int8) kept = lowp::outlier_columns(inputs_of.channels.mean_magnitude(), outlier_threshold);
      for (const std::size_t p : layers_of(s)) {
        const layer_inputs inputs{method_.needs_hessian() ? inputs_of.hessian.view() : lowp::matrix_view<const float>{},
                                  d ? d->view() : lowp::matrix_view<const float>{}, p != tinylm::query && p != tinylm::key};
        method own = method_;
        if (!schemes_.empty()) own.scheme = schemes_[block][p];
        const layer_result r = quantize_layer(own, layer(block, p).view(), inputs, threads_);
        install(block, p, r.values, r.storage_bits, kept);
        finished(layer_name(block, p), r);
      }
    }
    advance(block);
  }

  // A block that was quantized before: what its layers stand for, and what was folded into its norms.
  void restore_block(std::size_t block, const std::vector<std::vector<float>>& values, std::vector<float> attention_norm,
                     std::vector<float> mlp_norm, std::size_t storage_bits) {
    work_.blocks[block].attention_norm = std::move(attention_norm);
    work_.blocks[block].mlp_norm = std::move(mlp_norm);
    for (std::size_t p = 0; p < tinylm::projections; ++p) install(block, p, values[p], 0, {});
    storage_bits_ += storage_bits;
    advance(block);
  }

  static std::string layer_name(std::size_t block, std::size_t p) {
    static const char* const names[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                        "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    return "model.layers." + std::to_string(block) + "." + names[p];
  }

 private:
  static std::vector<std::size_t> layers_of(tinylm::site s) {
    std::vector<std::size_t> found;
    for (std::size_t p = 0; p < tinylm::projections; ++p) {
      if (tinylm::input_of(p) == s) found.push_back(p);
    }
    return found;
  }

  // Takes all texts through the unquantized model.
  void calibrate() {
    for (std::size_t block = 0; block < blocks(); ++block) {
      calibration_.emplace_back();
      for (const tinylm::site s : reading_sites) calibration_[block].push_back(collect(block, s, nullptr));
      advance(block);
    }
  }

  tinylm::matrix& layer(std::size_t block, std::size_t p) { return work_.blocks[block].linear[p]; }

  // `kept` are columns that stay as they are.
  void install(std::size_t block, std::size_t p, std::vector<float> values, std::size_t storage_bits, std::span<const std::size_t> kept) {
    const tinylm::matrix& w = layer(block, p);
    storage_bits_ += storage_bits + 32 * w.rows() * kept.size();
    for (const std::size_t c : kept) {
      for (std::size_t r = 0; r < w.rows(); ++r) values[r * w.cols() + c] = w.view()(r, c);
    }
    model_->replace(block, p, make_layer(method_.inputs, {values.data(), w.rows(), w.cols()}, kept));
  }

  // Takes texts through one block.
  void run_streams(const tinylm::model& model, std::size_t block, std::vector<tinylm::matrix>& streams) const {
    std::vector<tinylm::session> sessions = tinylm::make_sessions(work_.config, threads_);
    tinylm::parallel_for(streams.size(), threads_, [&](std::size_t i, std::size_t thread) {
      model.run_block(block, streams[i], sessions[thread], [](std::size_t, tinylm::site, lowp::matrix_view<const float>) {});
    });
  }
  void advance(std::size_t block) {
    run_streams(*model_, block, streams_);
    if (exact_) run_streams(*exact_, block, exact_streams_);
  }

  // What the layers at a site of a block read, text by text in their order; see(inputs, inputs in the unquantized model).
  template <class See>
  void each_input(std::size_t block, tinylm::site s, std::size_t count, const See& see) const {
    std::vector<tinylm::session> sessions = tinylm::make_sessions(work_.config, threads_);
    const std::size_t at_once = 8 * threads_;  // held in memory
    for (std::size_t first = 0; first < count; first += at_once) {
      const std::size_t n = std::min(at_once, count - first);
      std::vector<tinylm::matrix> read(n), exact(n);
      tinylm::parallel_for(n, threads_, [&](std::size_t i, std::size_t thread) {
        const auto keep = [s](tinylm::matrix& to) {
          return [s, &to](std::size_t, tinylm::site where, lowp::matrix_view<const float> x) {
            if (where != s) return;
            to = tinylm::matrix(x.rows(), x.cols());
            std::copy(x.data(), x.data() + x.rows() * x.cols(), to.view().data());
          };
        };
        tinylm::matrix stream = streams_[first + i];
        model_->run_block(block, stream, sessions[thread], keep(read[i]));
        if (!exact_) return;
        stream = exact_streams_[first + i];
        exact_->run_block(block, stream, sessions[thread], keep(exact[i]));
      });
      for (std::size_t i = 0; i < n; ++i) see(read[i].view(), exact[i].view());
    }
  }

  // What layers at a site read: of the model as it is by now, or of the unquantized one.
  site_calibration reads(std::size_t block, tinylm::site s, lowp::input_mismatch* mismatch = nullptr) const {
    return calibration_.empty() ? collect(block, s, mismatch) : calibration_[block][index_of(s)];
  }
  site_calibration collect(std::size_t block, tinylm::site s, lowp::input_mismatch* mismatch) const {
    const std::size_t features = features_of(work_.config, s);
    const lowp::thread_executor executor{threads_};
    site_calibration found{lowp::channel_statistics(features), lowp::hessian(features)};
    each_input(block, s, streams_.size(), [&](lowp::matrix_view<const float> x, lowp::matrix_view<const float> y) {
      found.channels.add(x);
      found.hessian.add(x, executor);
      if (mismatch != nullptr) mismatch->add(y, x, executor);
    });
    return found;
  }

  std::vector<float> smoothing_scales(std::size_t block, tinylm::site s, const site_calibration& inputs,
                                      const std::vector<lowp::matrix_view<const float>>& weights) {
    std::vector<float> largest(features_of(work_.config, s), 0.0f);
    for (const auto& w : weights) {
      const auto own = lowp::column_absmax(w);
      for (std::size_t i = 0; i < own.size(); ++i) largest[i] = std::max(largest[i], own[i]);
    }
    if (method_.smooth_alpha >= 0) return lowp::smooth_scales(inputs.channels.absmax(), largest, method_.smooth_alpha);
    tinylm::matrix sample;
    each_input(block, s, 1, [&](lowp::matrix_view<const float> x, lowp::matrix_view<const float>) {
      sample = tinylm::matrix(std::vector<float>(x.data(), x.data() + x.rows() * x.cols()), x.rows(), x.cols());
    });
    const auto loss = [&](std::span<const float> candidate) { return int8_loss(weights, sample.view(), candidate); };
    return lowp::smooth_search(inputs.channels.absmax(), largest, loss).scales;
  }

  // Scales of the channels that a site's layers read, folded into the norm before them, or into the up projection.
  void scale_inputs(std::size_t block, tinylm::site s) {
    const bool from_norm = s != tinylm::site::down_input;
    if (method_.smooth && !from_norm) return;
    const std::vector<std::size_t> readers = layers_of(s);
    site_calibration inputs = reads(block, s);
    std::vector<lowp::matrix_view<const float>> weights;
    for (const std::size_t p : readers) weights.push_back(std::as_const(layer(block, p)).view());
    const std::vector<float> scales = method_.awq
                                          ? choose_awq_scales(method_, weights, inputs.channels.mean_magnitude(), inputs.hessian.view())
                                          : smoothing_scales(block, s, inputs, weights);
    tinylm::block_weights& own = work_.blocks[block];
    if (s == tinylm::site::attention_input) lowp::divide_norm(own.attention_norm, scales);
    if (s == tinylm::site::mlp_input) lowp::divide_norm(own.mlp_norm, scales);
    std::vector<std::size_t> changed = readers;
    if (!from_norm) {
      lowp::divide_rows(own.linear[tinylm::up].view(), scales);
      changed.push_back(tinylm::up);
    }
    for (const std::size_t p : readers) lowp::scale_columns(own.linear[p].view(), scales);
    for (const std::size_t p : changed) {
      model_->replace(block, p, tinylm::make_linear("f32", own.linear[p].view()));
      if (exact_) exact_->replace(block, p, tinylm::make_linear("f32", own.linear[p].view()));
    }
    if (!calibration_.empty()) calibration_[block][index_of(s)] = divided(inputs, scales);
  }

  method method_;
  std::size_t threads_;
  tinylm::checkpoint work_;
  std::unique_ptr<tinylm::model> model_, exact_;
  std::vector<tinylm::matrix> streams_, exact_streams_;
  model_calibration calibration_;  // of a parallel method
  layer_schemes schemes_;          // under a budget
  std::size_t storage_bits_ = 0;
};
