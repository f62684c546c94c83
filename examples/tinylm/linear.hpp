// A linear layer whose weights are in any of lowp's schemes, chosen by name at run time.
//
//   std::unique_ptr<linear> layer = make_linear("nvfp4", w);              // round to nearest
//   std::unique_ptr<linear> better = make_linear("nvfp4", w, hessian);    // GPTQ
//   layer->apply(x, y);                                                   // y[M, out] = x[M, in] * w[out, in]^T
#pragma once

#include <lowp/core/matrix_view.hpp>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace tinylm {

class linear {
 public:
  virtual ~linear() = default;
  virtual void apply(lowp::matrix_view<const float> x, lowp::matrix_view<float> y) const = 0;
  virtual std::size_t weights() const noexcept = 0;
  // Codes, scales and zero points.
  virtual std::size_t storage_bits() const noexcept = 0;
};

struct preset {
  std::string_view name;
  double bits_per_weight;
  bool dense;  // f32 or bf16: nothing is quantized
};

// "f32" and "bf16", then the presets of lowp/scheme/presets.hpp.
const std::vector<preset>& presets();

// Throws lowp::error for a name that is none of presets().
const preset& find_preset(std::string_view name);

// The weights w [out, in] in the preset: each rounded to nearest, or by GPTQ for inputs with this Hessian [in, in].
std::unique_ptr<linear> make_linear(std::string_view preset_name, lowp::matrix_view<const float> w);
std::unique_ptr<linear> make_linear(std::string_view preset_name, lowp::matrix_view<const float> w, lowp::matrix_view<const float> hessian);

}  // namespace tinylm
