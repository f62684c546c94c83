// How much a layer's output changes when its weights do, for inputs with a given Hessian: the sum over rows of d H d^T,
// d = w - v. With H of lowp::hessian that is twice the mean over tokens of the squared difference of outputs.
//
//   lowp::output_loss loss(h.view());
//   loss(w, v);                                 // w and v [out, in]
#pragma once

#include <lowp/algorithm/dense_product.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

class output_loss {
 public:
  // Throws lowp::error unless the Hessian is square.
  explicit output_loss(matrix_view<const float> h) : hessian_(h.rows(), h.cols()) {
    if (h.rows() != h.cols()) LOWP_THROW("a Hessian of ", h.rows(), " x ", h.cols(), " is not square");
    hessian_.fill(0, h);
  }

  // Throws lowp::error where shapes do not fit.
  double operator()(matrix_view<const float> w, matrix_view<const float> v) const {
    if (w.rows() != v.rows() || w.cols() != v.cols() || w.cols() != hessian_.cols()) {
      LOWP_THROW("weights of ", w.rows(), " x ", w.cols(), " and ", v.rows(), " x ", v.cols(), " do not fit a Hessian of ",
                 hessian_.cols());
    }
    double sum = 0;
    for (const double of_row : rows(w, v)) sum += of_row;
    return sum;
  }

  // Of each row.
  std::vector<double> rows(matrix_view<const float> w, matrix_view<const float> v) const {
    const std::size_t cols = w.cols();
    detail::scratch<float> d(w.rows() * cols);
    for (std::size_t r = 0; r < w.rows(); ++r) {
      for (std::size_t c = 0; c < cols; ++c) d[r * cols + c] = w(r, c) - v(r, c);
    }
    std::vector<double> sums(w.rows());
    const auto add = [&](std::size_t r, std::size_t c, std::span<const float> products) {
      for (std::size_t i = 0; i < products.size(); ++i)
        sums[r] += static_cast<double>(products[i]) * static_cast<double>(d[r * cols + c + i]);
    };
    detail::multiply_dense({d.data(), w.rows(), cols}, hessian_.view(), add);
    return sums;
  }

 private:
  detail::float_panels hessian_;
};

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD
