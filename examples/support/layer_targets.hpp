// In which scheme a dialect can hold a layer with the numbers that it has.
//
//   std::optional<lowp::plain_weights> same = carried(layer, dialect::gguf);     // nothing: only by quantizing anew
#pragma once

#include <lowp/io/checkpoint_writer.hpp>
#include <lowp/io/dialect/gguf_weights.hpp>
#include <lowp/io/gguf.hpp>
#include <lowp/io/recast.hpp>
#include <lowp/layout/blocks.hpp>
#include <lowp/layout/ggml_blocks.hpp>
#include <lowp/quantize/ggml_quantize.hpp>
#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

enum class dialect { gptq, awq, compressed_tensors, bitsandbytes, mlx, gguf, safetensors };

inline const std::vector<std::pair<std::string, dialect>>& dialects() {
  static const std::vector<std::pair<std::string, dialect>> all{{"gptq", dialect::gptq},
                                                                {"awq", dialect::awq},
                                                                {"compressed-tensors", dialect::compressed_tensors},
                                                                {"bitsandbytes", dialect::bitsandbytes},
                                                                {"mlx", dialect::mlx},
                                                                {"gguf", dialect::gguf},
                                                                {"safetensors", dialect::safetensors}};
  return all;
}

// The ggml type of a scheme, or nothing; of several that hold the same, the first.
inline std::optional<lowp::ggml_type> ggml_type_of(const lowp::scheme_description& scheme, std::size_t cols) {
  std::optional<lowp::ggml_type> type;
  lowp::layout::ggml::for_each([&]<class L>() {
    if (!type && cols % L::columns == 0 && lowp::is_described_by(scheme, lowp::describe<typename L::scheme>))
      type = static_cast<lowp::ggml_type>(L::type_id);
  });
  return type;
}

// Why the dialect does not hold layers of this kind; empty if it does.
inline std::string refusal(dialect to, const std::string& name, const lowp::scheme_description& scheme, std::size_t rows,
                           std::size_t cols) {
  if (to == dialect::gguf) return ggml_type_of(scheme, cols) ? "" : "no ggml type is " + lowp::to_string(scheme);
  try {
    const lowp::detail::layer_to_encode layer{name, scheme, rows, cols, nullptr};
    if (to == dialect::gptq) lowp::detail::encode_gptq(layer);
    if (to == dialect::awq) lowp::detail::encode_awq(layer);
    if (to == dialect::compressed_tensors) lowp::detail::encode_compressed_tensors(layer);
    if (to == dialect::bitsandbytes) lowp::detail::encode_bitsandbytes(layer);
    if (to == dialect::mlx) lowp::detail::encode_mlx(layer);
  } catch (const lowp::error& e) {
    return e.what();
  }
  return "";
}

// Whether the dialect has a layer just as it is.
inline bool is_held(dialect to, const std::string& name, const lowp::weight_info& layer) {
  if (to != dialect::gptq && !layer.in_order) return false;
  if (to == dialect::bitsandbytes) return false;  // which has not every scale
  return to == dialect::safetensors || refusal(to, name, layer.scheme, layer.rows, layer.cols).empty();
}

// Schemes that might hold the numbers of weights in `from`, the likelier first: other counts of integers, other storage of scales,
// groups that divide its groups.
inline std::vector<lowp::scheme_description> similar_schemes(const lowp::scheme_description& from, std::size_t cols) {
  using namespace lowp;
  std::vector<granularity_description> granularities{from.granularity};
  const granularity_kind kind = from.granularity.kind;
  const std::size_t whole = kind == granularity_kind::per_group || kind == granularity_kind::per_flat_group ? from.granularity.cols : cols;
  if (kind == granularity_kind::per_tensor) granularities.push_back({granularity_kind::per_channel});
  for (const std::size_t n : {cols, std::size_t{256}, std::size_t{128}, std::size_t{64}, std::size_t{32}, std::size_t{16}}) {
    if (n != 0 && whole % n == 0 && cols % n == 0) {
      granularities.push_back({granularity_kind::per_group, 0, n});
      granularities.push_back({granularity_kind::per_flat_group, 0, n});
    }
  }
  std::vector<scheme_description> found{from};
  const auto integer = lowp::detail::integer_named(from);
  for (int bits : {from.bits, 4, 5, 8}) {
    if (bits < from.bits || (bits != from.bits && !integer)) continue;
    for (const granularity_description& g : granularities) {
      for (const char* scale : {"f16", "bf16", "f32"}) {
        scheme_description d = from;
        d.granularity = g;
        d.bits = bits;
        d.scale = {plain_format(scale)};
        d.zero.clear();
        d.symmetry = symmetry_kind::symmetric;
        if (!integer) {
          found.push_back(d);
          continue;
        }
        d.format = "i" + std::to_string(bits);
        found.push_back(d);
        d.format = "u" + std::to_string(bits);
        d.symmetry = symmetry_kind::asymmetric;
        d.zero = {plain_format(d.format)};
        found.push_back(d);
        d.symmetry = symmetry_kind::with_bias;
        d.zero = d.scale;
        found.push_back(d);
      }
    }
  }
  return found;
}

// Whether bitsandbytes has the numbers too, not only the scheme.
inline bool is_written_by_bitsandbytes(const lowp::plain_weights& layer, const std::string& name) {
  try {
    lowp::detail::encode_bitsandbytes({name, layer.scheme(), layer.rows(), layer.cols(), &layer});
    return true;
  } catch (const lowp::error&) {
    return false;
  }
}

// The layer in a scheme that the dialect holds, every number as it was; nothing if there is none. Plain safetensors hold numbers as they
// are.
inline std::optional<lowp::plain_weights> carried(lowp::plain_weights layer, dialect to, const std::string& name) {
  if (to == dialect::safetensors) return layer;
  if (to != dialect::gptq && !layer.columns().empty()) return std::nullopt;
  for (const lowp::scheme_description& scheme : similar_schemes(layer.scheme(), layer.cols())) {
    if (!refusal(to, name, scheme, layer.rows(), layer.cols()).empty()) continue;
    auto same = scheme == layer.scheme() ? std::optional(layer) : lowp::recast(layer, scheme);
    if (same && (to != dialect::bitsandbytes || is_written_by_bitsandbytes(*same, name))) return same;
  }
  return std::nullopt;
}

// Quantizes floats in a scheme known by its name: a preset, or a ggml type ("Q4_K"), by lowp's search.
using quantizer = lowp::plain_weights (*)(lowp::matrix_view<const float>);
inline quantizer find_quantizer(std::string_view name) {
  quantizer found = nullptr;
  lowp::for_each_preset([&]<class S>(std::string_view preset) {
    if (preset == name) found = [](lowp::matrix_view<const float> w) { return lowp::to_plain(lowp::quantize<S>(w)); };
  });
  lowp::layout::ggml::for_each([&]<class L>() {
    if (L::name == name)
      found = [](lowp::matrix_view<const float> w) { return lowp::to_plain(lowp::ggml::quantize<typename L::scheme>(w)); };
  });
  if (found == nullptr) LOWP_THROW("no preset and no ggml type is named '", name, "'");
  return found;
}
