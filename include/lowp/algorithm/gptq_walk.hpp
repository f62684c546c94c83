// The walk of GPTQ over the columns of a weight matrix (gptq.hpp says what it is for). Rows do not depend on each other, so
// each part of the executor takes some rows through all columns, which stay in its cache; results are the same for every
// number of threads.
//
//   gptq_walk<int4_g128, recipe<>> walk{q, order, ...};
//   walk.run(weights, serial_executor{});            // fills codes, scales and zero points of q
#pragma once

#include <lowp/algorithm/inverse_factor.hpp>
#include <lowp/quantize/fit.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

// Positions [first, end) in the order of columns.
struct position_range {
  std::size_t first;
  std::size_t end;
};

// Whether groups are rectangles of some rows, each with parameters of its own, so that rows can be fitted apart from others.
template <scheme_type S>
constexpr bool fits_by_rows() {
  if constexpr (rectangular_granularity<typename S::granularity>)
    return S::granularity::rows_per_group != 0 && number_format<typename S::scale> && !scheme_type<typename S::zero>;
  else return false;
}

// Scales and zero points of one column of a scheme's groups for some rows, decoded once.
template <scheme_type S>
class decoded_groups {
 public:
  decoded_groups(const quantized<S>& q, std::size_t first_row, std::size_t rows) : q_(q), first_(first_row), rows_(rows) {
    groups_.resize((rectangular ? q.grid().cols : 1) * rows);
    read_.resize(rectangular ? q.grid().cols : 1);
  }

  void forget(std::size_t grid_col) { read_[grid_col] = false; }

  // One for each row.
  const affine<S>* of_column(std::size_t col) {
    std::size_t grid_col = 0;
    if constexpr (rectangular) grid_col = S::granularity::group_of(first_, col, q_.rows(), q_.cols()).col;
    affine<S>* groups = groups_.data() + grid_col * rows_;
    if (!rectangular || !read_[grid_col]) {
      for (std::size_t r = 0; r < rows_; ++r) groups[r] = q_.group_of(first_ + r, col);
      read_[grid_col] = true;
    }
    return groups;
  }

 private:
  static constexpr bool rectangular = rectangular_granularity<typename S::granularity>;

  const quantized<S>& q_;
  std::size_t first_;
  std::size_t rows_;
  std::vector<affine<S>> groups_;
  std::vector<bool> read_;
};

// Columns are taken by their position in `order`; position p is kept at n - 1 - p, so that what a block takes from the columns
// behind it is one product with a rectangle of the factor's panels.
template <scheme_type S, class Recipe>
struct gptq_walk {
  quantized<S>& q;
  std::span<const std::size_t> order;
  std::span<const position_range> blocks;
  std::span<const std::size_t> refit_at;  // positions, ascending, at which the group of the column is fitted again
  const inverse_triangle& factor;
  const float_panels* mismatch;  // GPTAQ's matrix P, as backwards as the factor; or none
  const Recipe& recipe;
  bool fit_first;

  static constexpr std::size_t rows_at_once() {
    if constexpr (rectangular_granularity<typename S::granularity>) {
      constexpr std::size_t rows = S::granularity::rows_per_group;
      if constexpr (rows != 0) return round_up(std::size_t{128}, rows);
    }
    return 128;
  }

  // load(row, column) is a weight.
  template <class Load, executor_type Executor>
  void run(const Load& load, const Executor& executor) const {
    std::size_t widest = 0;
    for (const position_range b : blocks) widest = (std::max)(widest, b.end - b.first);
    std::vector<std::size_t> place(order.size());
    for (std::size_t p = 0; p < order.size(); ++p) place[order[p]] = order.size() - 1 - p;
    executor(ceil_div(q.rows(), rows_at_once()), [&](std::size_t part) { run_rows(load, part * rows_at_once(), widest, place); });
  }

 private:
  // Apart from the executor, so that it is compiled once for all of them.
  template <class Load>
  LOWP_NOINLINE void run_rows(const Load& load, std::size_t first, std::size_t widest, std::span<const std::size_t> place) const {
    chunk c(*this, first, (std::min)(q.rows() - first, rows_at_once()), widest, place);
    c.fill(load);
    std::size_t refits = 0;
    for (const position_range b : blocks) c.block(b, refits);
  }

  class chunk {
   public:
    chunk(const gptq_walk& walk, std::size_t first_row, std::size_t rows, std::size_t widest, std::span<const std::size_t> place)
        : walk_(walk), first_(first_row), rows_(rows), cols_(walk.order.size()), place_(place), groups_(walk.q, first_row, rows) {
      weights_.resize(rows * cols_);
      before_.resize(walk.mismatch != nullptr ? rows * cols_ : 0);
      block_.resize(rows * widest);
      codes_.resize(rows * widest);
    }

    template <class Load>
    void fill(const Load& load) {
      for (std::size_t r = 0; r < rows_; ++r) {
        for (std::size_t c = 0; c < cols_; ++c) weights_[r * cols_ + place_[c]] = load(first_ + r, c);
      }
      if (!walk_.fit_first) return;
      for (std::size_t g = 0; g < walk_.q.grid().cols; ++g) {
        fit(g, [&](std::size_t r, std::size_t c) { return weights_[r * cols_ + place_[c]]; });
      }
    }

    void block(position_range b, std::size_t& refits) {
      load_block(b);
      for (std::size_t p = b.first; p < b.end; ++p) {
        const std::size_t col = walk_.order[p];
        if (refits < walk_.refit_at.size() && walk_.refit_at[refits] == p) {
          ++refits;
          const std::size_t g = S::granularity::group_of(first_, col, walk_.q.rows(), cols_).col;
          fit(g, [&](std::size_t r, std::size_t c) { return block_[(cols_ - 1 - place_[c] - b.first) * rows_ + r]; });
          groups_.forget(g);
        }
        column(b, p);
      }
      store_block(b);
    }

   private:
    float* of(position_range b, std::size_t p) { return block_.data() + (p - b.first) * rows_; }

    // The weights of a block less the errors of all columns before it, column by column.
    void load_block(position_range b) {
      const std::size_t begin = cols_ - b.end;
      const std::size_t end = cols_ - b.first;
      if (b.first == 0) {
        for (std::size_t r = 0; r < rows_; ++r) {
          for (std::size_t k = begin; k < end; ++k) block_[(end - 1 - k) * rows_ + r] = weights_[r * cols_ + k];
        }
        return;
      }
      const matrix_view<const float> errors(weights_.data(), rows_, cols_);
      const auto subtract = [&](std::size_t r, std::size_t k, std::span<const float> v) {
        for (std::size_t i = 0; i < v.size(); ++i) block_[(end - 1 - k - i) * rows_ + r] = weights_[r * cols_ + k + i] - v[i];
      };
      multiply_dense(errors.block(0, end, rows_, b.first), walk_.factor.backwards().view().columns(end, b.first), begin, end, subtract);
      if (walk_.mismatch == nullptr) return;
      const matrix_view<const float> before(before_.data(), rows_, cols_);
      const auto add = [&](std::size_t r, std::size_t k, std::span<const float> v) {
        for (std::size_t i = 0; i < v.size(); ++i) block_[(end - 1 - k - i) * rows_ + r] += v[i];
      };
      multiply_dense(before.block(0, end, rows_, b.first), walk_.mismatch->view().columns(end, b.first), begin, end, add);
    }

    // Codes of one column; its weights become its errors, and the rest of the block takes its share of them.
    void column(position_range b, std::size_t p) {
      const std::size_t col = walk_.order[p];
      const affine<S>* group = groups_.of_column(col);
      const float pivot = walk_.factor.at(p, p);
      float* error = of(b, p);
      code_t<typename S::format>* codes = codes_.data() + (p - b.first) * rows_;
      if (walk_.mismatch != nullptr) {
        for (std::size_t r = 0; r < rows_; ++r) before_[r * cols_ + cols_ - 1 - p] = error[r];
        for (std::size_t j = p + 1; j < b.end; ++j) {
          const float share = (*walk_.mismatch)(cols_ - 1 - j, cols_ - 1 - p);
          float* to = of(b, j);
          for (std::size_t r = 0; r < rows_; ++r) to[r] += share * error[r];
        }
      }
      for (std::size_t r = 0; r < rows_; ++r) {
        codes[r] = group[r].encode(error[r], rounding_at(walk_.recipe.rounding, (first_ + r) * cols_ + col));
        error[r] = (error[r] - group[r].decode(codes[r])) / pivot;
      }
      for (std::size_t j = p + 1; j < b.end; ++j) {
        const float share = walk_.factor.at(p, j);
        float* to = of(b, j);
        for (std::size_t r = 0; r < rows_; ++r) to[r] -= share * error[r];
      }
    }

    void store_block(position_range b) {
      const auto all = walk_.q.codes();
      for (std::size_t r = 0; r < rows_; ++r) {
        for (std::size_t p = b.first; p < b.end; ++p) {
          weights_[r * cols_ + cols_ - 1 - p] = block_[(p - b.first) * rows_ + r];
          all(first_ + r, walk_.order[p]) = codes_[(p - b.first) * rows_ + r];
        }
      }
    }

    // Fits the groups of one column of the grid to value(row of the chunk, column).
    template <class Value>
    void fit(std::size_t grid_col, const Value& value) {
      if constexpr (rectangular_granularity<typename S::granularity>) {
        constexpr std::size_t height = S::granularity::rows_per_group;
        if constexpr (height != 0) {
          for (std::size_t row = first_ / height; row * height < first_ + rows_; ++row) {
            values_.clear();
            importance_.clear();
            S::granularity::visit({row, grid_col}, walk_.q.rows(), cols_, [&](std::size_t r, std::size_t col, std::size_t count) {
              for (std::size_t c = col; c < col + count; ++c) {
                values_.push_back(value(r - first_, c));
                if constexpr (requires { walk_.recipe.calibrator.importance; }) {
                  if (!walk_.recipe.calibrator.importance.empty()) importance_.push_back(walk_.recipe.calibrator.importance[c]);
                }
              }
            });
            store_group<scale_rule_for<typename Recipe::scale_rule, S>>(walk_.q, {row, grid_col},
                                                                        calibrate<S>(values_, importance_, walk_.recipe));
          }
        }
      }
    }

    const gptq_walk& walk_;
    std::size_t first_;
    std::size_t rows_;
    std::size_t cols_;
    std::span<const std::size_t> place_;
    decoded_groups<S> groups_;
    std::vector<float> weights_;  // [rows, cols], backwards; errors where columns are done
    std::vector<float> before_;   // [rows, cols], backwards: weights as they were when their turn came
    std::vector<float> block_;    // [columns of the block][rows]
    std::vector<code_t<typename S::format>> codes_;
    std::vector<float> values_;
    std::vector<float> importance_;
  };
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD
