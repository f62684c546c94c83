#include "layers.hpp"

#include <lowp/algorithm/channel_scales.hpp>
#include <lowp/algorithm/llm_int8.hpp>
#include <lowp/algorithm/quarot.hpp>

namespace {

class int8_linear final : public tinylm::linear {
 public:
  int8_linear(lowp::matrix_view<const float> w, std::span<const std::size_t> kept, float threshold)
      : layer_(w, kept), threshold_(threshold) {}

  void apply(lowp::matrix_view<const float> x, lowp::matrix_view<float> y) const override { layer_.apply(x, y, {.threshold = threshold_}); }
  std::size_t weights() const noexcept override { return layer_.rows() * layer_.cols(); }
  std::size_t storage_bits() const noexcept override { return layer_.storage_bits(); }

 private:
  lowp::llm_int8 layer_;
  float threshold_;
};

std::vector<tinylm::projection> readers(bool of_attention) {
  if (of_attention) return {tinylm::query, tinylm::key, tinylm::value};
  return {tinylm::gate, tinylm::up};
}

// Multiplies a norm by scales, and divides what reads it.
void fold(tinylm::block_weights& block, bool attention, const std::vector<float>& scales) {
  lowp::divide_norm(attention ? block.attention_norm : block.mlp_norm, scales);
  for (const auto p : readers(attention)) lowp::scale_columns(block.linear[p].view(), scales);
}

}  // namespace

std::unique_ptr<tinylm::linear> make_layer(activations inputs, lowp::matrix_view<const float> weights, std::span<const std::size_t> kept) {
  if (inputs == activations::exact) return tinylm::make_linear("f32", weights);
  return std::make_unique<int8_linear>(weights, kept, inputs == activations::llm_int8 ? outlier_threshold : lowp::infinity());
}

double int8_loss(const std::vector<lowp::matrix_view<const float>>& layers, lowp::matrix_view<const float> x,
                 std::span<const float> scales) {
  tinylm::matrix easier(x.rows(), x.cols());
  for (std::size_t t = 0; t < x.rows(); ++t) {
    for (std::size_t c = 0; c < x.cols(); ++c) easier.view()(t, c) = x(t, c) / scales[c];
  }
  double sum = 0;
  for (const auto& w : layers) {
    tinylm::matrix scaled(w.rows(), w.cols());
    for (std::size_t r = 0; r < w.rows(); ++r) {
      for (std::size_t c = 0; c < w.cols(); ++c) scaled.view()(r, c) = w(r, c) * scales[c];
    }
    tinylm::matrix exact(x.rows(), w.rows()), rounded(x.rows(), w.rows());
    tinylm::make_linear("f32", w)->apply(x, exact.view());
    make_layer(activations::int8, scaled.view())->apply(easier.view(), rounded.view());
    for (std::size_t t = 0; t < x.rows(); ++t) {
      for (std::size_t r = 0; r < w.rows(); ++r) {
        const double off = static_cast<double>(exact.view()(t, r)) - static_cast<double>(rounded.view()(t, r));
        sum += off * off;
      }
    }
  }
  return sum;
}

void rotate_model(tinylm::checkpoint& model) {
  const lowp::hadamard_transform stream(model.config.width, 7), head(model.config.head_width);
  for (tinylm::block_weights& b : model.blocks) {
    const auto layer = [&b](tinylm::projection p) { return b.linear[p].view(); };
    lowp::rotate_block({b.attention_norm, b.mlp_norm, layer(tinylm::query), layer(tinylm::key), layer(tinylm::value), layer(tinylm::output),
                        layer(tinylm::gate), layer(tinylm::up), layer(tinylm::down)},
                       stream, &head);
  }
  lowp::rotate_ends(model.embedding.view(), model.final_norm, model.head.view(), stream);
}

void add_outliers(tinylm::checkpoint& model, float factor) {
  for (tinylm::block_weights& block : model.blocks) {
    for (const bool attention : {true, false}) {
      std::vector<float> scales(model.config.width, 1.0f);
      for (std::size_t i = 0; i < 4; ++i)
        scales[(i * model.config.width / 4 + 17 + (attention ? 0 : 31)) % model.config.width] = 1.0f / factor;
      fold(block, attention, scales);
    }
  }
}
