// A head's keys in a page where they are sums: the part of the first summand, then that of the second.
//
//   kv_sum_part<kv_part<S, false>, kv_part<T, false>> keys(first, second);       // is the part of S, and has that of T
#pragma once

#include <lowp/kv/kv_part.hpp>
#include <lowp/kv/kv_policy.hpp>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

template <class First, class Second>
class kv_sum_part : public First {
 public:
  using second_part = Second;
  using sum = kv_sum<typename First::scheme, typename Second::scheme>;
  static_assert(!First::by_channel && !Second::by_channel, "the summands of keys have scales for their tokens");
  static_assert(!Second::scaling::has_outer_scale, "the second summand of keys has no scale outside the pages");

  kv_sum_part(const First& first, const Second& second) : First(first), second_(second) {}

  const Second& second() const noexcept { return second_; }
  const std::uint8_t* second_of(const std::uint8_t* part) const noexcept { return part + First::bytes(); }
  std::size_t bytes() const noexcept { return First::bytes() + second_.bytes(); }
  sum codes(std::size_t rows) const { return {First::codes(rows), second_.codes(rows)}; }
  double bits_of_row() const noexcept { return First::bits_of_row() + second_.bits_of_row(); }

  void put(std::uint8_t* part, std::size_t token, const sum& q, std::size_t row) const {
    First::put(part, token, q, row);
    second_.put(part + First::bytes(), token, q.second, row);
  }
  void get(const std::uint8_t* part, std::size_t token, sum& q, std::size_t row) const {
    First::get(part, token, q, row);
    second_.get(second_of(part), token, q.second, row);
  }
  void clear(std::uint8_t* part, std::size_t first) const {
    First::clear(part, first);
    second_.clear(part + First::bytes(), first);
  }

 private:
  Second second_;
};

template <class Policy>
struct key_part_of {
  using type = kv_part<typename Policy::scheme, false>;
  static type make(const Policy& policy, std::size_t head_size, std::size_t page_tokens) { return {policy.width(head_size), page_tokens}; }
};
template <class Policy>
  requires has_second<Policy>
struct key_part_of<Policy> {
  using first = kv_part<typename Policy::scheme, false>;
  using second = kv_part<typename Policy::second_policy::scheme, false>;
  static_assert(
      !comes_before_rope<Policy>() && !has_outliers<Policy> && !has_offsets<typename Policy::second_policy>,
      "keys that are sums come after their rotary positions, nothing of them is kept apart, and the second summand has no offsets");
  using type = kv_sum_part<first, second>;
  static type make(const Policy& policy, std::size_t head_size, std::size_t page_tokens) {
    return {first(policy.width(head_size), page_tokens), second(policy.second().width(head_size), page_tokens)};
  }
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
