// The algorithms that choose codes and scales with more in hand than the weights: lowp.hpp and what works on calibration data.
// Round to nearest is lowp::quantize.
#pragma once

#include <lowp/algorithm/awq.hpp>
#include <lowp/algorithm/bit_allocation.hpp>
#include <lowp/algorithm/channel_scales.hpp>
#include <lowp/algorithm/gptq.hpp>
#include <lowp/algorithm/hessian.hpp>
#include <lowp/algorithm/hqq.hpp>
#include <lowp/algorithm/llm_int8.hpp>
#include <lowp/algorithm/obq.hpp>
#include <lowp/algorithm/output_loss.hpp>
#include <lowp/algorithm/qat.hpp>
#include <lowp/algorithm/quarot.hpp>
#include <lowp/algorithm/statistics.hpp>
#include <lowp/lowp.hpp>
