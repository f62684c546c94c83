// What the layers of the unquantized model read, collected once for a method that is parallel, and kept in a file.
//
//   model_calibration c = load_calibration("calibration.safetensors", weights.config);
//   c[block][index_of(site::down_input)].hessian.view();
#pragma once

#include <tinylm/model.hpp>

#include <lowp/algorithm.hpp>
#include <lowp/io/statistics_file.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

// The sites where layers read, in the order of the model.
inline constexpr tinylm::site reading_sites[] = {tinylm::site::attention_input, tinylm::site::output_input, tinylm::site::mlp_input,
                                                 tinylm::site::down_input};

constexpr std::size_t index_of(tinylm::site s) noexcept {
  return static_cast<std::size_t>(s) - static_cast<std::size_t>(tinylm::site::attention_input);
}

struct site_calibration {
  lowp::channel_statistics channels;
  lowp::hessian hessian;
};
using model_calibration = std::vector<std::vector<site_calibration>>;  // [block][site]

inline std::size_t features_of(const tinylm::config& c, tinylm::site s) {
  if (s == tinylm::site::output_input) return c.heads * c.head_width;
  return s == tinylm::site::down_input ? c.mlp_width : c.width;
}

inline std::string calibration_name(std::size_t block, tinylm::site s) {
  static const char* const names[] = {"self_attn", "self_attn.o_proj", "mlp", "mlp.down_proj"};
  return "model.layers." + std::to_string(block) + "." + names[index_of(s)];
}

inline void save_calibration(const std::string& path, const model_calibration& c) {
  lowp::statistics_writer out(path);
  for (std::size_t block = 0; block < c.size(); ++block) {
    for (const tinylm::site s : reading_sites) {
      out.add(calibration_name(block, s), c[block][index_of(s)].channels);
      out.add(calibration_name(block, s), c[block][index_of(s)].hessian);
    }
  }
  out.commit();
}

// Throws lowp::error where the file is not of a model of this shape.
inline model_calibration load_calibration(const std::string& path, const tinylm::config& config) {
  const lowp::statistics_file file(path);
  model_calibration c(config.layers);
  for (std::size_t block = 0; block < config.layers; ++block) {
    for (const tinylm::site s : reading_sites) {
      const std::string name = calibration_name(block, s);
      site_calibration of_site{file.load<lowp::channel_statistics>(name), file.load<lowp::hessian>(name)};
      const std::size_t features = features_of(config, s);
      if (of_site.channels.features() != features || of_site.hessian.features() != features)
        LOWP_THROW(path, ": what ", name, " reads has ", of_site.hessian.features(), " features, not ", features);
      c[block].push_back(std::move(of_site));
    }
  }
  return c;
}

// Of the same inputs divided by scales.
inline site_calibration divided(const site_calibration& inputs, std::span<const float> scales) {
  lowp::channel_state state = inputs.channels.state();
  const auto sums = inputs.hessian.sums();
  std::vector<double> products(sums.rows() * sums.cols());
  for (std::size_t i = 0; i < sums.rows(); ++i) {
    const auto scale = static_cast<double>(scales[i]);
    for (float* v : {&state.absmax[i], &state.low[i], &state.high[i]}) *v /= scales[i];
    state.magnitudes[i] /= scale;
    state.squares[i] /= scale * scale;
    for (std::size_t j = 0; j <= i; ++j) products[i * sums.cols() + j] = sums(i, j) / (scale * static_cast<double>(scales[j]));
  }
  return {lowp::channel_statistics(std::move(state)), lowp::hessian(inputs.hessian.samples(), {products.data(), sums.rows(), sums.cols()})};
}
