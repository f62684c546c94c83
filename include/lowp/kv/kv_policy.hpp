// What becomes of keys or values before they are codes: a scheme by itself, or a recipe around one.
//
//   template <lowp::scheme_type S>
//   struct my_policy {
//     using scheme = S;                                              // of the codes [tokens, width] of a head
//     std::size_t width(std::size_t head_size) const;                // columns of codes: the head's size, but for a sketch
//     // rows [n, head size] to codes [n, width]
//     lowp::quantized<S> encode(lowp::matrix_view<const float> rows, std::size_t heads) const;
//     // keys: out . numbers of the codes = q . key
//     void turn_query(lowp::matrix_view<const float> q, lowp::matrix_view<float> out, std::size_t head) const;
//     // numbers of codes [n, width] to [n, head size]
//     void turn_back(lowp::matrix_view<const float> numbers, lowp::matrix_view<float> out, std::size_t head) const;
//
//     const float* values() const;                                   // optional: what each code stands for, 2^bits numbers
//     ... optional: keys before their rotation, offsets of channels and outliers (kvquant.hpp)
//   };
//
// Rows come token by token, row r being head r % heads; by channel (per_block<32, 1>) head by head, 32 tokens each. The numbers of codes
// are in whatever basis the policy likes: attention turns the queries into it, and what it makes of the values back.
#pragma once

#include <lowp/core/matrix_view.hpp>
#include <lowp/kernel/cpu/quantize.hpp>
#include <lowp/kernel/kv_scaling.hpp>

#include <cstddef>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// The policy that a scheme is: numbers are quantized as they come.
template <scheme_type S>
struct plain_policy {
  using scheme = S;

  std::size_t width(std::size_t head_size) const noexcept { return head_size; }
  auto encode(matrix_view<const float> rows, std::size_t) const { return cpu::quantize<typename kv_scaling<S>::inner>(rows); }
  void turn_query(matrix_view<const float> q, matrix_view<float> out, std::size_t) const { copy(q, out); }
  void turn_back(matrix_view<const float> numbers, matrix_view<float> out, std::size_t) const { copy(numbers, out); }

 private:
  static void copy(matrix_view<const float> from, matrix_view<float> to) {
    for (std::size_t r = 0; r < from.rows(); ++r) {
      for (std::size_t c = 0; c < from.cols(); ++c) to(r, c) = from(r, c);
    }
  }
};

namespace detail {

template <class P>
struct policy_of {
  using type = P;
};
template <scheme_type S>
struct policy_of<S> {
  using type = plain_policy<S>;
};

template <class P>
inline constexpr bool has_own_values = requires(const P& p) { p.values(); };

// What each code stands for, or null where its format says that.
template <class P>
const float* own_values_of(const P& policy) {
  if constexpr (has_own_values<P>) return policy.values();
  else return nullptr;
}

}  // namespace detail

// A scheme or a recipe around one, as a recipe.
template <class P>
using kv_policy = typename detail::policy_of<P>::type;

}  // namespace lowp::inline LOWP_ABI
