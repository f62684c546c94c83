#include "linear.hpp"

#include <lowp/algorithm.hpp>
#include <lowp/lowp.hpp>

#include <utility>

namespace tinylm {
namespace {

using lowp::matrix_view;

// The weights as they are: a scheme like any other, so that the baseline runs through the same kernels.
template <class Format>
using dense = lowp::scheme<Format, lowp::per_tensor, lowp::symmetric, lowp::unit>;

template <class Visitor>
void for_each_preset(Visitor&& visit) {
  visit.template operator()<dense<lowp::f32>>(std::string_view("f32"));
  visit.template operator()<dense<lowp::bf16>>(std::string_view("bf16"));
  lowp::for_each_preset(visit);
}

template <class S>
inline constexpr bool is_dense = std::is_same_v<typename S::scale, lowp::unit>;

template <class S>
class packed_linear final : public linear {
 public:
  explicit packed_linear(const lowp::quantized<S>& q) : weights_(lowp::pack<lowp::layout::tile16>(q)) {}

  void apply(matrix_view<const float> x, matrix_view<float> y) const override {
    if (x.rows() == 1) lowp::gemv(x.row(0), weights_, y.row(0));
    else lowp::gemm(x, weights_, y);
  }
  std::size_t weights() const noexcept override { return weights_.rows() * weights_.cols(); }
  std::size_t storage_bits() const noexcept override { return lowp::storage_bits<S>(weights_.rows(), weights_.cols()); }

 private:
  lowp::packed<S, lowp::layout::tile16> weights_;
};

template <class Quantize>
std::unique_ptr<linear> make(std::string_view preset_name, const Quantize& quantize) {
  std::unique_ptr<linear> layer;
  for_each_preset([&]<class S>(std::string_view name) {
    if (name == preset_name) layer = std::make_unique<packed_linear<S>>(quantize.template operator()<S>());
  });
  if (!layer) find_preset(preset_name);
  return layer;
}

}  // namespace

const std::vector<preset>& presets() {
  static const std::vector<preset> all = [] {
    std::vector<preset> list;
    for_each_preset([&]<class S>(std::string_view name) { list.push_back({name, lowp::bits_per_weight<S>, is_dense<S>}); });
    return list;
  }();
  return all;
}

const preset& find_preset(std::string_view name) {
  std::string names;
  for (const preset& p : presets()) {
    if (p.name == name) return p;
    names.append(names.empty() ? "" : " ").append(p.name);
  }
  LOWP_THROW("there is no preset ", name, "; there are: ", names);
}

std::unique_ptr<linear> make_linear(std::string_view preset_name, matrix_view<const float> w) {
  return make(preset_name, [&]<class S>() { return lowp::quantize<S>(w); });
}

std::unique_ptr<linear> make_linear(std::string_view preset_name, matrix_view<const float> w, matrix_view<const float> hessian) {
  return make(preset_name, [&]<class S>() {
    if constexpr (is_dense<S>) return lowp::quantize<S>(w);
    else return lowp::gptq<S>(w, hessian, {.act_order = true});
  });
}

}  // namespace tinylm
