// How a model is to be quantized, in one line: a scheme, a method, and what it is told.
//
//   method m = parse_method("uint3_g128 gptq act_order mse");
//
// Schemes: int4_g128 uint3_g32 ... nf4_g64 mxfp4 nvfp4 ... (schemes()). Methods: rtn (the default), gptq, gptaq, hqq. Told, any of:
//
// - act_order, group_order, static, damping=0.05, alpha=0.25: of gptq and gptaq
// - mse, importance, four_over_six: how scales are found (by search; weighted by the inputs' squares; NVFP4's 4/6)
// - awq, awq_inputs, clip: scales of channels before anything else, by the one or the other rule; clipping
// - smooth=0.5, smooth: SmoothQuant's alpha, or the best of a search
// - rotate: the residual stream and the values of heads, by Hadamard matrices (QuaRot)
// - parallel: all inputs from the unquantized model, not from the layers quantized so far
// - budget=3.2, measured: of several schemes (uint4_g128,uint3_g128 ...) one for each layer, by Hessians or by measurement
// - int8, llm_int8: activations of 8 bits a token; with columns of outliers kept apart
#pragma once

#include <lowp/core/error.hpp>

#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <vector>

enum class approach { nearest, gptq, gptaq, hqq };
enum class activations { exact, int8, llm_int8 };

struct method {
  std::string text;
  std::string scheme;
  std::vector<std::string> schemes;  // with a budget: those to choose from
  double budget = 0;                 // bits a weight, or none
  bool measured = false;
  approach how = approach::nearest;
  bool act_order = false, group_order = false, static_groups = false;
  bool mse = false, importance = false, four_over_six = false;
  bool awq = false, awq_inputs = false, clip = false;
  bool smooth = false, rotate = false, sequential = true;
  double damping = 0.01, alpha = 0.25, smooth_alpha = -1;  // below 0: searched
  activations inputs = activations::exact;

  // Whether layers are quantized by what they read, and whether anything is.
  bool needs_hessian() const { return how == approach::gptq || how == approach::gptaq || clip || importance; }
  bool needs_inputs() const { return needs_hessian() || awq || smooth || inputs == activations::llm_int8; }
};

inline method parse_method(const std::string& text) {
  std::istringstream words(text);
  method m;
  m.text = text;
  if (!(words >> m.scheme)) LOWP_THROW("a method begins with a scheme");
  std::istringstream list(m.scheme);
  for (std::string one; std::getline(list, one, ',');) m.schemes.push_back(one);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    double number = 0;
    if (equals != std::string::npos) {
      char* end = nullptr;
      number = std::strtod(word.c_str() + equals + 1, &end);
      if (end == word.c_str() + equals + 1 || *end != 0) LOWP_THROW("'", word, "' has no number behind its sign");
    }
    const bool takes_number = name == "damping" || name == "alpha" || name == "smooth" || name == "budget";
    if (equals != std::string::npos && !takes_number) LOWP_THROW("'", name, "' takes no number");
    if (name == "rtn") m.how = approach::nearest;
    else if (name == "gptq") m.how = approach::gptq;
    else if (name == "gptaq") m.how = approach::gptaq;
    else if (name == "hqq") m.how = approach::hqq;
    else if (name == "act_order") m.act_order = true;
    else if (name == "group_order") m.group_order = true;
    else if (name == "static") m.static_groups = true;
    else if (name == "mse") m.mse = true;
    else if (name == "importance") m.importance = true;
    else if (name == "four_over_six") m.four_over_six = true;
    else if (name == "awq") m.awq = true;
    else if (name == "awq_inputs") m.awq = m.awq_inputs = true;
    else if (name == "clip") m.clip = true;
    else if (name == "rotate") m.rotate = true;
    else if (name == "parallel") m.sequential = false;
    else if (name == "int8") m.inputs = activations::int8;
    else if (name == "llm_int8") m.inputs = activations::llm_int8;
    else if (name == "measured") m.measured = true;
    else if (name == "budget" && equals != std::string::npos) m.budget = number;
    else if (name == "damping" && equals != std::string::npos) m.damping = number;
    else if (name == "alpha" && equals != std::string::npos) m.alpha = number;
    else if (name == "smooth") {
      m.smooth = true;
      if (equals != std::string::npos) m.smooth_alpha = number;
    } else {
      LOWP_THROW("'", word, "' is nothing that a method is told");
    }
  }
  if (m.how == approach::gptaq && !m.sequential) LOWP_THROW("gptaq makes up for layers quantized before, so it is not parallel");
  if (m.budget > 0 ? m.schemes.size() < 2 : m.schemes.size() > 1 || m.measured)
    LOWP_THROW("several schemes and a budget go together: uint4_g128,uint3_g128,uint2_g128 gptq budget=3.2");
  if (m.budget > 0 && m.awq) LOWP_THROW("awq scales layers together, for one scheme, so it takes no budget");
  if (m.smooth && m.smooth_alpha < 0 && !m.sequential) LOWP_THROW("smooth searches block by block, so it is not parallel; smooth=0.5 is");
  if (m.awq && m.smooth) LOWP_THROW("awq and smooth both choose the scales of channels");
  return m;
}
