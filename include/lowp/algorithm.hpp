// The algorithms: lowp.hpp and what needs Eigen's factorizations. Round to nearest is lowp::quantize.
#pragma once

#include <lowp/algorithm/gptq.hpp>
#include <lowp/algorithm/hessian.hpp>
#include <lowp/lowp.hpp>
