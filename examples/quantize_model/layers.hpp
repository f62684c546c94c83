// Layers with activations of 8 bits beside those of tinylm, and what changes a whole model before it is quantized.
#pragma once

#include "method.hpp"

#include <tinylm/checkpoint.hpp>
#include <tinylm/linear.hpp>

#include <memory>
#include <span>
#include <vector>

// Inputs from here on are LLM.int8()'s outliers.
inline constexpr float outlier_threshold = 6.0f;

// A layer of the weights [out, in]; of 8 bits, one scale an output, where activations are, but for LLM.int8()'s kept columns.
std::unique_ptr<tinylm::linear> make_layer(activations inputs, lowp::matrix_view<const float> weights,
                                           std::span<const std::size_t> kept = {});

// The squared error of the outputs of layers in W8A8, over inputs x, when channels are scaled.
double int8_loss(const std::vector<lowp::matrix_view<const float>>& layers, lowp::matrix_view<const float> x,
                 std::span<const float> scales);

// Turns the residual stream and the values of heads by Hadamard matrices (quarot.hpp): the same function.
void rotate_model(tinylm::checkpoint& model);

// Multiplies four channels of each norm by `factor`, a power of two, and divides the columns that read them: the same function, with
// the outliers of large models.
void add_outliers(tinylm::checkpoint& model, float factor);
