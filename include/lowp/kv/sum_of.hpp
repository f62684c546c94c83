// Keys as the sum of what one policy makes of them and what another makes of the rest.
//
//   using policy = lowp::sum_of<lowp::turboquant<2>, lowp::qjl<>>;
//   lowp::kv_cache<policy, values> cache(8, 128, {.key = policy(lowp::turboquant<2>(128), lowp::qjl<>(128, 128))});
//
// Scores are linear in keys, so those of both are added up; no key is ever put together.
#pragma once

#include <lowp/kernel/cpu/dequantize.hpp>
#include <lowp/kv/kv_policy.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

template <class First, class Second>
class sum_of : public kv_policy<First> {
 public:
  using first_policy = kv_policy<First>;
  using second_policy = kv_policy<Second>;
  using sum = kv_sum<typename first_policy::scheme, typename second_policy::scheme>;

  sum_of(first_policy first, second_policy second) : first_policy(std::move(first)), second_(std::move(second)) {}

  const second_policy& second() const noexcept { return second_; }

  // Codes of rows [tokens * heads, head size]. Throws lowp::error as the policies do.
  sum encode(matrix_view<const float> rows, std::size_t heads = 1) const {
    auto first = first_policy::encode(rows, heads);
    std::vector<float> numbers(first.rows() * first.cols()), rest(rows.rows() * rows.cols());
    const matrix_view<float> decoded(numbers.data(), first.rows(), first.cols()), left(rest.data(), rows.rows(), rows.cols());
    if constexpr (detail::has_own_values<first_policy>) {
      for (std::size_t r = 0; r < first.rows(); ++r) {
        for (std::size_t c = 0; c < first.cols(); ++c) decoded(r, c) = detail::number_of(*this, first, r, c);
      }
    } else {
      cpu::dequantize(first, decoded);
    }
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      first_policy::turn_back(decoded.block(r, 0, 1, first.cols()), left.block(r, 0, 1, rows.cols()), r % heads);
      for (std::size_t c = 0; c < rows.cols(); ++c) left(r, c) = rows(r, c) - left(r, c);
    }
    return {std::move(first), second_.encode(left, heads)};
  }

 private:
  second_policy second_;
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
