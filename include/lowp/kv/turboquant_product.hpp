// TurboQuant for scores: keys in one bit less, and what is left of each as signs of a sketch, so that scores are right on average.
//
//   lowp::turboquant_product<3> keys(128);                                // heads of 128: 2 bits and a sign for each number
//   lowp::kv_cache<lowp::turboquant_product<3>, lowp::turboquant<3>> cache(8, 128, {.key = keys, .value = lowp::turboquant<3>(128)});
//
// The best codes for a number are too small on average for a score (by a factor of 2 / pi at one bit), which the sketch of the rest, with
// its length, makes up for. Source: Zandieh et al. 2025 (arXiv 2504.19874), algorithm 2.
#pragma once

#include <lowp/kv/qjl.hpp>
#include <lowp/kv/sum_of.hpp>
#include <lowp/kv/turboquant.hpp>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

template <int Bits, number_format Scale = f16>
class turboquant_product : public sum_of<turboquant<Bits - 1, Scale>, qjl<Scale>> {
 public:
  // Throws lowp::error for a head size that is no multiple of 32 or has no Hadamard matrix here.
  explicit turboquant_product(std::size_t head_size, std::uint64_t seed = 0)
      : sum_of<turboquant<Bits - 1, Scale>, qjl<Scale>>(turboquant<Bits - 1, Scale>(head_size, seed),
                                                        qjl<Scale>(head_size, head_size, seed + 1)) {}
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
