#include "layer_quantizer.hpp"

#include <lowp/algorithm.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>

#include <optional>
#include <utility>

namespace {

using namespace lowp;

template <class Visitor>
void for_each_scheme(Visitor&& visit) {
  visit.template operator()<int8_channel>("int8_channel");
  visit.template operator()<fp8_channel>("fp8_channel");
  visit.template operator()<int4_g128>("int4_g128");
  visit.template operator()<int4_g32>("int4_g32");
  visit.template operator()<scheme<u4, per_group<128>, asymmetric, f16>>("uint4_g128");
  visit.template operator()<scheme<u4, per_group<32>, asymmetric, f16>>("uint4_g32");
  visit.template operator()<int3_g128>("int3_g128");
  visit.template operator()<scheme<i3, per_group<32>, symmetric, f16>>("int3_g32");
  visit.template operator()<scheme<u3, per_group<128>, asymmetric, f16>>("uint3_g128");
  visit.template operator()<scheme<u3, per_group<32>, asymmetric, f16>>("uint3_g32");
  visit.template operator()<scheme<u2, per_group<128>, asymmetric, f16>>("uint2_g128");
  visit.template operator()<scheme<u2, per_group<32>, asymmetric, f16>>("uint2_g32");
  visit.template operator()<scheme<u4, per_group<64>, asymmetric_as<f16>, f16>>("hqq4_g64");
  visit.template operator()<scheme<u3, per_group<128>, asymmetric_as<f16>, f16>>("hqq3_g128");
  visit.template operator()<scheme<u3, per_group<32>, asymmetric_as<f16>, f16>>("hqq3_g32");
  visit.template operator()<scheme<u2, per_group<32>, asymmetric_as<f16>, f16>>("hqq2_g32");
  visit.template operator()<nf4_g64>("nf4_g64");
  visit.template operator()<mxfp4>("mxfp4");
  visit.template operator()<nvfp4>("nvfp4");
}

template <class F>
void with_scheme(const std::string& name, F&& f) {
  bool known = false;
  std::string all;
  for_each_scheme([&]<class S>(const char* candidate) {
    all.append(" ").append(candidate);
    if (name != candidate) return;
    known = true;
    f.template operator()<S>();
  });
  if (!known) LOWP_THROW("no scheme is named '", name, "'; there are:", all);
}

// A search of one step is none; with a step below zero it goes from the largest magnitude to half as much again, four over six.
using search = recipe<mse_search>;
search recipe_of(const method& m, std::span<const float> importance) {
  mse_search s{.steps = m.mse ? 80 : 1, .importance = importance};
  if (m.four_over_six) s = {.steps = 2, .step = -0.5f, .norm = 2, .importance = importance};
  return search{s};
}

template <scheme_type S>
quantized<S> quantize_as(const method& m, matrix_view<const float> w, const layer_inputs& inputs, std::size_t threads) {
  std::vector<float> importance;
  for (std::size_t i = 0; i < w.cols() && m.importance; ++i) importance.push_back(inputs.hessian(i, i));
  const search r = recipe_of(m, importance);
  const thread_executor executor{threads};
  const gptq_options options{
      .act_order = m.act_order, .static_groups = m.static_groups, .group_aware_order = m.group_order, .damping = m.damping};
  if (m.how == approach::gptq) return gptq<S>(w, inputs.hessian, options, r, executor);
  if (m.how == approach::gptaq) return gptaq<S>(w, inputs.hessian, inputs.mismatch, options, m.alpha, r, executor);
  if (m.how == approach::nearest) return quantize<S>(w, r);
  if constexpr (requires { hqq<S>(w); }) return hqq<S>(w);
  else LOWP_THROW("HQQ takes schemes with zero points that are no integers (hqq4_g64, ...), not ", m.scheme);
}

}  // namespace

layer_result quantize_layer(const method& m, matrix_view<const float> w, const layer_inputs& inputs, std::size_t threads) {
  std::optional<layer_result> result;
  with_scheme(m.scheme, [&]<class S>() {
    std::vector<float> clipped(w.rows() * w.cols());
    const matrix_view<float> view(clipped.data(), w.rows(), w.cols());
    for (std::size_t i = 0; i < clipped.size(); ++i) clipped[i] = w(i / w.cols(), i % w.cols());
    if constexpr (S::granularity::rows_per_group == 1) {
      if (m.clip && inputs.clip) awq_clip<S>(view, inputs.hessian);
    }
    const quantized<S> q = quantize_as<S>(m, view, inputs, threads);
    dequantize(q, view);
    result.emplace(layer_result{to_plain(q), std::move(clipped), storage_bits<S>(w.rows(), w.cols())});
  });
  return std::move(*result);
}

std::vector<float> choose_awq_scales(const method& m, const std::vector<matrix_view<const float>>& layers,
                                     const std::vector<float>& mean_magnitudes, matrix_view<const float> hessian) {
  std::vector<float> scales;
  with_scheme(m.scheme, [&]<class S>() {
    const awq_options options{.scaling = m.awq_inputs ? awq_scaling::inputs : awq_scaling::inputs_and_weights};
    scales = awq_search<S>(layers, mean_magnitudes, hessian, options).scales;
  });
  return scales;
}

std::vector<std::string> schemes() {
  std::vector<std::string> names;
  for_each_scheme([&]<class S>(const char* name) { names.emplace_back(name); });
  return names;
}
