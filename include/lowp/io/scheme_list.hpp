// From a scheme that a file names to the type that the rest of the library takes.
//
//   const bool known = lowp::visit(description, [&]<class S>() { run(lowp::to_quantized<S>(weights)); });
//
// The schemes that visit knows, by where they come from (T stands for f16 and bf16, G for 32, 64 and 128):
//
//   GPTQ, AWQ, compressed-tensors    i4 i8 symmetric and u4 u8 asymmetric, per_group<G> with scales T,
//                                    per_channel with scales T and f32; i2 i3 u2 u3 per_group<G>, scales f16
//   FP8, 8-bit integers              i8 and e4m3, per_tensor and per_channel, scales T and f32;
//                                    e4m3 per_block<128, 128>, scales f32 and bf16
//   MX and NVFP4                     mxfp4 mxfp6_e2m3 mxfp8_e4m3 nvfp4
//   bitsandbytes                     nf4 and bnb_fp4, per_flat_group<64>, scales f32 or quantized in turn
//   MLX                              u4 and u8 with_bias<T>, per_group<G>, scales T
//   HQQ                              u4 and u8 asymmetric_as<f16>, per_group<64>, scales f16
//   GGUF                             the schemes of scheme/ggml_schemes.hpp
//
// to_quantized takes any other scheme too, where a program names it.
#pragma once

#include <lowp/format/dynamic_map.hpp>
#include <lowp/io/scheme_description.hpp>
#include <lowp/scheme/ggml_schemes.hpp>
#include <lowp/scheme/presets.hpp>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class... S>
struct listed_schemes {
  // Calls f.template operator()<T>() for the one that is described; false if none is.
  template <class F>
  static bool visit(const scheme_description& d, F& f) {
    return (... || (is_described_by(d, describe<S>) ? (f.template operator()<S>(), true) : false));
  }
};

template <class Granularity>
using listed_f16_integers = listed_schemes<scheme<i2, Granularity, symmetric, f16>, scheme<i3, Granularity, symmetric, f16>,
                                           scheme<u2, Granularity, asymmetric, f16>, scheme<u3, Granularity, asymmetric, f16>>;
template <class Granularity, class Scale>
using listed_integers = listed_schemes<scheme<i4, Granularity, symmetric, Scale>, scheme<i8, Granularity, symmetric, Scale>,
                                       scheme<u4, Granularity, asymmetric, Scale>, scheme<u8, Granularity, asymmetric, Scale>>;
template <class Granularity, class Scale>
using listed_biased = listed_schemes<scheme<u4, Granularity, with_bias<Scale>, Scale>, scheme<u8, Granularity, with_bias<Scale>, Scale>>;
template <class Scale>
using listed_eight_bits = listed_schemes<scheme<i8, per_tensor, symmetric, Scale>, scheme<e4m3, per_tensor, symmetric, Scale>,
                                         scheme<e4m3, per_channel, symmetric, Scale>>;
// Double quantization.
using bnb_nested = scheme<bnb_dynamic8, per_flat_group<256>, with_bias<f32>, f32>;
using listed_blocks =
    listed_schemes<fp8_block128, scheme<e4m3, per_block<128, 128>, symmetric, bf16>, mxfp4, mxfp6_e2m3, mxfp8_e4m3, nvfp4,
                   scheme<nf4, per_flat_group<64>, symmetric, f32>, scheme<bnb_fp4, per_flat_group<64>, symmetric, f32>,
                   scheme<nf4, per_flat_group<64>, symmetric, bnb_nested>, scheme<bnb_fp4, per_flat_group<64>, symmetric, bnb_nested>,
                   scheme<u4, per_group<64>, asymmetric_as<f16>, f16>, scheme<u8, per_group<64>, asymmetric_as<f16>, f16>>;
// mxfp4 is above, tq2_0 is tq1_0, and q4_0 and q8_0 are integers with f16 scales.
using listed_ggml_blocks = listed_schemes<ggml::q4_1, ggml::q5_0, ggml::q5_1, ggml::q2_k, ggml::q3_k, ggml::q4_k, ggml::q5_k, ggml::q6_k,
                                          ggml::iq4_nl, ggml::iq4_xs, ggml::tq1_0, ggml::nvfp4>;

template <class Scale, class F>
bool visit_integers(const scheme_description& d, F& f) {
  return listed_eight_bits<Scale>::visit(d, f) || listed_integers<per_channel, Scale>::visit(d, f) ||
         listed_integers<per_group<32>, Scale>::visit(d, f) || listed_integers<per_group<64>, Scale>::visit(d, f) ||
         listed_integers<per_group<128>, Scale>::visit(d, f) || listed_biased<per_group<32>, Scale>::visit(d, f) ||
         listed_biased<per_group<64>, Scale>::visit(d, f) || listed_biased<per_group<128>, Scale>::visit(d, f);
}

}  // namespace detail

// Calls f.template operator()<S>() for the scheme S that is described, if it is on the list. Whether it is.
template <class F>
bool visit(const scheme_description& d, F&& f) {
  return detail::visit_integers<f16>(d, f) || detail::visit_integers<bf16>(d, f) || detail::listed_eight_bits<f32>::visit(d, f) ||
         detail::listed_integers<per_channel, f32>::visit(d, f) || detail::listed_f16_integers<per_group<32>>::visit(d, f) ||
         detail::listed_f16_integers<per_group<64>>::visit(d, f) || detail::listed_f16_integers<per_group<128>>::visit(d, f) ||
         detail::listed_blocks::visit(d, f) || detail::listed_ggml_blocks::visit(d, f);
}

}  // namespace lowp::inline LOWP_ABI
