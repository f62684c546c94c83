// Columns in the order of their groups. A checkpoint quantized with activation order (GPTQ's desc_act) keeps its columns where they were
// and lists each one's group (g_idx); kernels want the columns of a group side by side, and take the activations in that order.
//
//   const auto order = lowp::columns_by_group(g_idx, 128);
//   lowp::gather_columns(codes, order, q.codes());                   // and scales as they are: group g is the g-th
//   lowp::gemm(x, lowp::pack<lowp::layout::tile16>(q), y, {.columns = order});
//
// Source: GPTQ, Frantar et al. 2022, section 3.3 (order); AutoGPTQ's g_idx.
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/core/matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI {

// The columns of group 0 in ascending order, then those of group 1, and so on. Throws lowp::error unless the groups are 0, 1, ... of
// group_cols columns each, the last one perhaps of fewer.
template <class Index>
std::vector<std::uint32_t> columns_by_group(std::span<const Index> group_of_column, std::size_t group_cols) {
  const std::size_t cols = group_of_column.size();
  if (group_cols == 0) LOWP_THROW("a group has at least one column");
  const std::size_t groups = (cols + group_cols - 1) / group_cols;
  std::vector<std::size_t> filled(groups);
  std::vector<std::uint32_t> order(cols);
  for (std::size_t k = 0; k < cols; ++k) {
    const auto group = static_cast<std::size_t>(group_of_column[k]);
    if (group_of_column[k] < 0 || group >= groups) {
      LOWP_THROW("column ", k, " is in group ", static_cast<std::ptrdiff_t>(group_of_column[k]), ", but ", cols, " columns make ", groups,
                 " groups of ", group_cols);
    }
    const std::size_t room = group + 1 == groups ? cols - group * group_cols : group_cols;
    if (filled[group] == room) LOWP_THROW("group ", group, " has more than its ", room, " columns");
    order[group * group_cols + filled[group]++] = static_cast<std::uint32_t>(k);
  }
  return order;
}
template <class Index>
std::vector<std::uint32_t> columns_by_group(const std::vector<Index>& group_of_column, std::size_t group_cols) {
  return columns_by_group(std::span<const Index>(group_of_column), group_cols);
}

// to(row, k) = from(row, order[k]). Throws lowp::error where shapes or columns do not fit, before anything is written.
template <class T, class U>
void gather_columns(matrix_view<T> from, std::span<const std::uint32_t> order, matrix_view<U> to) {
  if (to.rows() != from.rows() || to.cols() != order.size()) {
    LOWP_THROW("a matrix of ", to.rows(), " x ", to.cols(), " does not take ", order.size(), " columns of ", from.rows(), " rows");
  }
  for (const std::uint32_t column : order) {
    if (column >= from.cols()) LOWP_THROW("there is no column ", column, " among ", from.cols());
  }
  for (std::size_t row = 0; row < from.rows(); ++row) {
    for (std::size_t k = 0; k < order.size(); ++k) to(row, k) = static_cast<U>(from(row, order[k]));
  }
}

}  // namespace lowp::inline LOWP_ABI
