// KIVI: keys quantized by channel, over 32 tokens at a time, and values by token, over 32 channels.
//
//   lowp::kv_cache<lowp::kivi_keys<2>, lowp::kivi_values<2>> cache(8, 128, {.keep_last = 128});
//
// A group's least number is its bias, its largest that of the last code: value = scale * code + bias. The latest tokens stay as they are
// (the residual window). Source: Liu et al. 2024 (arXiv 2402.02750).
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/scheme/scheme.hpp>

namespace lowp::inline LOWP_ABI {

template <int Bits, number_format Parameter = f16>
using kivi_keys = scheme<integer<Bits, false>, per_block<32, 1>, with_bias<Parameter>, Parameter>;
template <int Bits, number_format Parameter = f16>
using kivi_values = scheme<integer<Bits, false>, per_group<32>, with_bias<Parameter>, Parameter>;

}  // namespace lowp::inline LOWP_ABI
