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
//     // optional
//     const float* values() const;                                   // what each code stands for, 2^bits numbers
//     static constexpr bool before_rope = true; float theta;         // keys come before their rotary positions
//     const float* offsets(std::size_t head) const;                  // of keys: what q . key has beside, q . offsets; [head size]
//     // in place of encode(rows, heads): also appends what the codes miss, token by token
//     lowp::quantized<S> encode(lowp::matrix_view<const float> rows, std::size_t heads, std::vector<kv_outlier>& apart) const;
//     // keys of two summands: a policy for the second, and encode returns a kv_sum, the codes of both (sum_of.hpp)
//     using second_policy = lowp::qjl<>;  const second_policy& second() const;
//   };
//
// Rows come token by token, row r being head r % heads; by channel (per_block<32, 1>) head by head, 32 tokens each. The numbers of codes
// are in whatever basis the policy likes: attention turns the queries into it, and what it makes of the values back.
#pragma once

#include <lowp/core/matrix_view.hpp>
#include <lowp/kernel/cpu/decoding.hpp>
#include <lowp/kernel/cpu/quantize.hpp>
#include <lowp/kernel/kv_scaling.hpp>

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

// Row r, whose numbers lie side by side; copied where they do not in x.
inline const float* adjacent_row(matrix_view<const float> x, std::size_t r, std::vector<float>& copy) {
  if (x.contiguous_rows() || x.cols() == 0) return x.data() + r * x.row_stride();
  for (std::size_t c = 0; c < x.cols(); ++c) copy[c] = x(r, c);
  return copy.data();
}

// What quantize makes of groups of 32 rows of a column, by way of the transposed matrix, which vectors can walk.
template <scheme_type S>
quantized<S> quantize_channels(matrix_view<const float> rows) {
  constexpr std::size_t tokens = S::granularity::rows_per_group;
  using transposed = scheme<typename S::format, per_channel, typename S::symmetry, typename S::scale>;
  quantized<S> q(rows.rows(), rows.cols());
  std::vector<float> turned(tokens * rows.cols());
  for (std::size_t first = 0; first < rows.rows(); first += tokens) {
    const std::size_t count = (std::min)(tokens, rows.rows() - first);
    for (std::size_t t = 0; t < count; ++t) {
      for (std::size_t c = 0; c < rows.cols(); ++c) turned[c * count + t] = rows(first + t, c);
    }
    const auto part = cpu::quantize<transposed>(matrix_view<const float>(turned.data(), rows.cols(), count));
    for (std::size_t c = 0; c < rows.cols(); ++c) {
      for (std::size_t t = 0; t < count; ++t) q.codes()(first + t, c) = part.codes()(c, t);
      if constexpr (S::scale::bits != 0) q.scales().codes()(first / tokens, c) = part.scales().codes()(c, 0);
      if constexpr (S::has_zero) q.zeros().codes()(first / tokens, c) = part.zeros().codes()(c, 0);
    }
  }
  return q;
}

}  // namespace detail

// A number that the codes miss: what is to be added to the decoded number of (row, channel). It is a half.
struct kv_outlier {
  std::size_t row;
  std::size_t channel;
  float add;
};

// The codes of keys that are sums: what First stands for and what Second does, each turned back by its own policy.
template <scheme_type First, scheme_type Second>
struct kv_sum : quantized<First> {
  quantized<Second> second;
};

// The policy that a scheme is: numbers are quantized as they come.
template <scheme_type S>
struct plain_policy {
  using scheme = S;

  std::size_t width(std::size_t head_size) const noexcept { return head_size; }
  auto encode(matrix_view<const float> rows, std::size_t) const {
    using inner = typename kv_scaling<S>::inner;
    if constexpr (kv_scaling<S>::granularity == kv_granularity::channel) return detail::quantize_channels<inner>(rows);
    else return cpu::quantize<inner>(rows);
  }
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
template <class P>
inline constexpr bool has_offsets = requires(const P& p) { p.offsets(0); };
template <class P>
inline constexpr bool has_outliers =
    requires(const P& p, std::vector<kv_outlier>& apart) { p.encode(matrix_view<const float>(), std::size_t{1}, apart); };
template <class P>
inline constexpr bool has_second = requires(const P& p) { p.second(); };
template <class P>
constexpr bool comes_before_rope() {
  if constexpr (requires { P::before_rope; }) return P::before_rope;
  else return false;
}

// What each code stands for, as kernels look it up, or null where its format says that.
template <class P>
struct own_values {
  explicit own_values(const P&) noexcept {}
  const float* data() const noexcept { return nullptr; }
};
template <class P>
  requires has_own_values<P>
struct own_values<P> {
  code_table<P::scheme::format::bits> table;

  explicit own_values(const P& policy) noexcept {
    for (std::size_t i = 0; i < table.size; ++i) table.value[i] = policy.values()[i & low_mask(P::scheme::format::bits)];
  }
  const float* data() const noexcept { return table.value; }
};

// What the code of (row, col) stands for.
template <class P, class Q>
float number_of(const P& policy, const Q& q, std::size_t row, std::size_t col) {
  if constexpr (has_own_values<P>) return q.group_of(row, col).value(policy.values()[q.codes()(row, col)]);
  else return q.value(row, col);
}

}  // namespace detail

// A scheme or a recipe around one, as a recipe.
template <class P>
using kv_policy = typename detail::policy_of<P>::type;

}  // namespace lowp::inline LOWP_ABI
