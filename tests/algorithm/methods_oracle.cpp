// The C++ side of methods_oracle.py:
//
//   <method> <rows> <columns> <tokens> <weights> <inputs> <output>
//
// The output is floats, one array after another; which ones is said beside each method. Quantized weights are asymmetric, 4 bits in
// groups of 32 with scales in f32.

#include "../quantize/oracle_program.hpp"

#include <lowp/algorithm.hpp>

#include <string>
#include <vector>

namespace {

using lowp::matrix_view;
using integers = lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::asymmetric, lowp::f32>;
using float_zeros = lowp::scheme<lowp::u4, lowp::per_group<32>, lowp::asymmetric_as<lowp::f32>, lowp::f32>;

template <class S>
void append(std::vector<float>& out, const lowp::quantized<S>& q) {
  for (std::size_t r = 0; r < q.rows(); ++r) {
    for (std::size_t c = 0; c < q.cols(); ++c) out.push_back(static_cast<float>(q.codes()(r, c)));
  }
  std::vector<float> values(q.rows() * q.cols());
  lowp::dequantize(q, matrix_view<float>(values.data(), q.rows(), q.cols()));
  out.insert(out.end(), values.begin(), values.end());
}

bool run(const std::string& method, matrix_view<float> w, matrix_view<const float> x, std::vector<float>& out) {
  const matrix_view<const float> weights = w;
  lowp::hessian h(x.cols());
  lowp::channel_statistics stats(x.cols());
  h.add(x);
  stats.add(x);
  if (method == "awq" || method == "awq_inputs") {  // scales, ratio, loss, loss without scales
    const auto scaling = method == "awq" ? lowp::awq_scaling::inputs_and_weights : lowp::awq_scaling::inputs;
    const auto found = lowp::awq_search<integers>(std::span(&weights, 1), stats.mean_magnitude(), h.view(), {.scaling = scaling});
    out = found.scales;
    for (const double v : {found.ratio, found.loss, found.unscaled_loss}) out.push_back(static_cast<float>(v));
  } else if (method == "clip") {  // the clipped weights
    lowp::awq_clip<integers>(w, h.view());
    out.assign(w.data(), w.data() + w.rows() * w.cols());
  } else if (method == "hqq") {  // codes, values
    append(out, lowp::hqq<float_zeros>(weights));
  } else if (method == "smooth") {  // scales
    out = lowp::smooth_scales(stats.absmax(), lowp::column_absmax(weights), 0.6);
  } else if (method == "obq" || method == "obq_by_column") {  // codes, values
    const auto order = method == "obq" ? lowp::obq_order::cheapest_first : lowp::obq_order::by_column;
    append(out, lowp::obq<integers>(weights, h.view(), {.order = order}));
  } else if (method == "llm_int8") {  // outputs, how many columns held outliers
    out.resize(x.rows() * w.rows() + 1);
    out.back() = static_cast<float>(lowp::llm_int8(weights).apply(x, matrix_view<float>(out.data(), x.rows(), w.rows())));
  } else if (method == "statistics") {  // largest, mean magnitude, mean square, 99th percentile of all magnitudes
    lowp::magnitude_histogram m;
    m.add(x);
    out.assign(stats.absmax().begin(), stats.absmax().end());
    for (const auto& means : {stats.mean_magnitude(), stats.mean_square()}) out.insert(out.end(), means.begin(), means.end());
    out.push_back(m.percentile(99));
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 8) return 3;
  const std::size_t rows = std::stoul(arguments[2]), cols = std::stoul(arguments[3]), tokens = std::stoul(arguments[4]);
  std::vector<float> w = read_floats(arguments[5]);
  const std::vector<float> x = read_floats(arguments[6]);
  if (w.size() != rows * cols || x.size() != tokens * cols) return 3;
  std::vector<float> out;
  if (!run(arguments[1], {w.data(), rows, cols}, {x.data(), tokens, cols}, out)) return 3;
  std::ofstream file(arguments[7], std::ios::binary);
  file.write(reinterpret_cast<const char*>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(float)));
  return file ? 0 : 2;
}
