// What all products share around their kernels: options, checks of shapes, outputs on their way to memory, and parts for an executor.
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/kernel/cpu/epilogue.hpp>
#include <lowp/kernel/cpu/executor.hpp>
#include <lowp/kernel/cpu/isa.hpp>
#include <lowp/kernel/cpu/product.hpp>
#include <lowp/kernel/cpu/scratch.hpp>
#include <lowp/layout/column_order.hpp>
#include <lowp/layout/packed.hpp>

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

// Weights that the kernels read: packed<S, layout::tile16>, or a view of such.
template <class W>
concept tile_weights = panel_weights<W, layout::tile16>;

// Which outputs to compute, and on what.
struct gemm_options {
  std::size_t first = 0;                            // rows of w: [first, last)
  std::size_t last = static_cast<std::size_t>(-1);  // or all that follow
  isa limit = newest_isa;                           // the best instruction set to use, if the machine has it
  std::span<const std::uint32_t> columns = {};      // of x that the columns of w belong to (column_order.hpp); none: x's own order
};

namespace detail::inline LOWP_BUILD {

template <class F, class Upper>
struct nested_of {
  using type = nested_format<F, Upper>;
};
template <class F>
struct nested_of<F, void> {
  using type = F;
};

// The format of the codes in which kernels read a parameter.
template <class P>
struct parameter_format {
  using type = typename nested_of<typename panel_parameters<P>::format, typename panel_parameters<P>::upper>::type;
};
template <>
struct parameter_format<void> {
  using type = void;
};

// Rows [first, last) of w that a product asks for. Throws lowp::error where shapes do not fit.
struct row_range {
  std::size_t first;
  std::size_t last;
};
template <class Y>
row_range require_product(std::size_t tokens, std::size_t x_cols, std::size_t rows, std::size_t cols, matrix_view<Y> y,
                          const gemm_options& options) {
  const std::size_t last = options.last == static_cast<std::size_t>(-1) ? rows : options.last;
  if (x_cols != cols) LOWP_THROW("x of ", tokens, " x ", x_cols, " does not fit weights of ", rows, " x ", cols);
  if (y.rows() != tokens || y.cols() != rows) {
    LOWP_THROW("y of ", y.rows(), " x ", y.cols(), " is not the ", tokens, " x ", rows, " of the product");
  }
  if (options.first > last || last > rows) LOWP_THROW("rows ", options.first, " to ", last, " leave weights of ", rows, " rows");
  return {options.first, last};
}

// x with its columns in the order that the options name, in f32 or as codes.
template <class T, class X>
matrix_view<const T> in_order(matrix_view<const X> x, const gemm_options& options, scratch<T>& store) {
  store.resize(x.rows() * x.cols());
  const matrix_view<T> ordered{store.data(), x.rows(), x.cols()};
  gather_columns(x, options.columns, ordered);
  return ordered;
}

// Outputs go through the epilogue into y.
template <class Y, epilogue_type Epilogue>
struct output_writer {
  matrix_view<Y> y;
  const Epilogue& epilogue;

  static void put(const void* state, std::size_t token, std::size_t row, std::size_t count, float* values) {
    const auto& self = *static_cast<const output_writer*>(state);
    self.epilogue(token, row, std::span<float>(values, count));
    if constexpr (std::is_same_v<Y, float>) {
      if (self.y.contiguous_rows()) {
        std::memcpy(&self.y(token, row), values, count * sizeof(float));
        return;
      }
    }
    for (std::size_t i = 0; i < count; ++i) self.y(token, row + i) = Y(values[i]);
  }

  output_sink sink() const noexcept { return {this, &put}; }
};

// A product over no columns: zeros, and what the epilogue makes of them.
inline void put_zeros(const output_sink& out, std::size_t tokens, row_range range) {
  for (std::size_t m = 0; m < tokens; ++m) {
    for (std::size_t n = range.first; n < range.last; ++n) {
      float zero = 0.0f;
      out.put(out.state, m, n, 1, &zero);
    }
  }
}

// Hands the rows of a product to the executor, in parts that end where kernels like to.
template <class Product, executor_type Executor>
void multiply_parts(const Product& product, row_range range, const Executor& executor) {
  constexpr std::size_t block = 4 * panel_rows;
  const std::size_t first = range.first / block;
  const std::size_t blocks = ceil_div(range.last, block) - first;
  const std::size_t workers = executor.concurrency();
  const std::size_t parts = workers <= 1 ? 1 : blocks < 4 * workers ? blocks : 4 * workers;
  executor(parts, [&](std::size_t i) {
    const std::size_t begin = (first + blocks * i / parts) * block;
    const std::size_t end = (first + blocks * (i + 1) / parts) * block;
    product.multiply(product, begin < range.first ? range.first : begin, end < range.last ? end : range.last);
  });
}

template <class P>
void describe_parameters(const panel_parameter_view<P>& parameters, std::size_t groups, parameter_stream& stream) {
  stream.codes = parameters.codes;
  stream.multiplier = parameters.multiplier;
  stream.groups = groups;
  if constexpr (panel_parameter_view<P>::has_upper) {
    stream.upper_codes = parameters.upper_codes;
    stream.upper_groups = parameters.upper_groups;
  }
}

// The weights of a product, for kernels.
template <scheme_type S, class Product>
void describe_weights(const packed_view<S, layout::tile16>& w, Product& a) {
  a.codes = w.bytes;
  a.panel_bytes = layout::tile16::panel_bytes<S::format::bits>(w.cols);
  a.groups = ceil_div(w.cols, group_columns<typename S::granularity>(w.cols));
  describe_parameters(w.scales, a.groups, a.scales);
  if constexpr (S::has_zero) {
    describe_parameters(w.zeros, a.groups, a.zeros);
    if (S::has_bias) a.zeros.multiplier = -a.zeros.multiplier;
  }
}

}  // namespace detail::inline LOWP_BUILD
}  // namespace lowp::inline LOWP_ABI
