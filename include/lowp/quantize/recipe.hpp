// A recipe: how codes are chosen. It changes the numbers that come out, never their type.
//
//   lowp::recipe{}                                            min-max range, nearest even, the scheme's own scale rule
//   lowp::recipe{lowp::mse_search{}}                          the range by search
//   lowp::recipe{lowp::absmax{}, lowp::stochastic{.seed = 7}}   stochastic rounding, the same for the same seed
//   lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, lowp::mx_rceil{}}
#pragma once

#include <lowp/quantize/calibrate.hpp>
#include <lowp/quantize/scale_rule.hpp>

#include <utility>

namespace lowp::inline LOWP_ABI {

template <class Calibrator = min_max, rounding_policy Rounding = nearest_even, class ScaleRule = default_scale>
struct recipe {
  using scale_rule = ScaleRule;

  Calibrator calibrator;
  Rounding rounding;

  constexpr recipe(Calibrator c = {}, Rounding r = {}, ScaleRule = {}) : calibrator(std::move(c)), rounding(r) {}
};

}  // namespace lowp::inline LOWP_ABI
