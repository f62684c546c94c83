// Sums of outer products over calibration data: S += sum over tokens of a b^T, by the library's own products.
//
//   product_sums<double> s(features);
//   s.add(tokens, sum_part::lower_triangle, left, right, executor);      // left(token, feature), right(token, feature)
#pragma once

#include <lowp/algorithm/dense_product.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

enum class sum_part { everything, lower_triangle };

template <class Sum>
class product_sums {
 public:
  explicit product_sums(std::size_t features) : features_(features), sums_(features * features) {}

  std::size_t features() const noexcept { return features_; }
  matrix_view<Sum> view() noexcept { return {sums_.data(), features_, features_}; }
  matrix_view<const Sum> view() const noexcept { return {sums_.data(), features_, features_}; }

  // Left and Right of one type are the same numbers.
  template <class Left, class Right, executor_type Executor>
  void add(std::size_t tokens, sum_part which, const Left& left, const Right& right, const Executor& executor) {
    // Each f32 sum is kept short; the sums of blocks are added up in Sum.
    constexpr std::size_t most = 1024;
    const std::size_t room = (std::min)(tokens, most);
    float_panels panels(features_, room);
    scratch<float> rows(features_ * room);
    for (std::size_t first = 0; first < tokens; first += most) {
      const std::size_t count = (std::min)(tokens - first, most);
      executor(ceil_div(features_, panel_rows), [&](std::size_t panel) {
        const std::size_t begin = panel * panel_rows;
        const std::size_t end = (std::min)(features_, begin + panel_rows);
        float* out = &panels(begin, 0);
        // A panel stays in cache, where rows apart by a power of two would not.
        for (std::size_t t = 0; t < count; ++t) {
          for (std::size_t c = begin; c < end; ++c) out[t * panel_rows + c - begin] = left(first + t, c);
        }
        for (std::size_t c = begin; c < end; ++c) {
          for (std::size_t t = 0; t < count; ++t) rows[c * count + t] = out[t * panel_rows + c - begin];
        }
        if constexpr (std::is_same_v<Left, Right>) return;
        for (std::size_t t = 0; t < count; ++t) {
          for (std::size_t c = begin; c < end; ++c) out[t * panel_rows + c - begin] = right(first + t, c);
        }
      });
      add_block(which, {rows.data(), features_, count}, panels.view().columns(0, count), executor);
    }
  }

 private:
  static constexpr std::size_t chunk = 96;  // features of a part

  template <executor_type Executor>
  void add_block(sum_part which, matrix_view<const float> left, panel_view right, const Executor& executor) {
    const std::size_t parts = ceil_div(features_, chunk);
    executor(parts, [&](std::size_t part) {
      const std::size_t first = (parts - 1 - part) * chunk;  // of a triangle, the longest rows first
      const std::size_t count = (std::min)(features_ - first, chunk);
      const std::size_t width = which == sum_part::everything ? features_ : first + count;
      const auto add = [&](std::size_t i, std::size_t j, std::span<const float> v) {
        Sum* to = sums_.data() + (first + i) * features_ + j;
        const std::size_t limit =
            which == sum_part::everything ? v.size() : (std::min)(v.size(), first + i + 1 - (std::min)(j, first + i + 1));
        for (std::size_t c = 0; c < limit; ++c) to[c] += static_cast<Sum>(v[c]);
      };
      multiply_dense(left.block(first, 0, count, left.cols()), right, 0, width, add);
    });
  }

  std::size_t features_;
  std::vector<Sum> sums_;
};

// Throws lowp::error unless the squares of all numbers of x are floats, and so are sums of a thousand of them.
template <executor_type Executor>
void require_squares(matrix_view<const float> x, const char* what, const Executor& executor) {
  constexpr float largest = 0x1p58f;
  std::vector<std::size_t> bad(x.rows(), x.cols());
  executor(ceil_div(x.rows(), std::size_t{64}), [&](std::size_t part) {
    for (std::size_t r = part * 64; r < x.rows() && r < (part + 1) * 64; ++r) {
      bool any = false;
      for (std::size_t c = 0; c < x.cols(); ++c) any |= !(bit_cast<std::uint32_t>(magnitude(x(r, c))) <= bit_cast<std::uint32_t>(largest));
      for (std::size_t c = x.cols(); any && c-- > 0;) {
        if (!is_finite(x(r, c)) || magnitude(x(r, c)) > largest) bad[r] = c;
      }
    }
  });
  for (std::size_t r = 0; r < x.rows(); ++r) {
    if (bad[r] != x.cols()) LOWP_THROW("the ", what, " (", r, ", ", bad[r], ") is NaN, infinite or too large to square");
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
