// Every layout of the library: the kernels' own and those of checkpoints.
//
//   lowp::repack<lowp::layout::tile16>(lowp::pack<lowp::layout::gptq>(q));
#pragma once

#include <lowp/layout/awq.hpp>
#include <lowp/layout/bitsandbytes.hpp>
#include <lowp/layout/compressed_tensors.hpp>
#include <lowp/layout/gptq.hpp>
#include <lowp/layout/hqq.hpp>
#include <lowp/layout/marlin.hpp>
#include <lowp/layout/row_major.hpp>
#include <lowp/layout/scale_swizzle.hpp>
#include <lowp/layout/spqr.hpp>
#include <lowp/layout/tile16.hpp>
#include <lowp/layout/tinygemm.hpp>
#include <lowp/layout/transposed.hpp>
#include <lowp/layout/words.hpp>
