#include <lowp/core/aligned.hpp>
#include <lowp/core/matrix_view.hpp>

#include <lowp_test.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

using lowp::matrix_view;

namespace {

// Shaped like a two-dimensional std::mdspan with strides.
struct foreign_matrix {
  float* data;
  static constexpr int rank() { return 2; }
  float* data_handle() const { return data; }
  int extent(int i) const { return i == 0 ? 2 : 3; }
  int stride(int i) const { return i == 0 ? 10 : 2; }
};
struct foreign_cube : foreign_matrix {
  static constexpr int rank() { return 3; }
};

static_assert(std::is_trivially_copyable_v<matrix_view<float>>);
static_assert(std::is_convertible_v<matrix_view<float>, matrix_view<const float>>);
static_assert(!std::is_convertible_v<matrix_view<const float>, matrix_view<float>>);
static_assert(!std::is_convertible_v<matrix_view<int>, matrix_view<const float>>);
static_assert(std::is_convertible_v<foreign_matrix, matrix_view<float>>);
static_assert(std::is_convertible_v<foreign_matrix, matrix_view<const float>>);
static_assert(!std::is_constructible_v<matrix_view<float>, foreign_cube>);
static_assert(!std::is_constructible_v<matrix_view<double>, foreign_matrix>);

constexpr std::array<int, 6> numbers{0, 1, 2, 3, 4, 5};
static_assert(matrix_view<const int>{numbers.data(), 2, 3}(1, 2) == 5);
static_assert(matrix_view<const int>{numbers.data(), 2, 3}.transposed()(2, 1) == 5);
static_assert(matrix_view<const int>{numbers.data(), 2, 3}.block(1, 1, 1, 2)(0, 0) == 4);

template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const lowp::error& e) {
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a matrix view shows rows, columns, strides and blocks of somebody else's memory", "[core]") {
  std::vector<float> w(12);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i);
  const matrix_view<float> m{w.data(), 3, 4};
  CHECK(m.rows() == 3);
  CHECK(m.cols() == 4);
  CHECK(m.row_stride() == 4);
  CHECK(m.col_stride() == 1);
  CHECK(m.contiguous_rows());
  CHECK(m(2, 3) == 11);
  CHECK(m.row(1).size() == 4);
  CHECK(m.row(1)[2] == 6);
  m(2, 3) = 20;
  CHECK(w[11] == 20);

  const matrix_view<float> t = m.transposed();
  CHECK(t.rows() == 4);
  CHECK(t(3, 2) == 20);
  CHECK_FALSE(t.contiguous_rows());
  CHECK(t.transposed().row(0).data() == w.data());

  const auto b = m.block(1, 2, 2, 2);
  CHECK(b(0, 0) == 6);
  CHECK(b(1, 1) == 20);
  CHECK(b.row(1).size() == 2);
  CHECK(m.block(3, 4, 0, 0).rows() == 0);
  CHECK(m.block(0, 0, 3, 4)(2, 2) == 10);

  const matrix_view<float> every_other{w.data(), 3, 2, 4, 2};
  CHECK(every_other(1, 1) == 6);
  const matrix_view<const float> constant = m;
  CHECK(constant(0, 1) == 1);
  CHECK(constant.data() == w.data());
}

TEST_CASE("a matrix view of nothing", "[core]") {
  const matrix_view<float> none;
  CHECK(none.rows() == 0);
  CHECK(none.cols() == 0);
  CHECK(none.data() == nullptr);
  const matrix_view<float> no_columns{nullptr, 5, 0};
  CHECK(no_columns.row(4).empty());
}

TEST_CASE("a matrix view of a span must fit it", "[core]") {
  std::vector<float> w(12);
  CHECK(matrix_view<float>(std::span<float>(w), 3, 4)(2, 3) == 0);
  CHECK(matrix_view<float>(std::span<float>(w), 2, 5).rows() == 2);
  CHECK(matrix_view<float>(std::span<float>(w), 100, 0).rows() == 100);
  CHECK(matrix_view<float>(std::span<float>(w).first(0), 0, 100).rows() == 0);
  CHECK_THROWS_AS(matrix_view<float>(std::span<float>(w), 4, 4), lowp::error);
  CHECK_THROWS_AS(matrix_view<float>(std::span<float>(w), std::size_t{1} << 62, 8), lowp::error);
  CHECK(message_of([&] { matrix_view<float>(std::span<float>(w), 4, 4); }) == "a matrix of 4 x 4 needs more than the 12 elements given");
}

TEST_CASE("blocks and rows that are not there are errors with the sizes", "[core]") {
  std::vector<float> w(12);
  const matrix_view<float> m{w.data(), 3, 4};
  CHECK_THROWS_AS(m.block(0, 0, 4, 1), lowp::error);
  CHECK_THROWS_AS(m.block(0, 3, 1, 2), lowp::error);
  CHECK_THROWS_AS(m.block(4, 0, 0, 0), lowp::error);
  CHECK_THROWS_AS(m.block(1, 0, ~std::size_t{0}, 1), lowp::error);
  CHECK(message_of([&] { m.block(2, 1, 2, 2); }) == "a block of 2 x 2 at (2, 1) leaves the matrix of 3 x 4");
  CHECK(message_of([&] { m.transposed().row(0); }) == "a row with a column stride of 4 is not contiguous");
}

TEST_CASE("a matrix view takes anything shaped like an mdspan", "[core]") {
  std::vector<float> w(20);
  w[14] = 7;
  const matrix_view<const float> m = foreign_matrix{w.data()};
  CHECK(m.rows() == 2);
  CHECK(m.cols() == 3);
  CHECK(m(1, 2) == 7);
  CHECK_FALSE(m.contiguous_rows());
}

TEST_CASE("aligned vectors start at a cache line", "[core]") {
  for (std::size_t count = 1; count < 300; count += 7) {
    const lowp::aligned_vector<std::uint8_t> bytes(count);
    CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % lowp::cache_line == 0);
    lowp::aligned_vector<std::uint32_t> words(count, 5u);
    words.push_back(6u);
    CHECK(reinterpret_cast<std::uintptr_t>(words.data()) % lowp::cache_line == 0);
    CHECK(words[count - 1] == 5u);
    lowp::aligned_vector<std::uint32_t> moved = std::move(words);
    CHECK(moved.size() == count + 1);
  }
}
