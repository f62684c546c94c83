// Keys and values that are rotated before they are quantized, so that no channel stands out.
//
//   using policy = lowp::rotated<lowp::scheme<lowp::i4, lowp::per_token, lowp::symmetric, lowp::f16>>;
//   lowp::kv_cache<policy> cache(8, 128, {.key = policy(128), .value = policy(128)});
//
// A row of a head becomes H D x / sqrt(head size): Hadamard's matrix, after random signs where there is a seed. A product of two rows
// stays what it was when both are rotated, so queries are rotated, never the keys back; of values the sum that attention makes is rotated
// back, once. Source: Ashkboos et al. 2024 (QuaRot, arXiv 2404.00456), section 4.
#pragma once

#include <lowp/kernel/cpu/hadamard.hpp>
#include <lowp/kv/kv_policy.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

// What policies that rotate have in common: codes are of rotated rows, as wide as a head.
class head_rotation {
 public:
  // Throws lowp::error for a head size that has no matrix here.
  explicit head_rotation(std::size_t head_size, std::optional<std::uint64_t> seed = std::nullopt) : rotation_(head_size, seed) {}

  // Throws lowp::error for heads of another size.
  std::size_t width(std::size_t head_size) const {
    if (head_size != rotation_.size()) LOWP_THROW("a rotation of heads of ", rotation_.size(), " is given heads of ", head_size);
    return head_size;
  }

  // Each row of q [queries, head size], rotated, so that its products with rotated keys are those of q with the keys.
  void turn_query(matrix_view<const float> q, matrix_view<float> out, std::size_t = 0) const {
    copy(q, out);
    rotation_(out);
  }

  // Rows as they were before the rotation.
  void turn_back(matrix_view<const float> decoded, matrix_view<float> out, std::size_t = 0) const {
    copy(decoded, out);
    rotation_.inverse(out);
  }

 protected:
  // A copy of the rows, rotated.
  std::vector<float> rotated_rows(matrix_view<const float> rows) const {
    std::vector<float> copied(rows.rows() * rows.cols());
    turn_query(rows, matrix_view<float>(copied.data(), rows.rows(), rows.cols()));
    return copied;
  }

 private:
  void copy(matrix_view<const float> from, matrix_view<float> to) const {
    width(from.cols());
    detail::require_same_shape(from, to);
    for (std::size_t r = 0; r < from.rows(); ++r) {
      for (std::size_t c = 0; c < from.cols(); ++c) to(r, c) = from(r, c);
    }
  }

  hadamard_transform rotation_;
};

// The scheme S of rotated rows.
template <scheme_type S>
class rotated : public head_rotation {
 public:
  using scheme = S;
  using head_rotation::head_rotation;

  // Codes of rows [n, head size]. Throws lowp::error as quantize does.
  auto encode(matrix_view<const float> rows, std::size_t heads = 1) const {
    const std::vector<float> turned = rotated_rows(rows);
    return plain_policy<S>().encode(matrix_view<const float>(turned.data(), rows.rows(), rows.cols()), heads);
  }
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
