// The schemes of ggml's block types, the quantized tensors of GGUF files. How their bits lie is in layout/ggml_blocks.hpp.
//
//   lowp::quantized<lowp::ggml::q4_k> q = lowp::ggml::quantize<lowp::ggml::q4_k>(w);
//
// Source: ggml's block definitions and dequantizers; every number that a block decodes to is ggml's, bit for bit (but for scale bytes
// that no file holds: see docs/ggml_blocks.md).
#pragma once

#include <lowp/format/e8m0.hpp>
#include <lowp/format/ggml_formats.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/format/minifloat.hpp>
#include <lowp/scheme/scheme.hpp>

#include <cstddef>

namespace lowp::inline LOWP_ABI::ggml {

// What the scales or minima of K-quants are: Count of them under one f16.
template <int Bits, bool Signed, std::size_t Count>
using under_half = scheme<integer<Bits, Signed>, per_group<Count>, symmetric, f16>;

using q4_0 = scheme<i4, per_group<32>, symmetric, f16>;
using q4_1 = scheme<u4, per_group<32>, with_bias<f16>, f16>;
using q5_0 = scheme<integer<5, true>, per_group<32>, symmetric, f16>;
using q5_1 = scheme<integer<5, false>, per_group<32>, with_bias<f16>, f16>;
using q8_0 = scheme<i8, per_group<32>, symmetric, f16>;

using q2_k = scheme<u2, per_group<16>, with_minimum<under_half<4, false, 16>>, under_half<4, false, 16>>;
using q3_k = scheme<i3, per_group<16>, symmetric, under_half<6, true, 16>>;
using q4_k = scheme<u4, per_group<32>, with_minimum<under_half<6, false, 8>>, under_half<6, false, 8>>;
using q5_k = scheme<integer<5, false>, per_group<32>, with_minimum<under_half<6, false, 8>>, under_half<6, false, 8>>;
using q6_k = scheme<integer<6, true>, per_group<16>, symmetric, under_half<8, true, 16>>;

using iq4_nl = scheme<iq4_values, per_group<32>, symmetric, f16>;
using iq4_xs = scheme<iq4_values, per_group<32>, symmetric, under_half<6, true, 8>>;

// TQ1_0 packs five codes in a byte and TQ2_0 four; what they hold is the same.
using tq1_0 = scheme<ternary, per_group<256>, symmetric, f16>;
using tq2_0 = tq1_0;

using mxfp4 = scheme<e2m1, per_group<32>, symmetric, e8m0>;  // lowp::mxfp4
using nvfp4 = scheme<e2m1, per_group<16>, symmetric, ue4m3>;  // without the scale of the tensor, which GGUF keeps in a tensor of its own

}  // namespace lowp::inline LOWP_ABI::ggml
