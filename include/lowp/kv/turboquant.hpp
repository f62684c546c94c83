// TurboQuant: rotated rows, whose numbers are then nearly normal, in the codes that are best for a normal distribution.
//
//   lowp::turboquant<3> policy(128);                                      // heads of 128
//   lowp::kv_cache<lowp::turboquant<3>> cache(8, 128, {.key = policy, .value = policy});
//
// A row x of a head is rotated by random signs and Hadamard's matrix; its scale is |x| / sqrt(head size), so that a rotated number over the
// scale has variance one, and the codes are lloyd_max's. Nothing depends on other rows, nor on calibration. Source: Zandieh et al. 2025
// (arXiv 2504.19874), algorithm 1, which takes the rotation from all orthogonal matrices alike.
#pragma once

#include <lowp/format/lloyd_max.hpp>
#include <lowp/kernel/cpu/quantize.hpp>
#include <lowp/kernel/cpu/row_products.hpp>
#include <lowp/kv/rotated.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

template <int Bits, number_format Scale = f16>
class turboquant : public head_rotation {
 public:
  using scheme = lowp::scheme<lloyd_max<Bits>, per_token, symmetric, Scale>;

  // The signs follow from the seed. Throws lowp::error for a head size that has no Hadamard matrix here.
  explicit turboquant(std::size_t head_size, std::uint64_t seed = 0) : head_rotation(head_size, seed) {}

  // Codes and scales of rows [n, head size]. A row that holds NaN gets the scale NaN; throws lowp::error where a scale overflows its
  // format.
  quantized<scheme> encode(matrix_view<const float> rows, std::size_t = 1) const {
    const std::vector<float> turned = rotated_rows(rows);
    quantized<scheme> q(rows.rows(), rows.cols());
    const detail::row_products row_products;
    std::vector<float> copy(rows.cols());
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      const double squares = row_products.squares(detail::adjacent_row(rows, r, copy), rows.cols());
      const auto scale = static_cast<float>(std::sqrt(squares / static_cast<double>(rows.cols())));
      detail::store(q.scales(), {r, 0}, scale, nearest_even{}, true);
    }
    cpu::encode(matrix_view<const float>(turned.data(), rows.rows(), rows.cols()), q);
    return q;
  }
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
