// One layer by a method: its scheme is chosen by name at run time, so each is compiled once, here.
//
//   layer_result r = quantize_layer(method, w, {.hessian = h.view()}, threads);
#pragma once

#include "method.hpp"

#include <lowp/core/matrix_view.hpp>
#include <lowp/io/plain_weights.hpp>

#include <cstddef>
#include <string>
#include <vector>

struct layer_inputs {
  lowp::matrix_view<const float> hessian{};   // [in, in], where the method needs it
  lowp::matrix_view<const float> mismatch{};  // [in, in], for gptaq
  bool clip = false;                          // whether clipping helps this layer
};

struct layer_result {
  lowp::plain_weights weights;
  std::vector<float> values;  // [out, in], what they stand for
  std::size_t storage_bits;
};

// Throws lowp::error for an unknown scheme, a method that the scheme does not have, and what the algorithms refuse.
layer_result quantize_layer(const method& m, lowp::matrix_view<const float> w, const layer_inputs& inputs, std::size_t threads);

// AWQ's scales for layers that share inputs.
std::vector<float> choose_awq_scales(const method& m, const std::vector<lowp::matrix_view<const float>>& layers,
                                     const std::vector<float>& mean_magnitudes, lowp::matrix_view<const float> hessian);

// The names of all schemes.
std::vector<std::string> schemes();
