// What a conversion does with each tensor of a checkpoint: planned first, so that nothing is written unless all of it can be.
//
//   conversion plan(model, dialect::gguf, quantizer);
//   for (const conversion::item& i : plan.items()) show(i.name, i.what);
//   plan.write("out.gguf");
#pragma once

#include "checkpoint_output.hpp"
#include "llama_names.hpp"
#include "model_config.hpp"
#include "progress.hpp"

#include <lowp/io/checkpoint.hpp>

#include <cmath>
#include <cstddef>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

class conversion {
 public:
  enum class fate { copied, carried, quantized, refused };

  struct item {
    std::string name;    // in the output; of a layer without ".weight"
    std::string source;  // in the input
    bool is_layer;
    fate what;
    std::vector<std::uint64_t> shape;
    std::string type;                   // of a tensor
    lowp::scheme_description from, to;  // of a layer; `from` empty where it was not quantized
    double error = 0;                   // relative, where it was quantized anew
  };

  // `anew` quantizes layers whose numbers the dialect cannot hold, and matrices of blocks that are not quantized; null: those stay or are
  // refused. With `all`, every layer is quantized anew.
  conversion(const lowp::checkpoint& model, dialect to, quantizer anew, bool all)
      : model_(model),
        to_(to),
        anew_(anew),
        all_(all),
        config_(read_model_config(model)),
        renames_((to == dialect::gguf) != (model.gguf() != nullptr)) {
    progress bar(model.weights().size() + model.tensors().size());
    for (const lowp::weight_info& w : model.weights()) {
      items_.push_back({output_name(w.name, true), w.name, true, fate::refused, {w.rows, w.cols}, "", w.scheme, {}});
      item& i = items_.back();
      // Numbers that the dialect has as they are need not be looked at before they are written.
      if (all || !is_held(to, i.name, w)) {
        plan_layer(i);
      } else {
        i.what = fate::carried;
        i.to = w.scheme;
      }
      bar.advance(1, w.name);
    }
    for (const lowp::plain_tensor& t : model.tensors()) {
      items_.push_back({output_name(t.name, false), t.name, false, fate::copied, t.shape, t.type, {}, {}});
      item& i = items_.back();
      const bool block = t.name.find("layers.") != std::string::npos || t.name.starts_with("blk.");
      if (anew != nullptr && block && t.shape.size() == 2 && t.name.ends_with(".weight")) {
        i.is_layer = true;
        i.name.resize(i.name.size() - 7);
        plan_layer(i);
      } else if (to == dialect::gguf && t.shape.size() == 1) {
        i.type = "F32";  // which llama.cpp wants of norms
      }
      bar.advance(1, t.name);
    }
  }

  const std::vector<item>& items() const noexcept { return items_; }

  // Everything to a folder, or a GGUF file. Throws lowp::error, and leaves no file, where that cannot be.
  void write(const std::string& path) const {
    checkpoint_output out(to_, path, config_);
    if (out.gguf() != nullptr && model_.gguf() != nullptr) {
      for (const lowp::gguf_value& value : model_.gguf()->metadata()) {
        if (!value.key().starts_with("split.")) out.gguf()->metadata(value);
      }
    } else if (out.gguf() != nullptr) {
      write_llama_metadata(*out.gguf(), config_);
    }
    for (const item& i : items_) {
      if (i.is_layer) out.declare(i.name, i.to, static_cast<std::size_t>(i.shape[0]), static_cast<std::size_t>(i.shape[1]));
      else out.declare(i.name, i.type, i.shape);
    }
    progress bar(items_.size());
    std::vector<const item*> layers;
    for (const item& i : items_) {
      if (i.is_layer) layers.push_back(&i);
    }
    // The next layer is read while the present one is written.
    const auto ahead = [&](std::size_t n) {
      if (n == layers.size()) return std::future<lowp::plain_weights>();
      return std::async(std::launch::async, [this, i = layers[n]] { return planned(*i); });
    };
    std::size_t begun = 0;
    auto next = ahead(begun);
    for (const item& i : items_) {
      if (i.is_layer) {
        const lowp::plain_weights layer = next.get();
        next = ahead(++begun);
        out.write(i.name, layer);
      } else {
        write_tensor(out, i);
      }
      bar.advance(1, i.name);
    }
    out.commit();
  }

 private:
  std::string output_name(const std::string& name, bool layer) const {
    std::string found = renames_ ? llama_name(name, to_ == dialect::gguf) : name;
    if (found.empty())
      LOWP_THROW("tensor ", lowp::detail::in_quotes(name), " is not of a Llama model; only those change between GGUF and others");
    if (layer && found.ends_with(".weight")) found.resize(found.size() - 7);
    return found;
  }

  bool turns(const item& i) const { return renames_ && is_rotated(i.source); }

  void plan_layer(item& i) const {
    const auto [weights, what] = converted(i);
    i.what = what;
    if (!weights) return;
    i.to = weights->scheme();
    if (what == fate::quantized) i.error = relative_error(source_floats(i), weights->dequantize());
  }

  lowp::plain_weights source_layer(const item& i) const {
    const lowp::plain_weights layer = model_.read(i.source);
    return turns(i) ? with_rotated_rows(layer, head_width_of(config_), to_ == dialect::gguf) : layer;
  }

  std::vector<float> source_floats(const item& i) const {
    if (!i.from.format.empty()) return source_layer(i).dequantize();
    std::vector<float> values = model_.read_f32(i.source);
    if (turns(i)) {
      const auto rotated = with_rotated_rows(std::as_bytes(std::span(values)), static_cast<std::size_t>(i.shape[0]), head_width_of(config_),
                                             to_ == dialect::gguf);
      std::memcpy(values.data(), rotated.data(), rotated.size());
    }
    return values;
  }

  // The layer as it is written, and how it came to be that; nothing where it is refused.
  std::pair<std::optional<lowp::plain_weights>, fate> converted(const item& i) const {
    if (!i.from.format.empty() && !all_) {
      if (auto same = carried(source_layer(i), to_, i.name)) return {std::move(same), fate::carried};
    }
    if (anew_ == nullptr) return {std::nullopt, fate::refused};
    const std::vector<float> values = source_floats(i);
    const lowp::plain_weights made = anew_({values.data(), static_cast<std::size_t>(i.shape[0]), static_cast<std::size_t>(i.shape[1])});
    auto same = carried(made, to_, i.name);
    const fate what = same ? fate::quantized : fate::refused;
    return {std::move(same), what};
  }

  // The same again, as it was planned.
  lowp::plain_weights planned(const item& i) const {
    if (i.what != fate::carried) return *converted(i).first;
    lowp::plain_weights layer = source_layer(i);
    return to_ == dialect::safetensors || layer.scheme() == i.to ? layer : *lowp::recast(layer, i.to);
  }

  static double relative_error(const std::vector<float>& a, const std::vector<float>& b) {
    double off = 0, all = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      off += (static_cast<double>(a[i]) - static_cast<double>(b[i])) * (static_cast<double>(a[i]) - static_cast<double>(b[i]));
      all += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    }
    return all == 0 ? 0 : std::sqrt(off / all);
  }

  void write_tensor(checkpoint_output& out, const item& i) const {
    if (to_ == dialect::gguf && i.shape.size() == 1) {
      const std::vector<float> values = model_.read_f32(i.source);
      return out.write(i.name, std::as_bytes(std::span(values)));
    }
    if (turns(i)) {
      return out.write(i.name, with_rotated_rows(model_.bytes(i.source), static_cast<std::size_t>(i.shape[0]), head_width_of(config_),
                                                 to_ == dialect::gguf));
    }
    out.write(i.name, model_.bytes(i.source));
  }

  const lowp::checkpoint& model_;
  dialect to_;
  quantizer anew_;
  bool all_;
  nlohmann::ordered_json config_;
  bool renames_;
  std::vector<item> items_;
};
