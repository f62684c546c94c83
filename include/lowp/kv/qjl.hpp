// QJL: of a key only the signs of a random sketch are kept, and its length. No zero points, no ranges, and the estimate of each score is
// right on average.
//
//   lowp::kv_cache<lowp::qjl<>, values> cache(8, 128, {.key = lowp::qjl<>(128, 256)});      // 256 signs for 128 numbers: 2 bits each
//
//   q . k  is about  sqrt(pi / 2) / m * |k| * sum over i of (S q)_i * sign((S k)_i)
//
// S [m, head size] has blocks of orthogonal rows of length sqrt(head size), drawn like normal numbers. Source: Zandieh et al. 2024
// (arXiv 2406.03482), section 3 and, for the blocks, section 4.
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/core/rounding.hpp>
#include <lowp/format/codebook.hpp>
#include <lowp/kernel/cpu/codebook_search.hpp>
#include <lowp/kernel/cpu/row_products.hpp>
#include <lowp/kv/kv_policy.hpp>
#include <lowp/quantize/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

template <number_format Scale = f16>
class qjl {
 public:
  using scheme = lowp::scheme<codebook<1>, per_token, symmetric, Scale>;

  // Sketches of `signs` numbers, which follow from the seed. Throws lowp::error where they are no multiple of 32.
  qjl(std::size_t head_size, std::size_t signs, std::uint64_t seed = 0) : head_size_(head_size), signs_(signs), sketch_(head_size * signs) {
    if (head_size == 0 || signs == 0 || signs % 32 != 0)
      LOWP_THROW("a sketch of ", signs, " signs, no multiple of 32, for heads of ", head_size);
    for (std::size_t first = 0; first < signs; first += head_size) draw(first, (std::min)(head_size, signs - first), seed);
  }

  // Throws lowp::error for heads of another size.
  std::size_t width(std::size_t head_size) const {
    if (head_size != head_size_) LOWP_THROW("a sketch of heads of ", head_size_, " is given heads of ", head_size);
    return signs_;
  }

  // Signs and lengths of keys [n, head size]; the sign of zero counts as negative. A row that holds NaN gets the scale NaN; throws
  // lowp::error where a length overflows the scale's format.
  quantized<scheme> encode(matrix_view<const float> rows, std::size_t = 1) const {
    quantized<scheme> q(rows.rows(), width(rows.cols()));
    constexpr float threshold = 0;
    for_sketches(rows, [&](std::size_t r, const float* x, const float* sketched) {
      detail::store(q.scales(), {r, 0}, static_cast<float>(std::sqrt(rows_.squares(x, head_size_))), nearest_even{}, true);
      search_.codes(sketched, signs_, &threshold, 1, &q.codes()(r, 0));
    });
    return q;
  }

  // S q * sqrt(pi / 2) / m for each row of q [queries, head size].
  void turn_query(matrix_view<const float> q, matrix_view<float> out, std::size_t = 0) const {
    check(q.rows(), q.cols(), out.rows(), out.cols());
    for_sketches(q, [&](std::size_t r, const float*, const float* sketched) {
      for (std::size_t i = 0; i < signs_; ++i) out(r, i) = sketched[i] * factor();
    });
  }

  // The keys whose products with q are the estimates: the transpose of that matrix, times decoded rows [n, signs].
  void turn_back(matrix_view<const float> decoded, matrix_view<float> out, std::size_t = 0) const {
    check(out.rows(), out.cols(), decoded.rows(), decoded.cols());
    std::vector<float> numbers(signs_);
    for (std::size_t r = 0; r < decoded.rows(); ++r) {
      for (std::size_t i = 0; i < signs_; ++i) numbers[i] = decoded(r, i);
      for (std::size_t c = 0; c < head_size_; ++c) out(r, c) = rows_.dot(sketch_.data() + c * signs_, numbers.data(), signs_) * factor();
    }
  }

 private:
  float factor() const noexcept { return static_cast<float>(std::sqrt(1.5707963267948966) / static_cast<double>(signs_)); }

  void check(std::size_t rows, std::size_t cols, std::size_t other_rows, std::size_t other_cols) const {
    if (cols != head_size_ || other_cols != signs_ || rows != other_rows) {
      LOWP_THROW("rows of ", rows, " x ", cols, " and sketches of ", other_rows, " x ", other_cols, " for heads of ", head_size_, " and ",
                 signs_, " signs");
    }
  }

  // Calls visit(r, row r, S times it) for each row, several of which share the reading of S.
  template <class Visitor>
  void for_sketches(matrix_view<const float> x, const Visitor& visit) const {
    const std::size_t most = (std::min)(x.rows(), std::size_t{8});
    std::vector<float> copy(head_size_), together(most * head_size_), sketched(most * signs_);
    for (std::size_t first = 0; first < x.rows(); first += most) {
      const std::size_t count = (std::min)(most, x.rows() - first);
      for (std::size_t r = 0; r < count; ++r) {
        std::copy_n(detail::adjacent_row(x, first + r, copy), head_size_, together.data() + r * head_size_);
      }
      rows_.multiply(together.data(), count, head_size_, sketch_.data(), signs_, sketched.data());
      for (std::size_t r = 0; r < count; ++r) visit(first + r, together.data() + r * head_size_, sketched.data() + r * signs_);
    }
  }

  // Rows first to first + count of S: normal numbers, made orthogonal one after another.
  void draw(std::size_t first, std::size_t count, std::uint64_t seed) {
    std::vector<double> rows(count * head_size_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint64_t at = 2 * (first * head_size_ + i);
      const double u = (static_cast<double>(detail::philox(seed, at)) + 0.5) * 0x1p-32;
      const double v = static_cast<double>(detail::philox(seed, at + 1)) * 0x1p-32;
      rows[i] = std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v);
    }
    for (std::size_t i = 0; i < count; ++i) {
      double* const own = rows.data() + i * head_size_;
      // Once more for what rounding left over.
      for (int pass = 0; pass < 2; ++pass) {
        for (std::size_t j = 0; j < i; ++j) {
          const double* const other = rows.data() + j * head_size_;
          double product = 0;
          for (std::size_t c = 0; c < head_size_; ++c) product += own[c] * other[c];
          for (std::size_t c = 0; c < head_size_; ++c) own[c] -= product * other[c];
        }
        double squares = 0;
        for (std::size_t c = 0; c < head_size_; ++c) squares += own[c] * own[c];
        for (std::size_t c = 0; c < head_size_; ++c) own[c] /= std::sqrt(squares);
      }
      for (std::size_t c = 0; c < head_size_; ++c) {
        sketch_[c * signs_ + first + i] = static_cast<float>(own[c] * std::sqrt(static_cast<double>(head_size_)));
      }
    }
  }

  std::size_t head_size_;
  std::size_t signs_;
  std::vector<float> sketch_;  // [head size, signs]
  detail::row_products rows_;
  detail::codebook_search search_;
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
